"""Labels as people write them -> class numbers, rows of zeros and ones, or real numbers; one numbering for all splits.

A missing label (None, NaN, -1, an empty or blank name) is no error anywhere: its row is unlabelled. The splits of a
dataset are read together, so that a class has one number in all of them: names come from the training split, and a
class that it lacks comes after those that it has.
"""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from .label_cells import Column, as_column, is_missing, is_number, require_table, word

logger = logging.getLogger(__name__)
SINGLE, SEVERAL, REAL = "single_label_classification", "multi_label_classification", "regression"
PROBLEM_TYPES = (SINGLE, SEVERAL, REAL)  # as transformers calls them
WHOLE = re.compile(r"-?[0-9]{1,18}")  # a name that is a number
IGNORED = -100  # what transformers and torch leave out of a loss


@dataclass
class Labels:
    """Labels of one split.

    Args:
        values: (N,) int64 class numbers with -1 for unlabelled rows; or (N, L) float32 of zeros and ones, several
            labels at once, with NaN in all of an unlabelled row; or (N,) or (N, D) float32 targets, likewise.
        names: of the classes or targets.
        problem_type: one of `PROBLEM_TYPES`.
    """

    values: np.ndarray
    names: list[str]
    problem_type: str

    @property
    def labelled(self) -> np.ndarray:
        """(N,) bool."""
        return has_label(self.values)


def share_classes(train: Labels | None, test: Labels | None, name: str) -> bool:
    """Whether labels of a test split, called `name`, can be judged by: none of its classes in training is told."""
    if train is None or test is None or train.problem_type != SINGLE or test.problem_type != SINGLE:
        return True
    mine, theirs = (np.unique(labels.values[labels.values >= 0]) for labels in (train, test))
    if np.isin(theirs, mine).any():
        return True
    names = [", ".join(test.names[k] for k in found[:3]) + ", ..." * (len(found) > 3) for found in (theirs, mine)]
    logger.warning(
        "warning: none of the classes of %s (%s) is one of training (%s), so its labels are not used", name, *names
    )
    return False


def has_label(values: np.ndarray) -> np.ndarray:
    """(N,) or (N, L) labels as `Labels` has them -> (N,) bool: which rows have one."""
    if values.ndim == 1 and np.issubdtype(values.dtype, np.integer):
        return values >= 0
    return ~np.isnan(values).any(axis=tuple(range(1, values.ndim)))


@dataclass
class RawLabels:
    """A column of labels of one split, as it came.

    Args:
        cells: an array, or a list of what stood in each row; None where it was empty.
        names: what its numbers stand for, if the dataset says so.
        column: what it is called.
    """

    cells: Any
    names: list[str] | None = None
    column: str = "label"


def read_labels(parts: Sequence[RawLabels], dataset: str, problem_type: str | None = None) -> list[Labels | None]:
    """Labels of the splits of a dataset, the training split first.

    Args:
        parts: the splits' columns.
        dataset: for messages.
        problem_type: what they are to be read as; None: what they look like. Rows with a single one each are one
            label a row, floats that are not all whole are real numbers.

    Returns:
        For each split its labels, or None where no row has one.

    Raises:
        InputError: they are of no such kind, of different kinds in different splits, or outside of their names.
    """
    columns = [as_column(part.cells, part.column, dataset, bool(part.names)) for part in parts]
    kinds = {column.kind for column in columns if not column.empty}
    if len(kinds) > 1 and kinds != {"numbers", "words"}:
        raise InputError(f"labels of {dataset} are {' in one split and '.join(sorted(kinds))} in another.")
    kind = "words" if "words" in kinds else next(iter(kinds), "numbers")
    if kind == "rows":
        widths = {column.cells.shape[1] for column in columns if not column.empty}
        if len(widths) > 1:
            raise InputError(f"labels of {dataset} have {' and '.join(map(str, sorted(widths)))} columns.")
        width = widths.pop()
        cells = [np.full((len(c.cells), width), np.nan) if c.empty else c.cells for c in columns]
        read = _rows(cells, parts, dataset, problem_type)
    elif problem_type == REAL or (kind == "numbers" and not parts[0].names and _is_real(columns)):
        if kind != "numbers":
            raise InputError(f"labels of {dataset} are {kind}, expected numbers for {REAL}. Pass --label_column.")
        read = [Labels(c.cells.astype(np.float32), [parts[0].column], REAL) for c in columns]
    elif kind == "lists":
        read = _lists([[] if c.empty else c.cells for c in columns], [len(c.cells) for c in columns], parts, dataset)
    else:
        read = _classes(columns, parts, dataset)
        if problem_type == SEVERAL:
            read = [_hot(labels, dataset) for labels in read]
    return [labels if labels.labelled.any() else None for labels in read]


def _is_real(columns: Sequence[Column]) -> bool:
    return any((np.isfinite(c.cells) & (c.cells != np.rint(c.cells))).any() for c in columns)


# --- one label a row -------------------------------------------------------------------------------------------------


def _classes(columns: Sequence[Column], parts: Sequence[RawLabels], dataset: str) -> list[Labels]:
    if parts[0].names:
        found = [_declared(c, part, dataset) for c, part in zip(columns, parts, strict=True)]
        known, order = list(parts[0].names), lambda names: names
    elif any(column.kind == "words" for column in columns):
        found = [_words(column) for column in columns]
        known, order = [], sorted
    else:
        found, order = _whole(columns, dataset), lambda names: sorted(names, key=int)
        known = []
    for codes, names in found:  # the training split's first
        known += order([name for k, name in enumerate(names) if name not in known and (codes == k).any()])
    place = {name: number for number, name in enumerate(known)}
    result = []
    for codes, names in found:
        numbers = np.asarray([*(place.get(name, -1) for name in names), -1], dtype=np.int64)
        result.append(Labels(numbers[codes], known, SINGLE))
    return result


def _declared(column: Column, part: RawLabels, dataset: str) -> tuple[np.ndarray, list[str]]:
    """Numbers that stand for names which the dataset gives."""
    if column.kind == "words":
        return _words(column)
    codes = np.where(np.isnan(column.cells), -1, column.cells).astype(np.int64)
    names = list(part.names or [])
    if part.names is None:  # a split of bare numbers beside one with names
        numbers = np.unique(codes[codes >= 0])  # those that occur: their range may be of any size
        return np.where(codes < 0, -1, np.searchsorted(numbers, codes)), [str(number) for number in numbers]
    outside = int((codes >= len(names)).sum())
    if outside:
        raise InputError(
            f"{outside} of {len(codes)} labels in column {part.column!r} of {dataset} are {int(codes.max())} or less, "
            f"and its {len(names)} names have the numbers 0 to {len(names) - 1}. Mend the column or its names."
        )
    return np.where(codes < 0, -1, codes), names


def _words(column: Column) -> tuple[np.ndarray, list[str]]:
    cells = column.cells
    if column.kind == "numbers":  # a split where they look like numbers beside one where they do not
        cells = [None if np.isnan(cell) or cell == -1 else word(float(cell)) for cell in cells]
    names = sorted({cell for cell in cells if cell is not None})
    place = {name: number for number, name in enumerate(names)}
    return np.asarray([place.get(cell, -1) for cell in cells], dtype=np.int64), names


def _whole(columns: Sequence[Column], dataset: str) -> list[tuple[np.ndarray, list[str]]]:
    """Whole numbers, whichever: each that occurs is a class. -1 and -100 are missing labels, unless other negative
    numbers occur too, or -1 and 1 are all there is."""
    none = np.iinfo(np.int64).min
    numbers = [np.where(np.isnan(column.cells), none, column.cells).astype(np.int64) for column in columns]
    present = np.unique(np.concatenate([n[~np.isnan(c.cells)] for n, c in zip(numbers, columns, strict=True)]))
    kept = present[(present != -1) & (present != IGNORED)]
    if (kept < 0).any() or present.tolist() == [-1, 1]:
        kept = present[present != IGNORED]
        if -1 in kept:
            logger.info("labels of %s are %d to %d: -1 is a class, not a missing label", dataset, kept[0], kept[-1])
    found = []
    for own in numbers:
        codes = np.searchsorted(kept, own).clip(0, max(0, len(kept) - 1))
        codes = np.where(kept[codes] == own, codes, -1) if len(kept) else np.full(len(own), -1)
        found.append((codes, [str(number) for number in kept]))
    return found


# --- several labels a row, or several numbers ------------------------------------------------------------------------


def _lists(
    columns: Sequence[list[list | None]], lengths: Sequence[int], parts: Sequence[RawLabels], dataset: str
) -> list[Labels]:
    """Lists of names or numbers. A missing entry is left out; a row that had nothing else is unlabelled."""
    declared, known, read, lost = parts[0].names, list(parts[0].names or []), [], 0
    for cells, length, part in zip(columns, lengths, parts, strict=True):
        rows: list[set[str] | None] = []
        for cell in cells or [None] * length:
            kept = [v for v in cell or [] if not is_missing(v) and not (is_number(v) and v < 0)]
            rows.append(None if cell is None or (cell and not kept) else {_name(v, part, dataset) for v in kept})
            lost += bool(kept) and len(kept) < len(cell)
        names = {name for row in rows if row for name in row if name not in known}
        if declared is None:
            whole = all(WHOLE.fullmatch(name) for name in names)
            known += sorted(names, key=int) if whole else sorted(names)
        else:
            known += sorted(names)
        read.append(rows)
    if lost:
        logger.warning("warning: %d rows of %s have missing labels among others; only the others count", lost, dataset)
    place, result = {name: number for number, name in enumerate(known)}, []
    for rows in read:
        require_table(len(rows), len(known), dataset)
        hot = np.zeros((len(rows), len(known)), dtype=np.float32)
        for row, names in enumerate(rows):
            hot[row, [place[name] for name in names or ()]] = 1
            if names is None:
                hot[row] = np.nan
        result.append(Labels(hot, known, SEVERAL))
    return result


def _name(value: Any, part: RawLabels, dataset: str) -> str:
    if part.names is None or not is_number(value):
        return word(float(value)) if isinstance(value, (float, np.floating)) else word(value)
    if value >= len(part.names):
        raise InputError(
            f"label {value} in column {part.column!r} of {dataset} is outside of its {len(part.names)} names, which "
            f"have the numbers 0 to {len(part.names) - 1}. Mend the column or its names."
        )
    return part.names[int(value)]


def _rows(
    columns: Sequence[np.ndarray], parts: Sequence[RawLabels], dataset: str, problem_type: str | None
) -> list[Labels]:
    """(N, L) numbers: zeros and ones, one-hot or not; lists of class numbers, padded with -1; or real numbers."""
    every = np.concatenate(columns)
    known = every[~np.isnan(every)]
    names = list(parts[0].names or (f"{k}" for k in range(every.shape[1])))
    if problem_type == REAL or (known != np.rint(known)).any():
        return [Labels(cells.astype(np.float32), names, REAL) for cells in columns]
    if not np.isin(known, (0, 1, -1)).all():
        lists = [[None if np.isnan(row).all() else row.tolist() for row in cells] for cells in columns]
        return _lists(lists, [len(cells) for cells in columns], parts, dataset)
    if len(names) != every.shape[1]:
        raise InputError(f"labels of {dataset} have {every.shape[1]} columns, but {len(names)} names.")
    hot = [np.where((cells < 0).any(1, keepdims=True) | np.isnan(cells), np.nan, cells) for cells in columns]
    sums = np.concatenate([cells[~np.isnan(cells).any(1)].sum(1) for cells in hot])
    if problem_type != SEVERAL and len(sums) and (sums == 1).all():
        classes = [np.where(np.isnan(cells).any(1), -1, np.nan_to_num(cells).argmax(1)) for cells in hot]
        return [Labels(own.astype(np.int64), names, SINGLE) for own in classes]
    result = []
    for cells in hot:
        cells = cells.astype(np.float32)
        cells[np.isnan(cells).any(1)] = np.nan
        result.append(Labels(cells, names, SEVERAL))
    return result


def _hot(labels: Labels, dataset: str) -> Labels:
    """One label a row as rows of zeros and ones."""
    require_table(len(labels.values), len(labels.names), dataset)
    hot = np.eye(len(labels.names), dtype=np.float32)[labels.values.clip(0)]
    hot[labels.values < 0] = np.nan
    return Labels(hot, labels.names, SEVERAL)
