"""Tables that hold small pictures as numbers: a column a pixel, as Kaggle's digits have it, or all in one cell, as
FER-2013 has it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...errors import InputError
from .arrays import square

PIXEL = re.compile(r"(?:pixel|pix|px|p)[ _-]?\d+|(\d+)x(\d+)", re.IGNORECASE)  # pixel0, px_17, 28x28
FEWEST = 16  # columns called so that make a picture
IN_ONE_CELL = ("pixels", "pixel", "pixel_values", "image_pixels")
NUMBERS = re.compile(r"\s*\d+(?:[\s,;]+\d+){15,}\s*")


def pixel_columns(names: Sequence[str], first: Mapping[str, Any]) -> list[str]:
    """The columns of a table that hold pictures as numbers, in their order; none where it holds no pictures.

    Args:
        names: of all columns.
        first: what stands in the first row.
    """
    found = [name for name in names if PIXEL.fullmatch(name)]
    if len(found) >= FEWEST:
        return found
    written = [name for name in names if name.lower() in IN_ONE_CELL and isinstance(first.get(name), str)]
    return [name for name in written if NUMBERS.fullmatch(first[name])][:1]


def pictures_of(columns: Mapping[str, np.ndarray | Sequence[str]], name: str) -> np.ndarray:
    """(N, H, W) or (N, H, W, 3) uint8, or larger numbers where there are some, of the columns `pixel_columns` found.

    Args:
        columns: numbers of each pixel, or the one column of cells such as "70 80 82".
        name: of the table, for errors.

    Raises:
        InputError: cells that are no numbers, rows of several lengths, or as many pixels as make no square.
    """
    values = list(columns.values())
    rows = _split_cells(values[0], name) if len(values) == 1 else _stacked(columns, name)
    shape = _shape(list(columns), rows.shape[1], name)
    if rows.dtype.kind in "iu" and rows.size and 0 <= rows.min() and rows.max() <= 255:
        rows = rows.astype(np.uint8)
    return rows.reshape(len(rows), *shape)


def _stacked(columns: Mapping[str, np.ndarray | Sequence[str]], name: str) -> np.ndarray:
    whole = all(column.dtype.kind in "iu" for column in columns.values())
    first = next(iter(columns.values()))
    rows = np.empty((len(first), len(columns)), np.int32 if whole else np.float32)
    for k, (key, column) in enumerate(columns.items()):
        if column.dtype.kind not in "iuf":
            raise InputError(f"column {key!r} of {name} holds {str(column[0])!r}, expected the number of a pixel.")
        rows[:, k] = column
    return rows


def _split_cells(cells: Sequence[str], name: str) -> np.ndarray:
    found = []
    for row, cell in enumerate(cells):
        if not NUMBERS.fullmatch(str(cell)):
            raise InputError(f"row {row} of {name} holds {str(cell)[:20]!r}, expected pixels such as '70 80 82'.")
        found.append(np.array(re.split(r"[\s,;]+", cell.strip()), np.int64).astype(np.int32))
        if len(found[-1]) != len(found[0]):
            raise InputError(
                f"row {row} of {name} has {len(found[-1])} pixels and the first {len(found[0])}: expected one shape."
            )
    return np.stack(found)


def _shape(names: list[str], pixels: int, name: str) -> tuple[int, ...]:
    """(H, W) or (H, W, 3): by names such as 28x28, else a square."""
    places = [PIXEL.fullmatch(one) for one in names]
    if all(place and place[1] for place in places):
        high, wide = (max(int(place[k]) for place in places) for k in (1, 2))
        low = [min(int(place[k]) for place in places) for k in (1, 2)]
        high, wide = high - low[0] + 1, wide - low[1] + 1
        if high * wide == pixels:
            return high, wide
    found = square(pixels)
    if found is not None:
        side, channels = found
        return (side, side) if channels == 1 else (side, side, 3)
    raise InputError(
        f"{name} has {pixels} pixels a row, which is no square, grey or in colour. Save the pictures as a .npz with "
        f"an array 'image' of (N, H, W) and one 'label'."
    )
