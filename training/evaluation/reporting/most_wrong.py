"""The test samples that a report's methods get wrong most often, drawn."""

from pathlib import Path

import numpy as np

from ...data.captions import as_drawn, captions
from ...data.samples import Samples
from ..evidence.intervals import Hits

MOST_WRONG = "most_wrong.png"
SHOWN, COLUMNS = 24, 8


def draw_most_wrong(folder: Path, test: Samples, hits: Hits, method: str, count: int | str) -> int:
    """Draw the test samples that `method` with `count` labels got wrong in most draws, with their true labels.

    Args:
        folder: MOST_WRONG is written there.
        test: the test samples.
        hits: which of them each method got right, (draws, M).

    Returns:
        How many are shown; 0 where nothing is known, or nothing was wrong.
    """
    if (method, count) not in hits:
        return 0
    wrong = 1 - hits[method, count].mean(0)  # (M,)
    rows = np.argsort(-wrong, kind="stable")[:SHOWN]
    rows = rows[wrong[rows] > 0]
    if len(rows) == 0:
        return 0
    test.modality.show_samples(folder / MOST_WRONG, as_drawn(test, rows), captions(test, rows), COLUMNS)
    return len(rows)
