"""Any labelled or unlabelled image dataset -> uint8 images in memory, decoded once and cached on disk."""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..command.data_arguments import DataArguments
from ..errors import InputError, one_line
from ..modalities.image_decoding import ImageDecoder
from .same_images import also_in

logger = logging.getLogger(__name__)
HOLDOUT_SHARE, HOLDOUT_SEED = 0.2, 0  # which samples are held out depends on no run's seed: none ever trains on them


@dataclass
class ImageData:
    """One split.

    Args:
        images: (N, C, H, W), uint8; may be mapped from a file and is then read-only.
        labels: (N,) int64, or (N, L) float32 of zeros and ones for several labels at once, or None.
        label_names: one for each label, or None without labels.
        name: the dataset and split, for people.
        fingerprint: changes whenever the samples do.
        skipped: damaged images left out.
        rows: (N,) where each sample stands in its split; None: one after another from 0.
    """

    images: np.ndarray
    labels: np.ndarray | None
    label_names: list[str] | None
    name: str
    fingerprint: str
    skipped: int = 0
    rows: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.images)

    @property
    def facts(self) -> dict[str, Any]:
        """What a run's record says of it."""
        return {"name": self.name, "samples": len(self), "fingerprint": self.fingerprint}

    def select(self, rows: np.ndarray) -> "ImageData":
        """The samples at `rows`, in their order."""
        key = hashlib.sha256(np.ascontiguousarray(rows, dtype=np.int64)).hexdigest()[:16]
        labels = None if self.labels is None else self.labels[rows]
        mine, places = self.images[rows], rows if self.rows is None else self.rows[rows]
        return replace(self, images=mine, labels=labels, fingerprint=f"{self.fingerprint}-{key}", rows=places)

    def resized_by(self, resize: Callable[[np.ndarray], np.ndarray]) -> "ImageData":
        """The same samples with their images as `resize` gives them."""
        return replace(self, images=resize(self.images))


def load_data(args: DataArguments, size: int | None = None, channels: int | None = None):
    """The training and the evaluation split that `args` name.

    Args:
        args: `dataset` and the arguments that say which splits and columns.
        size, channels: what the model takes; None where the data decide. Images that differ are an error unless
            `args.fit_images`.

    Returns:
        (train, evaluation), both `ImageData`; evaluation is None where `eval_split` is "none".

    Raises:
        InputError: no such dataset, split or column, no samples, a damaged image, sizes or values that do not fit.
    """
    splits = _splits(args)
    if args.train_split not in splits:
        raise InputError(
            f"{args.dataset} has no split {args.train_split!r}: it has {', '.join(splits)}. Pass --train_split."
        )
    decoder = ImageDecoder(size, channels, args.fit_images, args.skip_damaged)
    train = _read_split(splits[args.train_split], f"{args.dataset} [{args.train_split}]", args, decoder)
    wanted = args.eval_split or next(
        (s for s in ("test", "validation") if s in splits and s != args.train_split), None
    )
    if wanted == "none":
        return train, None
    if wanted is None:
        return _hold_out(train)
    if wanted not in splits:
        raise InputError(f"{args.dataset} has no split {wanted!r}: it has {', '.join(splits)}. Pass --eval_split.")
    evaluation = _read_split(splits[wanted], f"{args.dataset} [{wanted}]", args, decoder)
    if train.label_names and evaluation.label_names and train.label_names != evaluation.label_names:
        raise InputError(
            f"the splits {args.train_split!r} and {wanted!r} of {args.dataset} have different labels: "
            f"{train.label_names} and {evaluation.label_names}. Pass --eval_split."
        )
    return train, evaluation


def load_split(
    args: DataArguments,
    split: str,
    size: int | None = None,
    channels: int | None = None,
    with_labels: bool = True,
    argument: str = "split",
) -> ImageData:
    """One whole split, nothing held out of it. Arguments and errors are those of `load_data`.

    Args:
        with_labels: False does not look at labels: they may be missing, or -1 as is usual where there are none.
        argument: the one that names the split, for the error.
    """
    splits = _splits(args)
    if split not in splits:
        raise InputError(f"{args.dataset} has no split {split!r}: it has {', '.join(splits)}. Pass --{argument}.")
    decoder = ImageDecoder(size, channels, args.fit_images, args.skip_damaged)
    return _read_split(splits[split], f"{args.dataset} [{split}]", args, decoder, with_labels)


def overlap(train: ImageData, test: ImageData) -> int:
    """How many test images are also training images, pixel for pixel."""
    return int(also_in(test.images, train.images).sum())


def source_of(dataset: str) -> str:
    """Where a dataset comes from: "builtin", "local" or "hub"."""
    if dataset == "digits":
        return "builtin"
    return "local" if Path(dataset).expanduser().exists() else "hub"


def subset(data: ImageData, max_samples: int | None, labels_per_class: int | None, seed: int) -> ImageData:
    """A random part of `data`: `max_samples` of all, or `labels_per_class` of every class; the seed decides.

    Raises:
        InputError: a class has fewer samples, or there are several labels an image.
    """
    rng = np.random.default_rng([seed, 1])
    if max_samples is not None and max_samples < len(data):
        data = data.select(np.sort(rng.permutation(len(data))[:max_samples]))
    if labels_per_class is None:
        return data
    if data.labels is None or data.labels.ndim != 1:
        raise InputError(f"labels_per_class needs one label for each image, and {data.name} has none or several.")
    counts = np.bincount(data.labels, minlength=len(data.label_names))
    if counts.min() < labels_per_class:
        poorest = int(counts.argmin())
        raise InputError(
            f"labels_per_class is {labels_per_class}, but class {data.label_names[poorest]!r} of {data.name} has only "
            f"{counts[poorest]} samples. The largest possible number is {counts[poorest]}."
        )
    rows = [rng.permutation(np.flatnonzero(data.labels == c))[:labels_per_class] for c in range(len(counts))]
    return data.select(np.sort(np.concatenate(rows)))


def split_off(data: ImageData, share: float, seed: int, repair: str) -> tuple[ImageData, ImageData]:
    """(the rest, a random `share`), stratified where there is one label for each image.

    Raises:
        InputError: too few samples for both; ends with `repair`.
    """
    rng = np.random.default_rng(seed)
    groups = [np.arange(len(data))]
    if data.labels is not None and data.labels.ndim == 1:
        groups = [np.flatnonzero(data.labels == c) for c in np.unique(data.labels)]
    held = np.sort(np.concatenate([rng.permutation(g)[: round(len(g) * share)] for g in groups]))
    if len(held) == 0 or len(held) == len(data):
        raise InputError(f"{data.name} has {len(data)} samples, too few to hold a part out. {repair}")
    return data.select(np.setdiff1d(np.arange(len(data)), held)), data.select(held)


def _hold_out(data: ImageData) -> tuple[ImageData, ImageData]:
    kept, held = split_off(data, HOLDOUT_SHARE, HOLDOUT_SEED, "Pass --eval_split none.")
    logger.info("%s has no test split: %d of %d samples are held out for evaluation", data.name, len(held), len(data))
    return kept, replace(held, name=f"{data.name} (held out)")


# --- where the samples come from -------------------------------------------------------------------------------------


def _splits(args: DataArguments) -> dict[str, Any]:
    """Raw splits by name: arrays, or splits of `datasets`."""
    source = Path(args.dataset).expanduser()
    if args.dataset == "digits":
        return _digits()
    if source.suffix in (".npz", ".npy"):
        return {args.train_split: _arrays(source)}
    return _datasets_splits(args, source)


def _digits() -> dict[str, Any]:
    """scikit-learn's 1,797 digits, 8x8, split once into 4 parts training and 1 part test."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    bunch = load_digits()
    images = np.rint(bunch.images * (255 / 16)).astype(np.uint8)
    train, test = train_test_split(np.arange(len(images)), test_size=0.2, stratify=bunch.target, random_state=0)
    names = [str(name) for name in bunch.target_names]
    return {
        split: {"image": images[rows], "label": bunch.target[rows], "names": names}
        for split, rows in (("train", train), ("test", test))
    }


def _arrays(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(f"dataset {path} was not found: expected a file of arrays.")
    try:
        loaded = np.load(path, allow_pickle=False)
        arrays = {key: loaded[key] for key in loaded.files} if path.suffix == ".npz" else {"image": loaded}
    except (ValueError, OSError, EOFError, KeyError) as error:
        raise InputError(f"{path} cannot be read as arrays (pickled objects are refused): {one_line(error)}") from None
    if "image" not in arrays:
        raise InputError(f"{path} holds the arrays {', '.join(arrays)}, expected 'image' and optionally 'label'.")
    return {"image": arrays["image"], "label": arrays.get("label"), "names": None}


def _datasets_splits(args: DataArguments, source: Path) -> dict[str, Any]:
    import datasets

    bars = datasets.utils.logging.is_progress_bar_enabled()
    datasets.utils.logging.disable_progress_bar()
    try:
        if source.is_file() and source.suffix == ".parquet":
            return dict(datasets.load_dataset("parquet", data_files={args.train_split: str(source)}))
        if source.is_dir() and not any(path.is_file() for path in source.rglob("*")):
            raise InputError(f"dataset {args.dataset} is an empty folder: expected images or a dataset in Hub layout.")
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


# --- columns ---------------------------------------------------------------------------------------------------------


def _is_image(feature: Any) -> bool:
    import datasets

    return isinstance(feature, datasets.Image) or (isinstance(feature, dict) and set(feature) == {"bytes", "path"})


def _is_label(feature: Any) -> bool:
    import datasets

    inner = getattr(feature, "feature", None)
    return isinstance(feature, datasets.ClassLabel) or isinstance(inner, datasets.ClassLabel)


def _column(features: Any, wanted: str | None, fits: Any, role: str, name: str) -> str | None:
    """The column for `role` ("image" or "label"): the one `wanted`, else the only one whose type fits."""
    if wanted is not None:
        if wanted not in features:
            raise InputError(f"{name} has no column {wanted!r}: it has {', '.join(features)}. Pass --{role}_column.")
        return wanted
    found = [column for column, feature in features.items() if fits(feature)]
    if not found and role == "label":
        found = [c for c in ("label", "labels") if c in features and getattr(features[c], "dtype", "")[:3] == "int"]
    if len(found) > 1:
        raise InputError(f"{name} has several {role} columns: {', '.join(found)}. Pass --{role}_column.")
    return found[0] if found else None


def _labels(rows: Any, column: str, name: str) -> tuple[np.ndarray, list[str]]:
    """Labels of a datasets split and their names."""
    feature, values = rows.features[column], rows.with_format(None)[column][:]
    inner = getattr(feature, "feature", None)
    if hasattr(inner, "names"):  # several labels at once
        hot = np.zeros((len(values), len(inner.names)), dtype=np.float32)
        for row, chosen in enumerate(values):
            hot[row, chosen] = 1
        return hot, list(inner.names)
    if any(value is None for value in values):
        raise InputError(f"{values.count(None)} of {len(values)} labels in column {column!r} of {name} are missing.")
    if hasattr(feature, "names"):
        return _checked_labels(np.asarray(values), list(feature.names), name)
    if isinstance(values[0], str):
        names = sorted(set(values))
        return np.asarray([names.index(value) for value in values], dtype=np.int64), names
    return _checked_labels(np.asarray(values), None, name)


def _checked_labels(labels: np.ndarray, names: list[str] | None, name: str) -> tuple[np.ndarray, list[str]]:
    """Labels as int64 (N,) or float32 (N, L), with names."""
    if labels.ndim == 2 and np.isin(labels, (0, 1)).all():
        return labels.astype(np.float32), names or [str(i) for i in range(labels.shape[1])]
    whole = labels.ndim == 1 and np.issubdtype(labels.dtype, np.integer)
    if not whole or labels.min() < 0 or (names and labels.max() >= len(names)):
        raise InputError(
            f"labels of {name} are {labels.dtype} of shape {labels.shape}"
            + (f" from {labels.min()} to {labels.max()}" if whole else "")
            + ", expected class numbers from 0 (one for each image), or a row of zeros and ones for each image."
        )
    return labels.astype(np.int64), names or [str(i) for i in range(int(labels.max()) + 1)]


def _read_split(
    raw: Any, name: str, args: DataArguments, decoder: ImageDecoder, with_labels: bool = True
) -> ImageData:
    """A raw split, arrays or a `datasets` split, as `ImageData`."""
    if isinstance(raw, dict):
        images, fingerprint = decoder.from_arrays(raw["image"], name)
        labels, names = None, None
        if with_labels and raw["label"] is not None:
            labels, names = _checked_labels(np.asarray(raw["label"]), raw["names"], name)
            if len(labels) != len(images):
                raise InputError(f"{name} has {len(images)} images and {len(labels)} labels; expected as many.")
        return ImageData(images, labels, names, name, fingerprint)
    if len(raw) == 0:
        raise InputError(f"{name} is empty: expected at least one image.")
    column = _column(raw.features, args.input_column, _is_image, "input", name)
    if column is None or not _is_image(raw.features[column]):
        kinds = ", ".join(f"{key} ({type(feature).__name__})" for key, feature in raw.features.items())
        what = "has no image column" if column is None else f"has no images in column {column!r}"
        raise InputError(f"{name} {what}; its columns are {kinds}. Pass --input_column.")
    label_column = _column(raw.features, args.label_column, _is_label, "label", name) if with_labels else None
    labels, names = _labels(raw, label_column, name) if label_column else (None, None)
    images, skipped, fingerprint = decoder.from_column(raw, column, name)
    if skipped:
        logger.warning("%d of %d images of %s are damaged and left out", len(skipped), len(raw), name)
        labels = None if labels is None else np.delete(labels, skipped, axis=0)
    left = np.delete(np.arange(len(raw)), skipped)
    return ImageData(images, labels, names, name, fingerprint, len(skipped), left)
