"""Samples to learn from without labels while fine-tuning: which they are, and their batches beside labelled ones."""

import dataclasses
import logging
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..command.arguments.finetune import FinetuneArguments
from ..errors import InputError
from ..modalities.modality import Modality, Preprocessing
from .batches import Batches
from .holding_out import hold_out
from .loading import load_split
from .same_samples import also_in
from .samples import Samples

logger = logging.getLogger(__name__)


def load_unlabelled(
    args: FinetuneArguments,
    modality: Modality,
    preprocessing: Preprocessing,
    evaluation: Samples | None,
) -> Samples:
    """The split that `args.unlabelled_dataset` and `args.unlabelled_split` name, less the samples that are judged by.

    Labels are not looked at. Without a split of its own, the training split is taken: the labelled one's of the same
    dataset, else "train". Columns and configuration of the labelled samples hold for the same dataset only.

    Args:
        modality, preprocessing: as for `load_data`.
        evaluation: as the model takes it; its samples are left out, since a held-out part is in the same split.

    Raises:
        InputError: as for any dataset, or no sample is left.
    """
    same = args.unlabelled_dataset == args.dataset
    split = args.unlabelled_split or (args.train_split if same else "train")
    other = dataclasses.replace(
        args,
        dataset=args.unlabelled_dataset,
        train_split=split,
        dataset_config=args.dataset_config if same else None,
        input_column=args.input_column if same else None,
        label_column=None,
        group_column=args.group_column if same else None,
    )
    data = load_split(other, split, modality, preprocessing, with_labels=False, argument="unlabelled_split")
    if same and split == args.train_split and evaluation is not None and evaluation.held_out:
        data, _ = hold_out(data)  # unlabelled ones of the part held out, and of its groups, stay out as well
    data = data.taken_by(preprocessing)
    if evaluation is None:
        return data
    judged, many = also_in(data.digests, evaluation.digests), modality.words.many
    if judged.all():
        raise InputError(
            f"all {len(data)} {many} of {data.name} are evaluation {many} too, so none is left to learn from. "
            f"Pass another --unlabelled_dataset or --unlabelled_split."
        )
    if not judged.any():
        return data
    logger.info("%d of %d unlabelled %s are evaluation %s too and are left out", judged.sum(), len(data), many, many)
    return data.select(np.flatnonzero(~judged))


class WithUnlabelled:
    """Batches of labelled samples, each with a batch of unlabelled ones; a function of the step, as `Batches` is."""

    def __init__(self, labelled: Batches, unlabelled: Batches):
        self.labelled, self.unlabelled = labelled, unlabelled
        self.accumulation, self.steps_per_epoch = labelled.accumulation, labelled.steps_per_epoch
        self.samples_per_step = labelled.samples_per_step + unlabelled.samples_per_step
        self.parts_per_sample = labelled.parts_per_sample

    def __call__(self, step: int) -> Iterator[dict[str, Any]]:
        """This process's batches for optimizer step `step`: the model's arguments, and those of the unlabelled."""
        for labelled, unlabelled in zip(self.labelled(step), self.unlabelled(step), strict=True):
            yield {**labelled, "unlabelled": unlabelled}
