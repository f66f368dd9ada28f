"""Samples that stand as numbers in a table: each number a column, all of them in one cell, or lists in a cell."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..command.arguments.data import DataArguments
from ..errors import InputError, one_line
from ..files.metadata import LABEL_COLUMNS, SPLIT_COLUMNS, are_splits
from ..files.split_names import settle, split_in_name, split_of_folder
from ..files.tables import read_table, typed
from ..files.tree import File
from ..modalities.modality import Modality
from .found import Found, RawSplit

SEPARATED = (".csv", ".tsv")


def tables_of_numbers(tables: Sequence[File], modality: Modality) -> list[File]:
    """Those whose rows are samples, written as numbers."""
    return [table for table in tables if table.ending in SEPARATED and _columns(table, modality)]


def number_splits(tables: Sequence[File], args: DataArguments, modality: Modality) -> Found:
    """The splits in tables of numbers, by a column of splits, else by the tables' names.

    Raises:
        InputError: a table cannot be read, or what stands in it are no samples.
    """
    parts: dict[str | None, list[tuple[np.ndarray, np.ndarray | None, str | None]]] = {}
    for table in tables:
        values, labels, label_column, splits = _read(table, args, modality)
        own = next((split_of_folder(f) for f in table.folders if split_of_folder(f)), None)
        own = (own or split_in_name(table.stem)) if len(tables) > 1 else None
        splits = np.full(len(values), own, object) if splits is None else splits
        for split in dict.fromkeys(splits.tolist()):
            at = splits == split
            parts.setdefault(split, []).append((values[at], None if labels is None else labels[at], label_column))
    final = settle(parts)
    made = {
        args.train_split if split in (None, "train") else final[split]: _together(parts[split])
        for split in sorted(parts, key=lambda split: (split not in (None, "train"), split or ""))
    }
    what = f"{len(tables)} tables" if len(tables) > 1 else "table"
    columns = {column for members in parts.values() for _, _, column in members if column is not None}
    notes = [f"labels are in column {', '.join(sorted(columns))}"] if columns else []
    return Found(f"{what} of {modality.words.many} written as numbers", made, [], notes)


def lists_of_numbers(feature: Any) -> bool:
    """Whether a `datasets` feature is of arrays with two dimensions or more, or of lists of lists of numbers."""
    import datasets

    if isinstance(feature, (datasets.Array2D, datasets.Array3D, datasets.Array4D)):
        return True
    depth = 0
    while isinstance(feature, (datasets.List, datasets.LargeList)):
        feature, depth = feature.feature, depth + 1
    kind = str(getattr(feature, "dtype", ""))
    return depth > 1 and kind.startswith(("int", "uint", "float", "bool"))


def array_of_lists(rows: Any, column: str, name: str) -> np.ndarray:
    """(N, ...) of such a column.

    Raises:
        InputError: a cell is missing, or they are of several shapes.
    """
    cells = rows.select_columns([column]).with_format("numpy")[:][column]
    if isinstance(cells, np.ndarray) and cells.dtype != object:
        found = cells
    else:
        shapes = {np.shape(cell) for cell in cells}
        if len(shapes) > 1 or any(cell is None for cell in cells):
            some = " and ".join(map(str, sorted(shapes)[:2]))
            raise InputError(
                f"column {column!r} of {name} holds arrays of several shapes, {some}: expected one shape."
            )
        found = np.stack([np.asarray(cell) for cell in cells])
    whole = found.dtype.kind in "iu" and found.size and 0 <= found.min() and found.max() <= 255
    return found.astype(np.uint8) if whole else found


def _columns(table: File, modality: Modality) -> list[str]:
    """The columns of numbers that are samples; none of a table that cannot be read: that is told when it is needed."""
    if modality.number_columns is None:
        return []
    try:
        peek = read_table(table.path, lambda cell: False, 1)
    except InputError:
        return []
    return modality.number_columns(list(peek), {name: cells[0] if cells else None for name, cells in peek.items()})


def _read(
    table: File, args: DataArguments, modality: Modality
) -> tuple[np.ndarray, np.ndarray | None, str | None, np.ndarray | None]:
    """(samples, labels, their column, the split of each row)."""
    import pyarrow
    import pyarrow.csv

    delimiter = "\t" if table.ending == ".tsv" else _delimiter(table)
    try:
        read = pyarrow.csv.read_csv(table.path, parse_options=pyarrow.csv.ParseOptions(delimiter=delimiter))
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise InputError(f"table {table.path} cannot be read: {one_line(error)}.") from None
    read = read.rename_columns([name.strip() for name in read.column_names])
    own = _columns(table, modality)
    lacking = next((name for name in own if read[name].null_count), None)
    if lacking is not None or not read.num_rows:
        what = (
            f"a cell of column {lacking!r} of {table.path} is empty" if lacking else f"table {table.path} has no rows"
        )
        raise InputError(f"{what}: expected {modality.words.many}, one a row.")
    values = modality.of_number_columns({name: read[name].to_numpy() for name in own}, table.path)
    rest = {name: typed(read[name].to_pylist()) for name in read.column_names if name not in own}
    split = next((name for name in rest if name.lower() in SPLIT_COLUMNS and are_splits(rest[name])), None)
    splits = rest.pop(split, None)
    if args.label_column is not None and args.label_column not in rest:
        raise InputError(f"{table.path} has no column {args.label_column!r}: it has {', '.join(rest)}.")
    usual = [name for known in LABEL_COLUMNS for name in rest if name.lower() == known]
    others = [name for name in rest if name.lower() not in ("id", "index", "imageid", "image_id") and name]
    column = args.label_column or next(iter(usual or (others if len(others) == 1 else [])), None)
    labels = None if column is None else np.asarray(rest[column])
    return values, labels, column, None if splits is None else np.asarray([split_of_folder(s) for s in splits], object)


def _delimiter(table: File) -> str:
    with open(table.path, encoding="utf-8-sig", errors="replace") as file:
        head = file.readline()
    return max(",;\t|", key=head.count)


def _together(members: Sequence[tuple[np.ndarray, np.ndarray | None, str | None]]) -> RawSplit:
    """Parts of one split, one after another; labels only where all of them have some."""
    values = np.concatenate([values for values, _, _ in members])
    labels = [labels for _, labels, _ in members]
    return RawSplit(values, labels=None if any(one is None for one in labels) else np.concatenate(labels))
