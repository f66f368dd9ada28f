"""Which samples a contact sheet shows."""

import numpy as np

from ..data.batches import spread
from ..data.labels import SINGLE
from ..data.samples import Samples

SHOWN, COLUMNS = 48, 12


def sheet_rows(data: Samples) -> np.ndarray:
    """(N,) rows of samples of all classes in turn, where a sample has one; else spread over the split."""
    if data.problem_type != SINGLE:
        return spread(len(data), SHOWN)
    classes = [np.flatnonzero(data.labels == number) for number in np.unique(data.labels)]  # -1: the unlabelled ones
    wanted, each = min(SHOWN, len(data)), 1
    while sum(min(each, len(own)) for own in classes) < wanted:  # rare classes leave room to the others
        each += 1
    turns = [(turn, own[row]) for own in classes for turn, row in enumerate(spread(len(own), each))]
    return np.asarray([row for _, row in sorted(turns, key=lambda item: item[0])][:SHOWN])
