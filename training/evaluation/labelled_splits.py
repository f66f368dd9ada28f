"""What an evaluation is measured on: a labelled training and test split, checked, and described for the report."""

import dataclasses
import hashlib
import json
import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...model_cards.words import labels_in_words
from ..command.arguments.evaluate import EvaluateArguments
from ..data.holding_out import VERSION
from ..data.labels import REAL, SEVERAL, SINGLE
from ..data.loading import load_data
from ..data.samples import Overlap, Samples, class_counts, missing_classes, overlap, subset
from ..errors import InputError
from ..modalities.modality import PLAIN, Modality
from ..protocol import PROTOCOL
from ..sources.dataset import source_of
from .draws import check_count, class_sizes

logger = logging.getLogger(__name__)
METRICS_OF = {
    SINGLE: ("accuracy", "balanced_accuracy", "macro_f1"),
    SEVERAL: ("mean_average_precision", "macro_f1", "accuracy"),
}  # the usual one first


@dataclasses.dataclass
class LabelledSplits:
    """Labelled samples to draw from and to measure on.

    Args:
        train, test: labelled samples, with one label each or several.
        common: what they have in common.
        fitted: samples had different shapes and were brought to one.
        notes: what a reader of the numbers must know of how they were chosen.
    """

    train: Samples
    test: Samples
    common: Overlap
    fitted: bool
    notes: list[str] = dataclasses.field(default_factory=list)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The scores of a cell, the usual one first."""
        return METRICS_OF[self.train.problem_type]

    def identity(self) -> dict[str, Any]:
        """What numbers must share to stand in one report: samples, labels, the names of classes, and by which version
        of `hold_out` the test samples were chosen, if they were; by groups, the draws too."""
        digest = hashlib.sha256(json.dumps(self.train.label_names).encode())
        kind = np.int64 if self.train.problem_type == SINGLE else np.float32
        for split in (self.train, self.test):
            digest.update(np.ascontiguousarray(split.labels, dtype=kind).tobytes())
        more: dict[str, Any] = {"held_out": VERSION} if self.test.held_out else {}
        if self.train.groups is not None:
            more["groups"] = hashlib.sha256("\n".join(self.train.groups).encode()).hexdigest()[:16]
        return {
            **more,
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
            "labels_all": round(float(np.mean([count for count in class_counts(self.train) if count]))),
            "problem_type": self.train.problem_type,
            "classes": len(self.train.label_names),
            "held_out_version": VERSION if self.test.held_out else None,
            "shape": list(self.train.stored.shape[1:]),
            "fitted_to_one_shape": self.fitted,
            "test_samples_in_training": self.common.same,
            "test_samples_nearly_in_training": self.common.nearly,
            "test_samples_of_groups_in_training": self.common.groups,
            **{k: {"name": v.name, "samples": len(v), "fingerprint": v.fingerprint} for k, v in splits.items()},
        }

    def warnings(self) -> list[str]:
        """What a reader of the numbers must know."""
        words = self.train.modality.words
        found = [*self.common.sentences(self.train, self.test), *self.notes]
        if self.fitted:
            shape = "x".join(map(str, self.train.stored.shape[1:]))
            found.append(
                f"the {words.many} were brought to {shape} numbers each for the floors on {words.raw} and principal "
                f"components; each model has them as its own processor makes them"
            )
        return found


def load_splits(args: EvaluateArguments, modality: Modality) -> LabelledSplits:
    """The splits that `args` name, as they are, so that no model's numbers depend on which others are listed: each has
    them read or fitted for itself. Those of different shapes are brought to one for the floors.

    Args:
        modality: what the models take.

    Raises:
        InputError: there are no labels, real numbers, or one class alone.
    """
    train, test = load_data(args, modality, need_labels=True)
    if test is None:
        raise InputError("eval_split none leaves nothing to measure on: name a split, or leave it out.")
    fitted = train.form != PLAIN or test.form != PLAIN
    if test.labels is None:
        raise InputError(f"{test.name} has no labels, and evaluation needs them. Pass --label_column or --eval_split.")
    if train.problem_type == REAL:
        raise InputError(
            f"the labels of {train.name} are real numbers, and evaluation is of classes: measure them by pretune "
            f"finetune, or pass another --label_column."
        )
    if not test.labelled.any():
        raise InputError(
            f"none of the {len(test)} {modality.words.many} of {test.name} is labelled, so there is nothing to "
            f"measure on: label more, or name a split with --eval_split."
        )
    train, test, notes = _labelled(train, test)
    train = subset(train, args.max_train_samples, None, PROTOCOL.seed)
    test = subset(test, args.max_eval_samples, None, PROTOCOL.seed)
    many, counts = modality.words.many, class_counts(train)
    lacking = ", ".join(repr(name) for name in missing_classes(train, test))
    if lacking:
        notes.append(
            f"{test.name} holds {many} labelled {lacking}, and {train.name} has none of them to learn from: no method "
            f"can be right there"
        )
    if (counts > 0).sum() == 1 and train.problem_type == SINGLE:
        raise InputError(
            f"all {many} of {train.name} are labelled {train.label_names[int(counts.argmax())]!r}, expected more "
            f"classes. Pass another --label_column or --train_split, or a larger --max_train_samples."
        )
    return LabelledSplits(train, test, overlap(train, test), fitted, notes)


def _labelled(train: Samples, test: Samples) -> tuple[Samples, Samples, list[str]]:
    """Both with the samples that have labels, and a line for each that has others."""
    notes = [
        f"{int(split.labelled.sum())} of {len(split)} {split.modality.words.many} of {split.name} are labelled, and "
        f"these are used"
        for split in (train, test)
        if not split.labelled.all()
    ]
    return train.only_labelled(), test.only_labelled(), notes


def counts_of(
    labels_per_class: Sequence[str] | None, train: Samples, allow_short: bool = False
) -> tuple[list[int | str], list[str]]:
    """(numbers of labels per class, what a reader must know of them).

    Ascending: those asked for, which must be possible, or the protocol's that are. With `allow_short` a class that has
    fewer gives all it has, and a number is left out only where each class does.
    """
    sizes = class_sizes(train.labels, train.label_names)
    if allow_short:
        every = labels_per_class or PROTOCOL.labels_per_class
        counts = sorted({int(text) for text in every if text != "all"})
        if labels_per_class is None:
            counts = [count for count in counts if count < max(sizes.values())]
        short = {c: [f"{name!r} ({size})" for name, size in sizes.items() if size < c] for c in counts}
        notes = [
            f"with {labels_in_words(c)} these have fewer and give all they have: {shortened(names)}"
            for c, names in short.items()
            if names
        ]
        return counts + ["all"] * ("all" in every), notes
    if labels_per_class is not None:
        counts = sorted({int(text) for text in labels_per_class if text != "all"})
        for count in counts:
            check_count(train.labels, train.label_names, count)
        return counts + ["all"] * ("all" in labels_per_class), []
    counts = list(PROTOCOL.labels_per_class)
    for count in [c for c in counts if c != "all"]:
        try:
            check_count(train.labels, train.label_names, count)
        except InputError as error:
            logger.warning("left out: %s", error)
            counts.remove(count)
    return counts, []


def shortened(names: Sequence[str], most: int = 6) -> str:
    """The first of many names, and how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
