"""Which samples a contact sheet shows, and what stands above each."""

import numpy as np

from ..data.batches import spread
from ..data.labels import SEVERAL, SINGLE
from ..data.samples import Samples

SHOWN, COLUMNS = 48, 12


def sheet_rows(data: Samples) -> np.ndarray:
    """(N,) rows of samples of all classes in turn, where a sample has one; else spread over the split."""
    if data.problem_type != SINGLE:
        return spread(len(data), SHOWN)
    classes = [np.flatnonzero(data.labels == number) for number in np.unique(data.labels)]  # -1: the unlabelled ones
    each = -(-SHOWN // len(classes))
    turns = [(turn, own[row]) for own in classes for turn, row in enumerate(spread(len(own), each))]
    return np.asarray([row for _, row in sorted(turns, key=lambda item: item[0])][:SHOWN])


def captions(data: Samples, rows: np.ndarray) -> list[str]:
    """What stands above each of the samples at `rows` (N,): its labels, else its file, else its row."""
    labelled, found = data.labelled, []
    for row in rows:
        if data.labels is not None and not labelled[row]:
            found.append("unlabelled")
        elif data.labels is None:
            place = int(row if data.rows is None else data.rows[row])
            found.append((data.files[place] if data.files is not None else None) or f"row {place}")
        elif data.problem_type == SINGLE:
            found.append(str(data.label_names[data.labels[row]]))
        elif data.problem_type == SEVERAL:
            found.append(", ".join(str(data.label_names[k]) for k in np.flatnonzero(data.labels[row] > 0)) or "none")
        else:
            found.append(" ".join(f"{value:.3g}" for value in np.atleast_1d(data.labels[row])))
    return found
