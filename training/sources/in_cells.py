"""Tables and files of lines whose cells are samples themselves, as texts are: one raw split for each split's name."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..command.arguments.data import DataArguments
from ..errors import InputError
from ..files.left_out import LeftOut
from ..files.metadata import SPLIT_COLUMNS
from ..files.split_names import TRAIN, settle, split_in_name, split_of_folder
from ..files.tables import Columns, read_table, typed
from ..files.tree import TABLES, File, Tree
from ..modalities.modality import Modality
from .cells import plain_array
from .found import Found, RawSplit

PEEK = 20  # rows that show which columns a table has
MOST_WORDS = 8  # of a heading; a first line with a longer cell is none


def files_of_cells(tree: Tree, args: DataArguments, modality: Modality) -> list[File]:
    """The files of a folder that hold many samples each; none where every file of samples is one sample.

    Tables are the dataset where one has a column of samples, files of lines where they are called as splits are.
    """
    with_column = [table for table in tree.tables if _sample_columns(_peek(table), args, modality)]
    if with_column and not (tree.samples and len(with_column) < len(tree.tables)):
        left = [table for table in tree.tables if table not in with_column] + tree.samples
        tree.left_out += [LeftOut(file.relative, "it is beside tables of samples") for file in left]
        return with_column
    if not tree.samples:
        return tree.tables
    named = all(split_in_name(file.stem) for file in tree.samples) and len({f.folders for f in tree.samples}) == 1
    as_splits = named or (len(tree.samples) == 1 and not tree.parquet)
    return tree.samples if args.txt == "line" or (args.txt is None and as_splits) else []


def cell_splits(files: Sequence[File], args: DataArguments, modality: Modality) -> Found:
    """The splits in tables and files of lines, by a column of splits, else by folders' and files' names.

    Raises:
        InputError: a table cannot be read, or a sample in it is none.
    """

    def read(file: File) -> Columns:
        if file.ending in TABLES:
            return _table(file, args, modality)
        if args.txt == "file":
            return {modality.array_name: ["\n".join(modality.many(Path(file.path), args))]}
        return {modality.array_name: modality.many(Path(file.path), args)}

    made = {
        name: RawSplit(rows=rows_of_columns(columns, modality))
        for name, columns in columns_of_splits(files, read).items()
    }
    kinds = f"{len(files)} files" if len(files) > 1 else f"{files[0].ending} file"
    return Found(f"{kinds} of {modality.words.many}", made)


def columns_of_splits(files: Sequence[File], read: Callable[[File], Columns]) -> dict[str, Columns]:
    """{split: columns} of tables, by a column of splits, else by folders' and tables' names; the training split first.

    Args:
        files: the tables.
        read: gives one's columns.
    """
    parts: dict[str | None, list[Columns]] = {}
    for file in files:
        own = next((split_of_folder(f) for f in file.folders if split_of_folder(f)), None) or split_in_name(file.stem)
        own = None if len(files) == 1 and not file.folders else own
        for split, part in _by_split(read(file), own).items():
            parts.setdefault(split, []).append(part)
    final = {**settle(parts), None: TRAIN}
    together: dict[str, list[Columns]] = {}
    for split in sorted(parts, key=lambda split: (split not in (None, TRAIN), split or "")):
        together.setdefault(final[split], []).extend(parts[split])
    return {split: _together(own) for split, own in together.items()}


def rows_of_columns(columns: Mapping[str, Sequence[Any]], modality: Modality) -> Any:
    """A `datasets.Dataset` of columns of plain values; missing ones are None."""
    import datasets
    import pyarrow as pa

    arrays, features = {}, {}
    for name, values in columns.items():
        values = [None if value is None or value != value else value for value in values]
        if modality.in_cells:  # else words that stand beside samples, such as labels, are no samples
            values = [modality.cell(value) if isinstance(value, str) else value for value in values]
        arrays[name] = plain_array(values) if any(v is not None for v in values) else pa.array(values, pa.string())
        features[name] = datasets.features.features.generate_from_arrow_type(arrays[name].type)
    table = datasets.table.InMemoryTable(pa.table(arrays))
    digest = hashlib.sha256(json.dumps([list(columns), *map(list, columns.values())], default=str).encode())
    info = datasets.DatasetInfo(features=datasets.Features(features))
    return datasets.Dataset(table, info=info, fingerprint=digest.hexdigest()[:16])


def with_rows(values: Any, columns: Mapping[str, Sequence[Any]], modality: Modality) -> RawSplit:
    """Samples (N, ...) as numbers, and what stands beside them."""
    return RawSplit(values=values, rows=rows_of_columns(columns, modality) if columns else None)


def _peek(table: File) -> Columns:
    """The first rows of a table; nothing of one that cannot be read, which is told when it is needed."""
    try:
        return read_table(table.path, _is_sample, PEEK)
    except InputError:
        return {}


def _is_sample(cell: str) -> bool:
    return len(cell.split()) > MOST_WORDS


def _sample_columns(columns: Columns, args: DataArguments, modality: Modality) -> list[str]:
    """Columns of samples: those that the user names, or one that is called as such a column usually is."""
    if args.input_column is not None:
        names = [args.input_column, *(name.strip() for name in args.input_column.split(","))]
        return [name for name in names if name in columns]
    return [name for usual in modality.column_names for name in columns if name.lower() == usual][:1]


def _table(file: File, args: DataArguments, modality: Modality) -> Columns:
    """A table's columns: samples as they stand there, numbers as numbers elsewhere."""
    columns = read_table(file.path, _is_sample)
    if not any(columns.values()):
        raise InputError(f"table {file.path} has no rows: expected {modality.words.many}, one a row.")
    samples = _sample_columns(columns, args, modality)
    for name in samples:
        wrong = next((k for k, v in enumerate(columns[name]) if not isinstance(v, (str, type(None)))), None)
        if wrong is not None:
            kind = type(columns[name][wrong]).__name__
            raise InputError(
                f"row {wrong} of column {name!r} in {file.path} is of type {kind}, expected {modality.words.one}. "
                f"Write it in quotes, or pass another --input_column."
            )
    return {name: values if name in samples else typed(values) for name, values in columns.items()}


def _by_split(columns: Columns, own: str | None) -> dict[str | None, Columns]:
    """Rows by what a column of splits says of them; all of them in `own` where there is none."""
    for name, values in columns.items():
        if name.lower() in SPLIT_COLUMNS and all(isinstance(v, str) and split_of_folder(v) for v in values):
            splits = [split_of_folder(value) for value in values]
            rest = {other: cells for other, cells in columns.items() if other != name}
            rows = {split: [k for k, s in enumerate(splits) if s == split] for split in dict.fromkeys(splits)}
            return {split: {n: [cells[k] for k in at] for n, cells in rest.items()} for split, at in rows.items()}
    return {own: columns}


def _together(parts: Sequence[Columns]) -> Columns:
    """Parts of one split, one after another; a column that one of them lacks is None there."""
    names = list(dict.fromkeys(name for part in parts for name in part))
    sizes = [len(next(iter(part.values()))) for part in parts]
    return {
        name: [cell for part, size in zip(parts, sizes, strict=True) for cell in part.get(name, [None] * size)]
        for name in names
    }
