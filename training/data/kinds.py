"""Which kind of samples a dataset holds, and the family for it where there is one for each of several kinds."""

import dataclasses
import logging
from collections.abc import Sequence
from typing import Any, TypeVar

from ...modeling.families import FAMILIES, PREFIX
from ..command.arguments.data import DataArguments
from ..command.arguments.training import TrainingArguments
from ..errors import InputError, NotReached
from ..modalities.listing import MODALITIES
from ..modalities.modality import Modality
from ..sources.dataset import raw_splits
from ..sources.found import Found
from .sample_column import with_sample_column

STRINGS, LOOKED = "UTO", 50  # kinds of arrays of texts, and how many of these are looked at
logger = logging.getLogger(__name__)
Arguments = TypeVar("Arguments", bound=TrainingArguments)


def with_family_of_data(args: Arguments) -> tuple[Arguments, Found | None]:
    """`args` with the twin of `model_type` that takes what the dataset holds: "conv_autoencoder" is for images, and of
    a dataset of sound means "speech_conv_autoencoder". A modality may name another one, see `Modality.twins`.

    Returns:
        (these, the dataset as it was found for its kind, if it had to be looked at).

    Raises:
        InputError: there is no such dataset.
    """
    name, twins = args.model_type.removeprefix(PREFIX), _twins(args.model_type)
    if not twins:
        return args, None
    own = _found_for(args, MODALITIES[FAMILIES[name].modality]) if name in FAMILIES else None
    if own is not None:
        return args, own
    for kind, twin in twins.items():
        found = _found_for(args, MODALITIES[kind])
        if found is not None:
            logger.info("the dataset holds %s: taking model_type %s", MODALITIES[kind].words.many, twin)
            return dataclasses.replace(args, model_type=twin), found
    return args, None


def families_meant(model_type: str) -> list[str]:
    """The family of that name, if there is one, and those that it may mean where the data are of another kind."""
    return list(
        dict.fromkeys(n for n in (model_type.removeprefix(PREFIX), *_twins(model_type).values()) if n in FAMILIES)
    )


def _twins(model_type: str) -> dict[str, str]:
    name = model_type.removeprefix(PREFIX)
    named = {kind: row.twins.get(name, f"{kind}_{name}") for kind, row in MODALITIES.items()}
    return {kind: twin for kind, twin in named.items() if twin in FAMILIES}


def _found_for(args: TrainingArguments, modality: Modality) -> Found | None:
    """The dataset, if it has samples of this kind, as far as can be seen before any is decoded."""
    try:
        found = raw_splits(args, modality)
        return found if has_samples(found, args, modality) else None
    except NotReached:
        raise
    except InputError:
        return None


def has_samples(found: Found, args: DataArguments, modality: Modality) -> bool:
    """Whether what was found are samples of this kind; names of files that are not there are no texts.

    Raises:
        InputError: it has no column of such samples.
    """
    for name, split in found.splits.items():
        if split.values is not None:
            texts = split.values.dtype.kind in STRINGS
            return texts == modality.in_cells and (not texts or _are_sentences(split.values[:LOOKED].tolist()))
        if len(split):
            whole = with_sample_column(split, args, modality, name)
            if whole.values is not None:
                return True
            if not modality.in_cells or whole.files is not None or args.input_column is not None:
                return True
            return _are_sentences(whole.rows.select_columns([whole.column])[:LOOKED][whole.column])
    return False


def _are_sentences(cells: Sequence[Any]) -> bool:
    """Whether some of them have several words."""
    return any(isinstance(cell, str) and len(cell.split()) > 1 for cell in cells)


def kind_and_found(args: DataArguments) -> tuple[Modality, Found]:
    """The dataset, and the first kind of input that it has samples of.

    Raises:
        InputError: none fits; what the first kind says.
    """
    first = None
    for modality in MODALITIES.values():
        try:
            found = raw_splits(args, modality)
            if has_samples(found, args, modality):
                return modality, found
        except NotReached:
            raise
        except InputError as error:
            first = first or error
    raise first or InputError(f"dataset {args.dataset} is empty: expected at least one sample.")
