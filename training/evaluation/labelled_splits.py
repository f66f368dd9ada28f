"""What an evaluation is measured on: a labelled training and test split, checked, and described for the report."""

import dataclasses
import hashlib
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np

from ..command.evaluate_arguments import EvaluateArguments
from ..data.loading import ImageData, load_data, overlap, source_of, subset
from ..errors import InputError
from ..protocol import PROTOCOL
from .draws import check_count

logger = logging.getLogger(__name__)


@dataclasses.dataclass
class LabelledSplits:
    """Labelled images to draw from and to measure on.

    Args:
        train, test: one label for each image; every class of test occurs in train.
        common: test images that are also training images, pixel for pixel.
        fitted: images had different sizes and were brought to one.
    """

    train: ImageData
    test: ImageData
    common: int
    fitted: bool

    def identity(self) -> dict[str, str]:
        """What numbers must share to stand in one report: images, labels and the names of classes."""
        digest = hashlib.sha256(json.dumps(self.train.label_names).encode())
        for split in (self.train, self.test):
            digest.update(np.ascontiguousarray(split.labels, dtype=np.int64).tobytes())
        return {
            "train": self.train.fingerprint,
            "test": self.test.fingerprint,
            "labels": digest.hexdigest()[:16],
        }

    def record(self, args: EvaluateArguments) -> dict[str, Any]:
        """For report.json."""
        splits = {"train": self.train, "test": self.test}
        return {
            "name": args.dataset,
            "source": source_of(args.dataset),
            "labels_all": round(len(self.train) / len(np.unique(self.train.labels))),
            "image_shape": list(self.train.images.shape[1:]),
            "fitted_to_one_size": self.fitted,
            "test_images_in_training": self.common,
            **{k: {"name": v.name, "samples": len(v), "fingerprint": v.fingerprint} for k, v in splits.items()},
        }

    def warnings(self) -> list[str]:
        """What a reader of the numbers must know."""
        found = []
        if self.common:
            found.append(
                f"{self.common} of {len(self.test)} test images are also training images, pixel for pixel: accuracies "
                f"are too good"
            )
        if self.fitted:
            shape = "x".join(map(str, self.train.images.shape[1:]))
            found.append(
                f"the images have different sizes or channels and were all brought to {shape} (channels x height x "
                f"width), which is also what the floors on raw pixels and principal components are of"
            )
        return found


def load_splits(args: EvaluateArguments) -> LabelledSplits:
    """The splits that `args` name.

    Raises:
        InputError: there are no labels, several for an image, one class alone, or classes that training lacks.
    """
    (train, test), fitted = _load(args)
    if test is None:
        raise InputError("eval_split none leaves nothing to measure on: name a split, or leave it out.")
    train = subset(train, args.max_train_samples, None, PROTOCOL.seed)
    test = subset(test, args.max_eval_samples, None, PROTOCOL.seed)
    for split in (train, test):
        if split.labels is None:
            raise InputError(f"{split.name} has no labels, and evaluation needs them. Pass --label_column.")
        if split.labels.ndim != 1:
            raise InputError(f"{split.name} has several labels an image; evaluation takes one for each.")
    classes = np.unique(train.labels)
    unknown = sorted(set(np.unique(test.labels)) - set(classes))
    if unknown:
        names = ", ".join(repr(test.label_names[label]) for label in unknown)
        raise InputError(
            f"{test.name} holds images labelled {names}, and {train.name} has none of them to learn from. "
            f"Pass another --eval_split, or remove them."
        )
    if len(classes) == 1:
        raise InputError(
            f"all images of {train.name} are labelled {train.label_names[classes[0]]!r}, expected more classes. "
            f"Pass another --label_column or --train_split, or a larger --max_train_samples."
        )
    return LabelledSplits(train, test, overlap(train, test), fitted)


def _load(args: EvaluateArguments) -> tuple[tuple[ImageData, ImageData | None], bool]:
    """Both splits as they are, so that no model's numbers depend on which others are listed: each fits them to itself.
    Only images of different sizes are brought to one: the largest that a model of ours takes, else the first's."""
    if not args.fit_images:
        return load_data(args), False
    try:
        return load_data(dataclasses.replace(args, fit_images=False)), False
    except InputError:  # of different sizes; anything else is raised again below
        own = [config for config in map(_own_config, args.model) if config is not None]
        size = max((config["image_size"] for config in own), default=None)
        return load_data(args, size, max((config["num_channels"] for config in own), default=None)), True


def _own_config(name: str) -> dict[str, Any] | None:
    """Image size and channels of one of our own models in a local folder."""
    path = Path(name) / "config.json"
    config = json.loads(path.read_text()) if path.is_file() else {}
    return config if str(config.get("model_type", "")).startswith("pretune_") else None


def counts_of(args: EvaluateArguments, train: ImageData) -> list[int | str]:
    """Numbers of labels per class, ascending: those asked for, which must be possible, or the protocol's that are."""
    if args.labels_per_class is not None:
        counts = sorted({int(text) for text in args.labels_per_class if text != "all"})
        for count in counts:
            check_count(train.labels, train.label_names, count)
        return counts + ["all"] * ("all" in args.labels_per_class)
    counts = list(PROTOCOL.labels_per_class)
    for count in [c for c in counts if c != "all"]:
        try:
            check_count(train.labels, train.label_names, count)
        except InputError as error:
            logger.warning("left out: %s", error)
            counts.remove(count)
    return counts
