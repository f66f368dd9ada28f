"""Where a dataset lies: in memory, built in, here or on the Hub, which is never asked for what is meant to be here."""

import re
from pathlib import Path

import numpy as np

from ..command.arguments.data import DataArguments, InMemory
from ..command.paths import missing_here, named_path, near_here
from ..errors import InputError
from ..files.tree import TABLES, UNREAD, File, ending_of, is_archive, is_array_file, is_pointer
from ..modalities.modality import Modality
from .arrays import array_splits
from .folder import read_archive, read_folder, read_table_file, sample_endings
from .found import Found, RawSplit
from .in_cells import cell_splits
from .numbers import number_splits, tables_of_numbers
from .objects import object_splits
from .saved import embedded_splits, hub_splits

BUILT_IN = "digits"
HUB_ID = re.compile(r"[\w.-]{1,96}(/[\w.-]{1,96})?")


def raw_splits(args: DataArguments, modality: Modality) -> Found:
    """What `args.dataset` holds, before anything of it is decoded.

    Raises:
        InputError: there is no such dataset, or it cannot be read.
    """
    if isinstance(args.dataset, InMemory):
        return object_splits(args.dataset, args, modality)
    source = named_path(args.dataset, "dataset")
    if args.dataset == BUILT_IN:
        if source.is_dir() and any(source.iterdir()):
            raise InputError(
                f"dataset {BUILT_IN} is both a folder here and built in. Pass --dataset ./{BUILT_IN} for the folder, "
                f"or start elsewhere for the built-in one."
            )
        return Found("built in", _digits())
    if source.is_dir():
        return read_folder(source, args, modality)
    if source.is_file():
        return _read_file(source, args, modality)
    if source.exists():
        raise InputError(f"dataset {args.dataset} is no plain file and no folder.")
    _must_be_on_the_hub(args.dataset, source)
    return hub_splits(args)


def source_of(dataset: str) -> str:
    """Where a dataset comes from: "memory", "builtin", "local" or "hub"."""
    if isinstance(dataset, InMemory):
        return "memory"
    if dataset == BUILT_IN:
        return "builtin"
    return "local" if named_path(dataset, "dataset").exists() else "hub"


def _read_file(source: Path, args: DataArguments, modality: Modality) -> Found:
    facts = source.stat()
    file, ending = File((), source.name, str(source), facts.st_size, facts.st_mtime_ns), ending_of(source.name)
    if is_pointer(file.path, file.size):
        raise InputError(f"{source} is a Git LFS pointer, not the file: run `git lfs pull` in its folder.")
    if file.size == 0:
        raise InputError(f"dataset {source} is empty: the file has no bytes.")
    if ending == ".parquet":
        return embedded_splits(source, [file], args, alone=True)
    if is_array_file(source.name):
        return array_splits([file], args, modality)
    if modality.in_cells and (ending in TABLES or ending in modality.endings):
        return cell_splits([file], args, modality)
    if tables_of_numbers([file], modality):
        return number_splits([file], args, modality)
    if ending in TABLES:
        return read_table_file(source, args, modality)
    if is_archive(source.name):
        return read_archive(source, file, args, modality)
    one, endings = modality.words.one, sample_endings(modality)
    why = next((why for kinds, why in UNREAD if ending in kinds), None)
    if why is not None:
        raise InputError(f"dataset {source} cannot be used: {why}.")
    what = f"a single {one}" if ending in endings else "of no kind that is read here"
    raise InputError(
        f"dataset {source} is {what}: expected a folder, .parquet, .npz, .npy, .csv, .jsonl, .zip, .tar or another "
        f"file of {modality.words.many}."
    )


def _must_be_on_the_hub(dataset: str, source: Path) -> None:
    """Raise InputError for a name that is meant for something here, which is not there."""
    missing = missing_here(dataset, "dataset")
    if missing is not None:
        raise InputError(missing)
    if not HUB_ID.fullmatch(dataset) or source.suffix in (".npz", ".npy", ".parquet", *TABLES):
        raise InputError(f"dataset {dataset} was not found: there is no such file or folder.{near_here(source)}")


def _digits() -> dict[str, RawSplit]:
    """scikit-learn's 1,797 digits, 8x8, split once into 4 parts training and 1 part test."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    bunch = load_digits()
    images = np.rint(bunch.images * (255 / 16)).astype(np.uint8)
    train, test = train_test_split(np.arange(len(images)), test_size=0.2, stratify=bunch.target, random_state=0)
    names = [str(name) for name in bunch.target_names]
    return {
        split: RawSplit(images[rows], labels=bunch.target[rows], label_names=names)
        for split, rows in (("train", train), ("test", test))
    }
