"""Cells of a column of labels, from arrays, `datasets` or frames, brought to one of four kinds."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError

NO_LABEL = frozenset(("", "nan", "<na>", "nat", "null", "unlabelled", "unlabeled"))
EXACT = 2**53  # whole numbers up to here are themselves as floats
LARGEST = 2.0**62  # a number further from 0 is no class and no target that a loss could be made of
MOST_CELLS = 2**31  # of a table of zeros and ones, 8 GB: more labels than samples have


@dataclass
class Column:
    """Cells brought to one of four kinds: "numbers" (N,) float64 or int64 with NaN for missing ones, "words" (N,) with
    None for missing ones, "rows" (N, L) float64, "lists" (N lists or None)."""

    kind: str
    cells: Any
    empty: bool


def as_column(cells: Any, column: str, dataset: str, named: bool = False) -> Column:
    """An array, or a list with one entry a row, as a `Column`.

    Args:
        cells: what came.
        column, dataset: for messages.
        named: the dataset has names for the numbers in it, so that lists are never rows of zeros and ones.

    Raises:
        InputError: the cells are of no kind that labels have.
    """
    if isinstance(cells, np.ndarray) and cells.dtype != object:
        return _of_array(cells, column, dataset)
    cells = [None if is_missing(cell) else cell for cell in cells]
    found = [cell for cell in cells if cell is not None]
    if not found:
        return Column("numbers", np.full(len(cells), np.nan), True)
    if all(isinstance(cell, (list, tuple, np.ndarray)) for cell in found):
        if named:
            return Column("lists", [None if cell is None else list(cell) for cell in cells], False)
        return _of_lists([None if cell is None else list(cell) for cell in cells], column, dataset)
    texts = any(isinstance(cell, (str, bytes)) for cell in found)
    if texts or all(isinstance(cell, (bool, np.bool_)) for cell in found):
        if any(isinstance(cell, (list, tuple, dict, np.ndarray)) for cell in found):
            raise InputError(f"column {column!r} of {dataset} mixes words and lists, expected one kind of label.")
        words = [None if cell is None else word(cell) for cell in cells]
        if any("|" in text for text in words if text):  # "a|b": several labels, as hospitals write them
            return Column("lists", [text and _parted(text) for text in words], False)
        return Column("words", words, False)
    if any(isinstance(cell, (int, np.integer)) and abs(int(cell)) > EXACT for cell in found):
        return Column("words", [None if cell is None else word(cell) for cell in cells], False)
    try:
        numbers = np.asarray([np.nan if cell is None else float(cell) for cell in cells])
    except (TypeError, ValueError, OverflowError):
        kinds = ", ".join(sorted({type(cell).__name__ for cell in found}))
        raise InputError(
            f"column {column!r} of {dataset} holds {kinds}, expected names, numbers or lists of them as labels. Pass "
            f"another --label_column."
        ) from None
    return _of_array(numbers, column, dataset)


def _of_array(cells: np.ndarray, column: str, dataset: str) -> Column:
    if cells.ndim == 2 and cells.shape[1] == 1:
        cells = cells[:, 0]
    if cells.dtype.kind in "US":
        words = np.char.decode(cells, "utf-8", "replace") if cells.dtype.kind == "S" else cells
        return as_column(words.tolist(), column, dataset)
    if cells.dtype.kind not in "biuf" or cells.ndim not in (1, 2) or 0 in cells.shape[1:]:
        raise InputError(
            f"labels of {dataset} are {cells.dtype} of shape {cells.shape}, expected one number or name for each "
            f"sample, or a row of zeros and ones for each."
        )
    if cells.dtype.kind == "b" and cells.ndim == 1:
        return Column("words", [str(cell) for cell in cells.tolist()], False)
    if cells.dtype.itemsize == 8 and cells.dtype.kind in "iu" and cells.ndim == 1 and cells.size:
        if max(int(cells.max()), -int(cells.min())) > EXACT:
            return Column("words", [str(cell) for cell in cells.tolist()], False)
    numbers = cells.astype(np.float64)
    missing = np.isnan(numbers)
    largest = np.abs(numbers[~missing]).max(initial=0)
    if largest > LARGEST:
        what = "infinity" if np.isinf(largest) else f"numbers of the size of {largest:.3g}"
        raise InputError(f"labels of {dataset} hold {what}, expected numbers that a loss can hold. Mend these rows.")
    return Column("rows" if numbers.ndim == 2 else "numbers", numbers, bool(missing.all()))


def _of_lists(cells: list[list | None], column: str, dataset: str) -> Column:
    """Lists of labels, or rows of zeros and ones written as lists."""
    found = [cell for cell in cells if cell is not None]
    widths = {len(cell) for cell in found}
    flat = [value for cell in found for value in cell if not is_missing(value)]
    if widths == {1} and len(flat) == len(found) and not any(isinstance(value, str) for value in flat):
        if all(isinstance(value, (int, float, np.number)) for value in flat):
            return as_column([None if cell is None else cell[0] for cell in cells], column, dataset)
    real = any(isinstance(value, (float, np.floating)) and not float(value).is_integer() for value in flat)
    if len(widths) == 1 and (real or (widths.isdisjoint({0, 1}) and _is_hot(flat))):
        width = widths.pop()
        rows = [[np.nan] * width if cell is None else cell for cell in cells]
        try:
            return _of_array(np.asarray(rows, dtype=np.float64), column, dataset)
        except (TypeError, ValueError, OverflowError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"column {column!r} of {dataset} holds numbers and other things in its rows, expected one kind."
            ) from None
    return Column("lists", cells, False)


def _is_hot(flat: Iterable[Any]) -> bool:
    return all(isinstance(value, (bool, int, float, np.number, np.bool_)) and value in (0, 1) for value in flat)


def is_missing(cell: Any) -> bool:
    """Whether a cell holds no label: None, NaN, a blank name or the word for one of these."""
    if cell is None or (isinstance(cell, str) and cell.strip().lower() in NO_LABEL):
        return True
    return isinstance(cell, (float, np.floating)) and bool(np.isnan(cell))


def _parted(text: str) -> list[str]:
    """ "a | b" as its parts."""
    return [part.strip() for part in text.split("|") if part.strip()]


def word(cell: Any) -> str:
    """A name, or a number as one."""
    if isinstance(cell, bytes):
        return cell.decode("utf-8", "replace").strip()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


def require_table(rows: int, classes: int, dataset: str) -> None:
    """Raise InputError if a table of zeros and ones of this size would fill the memory."""
    if rows * classes > MOST_CELLS:
        raise InputError(
            f"labels of {dataset} are {classes:,} different ones in {rows:,} rows, more than a table of zeros and "
            f"ones can hold. Pass another --label_column."
        )


def is_number(value: Any) -> bool:
    """Whether it is a number, and neither True nor False."""
    return isinstance(value, (int, float, np.number)) and not isinstance(value, (bool, np.bool_))
