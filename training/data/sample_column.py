"""Which column of a raw split holds the samples, and that all its files may be opened."""

import itertools
import os
import stat
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..command.arguments.data import DataArguments, InMemory
from ..errors import InputError
from ..files.metadata import LABEL_COLUMNS
from ..files.path_cells import AS_TEXT, InFolder, is_encoded
from ..modalities.modality import Modality
from ..sources.found import RawSplit
from ..sources.numbers import array_of_lists, lists_of_numbers
from .columns import find_column

SHOWN = 200  # rows that show which column holds texts
AT_ONCE = 1000  # rows looked at together


def with_sample_column(raw: RawSplit, args: DataArguments, modality: Modality, name: str) -> RawSplit:
    """A split whose `column` holds samples' files: bytes and names of files are made such a column. Of a column of
    lists of numbers, its `values`.

    Names are followed only inside the folder of the dataset; what came from the Hub may name only what came with it.

    Raises:
        InputError: there is no such column, or it names a file elsewhere.
    """
    if raw.column is not None:  # our own listing: its files are known to be plain ones
        if args.input_column not in (None, raw.column):
            find_column(raw.rows.features, args.input_column, modality.fits, "input", name)
            raise _no_samples(raw, args.input_column, modality, name)
        return raw
    raw = _joined(raw, args, modality)
    features = raw.rows.features
    column = args.input_column
    if column is None and modality.in_cells:
        column = _usual(features, raw, args, modality, name) or find_column(
            features, None, modality.fits, "input", name
        )
    elif column is None:
        column = find_column(features, None, modality.fits, "input", name) or _stored(features, modality)
    else:
        find_column(features, column, modality.fits, "input", name)
    if column is None and not modality.in_cells:
        column = find_column(features, None, lists_of_numbers, "input", name)
    if column is None:
        raise _no_samples(raw, None, modality, name)
    rows = raw.rows
    if lists_of_numbers(features[column]) and not modality.in_cells:
        return replace(raw, values=array_of_lists(rows, column, name), column=column)
    if not modality.may_hold(features[column]):
        raise _no_samples(raw, column, modality, name)
    if modality.feature is None or modality.in_cells:
        return replace(raw, column=column)
    rows = rows if modality.fits(features[column]) else rows.cast_column(column, modality.feature())
    if not isinstance(args.dataset, InMemory):
        rows = _checked(rows, column, args, modality, name)
    return replace(raw, rows=rows, column=column, files=_names(rows, column))


def _joined(raw: RawSplit, args: DataArguments, modality: Modality) -> RawSplit:
    """A split with one more column where `input_column` names several, "title,text": what stands in them, a line each.

    What is missing in one of them is left out.
    """
    names = [name.strip() for name in (args.input_column or "").split(",")]
    features = raw.rows.features
    if not modality.in_cells or len(names) < 2 or args.input_column in features or not set(names) <= set(features):
        return raw
    cells = [raw.rows.with_format("arrow")[:][name].to_pylist() for name in names]
    whole = ["\n".join(str(c) for c in row if c is not None) for row in zip(*cells, strict=True)]
    return replace(raw, rows=raw.rows.add_column(args.input_column, whole))


def _usual(features: Any, raw: RawSplit, args: DataArguments, modality: Modality, name: str) -> str | None:
    """Of several columns that fit, the one that is called as such columns usually are, or the one of several words
    that is not the labels'.

    Raises:
        InputError: several are like that.
    """
    fits = [name for name, feature in features.items() if modality.fits(feature)]
    named = [name for usual in modality.column_names for name in fits if name.lower() == usual]
    others = [n for n in fits if n not in (args.label_column, raw.label_column, args.group_column)]
    others = [name for name in others if name.lower() not in LABEL_COLUMNS]
    if not named and len(others) > 1:
        others = [name for name in others if _has_words(raw.rows[:SHOWN][name])] or others
        if len(others) > 1:
            many = ", ".join(others)
            raise InputError(
                f"{name} has several input columns: {many}. Pass --input_column with one of them, or with several, "
                f"which are joined: {','.join(others[:2])}."
            )
    found = named or others
    return found[0] if found else None


def _has_words(cells: Sequence[Any]) -> bool:
    """Whether most cells hold several words each, as a class or a number does not."""
    texts = [cell for cell in cells if isinstance(cell, str) and cell.strip()]
    return 2 * sum(len(text.split()) > 1 for text in texts) > len(cells)


def _stored(features: Any, modality: Modality) -> str | None:
    """The only column of bytes; without one, the only one of text that is called as files are."""
    kinds = {name: getattr(feature, "dtype", "") for name, feature in features.items()}
    stored = [name for name, kind in kinds.items() if kind in ("binary", "large_binary")]
    usual = (modality.array_name, "file_name", "file", "path")
    named = [n for n, kind in kinds.items() if "string" in kind and n.lower() in usual]
    found = stored or named
    return found[0] if len(found) == 1 else None


def _checked(rows: Any, column: str, args: DataArguments, modality: Modality, name: str) -> Any:
    """`rows` with names of files as paths that may be opened.

    Raises:
        InputError: a name leads out of the dataset's folder, or to what is no plain file.
    """
    import pyarrow.compute as pc

    cells = rows.select_columns([column]).cast_column(column, modality.feature()).with_format("arrow")
    paths: list[str | None] = []  # of cells without bytes
    for batch in cells.iter(AT_ONCE):
        names, stored = (pc.struct_field(batch[column], part) for part in ("path", "bytes"))
        empty = pc.is_null(stored)
        paths += pc.if_else(empty, names, None).to_pylist() if pc.any(empty).as_py() else [None] * len(names)
    if not any(paths):
        return rows
    roots = _roots(args.dataset)
    local = InFolder(str(roots[0])) if Path(args.dataset).expanduser().exists() else None
    opened = [path and _opened(path, local, roots) for path in paths]
    outside = [path for path, found in zip(paths, opened, strict=True) if path and not found]
    if any(map(is_encoded, outside)):
        raise InputError(f"column {column!r} of {name} {AS_TEXT}")
    if outside:
        where = (
            f"{roots[0]} has no such plain file" if local else "what comes from the Hub may not name files elsewhere"
        )
        raise InputError(
            f"{len(outside)} of {len(paths)} cells in column {column!r} of {name} name files such as {outside[0]!r}, "
            f"and {where}. Put the files into the dataset's folder, or leave these rows out."
        )
    return rows if local is None else _with_paths(rows, column, opened, modality)


def _roots(dataset: str) -> list[Path]:
    """Folders that a dataset's files lie in: its own, or the caches of what came from the Hub."""
    import datasets
    import huggingface_hub

    source = Path(dataset).expanduser()
    if source.exists():
        return [source if source.is_dir() else source.parent]
    return [Path(huggingface_hub.constants.HF_HUB_CACHE), Path(datasets.config.HF_DATASETS_CACHE)]


def _opened(path: str, local: InFolder | None, roots: list[Path]) -> str | None:
    if local is not None:
        file = local.find(path)
        return file.path if file is not None else None
    real = os.path.realpath(path)
    inside = any(Path(real).is_relative_to(os.path.realpath(root)) for root in roots)
    return path if inside and os.path.exists(real) and stat.S_ISREG(os.stat(real).st_mode) else None


def _with_paths(rows: Any, column: str, paths: list[str | None], modality: Modality) -> Any:
    """`rows` whose cells without bytes name these files."""
    import datasets
    import pyarrow as pa
    import pyarrow.compute as pc

    feature = modality.feature()
    table = rows.cast_column(column, feature).with_format("arrow")[:]
    stored = pc.struct_field(table[column], "bytes").combine_chunks()
    names = pc.coalesce(pa.array(paths, pa.string()), pc.struct_field(table[column], "path").combine_chunks())
    made = pa.StructArray.from_arrays([stored, names], ["bytes", "path"])
    table = table.set_column(table.column_names.index(column), column, made)
    info = datasets.DatasetInfo(features=datasets.Features({**rows.features, column: feature}))
    facts = [(facts.st_size, facts.st_mtime_ns) for facts in (os.stat(path) for path in paths if path)]
    key = datasets.fingerprint.Hasher.hash([rows._fingerprint, facts])
    return datasets.Dataset(datasets.table.InMemoryTable(table), info=info, fingerprint=key)


def _names(rows: Any, column: str) -> list[str | None] | None:
    """The files' names, where the cells have them; with folders that tell them apart, where some are called alike."""
    import pyarrow.compute as pc

    cells = rows.select_columns([column]).with_format("arrow")
    found = [name for batch in cells.iter(AT_ONCE) for name in pc.struct_field(batch[column], "path").to_pylist()]
    whole = {name for name in found if name}
    if not whole:
        return None
    if len({os.path.basename(name) for name in whole}) == len(whole):
        return [name and os.path.basename(name) for name in found]
    parts = [name.split("/")[:-1] for name in (min(whole), max(whole))]
    same = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(*parts, strict=False)))
    return [name and "/".join(name.split("/")[same:]) for name in found]


def _no_samples(raw: RawSplit, column: str | None, modality: Modality, name: str) -> InputError:
    what = (
        f"has no column of {modality.words.many}"
        if column is None
        else f"has no {modality.words.many} in column {column!r}"
    )
    kinds = ", ".join(f"{key} ({type(feature).__name__})" for key, feature in raw.rows.features.items())
    return InputError(f"{name} {what}; its columns are {kinds}. Pass --input_column.")
