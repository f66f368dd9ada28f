"""What every kind of source gives: raw splits, of which nothing is decoded, and what was found and left out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import InputError
from ..files.left_out import LeftOut


@dataclass
class RawSplit:
    """One split as its source has it: an array of samples, or a table with a column of them.

    Args:
        values: (N, ...), samples as numbers, perhaps mapped from a file; None: they are in `rows`.
        rows: a `datasets.Dataset` with what stands beside the samples (labels, groups), and with a column of them
            where they are not in `values`; None: there is no such table.
        labels: (N,) or (N, L), beside `values`; those of a table are one of its columns.
        label_names: of `labels`, or None.
        column: the column of samples, where the source knows it; else the one whose type fits.
        label_column: the column of labels, where the source knows it; else it is looked for by type and name.
        groups: (N,), what each sample belongs to, beside `values`; those of a table are one of its columns.
        files: (N,) names of the samples' files, below the dataset's folder; None where there are none.
    """

    values: np.ndarray | None = None
    rows: Any = None
    labels: np.ndarray | None = None
    label_names: list[str] | None = None
    column: str | None = None
    label_column: str | None = None
    files: Sequence[str | None] | None = None
    groups: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Raise InputError for samples of no numbers: a header may promise any number of them."""
        if self.values is not None and self.values.size == 0 and len(self.values) > 0:
            raise InputError(f"samples are an array of shape {self.values.shape}, which holds no numbers.")

    def __len__(self) -> int:
        return len(self.rows if self.values is None else self.values)


@dataclass
class Found:
    """A dataset before anything of it is decoded.

    Args:
        what: the kind of source, for people: "folder of 120 files".
        splits: by name, in a usual spelling.
        left_out: what is not used.
        notes: what was decided where something else was possible.
    """

    what: str
    splits: dict[str, RawSplit]
    left_out: list[LeftOut] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
