"""Some rows of an array by their numbers, fetched when they are asked for: a part of a large set takes no memory."""

from collections.abc import Iterator
from typing import Any

import numpy as np

AT_ONCE = 4096  # rows


class Picked:
    """Rows of an array, in an order of their own.

    Args:
        base: (M, ...), may be mapped from a file.
        rows: (N,) numbers of rows in it.
    """

    def __init__(self, base: np.ndarray, rows: np.ndarray):
        self.base, self.rows = base, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: np.ndarray | slice | int) -> np.ndarray:
        """Those at `rows`, in memory."""
        return self.base[self.rows[rows]]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """All of them, in memory."""
        return np.asarray(self.base[self.rows], dtype=dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, ...)."""
        return len(self.rows), *self.base.shape[1:]

    @property
    def ndim(self) -> int:
        """Axes, that of the rows included."""
        return self.base.ndim

    @property
    def dtype(self) -> np.dtype:
        """Of a number."""
        return self.base.dtype

    @property
    def nbytes(self) -> int:
        """What they would take in memory."""
        return len(self.rows) * self.base[0].nbytes if len(self.base) else 0


Stored = np.ndarray | Picked  # (N, ...) stored rows, to be asked for in parts


def in_parts(rows: Stored, at_once: int = AT_ONCE) -> Iterator[np.ndarray]:
    """(N, ...) -> parts of it in memory, one after another; one without rows where there are none."""
    for start in range(0, max(len(rows), 1), at_once):
        yield rows[start : start + at_once]
