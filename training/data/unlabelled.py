"""Images to learn from without labels while fine-tuning: which they are, and their batches beside labelled ones."""

import dataclasses
import logging
from collections.abc import Iterator

import numpy as np
import torch

from ..command.finetune_arguments import FinetuneArguments
from ..errors import InputError
from ..networks.preprocessing import Preprocessing
from .batches import Batches
from .loading import ImageData, load_split
from .same_images import also_in

logger = logging.getLogger(__name__)


def load_unlabelled(
    args: FinetuneArguments,
    evaluation: ImageData | None,
    fit: Preprocessing,
    size: int | None,
    channels: int | None,
) -> ImageData:
    """The split that `args.unlabelled_dataset` and `args.unlabelled_split` name, less the images that are judged by.

    Labels are not looked at. Without a split of its own, the training split is taken: the labelled one's of the same
    dataset, else "train". Columns and configuration of the labelled images hold for the same dataset only.

    Args:
        evaluation: as the model takes it; its images are left out, since a held-out part is in the same split.
        fit: brings images to what the model takes.
        size, channels: to decode to.

    Raises:
        InputError: as for any dataset, or no image is left.
    """
    same = args.unlabelled_dataset == args.dataset
    split = args.unlabelled_split or (args.train_split if same else "train")
    other = dataclasses.replace(
        args,
        dataset=args.unlabelled_dataset,
        train_split=split,
        dataset_config=args.dataset_config if same else None,
        input_column=args.input_column if same else None,
    )
    data = load_split(other, split, size, channels, with_labels=False, argument="unlabelled_split")
    data = data.resized_by(fit.resized)
    if evaluation is None:
        return data
    judged = also_in(data.images, evaluation.images)
    if judged.all():
        raise InputError(
            f"all {len(data)} images of {data.name} are evaluation images too, so none is left to learn from. "
            f"Pass another --unlabelled_dataset or --unlabelled_split."
        )
    if not judged.any():
        return data
    logger.info("%d of %d unlabelled images are evaluation images too and are left out", judged.sum(), len(data))
    return data.select(np.flatnonzero(~judged))


class WithUnlabelled:
    """Batches of labelled samples, each with a batch of unlabelled ones; a function of the step, as `Batches` is."""

    def __init__(self, labelled: Batches, unlabelled: Batches):
        self.labelled, self.unlabelled = labelled, unlabelled
        self.accumulation, self.steps_per_epoch = labelled.accumulation, labelled.steps_per_epoch
        self.samples_per_step = labelled.samples_per_step + unlabelled.samples_per_step

    def __call__(self, step: int) -> Iterator[dict[str, torch.Tensor]]:
        """This process's batches for optimizer step `step`."""
        for labelled, unlabelled in zip(self.labelled(step), self.unlabelled(step), strict=True):
            yield {**labelled, "unlabelled": unlabelled["pixel_values"]}
