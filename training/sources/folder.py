"""A folder as people have it -> raw splits: files in folders, tables beside them, archives, arrays, saved datasets."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..command.arguments.data import DataArguments
from ..errors import InputError
from ..files.archives import members_of, unpack
from ..files.companions import without_companions
from ..files.layout import Layout, lay_out
from ..files.left_out import LeftOut, counted, shortened
from ..files.metadata import Described, describe
from ..files.path_cells import InFolder, Names
from ..files.split_names import TRAIN, settle, split_in_name, split_of_folder
from ..files.tree import File, Tree, ending_of, is_ours, walk, without_pointers
from ..modalities.modality import Modality
from .arrays import array_splits
from .cells import rows_of_files
from .found import Found, RawSplit
from .in_cells import cell_splits, files_of_cells
from .numbers import lists_of_numbers, number_splits, tables_of_numbers
from .saved import embedded_splits, hub_layout, is_saved, saved_splits

ARRAYS = "files of arrays"


def read_folder(root: Path, args: DataArguments, modality: Modality) -> Found:
    """What a folder holds.

    Raises:
        InputError: nothing that can be read, with what is there instead.
    """
    if is_saved(root):
        return saved_splits(root, args)
    if args.dataset_config is not None and not hub_layout(root):
        what = f"dataset_config {args.dataset_config} means a dataset of the Hub"
        raise InputError(f"{what}, and {root} has no README.md that tells of any. Leave it out.")
    endings = sample_endings(modality)
    tree = walk(root, endings)
    if is_ours(root / "run.json"):
        raise InputError(f"dataset {root} is a run of pretune, expected a folder of {modality.words.many}.")
    embedded, tree.parquet = _with_samples(tree.parquet, modality)
    if embedded and hub_layout(root):
        return embedded_splits(root, [], args)
    if embedded:
        found = embedded_splits(root, without_pointers(embedded, tree), args)
        found.left_out += [LeftOut(file.relative, "a table without samples") for file in tree.parquet]
        others = {"single files": tree.samples, "tables": tree.tables, ARRAYS: tree.arrays, "archives": tree.archives}
        found.left_out += _beside(others, f"the {modality.words.many} in .parquet files are the dataset")
        found.left_out += tree.left_out + tree.unread()
        return found
    tree.samples, tree.tables = without_pointers(tree.samples, tree), without_pointers(tree.tables, tree, needed=False)
    opened = _open_archives(tree, endings)
    inside = files_of_cells(tree, args, modality) if modality.in_cells else []
    numbers = [] if inside or tree.samples else tables_of_numbers(tree.tables, modality)
    if inside:
        found = cell_splits(inside, args, modality)
    elif tree.samples:
        found = _files(tree, args, modality)
    elif numbers:
        found = number_splits(numbers, args, modality)
        others = [table for table in tree.tables if table not in numbers]
        found.left_out += [LeftOut(file.relative, "it is beside tables of samples") for file in others]
    elif tree.arrays:
        found = array_splits(without_pointers(tree.arrays, tree), args, modality)
        found.left_out += _beside({"tables": tree.tables}, "arrays are the dataset")
    else:
        raise _nothing(tree, modality)
    if inside or tree.samples or numbers:
        found.left_out += _beside({ARRAYS: tree.arrays}, f"the {modality.words.many} beside them are the dataset")
    found.notes += opened + tree.notes
    found.left_out += tree.left_out + tree.unread()
    return found


def read_table_file(path: Path, args: DataArguments, modality: Modality) -> Found:
    """A table of files' names and labels, given alone: the files lie in its folder or below.

    Raises:
        InputError: it names no file there.
    """
    facts, endings = path.stat(), sample_endings(modality)
    table = File((), path.name, str(path), facts.st_size, facts.st_mtime_ns)
    inside = InFolder(str(path.parent))
    try:
        found = describe([table], inside, endings, args.input_column, strict=True)
    except InputError:  # perhaps names without a folder or an ending
        files = [file for file in walk(path.parent, endings).samples if inside.holds(file.path)]
        found = describe([table], Names(files), endings, args.input_column, strict=True)
    final = settle(found.splits) if len({split for split in found.splits if split}) > 1 else {}
    splits = [final.get(split, TRAIN) for split in found.splits]
    names = list(dict.fromkeys(splits))
    members = {name: [k for k, split in enumerate(splits) if split == name] for name in names}
    made = {
        name: _split(
            [found.files[k] for k in rows], {c: [v[k] for k in rows] for c, v in found.columns.items()},
            found.path_column, found.label_column, None, args, modality,
        )
        for name, rows in members.items()
    }  # fmt: skip
    return Found(f"table of {len(found.files):,} files", made, found.left_out, found.notes)


def read_archive(source: Path, archive: File, args: DataArguments, modality: Modality) -> Found:
    """An archive given alone, as the folder that it holds.

    Raises:
        InputError: it cannot be unpacked, or nothing in it can be read.
    """
    folder = unpack(archive, sample_endings(modality))
    if folder is None:
        raise InputError(f"archive {source} holds no {modality.words.many}, tables or arrays.")
    found = read_folder(folder, args, modality)
    return replace(found, what=f"archive, unpacked into the cache: {found.what}")


def sample_endings(modality: Modality) -> frozenset[str]:
    """Of all files that are samples, as they are or once they are brought to another format."""
    return modality.endings | modality.foreign.keys()


def _with_samples(files: list[File], modality: Modality) -> tuple[list[File], list[File]]:
    """(parquet files that hold samples, those that do not)."""
    import datasets
    import pyarrow
    import pyarrow.parquet

    embedded, rest = [], []
    for file in files:
        try:
            schema = pyarrow.parquet.read_schema(file.path)
        except (pyarrow.ArrowInvalid, OSError):
            embedded.append(file)  # to be told as what it is
            continue
        features = datasets.Features.from_arrow_schema(schema)
        binary = any(pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind) for kind in schema.types)
        fits = binary or any(modality.fits(feature) or lists_of_numbers(feature) for feature in features.values())
        (embedded if fits else rest).append(file)
    return embedded, rest


def _open_archives(tree: Tree, endings: frozenset[str]) -> list[str]:
    """Add what archives hold to the tree, unless it lies unpacked beside them. Returns notes.

    Raises:
        InputError: an archive cannot be read, and there are no samples beside it.
    """
    opened = []
    loose = {(file.name, file.size) for file in tree.samples}
    folders = {file.folders for file in tree.samples}
    above = {folder[:depth] for folder in folders for depth in range(len(folder) + 1)}
    archives = without_pointers(tree.archives, tree, needed=False)
    shards = all(split_in_name(archive.stem) for archive in archives)  # data-train-000.tar, data-val-000.tar ...
    for number, archive in enumerate(archives):
        try:
            inner = _inside(archive, above, loose, endings)
        except InputError as error:
            if not loose:
                raise
            inner = str(error).rstrip(".")
        if isinstance(inner, str):
            tree.left_out.append(LeftOut(archive.relative, inner))
            continue
        doubled = {file.folders[:1] for file in (*inner.samples, *inner.tables)} == {(archive.stem,)}
        plain = not shards or split_of_folder(archive.stem)
        called = archive.stem if plain else f"{split_in_name(archive.stem)}-{number}"
        prefix = archive.folders if doubled else (*archive.folders, called)
        for name in ("samples", "tables", "parquet", "arrays"):
            files = [replace(file, folders=(*prefix, *file.folders)) for file in getattr(inner, name)]
            setattr(tree, name, sorted([*getattr(tree, name), *files], key=lambda file: (file.folders, file.name)))
        tree.seen += inner.seen
        opened.append(f"{archive.relative} was unpacked into the cache: {len(inner.samples):,} files of samples")
    return opened


def _inside(
    archive: File, above: set[tuple[str, ...]], loose: set[tuple[str, int]], endings: frozenset[str]
) -> Tree | str:
    """What an archive holds, unpacked; or why it is not opened.

    Args:
        above: folders with samples in or below them.
        loose: names and sizes of the samples beside it.
    """
    beside = (*archive.folders, archive.stem)
    if beside in above:
        return f"folder {'/'.join(beside)} beside it is taken"
    members = {member for member in members_of(archive) if ending_of(member[0]) in endings} if loose else set()
    if len(members & loose) * 2 > len(members):
        return "its files lie unpacked beside it"
    folder = unpack(archive, endings)
    return "it holds no samples, tables or arrays" if folder is None else walk(folder, endings)


def _files(tree: Tree, args: DataArguments, modality: Modality) -> Found:
    """Single files, with classes from their folders and whatever tables say of them."""
    files, left_out = without_companions(tree.samples)
    layout = lay_out(files)
    endings = sample_endings(modality)
    described = describe([*tree.tables, *tree.parquet], Names(files), endings, args.input_column)
    splits = _joined(layout, described)
    column = described.path_column or modality.array_name
    class_names = layout.class_names if layout.classes is not None and not described.label_column else None
    label_column = described.label_column or ("label" if class_names else None)
    made = {
        name: _split(members, columns, column, label_column, class_names, args, modality)
        for name, (members, columns) in splits.items()
    }
    kinds = _endings(files)
    what = f"folder of {tree.seen:,} files, {sum(map(len, made.values())):,} of them {modality.words.many} ({kinds})"
    notes = [*layout.notes, *described.notes]
    if described.used:
        plain = f", labels in its column {described.label_column}" if described.label_column else ""
        known = sum(len(members) for members, _ in splits.values())
        notes.append(f"{shortened(described.used)}: {len(described.files):,} of {known:,} files are in it{plain}")
    return Found(what, made, [*left_out, *layout.left_out, *described.left_out], notes)


def _beside(others: Mapping[str, Sequence[File]], why: str) -> list[LeftOut]:
    """What is not used, {what they are: files}, since something else beside it is the dataset."""
    names = {kind: shortened([file.relative for file in files], 2) for kind, files in others.items() if files}
    return [LeftOut(f"{len(others[kind]):,} {kind} ({names[kind]})", why) for kind in names]


def _endings(files: Sequence[File]) -> str:
    """ "12 .jpg, 3 .png" """
    return counted(Counter(file.ending for file in files))


def _joined(layout: Layout, described: Described) -> dict[str, tuple[list[File], dict[str, list[Any]]]]:
    """{split: (files, columns)}: where tables say nothing of a file, folders do."""
    row_of = {file.path: k for k, file in enumerate(described.files)}
    final = settle([*described.splits, *layout.splits])
    explicit = any(described.splits) and len(layout.splits) == 1 and len(row_of) > 0
    depth = max((len(f) for members in layout.inner.values() for f in members), default=0)
    with_folders = depth > 1 or (depth == 1 and described.used)
    found: dict[str, tuple[list[File], dict[str, list[Any]]]] = {}
    names = [*([] if layout.classes is None or described.label_column else ["label"]), *described.columns]
    names += [f"folder_{level + 1}" for level in range(depth)] if with_folders else []
    for split, files in layout.splits.items():
        for k, file in enumerate(files):
            row = row_of.get(file.path)
            own = described.splits[row] if row is not None else None
            target = final.get(own or split, own or split)
            if row is None and explicit:
                target = "unlabelled"
            members, columns = found.setdefault(target, ([], {name: [] for name in names}))
            members.append(file)
            for name, values in described.columns.items():
                columns[name].append(None if row is None else values[row])
            if names[:1] == ["label"] and "label" not in described.columns:
                columns["label"].append(layout.classes[split][k])
            inner = layout.inner[split][k]
            for level in range(depth if with_folders else 0):
                columns[f"folder_{level + 1}"].append(inner[level] if level < len(inner) else None)
    return dict(sorted(found.items(), key=lambda item: (item[0] != TRAIN, item[0])))


def _split(
    files: list[File], columns: dict[str, list[Any]], column: str, label_column: str | None,
    class_names: list[str] | None, args: DataArguments, modality: Modality,
) -> RawSplit:  # fmt: skip
    rows = rows_of_files(files, columns, modality, column, class_names, args.skip_damaged)
    known = label_column if label_column in rows.features else None
    return RawSplit(rows=rows, column=column, label_column=known, files=[file.relative for file in files])


def _nothing(tree: Tree, modality: Modality) -> InputError:
    """Why there are no samples in a folder."""
    expected = f"expected {modality.words.many}, arrays, .parquet or a table of files"
    if tree.seen == 0:
        inside = "; ".join(map(str, tree.left_out))
        if not inside:
            return InputError(f"dataset {tree.root} is an empty folder: {expected}.")
        return InputError(f"dataset {tree.root} holds no files that are looked at ({inside}): {expected}.")
    parts = tree.unread() + tree.left_out
    parts += [LeftOut(file.relative, "a table that names no file that is here") for file in tree.tables[:3]]
    parts += [LeftOut(file.relative, "a table without samples") for file in tree.parquet[:3]]
    return InputError(
        f"dataset {tree.root} holds no {modality.words.many}: of {tree.seen:,} files none can be read as one. "
        f"{'; '.join(map(str, parts))}. {expected[0].upper()}{expected[1:]}."
    )
