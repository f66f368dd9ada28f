"""Which samples a run learnt from, in any way, and those it started from: so that later numbers can be checked."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..modalities.faults import UNREADABLE

FILE = "seen_samples.npz"  # stays in the run folder, and is never pushed


@dataclass(frozen=True)
class Seen:
    """Samples that weights depend on.

    Args:
        digests: sorted, (N,) `Modality.digest`.
        complete: False where the weights come from somewhere whose samples nobody here knows.
    """

    digests: np.ndarray
    complete: bool

    def count(self, digests: np.ndarray) -> int:
        """How many of these samples were seen."""
        return int(np.isin(digests, self.digests).sum())

    def record(self, digests: np.ndarray) -> dict[str, Any]:
        """For report.json: how many of these samples were seen, and whether all that were are known."""
        return {"seen": self.count(digests), "all_known": self.complete}


NOTHING = Seen(np.empty(0, dtype=np.uint64), True)
UNKNOWN = Seen(np.empty(0, dtype=np.uint64), False)


def seen_by(model: str | Path | None) -> Seen:
    """What the checkpoint of that name learnt from: nothing without one, unknown for one of the Hub or of a folder
    without such a file."""
    if model is None:
        return NOTHING
    try:
        with np.load(Path(model) / FILE, allow_pickle=False) as found:
            digests, complete = found["digests"], found["complete"]
    except UNREADABLE:
        return UNKNOWN
    whole = digests.ndim == 1 and digests.dtype == np.uint64 and complete.dtype == bool and complete.ndim == 0
    return Seen(digests, bool(complete)) if whole else UNKNOWN


def write_seen(folder: Path, before: Seen, *digests: np.ndarray) -> None:
    """Note in a run's folder what it learns from, `before` and now: (N,) digests each."""
    part = folder / f".{FILE}.tmp"
    with open(part, "wb") as file:
        np.savez(file, digests=np.unique(np.concatenate([before.digests, *digests])), complete=before.complete)
    os.replace(part, folder / FILE)
