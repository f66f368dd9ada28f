"""Which kind of samples a dataset holds, and the family for it where there is one for each of several kinds."""

import dataclasses
import logging
from typing import TypeVar

from ...modeling.families import FAMILIES, PREFIX
from ..command.arguments.data import DataArguments
from ..command.arguments.training import TrainingArguments
from ..errors import InputError
from ..modalities.listing import MODALITIES
from ..modalities.modality import Modality
from ..sources.dataset import raw_splits
from ..sources.found import Found
from .columns import find_column
from .sample_column import with_sample_column

logger = logging.getLogger(__name__)
Arguments = TypeVar("Arguments", bound=TrainingArguments)


def with_family_of_data(args: Arguments) -> Arguments:
    """`args` with the twin of `model_type` that takes what the dataset holds: "conv_autoencoder" is for images, and of
    a dataset of sound means "speech_conv_autoencoder".

    Raises:
        InputError: there is no such dataset.
    """
    name = args.model_type.removeprefix(PREFIX)
    twins = {kind: twin for kind in MODALITIES if (twin := f"{kind}_{name}") in FAMILIES}
    if not twins or name in FAMILIES and _holds(args, MODALITIES[FAMILIES[name].modality]):
        return args
    for kind, twin in twins.items():
        if _holds(args, MODALITIES[kind]):
            logger.info("the dataset holds %s: taking model_type %s", MODALITIES[kind].words.many, twin)
            return dataclasses.replace(args, model_type=twin)
    return args


def _holds(args: TrainingArguments, modality: Modality) -> bool:
    """Whether the dataset has samples of this kind, as far as can be seen before any is decoded."""
    try:
        found = raw_splits(args, modality)
        for split in found.splits.values():
            if split.rows is None or split.column is not None:
                return True
            features = split.rows.features
            if find_column(features, args.input_column, modality.fits, "input", "dataset") is not None:
                column = args.input_column
                return column is None or modality.may_hold(features[column])
    except InputError:
        return False
    return False


def kind_and_found(args: DataArguments) -> tuple[Modality, Found]:
    """The dataset, and the first kind of input that it has samples of.

    Raises:
        InputError: none fits; what the first kind says.
    """
    first = None
    for modality in MODALITIES.values():
        try:
            found = raw_splits(args, modality)
            for name, split in found.splits.items():
                if split.values is None and len(split):
                    with_sample_column(split, args, modality, name)
            return modality, found
        except InputError as error:
            first = first or error
    raise first
