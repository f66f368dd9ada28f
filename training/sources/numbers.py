"""Samples that stand as numbers in a table: each number a column, all of them in one cell, or lists in a cell."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..command.arguments.data import DataArguments
from ..errors import InputError, one_line
from ..files.metadata import LABEL_COLUMNS
from ..files.tables import Columns, read_table, typed, written_as
from ..files.tree import File
from ..modalities.modality import Modality
from .found import Found
from .in_cells import columns_of_splits, with_rows

SEPARATED = (".csv", ".tsv")
PLACE = "\0place"  # of a row among those of all tables, as a column beside the others


def tables_of_numbers(tables: Sequence[File], modality: Modality) -> list[File]:
    """Those whose rows are samples, written as numbers."""
    return [table for table in tables if table.ending in SEPARATED and _columns(table, modality)]


def number_splits(tables: Sequence[File], args: DataArguments, modality: Modality) -> Found:
    """The splits in tables of numbers, by a column of splits, else by the tables' names.

    Raises:
        InputError: a table cannot be read, or what stands in it are no samples.
    """
    arrays: list[np.ndarray] = []

    def read(table: File) -> Columns:
        values, columns = _read(table, modality)
        if arrays and arrays[0].shape[1:] != values.shape[1:]:
            raise InputError(
                f"{tables[0].path} holds {modality.words.many} of shape {arrays[0].shape[1:]} and {table.path} of "
                f"{values.shape[1:]}: expected one shape."
            )
        first = sum(map(len, arrays))
        arrays.append(values)
        return {**columns, PLACE: list(range(first, first + len(values)))}

    found, made = columns_of_splits(tables, read), {}
    every = arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
    for name, columns in found.items():
        made[name] = with_rows(every[np.asarray(columns.pop(PLACE))], columns, modality)
        made[name].label_column = _labels_of(columns, args)
    what = f"{len(tables)} tables" if len(tables) > 1 else "table"
    labels = sorted({split.label_column for split in made.values() if split.label_column is not None})
    notes = [f"labels are in column {', '.join(labels)}"] if labels else []
    return Found(f"{what} of {modality.words.many} written as numbers", made, [], notes)


def _labels_of(columns: Columns, args: DataArguments) -> str | None:
    """The column of labels: the one that the user names, one that is called so, or the only one that is no number of
    the row."""
    usual = [name for known in LABEL_COLUMNS for name in columns if name.lower() == known]
    others = [name for name in columns if name.lower() not in ("id", "index", "imageid", "image_id") and name]
    found = next(iter(usual or (others if len(others) == 1 else [])), None)
    return args.label_column if args.label_column in columns else found


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
    return found


def _columns(table: File, modality: Modality) -> list[str]:
    """The columns of numbers that are samples; none of a table that cannot be read: that is told when it is needed."""
    if modality.number_columns is None:
        return []
    try:
        peek = read_table(table.path, lambda cell: False, 1)
    except InputError:
        return []
    return modality.number_columns(list(peek), {name: cells[0] if cells else None for name, cells in peek.items()})


def _read(table: File, modality: Modality) -> tuple[np.ndarray, Columns]:
    """(samples, the other columns) of a table."""
    import pyarrow
    import pyarrow.csv

    encoding, delimiter = written_as(table.path)
    how = pyarrow.csv.ReadOptions(encoding=encoding.replace("utf-8-sig", "utf8"))  # pyarrow's own way is quicker
    try:
        read = pyarrow.csv.read_csv(table.path, how, pyarrow.csv.ParseOptions(delimiter=delimiter))
    except (pyarrow.ArrowInvalid, OSError, UnicodeDecodeError) as error:
        raise InputError(f"table {table.path} cannot be read: {one_line(error)}.") from None
    read = read.rename_columns([name.strip() for name in read.column_names])
    if not read.num_rows:
        raise InputError(f"table {table.path} has no rows: expected {modality.words.many}, one a row.")
    own = modality.number_columns(read.column_names, {name: read[name][0].as_py() for name in read.column_names})
    lacking = next((name for name in own if read[name].null_count), None)
    if lacking is not None:
        raise InputError(
            f"a cell of column {lacking!r} of {table.path} is empty: expected {modality.words.many}, one a row."
        )
    values = modality.of_number_columns({name: read[name].to_numpy() for name in own}, table.path)
    return values, {name: typed(read[name].to_pylist()) for name in read.column_names if name not in own}
