"""What an evaluation is measured on: a labelled training and test split, checked, and described for the report."""

import dataclasses
import hashlib
import json
import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..command.evaluate_arguments import EvaluateArguments
from ..data.loading import load_data
from ..data.samples import Samples, overlap, subset
from ..errors import InputError
from ..modalities.modality import PLAIN, Modality
from ..protocol import PROTOCOL
from ..sources.dataset import source_of
from .draws import check_count

logger = logging.getLogger(__name__)


@dataclasses.dataclass
class LabelledSplits:
    """Labelled samples to draw from and to measure on.

    Args:
        train, test: one label for each sample; every class of test occurs in train.
        common: test samples that are also training samples, number for number.
        fitted: samples had different shapes and were brought to one.
    """

    train: Samples
    test: Samples
    common: int
    fitted: bool

    def identity(self) -> dict[str, str]:
        """What numbers must share to stand in one report: samples, labels and the names of classes."""
        digest = hashlib.sha256(json.dumps(self.train.label_names).encode())
        for split in (self.train, self.test):
            digest.update(np.ascontiguousarray(split.labels, dtype=np.int64).tobytes())
        return {
            "train": self.train.fingerprint,
            "test": self.test.fingerprint,
            "labels": digest.hexdigest()[:16],
        }

    def record(self, dataset: str) -> dict[str, Any]:
        """For report.json; `dataset` as the user named it."""
        splits = {"train": self.train, "test": self.test}
        return {
            "name": dataset,
            "source": source_of(dataset),
            "words": self.train.modality.words.record(),
            "labels_all": round(len(self.train) / len(np.unique(self.train.labels))),
            "shape": list(self.train.values.shape[1:]),
            "fitted_to_one_shape": self.fitted,
            "test_samples_in_training": self.common,
            **{k: {"name": v.name, "samples": len(v), "fingerprint": v.fingerprint} for k, v in splits.items()},
        }

    def warnings(self) -> list[str]:
        """What a reader of the numbers must know."""
        found, words = [], self.train.modality.words
        if self.common:
            found.append(
                f"{self.common} of {len(self.test)} test {words.many} are also training {words.many}, {words.part} "
                f"for {words.part}: accuracies are too good"
            )
        if self.fitted:
            shape = "x".join(map(str, self.train.values.shape[1:]))
            found.append(
                f"the {words.many} were brought to {shape} for the floors on {words.raw} and principal components; "
                f"each model has them as its own processor makes them"
            )
        return found


def load_splits(args: EvaluateArguments, modality: Modality) -> LabelledSplits:
    """The splits that `args` name, as they are, so that no model's numbers depend on which others are listed: each has
    them read or fitted for itself. Those of different shapes are brought to one for the floors.

    Args:
        modality: what the models take.

    Raises:
        InputError: there are no labels, several for a sample, one class alone, or classes that training lacks.
    """
    train, test = load_data(args, modality)
    if test is None:
        raise InputError("eval_split none leaves nothing to measure on: name a split, or leave it out.")
    fitted = train.form != PLAIN or test.form != PLAIN
    train = subset(train, args.max_train_samples, None, PROTOCOL.seed)
    test = subset(test, args.max_eval_samples, None, PROTOCOL.seed)
    one, many = modality.words.one, modality.words.many
    for split in (train, test):
        if split.labels is None:
            raise InputError(f"{split.name} has no labels, and evaluation needs them. Pass --label_column.")
        if split.labels.ndim != 1:
            raise InputError(f"{split.name} has several labels for each {one}; evaluation takes one.")
    classes = np.unique(train.labels)
    unknown = sorted(set(np.unique(test.labels)) - set(classes))
    if unknown:
        names = ", ".join(repr(test.label_names[label]) for label in unknown)
        raise InputError(
            f"{test.name} holds {many} labelled {names}, and {train.name} has none of them to learn from. "
            f"Pass another --eval_split, or remove them."
        )
    if len(classes) == 1:
        raise InputError(
            f"all {many} of {train.name} are labelled {train.label_names[classes[0]]!r}, expected more classes. "
            f"Pass another --label_column or --train_split, or a larger --max_train_samples."
        )
    return LabelledSplits(train, test, overlap(train, test), fitted)


def counts_of(labels_per_class: Sequence[str] | None, train: Samples) -> list[int | str]:
    """Numbers of labels per class, ascending: those asked for, which must be possible, or the protocol's that are."""
    if labels_per_class is not None:
        counts = sorted({int(text) for text in labels_per_class if text != "all"})
        for count in counts:
            check_count(train.labels, train.label_names, count)
        return counts + ["all"] * ("all" in labels_per_class)
    counts = list(PROTOCOL.labels_per_class)
    for count in [c for c in counts if c != "all"]:
        try:
            check_count(train.labels, train.label_names, count)
        except InputError as error:
            logger.warning("left out: %s", error)
            counts.remove(count)
    return counts
