"""What `datasets` reads itself: Hub ids, folders in Hub layout, parquet with samples in it, `save_to_disk` folders."""

import contextlib
import glob
import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..command.arguments.data import DataArguments
from ..command.paths import near_here
from ..errors import InputError, NotReached, one_line
from ..files.split_names import TRAIN, settle, split_in_name, split_of_folder
from ..files.tree import File
from ..modalities.faults import LOADING_ERRORS
from .found import Found, RawSplit

SAVED = ("dataset_dict.json", "state.json")


def is_saved(root: Path) -> bool:
    """Whether a folder was written by `save_to_disk`."""
    return any((root / name).is_file() for name in SAVED)


def hub_layout(root: Path) -> bool:
    """Whether a folder's README says, as on the Hub, which files are which split."""
    try:
        text = (root / "README.md").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    head = text.split("\n---", 1)[0] if text.startswith("---") else ""
    return any(line.startswith("configs:") for line in head.splitlines())


def saved_splits(root: Path, args: DataArguments) -> Found:
    """The splits of a `save_to_disk` folder."""
    import datasets

    with _errors(str(root), args):
        loaded = datasets.load_from_disk(str(root))
    splits = loaded if isinstance(loaded, datasets.DatasetDict) else {TRAIN: loaded}
    return Found("folder of save_to_disk", {name: RawSplit(rows=rows) for name, rows in splits.items()})


def embedded_splits(root: Path, files: Sequence[File], args: DataArguments, alone: bool = False) -> Found:
    """Parquet files that hold their samples; a folder's splits are named by its README, by folders or by file names.

    Args:
        files: below `root`; none leaves the choice to the folder's README.
        alone: `root` is the one file, and its name says nothing of its split.
    """
    import datasets

    if not files:
        with _errors(str(root), args):
            loaded = dict(datasets.load_dataset(str(root), args.dataset_config))
        return Found("folder in Hub layout", {name: RawSplit(rows=rows) for name, rows in loaded.items()})
    named = [None if alone else _split_of(file) for file in files]
    final = settle(named)
    data_files: dict[str, list[str]] = {}
    for file, split in zip(files, named, strict=True):
        data_files.setdefault(final.get(split, TRAIN), []).append(os.path.abspath(file.path))
    with _errors(str(root), args):
        loaded = _loaded(data_files)
    what = f"{len(files)} .parquet file{'s' * (len(files) > 1)}"
    order = sorted(data_files, key=lambda name: (name != TRAIN, name))
    return Found(what, {name: RawSplit(rows=loaded[name]) for name in order})


def _loaded(data_files: dict[str, list[str]]) -> dict[str, Any]:
    """{split: a `datasets.Dataset` of its files}. Files may have other columns than the rest, as a test split without
    labels has: None stands for what one of a split lacks."""
    import datasets
    import pyarrow.parquet as pq

    columns = {
        path: sorted((field.name, str(field.type)) for field in pq.read_schema(path))
        for paths in data_files.values()
        for path in paths
    }
    if all(own == next(iter(columns.values())) for own in columns.values()):
        found = {split: list(map(glob.escape, paths)) for split, paths in data_files.items()}
        return dict(datasets.load_dataset("parquet", data_files=found))
    loaded = {}
    for split, paths in data_files.items():
        runs = [list(run) for _, run in itertools.groupby(paths, key=columns.get)]
        parts = [
            datasets.load_dataset("parquet", data_files={split: list(map(glob.escape, run))}, split=split)
            for run in runs
        ]
        loaded[split] = parts[0] if len(parts) == 1 else datasets.concatenate_datasets(parts)
    return loaded


def _split_of(file: File) -> str | None:
    """By its outermost folder that is called as a split, else by its name."""
    for folder in file.folders:
        if split_of_folder(folder):
            return split_of_folder(folder)
    return split_in_name(file.name.removesuffix(".parquet"))


def hub_splits(args: DataArguments) -> Found:
    """The splits of a dataset on the Hub."""
    import datasets

    with _errors(args.dataset, args):
        loaded = dict(datasets.load_dataset(args.dataset, args.dataset_config))
    return Found("dataset on the Hub", {name: RawSplit(rows=rows) for name, rows in loaded.items()})


@contextlib.contextmanager
def _errors(source: str, args: DataArguments) -> Iterator[None]:
    """Without progress bars; what `datasets` raises as one line."""
    import datasets
    import pyarrow

    bars = datasets.utils.logging.is_progress_bar_enabled()
    datasets.utils.logging.disable_progress_bar()
    try:
        yield
    except (*LOADING_ERRORS, pyarrow.ArrowException) as error:
        raise _explained(source, args, error) from None
    except datasets.exceptions.DatasetsError as error:
        raise _explained(source, args, error) from None
    finally:
        if bars:
            datasets.utils.logging.enable_progress_bar()


def _explained(source: str, args: DataArguments, error: BaseException) -> InputError:
    cause: Any = error.__cause__ or error
    text = one_line(error) if one_line(error) == one_line(cause) else f"{one_line(error)} ({one_line(cause)})"
    if os.path.exists(source):
        return InputError(f"dataset {source} cannot be loaded: {text}")
    return NotReached(
        f"dataset {args.dataset} cannot be loaded: {text.rstrip('.')}. Expected a Hub id, a file or folder that "
        f"is here (there is none of that name), or 'digits'.{near_here(Path(args.dataset))}"
    )
