"""Tables beside samples: which file each row is about, in which split it is, and which column holds its label."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import InputError
from .left_out import LeftOut, shortened
from .path_cells import AS_TEXT, InFolder, Names, clean, is_encoded, path_column
from .split_names import split_in_name, split_of_folder, words_of
from .tables import Columns, is_submission, merged_rows, read_table, typed
from .tree import File, ending_of

SPLIT_COLUMNS = ("split", "subset", "set", "partition", "phase", "usage", "data_set", "dataset")
LABEL_COLUMNS = tuple(
    "label labels class classes class_name classname category categories target targets label_name class_id classid "
    "category_id diagnosis species breed dx emotion expression disease variety sentiment intent topic polarity "
    "genre".split()
)
LABEL_WORDS = frozenset("label labels class classes category categories target".split())
WEB = ("http://", "https://", "s3://", "gs://")
MANY_WORDS = 10  # files from which on words that never come again are no classes
CODES = {0: "train", 1: "validation", 2: "test"}  # splits that are written as numbers, where all three occur
PEEK = 2000  # rows that show whether a table is about our files


@dataclass
class Described:
    """What tables say of files.

    Args:
        files: those that a row is about, in the tables' order.
        columns: a value, or None, for each of them.
        splits: the split that a table puts each of them in, or None.
        path_column: the column that names them.
        label_column: the one that holds labels, if that is plain.
        used: the tables that say something of our files.
        left_out, notes: for the block.
    """

    files: list[File] = field(default_factory=list)
    columns: Columns = field(default_factory=dict)
    splits: list[str | None] = field(default_factory=list)
    path_column: str | None = None
    label_column: str | None = None
    used: list[str] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def describe(
    tables: Sequence[File], names: Names | InFolder, endings: frozenset[str], wanted: str | None, strict: bool = False
) -> Described:
    """Read the tables that are about these files.

    Args:
        names: the files.
        endings: of samples.
        wanted: the column that names files, if the user says so.
        strict: the tables are what the user asked for: what stops one is an error.

    Raises:
        InputError: a table cannot be read, or, where it was asked for, names no file that is there.
    """
    found, rows, splits = Described(), {}, {}
    for table in sorted(tables, key=lambda table: (not table.name.lower().startswith("metadata"), table.relative)):
        if is_submission(table.name) and not strict:
            found.left_out.append(LeftOut(table.relative, "an example of answers, no labels"))
            continue
        try:
            read = _read(table, names, endings, wanted, found, strict)
        except InputError as error:
            if strict:
                raise
            found.left_out.append(LeftOut(table.relative, str(error).rstrip(".")))
            continue
        if read is None:
            continue
        column, files, columns, split = read
        found.path_column = found.path_column or column
        found.used.append(table.relative)
        for k, file in enumerate(files):
            known = rows.setdefault(file.path, (file, {}))[1]
            for name, values in columns.items():
                if known.get(name) is None:
                    known[name] = values[k]
            splits[file.path] = splits.get(file.path) or split[k]
    every = list(dict.fromkeys(name for _, row in rows.values() for name in row))
    found.files = [file for file, _ in rows.values()]
    found.columns = {name: [row.get(name) for _, row in rows.values()] for name in every}
    found.splits = [splits[file.path] for file in found.files]
    _find_labels(found)
    return found


def _read(
    table: File, names: Names | InFolder, endings: frozenset[str], wanted: str | None, found: Described, strict: bool
) -> tuple[str, list[File], Columns, list[str | None]] | None:
    """(column of names, files, columns, splits) of one table with a row for each file; None if it names none."""

    def is_sample(cell: str) -> bool:
        return ending_of(cell) in endings

    peek = read_table(table.path, is_sample, PEEK)
    if "latents" in peek and not strict:
        found.left_out.append(LeftOut(table.relative, "embeddings that pretune wrote"))
        return None
    own = split_in_name(table.name.rpartition(".")[0])
    prefer = frozenset(p for folders in _folders_of(names) for p in folders if split_of_folder(p) == (own or "train"))
    column = path_column(peek, names, table.folders, wanted, prefer)
    if column is None:
        if strict:
            raise _names_nothing(table, peek, names, endings)
        found.left_out.append(LeftOut(table.relative, "a table that names no file that is here"))
        return None
    columns = read_table(table.path, is_sample)
    rows_of: dict[str, tuple[File, list[int]]] = {}
    missing = []
    for row, cell in enumerate(columns[column]):
        file = names.find(cell, table.folders, prefer)
        if file is None:
            missing.append(str(cell))
        else:
            rows_of.setdefault(file.path, (file, []))[1].append(row)
    if missing:
        what = f"{len(missing):,} of {len(columns[column]):,} rows of {table.relative} ({shortened(missing, 2)})"
        found.left_out.append(LeftOut(what, "no file of the dataset's own folder has that name, or several have"))
    if not rows_of:
        if strict:
            raise _names_nothing(table, columns, names, endings)
        return None
    many = sum(len(rows) > 1 for _, rows in rows_of.values())
    if many:
        found.notes.append(f"{table.relative} has several rows for {many:,} files: their values are put together")
    rest = {name: typed(values) for name, values in columns.items() if name != column}
    merged = merged_rows(rest, [rows for _, rows in rows_of.values()])
    files = [file for file, _ in rows_of.values()]
    split_column = column_of_splits(merged)
    if split_column is not None:
        return column, files, merged, [_split_of(value) for value in merged[split_column]]
    own = None if any(name.lower() in SPLIT_COLUMNS for name in merged) else own  # "list_eval_partition" is of all
    return column, files, merged, [own] * len(files)


def _folders_of(names: Names | InFolder) -> set[tuple[str, ...]]:
    return {file.folders for file in names.by_path.values()} if isinstance(names, Names) else set()


def column_of_splits(columns: Columns) -> str | None:
    """The column that says in which split each row is, if there is one."""
    return next((name for name in columns if name.lower() in SPLIT_COLUMNS and _are_splits(columns[name])), None)


def _are_splits(values: Sequence[Any]) -> bool:
    distinct = {value if isinstance(value, (str, int, type(None))) else -1 for value in values}
    if distinct - {None} == set(CODES):
        return True
    return distinct != {None} and all(isinstance(v, str) and split_of_folder(v) for v in distinct if v is not None)


def _split_of(value: Any) -> str | None:
    return value and split_of_folder(value) if isinstance(value, (str, type(None))) else CODES[value]


def _names_nothing(
    table: File, columns: Mapping[str, Sequence[Any]], names: Names | InFolder, endings: frozenset[str]
) -> InputError:
    """Why a table that was asked for is no dataset: what its cells look like."""
    if not any(columns.values()):
        return InputError(f"table {table.path} has no rows: expected the names of files and what is known of them.")
    looks = [
        (name, cell)
        for name, cells in columns.items()
        for cell in cells[:20]
        if isinstance(cell, str) and ending_of(cell) in endings
    ]
    root = table.path.rpartition("/")[0] or "."
    text = next((name for name, cells in columns.items() if any(map(is_encoded, cells[:20]))), None)
    if text is not None:
        return InputError(f"column {text!r} of {table.path} {AS_TEXT}")
    if not looks or str(looks[0][1]).startswith(WEB):
        web = next((n for n, cells in columns.items() if any(str(cell).startswith(WEB) for cell in cells[:20])), None)
        if web is not None:
            return InputError(
                f"column {web!r} of {table.path} holds addresses on the web: download the files into {root}, and name "
                f"them in the table."
            )
        few = shortened(list(map(str, columns)), 8)
        return InputError(f"no column of {table.path} names files: it has {few}. Pass --input_column.")
    name, cell = looks[0]
    outside = clean(cell) is not None and (str(cell).startswith(("/", "..")) or "/../" in str(cell))
    why = f"and only files in {root} are read" if outside else f"and {root} has no such file"
    return InputError(f"column {name!r} of {table.path} names files such as {cell!r}, {why}. Put the files there.")


def _find_labels(found: Described) -> None:
    """The column of labels, where its name or its being alone makes it plain; classes that have a column each."""
    names = {name.lower(): name for name in found.columns}
    usual = next((names[name] for name in LABEL_COLUMNS if name in names), None)
    worded = [name for name in found.columns if LABEL_WORDS & set(words_of(name))]
    usual = usual or (worded[0] if len(worded) == 1 else None)
    others = [name for name in found.columns if name.lower() not in SPLIT_COLUMNS and any(found.columns[name])]
    if usual is not None:
        found.label_column = usual
    elif len(others) == 1 and _repeat(found.columns[others[0]]):
        found.label_column = others[0]
    elif len(others) == 1:
        found.notes.append(
            f"column {others[0]} has other words for nearly each file, so it is taken as no label (--label_column)"
        )
    elif len(others) > 1 and all(_plain(found, name) for name in others):
        cells = {cell for name in others for cell in found.columns[name]}
        if cells <= {0, 1, None} or cells <= {-1, 1, None}:  # the latter of CelebA
            _join_classes(found, others)


def _repeat(values: Sequence[Any]) -> bool:
    """Whether they can be labels: not words that are other ones for nearly each file, as captions and masks are."""
    words = [value for value in values if isinstance(value, str)]
    return len(words) < MANY_WORDS or 2 * len(set(words)) <= len(words)


def _plain(found: Described, name: str) -> bool:
    return not any(isinstance(value, (list, dict)) for value in found.columns[name])


def _join_classes(found: Described, names: list[str]) -> None:
    """A column of zeros (or -1) and ones for each class -> one column `label`."""
    rows = list(zip(*(found.columns[name] for name in names), strict=True))
    sets = [
        None if None in row else [name for name, cell in zip(names, row, strict=True) if cell == 1] for row in rows
    ]
    alone = all(chosen is None or len(chosen) == 1 for chosen in sets)
    found.columns["label"] = [chosen and chosen[0] for chosen in sets] if alone else sets
    found.label_column = "label"
    found.notes.append(f"columns {shortened(names)} of yes and no are taken together as label")
