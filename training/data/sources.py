"""Where a dataset lies: built in, a file of arrays, or anything that `datasets` loads. Raw splits by name."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..command.data_arguments import DataArguments
from ..errors import InputError, one_line
from ..modalities.modality import Modality


@dataclass
class Arrays:
    """A raw split that is arrays.

    Args:
        values: (N, ...), the samples.
        labels: (N,) or (N, L), or None.
        label_names: or None.
    """

    values: np.ndarray
    labels: np.ndarray | None = None
    label_names: list[str] | None = None


def raw_splits(args: DataArguments, modality: Modality) -> dict[str, Any]:
    """{split: `Arrays`, or a split of `datasets`}.

    Raises:
        InputError: there is no such dataset, or it cannot be read.
    """
    source = Path(args.dataset).expanduser()
    if args.dataset == "digits":
        return _digits()
    if source.suffix in (".npz", ".npy"):
        return {args.train_split: _arrays(source, modality.array_name)}
    return _of_datasets(args, source)


def source_of(dataset: str) -> str:
    """Where a dataset comes from: "builtin", "local" or "hub"."""
    if dataset == "digits":
        return "builtin"
    return "local" if Path(dataset).expanduser().exists() else "hub"


def _digits() -> dict[str, Arrays]:
    """scikit-learn's 1,797 digits, 8x8, split once into 4 parts training and 1 part test."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    bunch = load_digits()
    images = np.rint(bunch.images * (255 / 16)).astype(np.uint8)
    train, test = train_test_split(np.arange(len(images)), test_size=0.2, stratify=bunch.target, random_state=0)
    names = [str(name) for name in bunch.target_names]
    return {
        split: Arrays(images[rows], bunch.target[rows], names) for split, rows in (("train", train), ("test", test))
    }


def _arrays(path: Path, name: str) -> Arrays:
    """The arrays `name` and `label` of a file."""
    if not path.is_file():
        raise InputError(f"dataset {path} was not found: expected a file of arrays.")
    try:
        loaded = np.load(path, allow_pickle=False)
        arrays = {key: loaded[key] for key in loaded.files} if path.suffix == ".npz" else {name: loaded}
    except (ValueError, OSError, EOFError, KeyError) as error:
        raise InputError(f"{path} cannot be read as arrays (pickled objects are refused): {one_line(error)}") from None
    if name not in arrays:
        raise InputError(f"{path} holds the arrays {', '.join(arrays)}, expected {name!r} and optionally 'label'.")
    return Arrays(arrays[name], arrays.get("label"))


def _of_datasets(args: DataArguments, source: Path) -> dict[str, Any]:
    import datasets

    bars = datasets.utils.logging.is_progress_bar_enabled()
    datasets.utils.logging.disable_progress_bar()
    try:
        if source.is_file() and source.suffix == ".parquet":
            return dict(datasets.load_dataset("parquet", data_files={args.train_split: str(source)}))
        if source.is_dir() and not any(path.is_file() for path in source.rglob("*")):
            raise InputError(
                f"dataset {args.dataset} is an empty folder: expected samples or a dataset in Hub layout."
            )
        looks_local = source.is_absolute() or args.dataset.startswith((".", "~")) or args.dataset.count("/") > 1
        if not source.exists() and (looks_local or source.suffix):
            raise InputError(f"dataset {args.dataset} was not found: there is no such file or folder.")
        name = str(source) if source.exists() else args.dataset
        return dict(datasets.load_dataset(name, args.dataset_config))
    except InputError:
        raise
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        raise InputError(
            f"dataset {args.dataset} cannot be loaded: {one_line(error)} Expected a Hub id, a folder in Hub layout, a "
            f"folder of images, a .parquet, .npz or .npy file, or 'digits'."
        ) from None
    finally:
        if bars:
            datasets.utils.logging.enable_progress_bar()
