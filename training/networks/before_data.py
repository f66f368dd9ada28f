"""What is refused before any data are read: fields of a config, changes of a network, names that are not here."""

from collections.abc import Mapping
from typing import Any

from transformers import PreTrainedConfig

from ...modeling.families import FAMILIES, Family
from ..command.paths import missing_here
from ..data.kinds import families_meant
from ..errors import InputError
from ..modalities.listing import MODALITIES
from .building import make_config, named_family, require_fields
from .loading import is_ours


def require_here(**names: str | None) -> None:
    """Raise InputError for a name that means something here which is not there; by argument, None for none."""
    for argument, name in names.items():
        missing = name and missing_here(name, argument)
        if missing:
            raise InputError(missing)


def require_new(model_type: str, values: Mapping[str, Any], around: bool = False) -> None:
    """Raise InputError for values of a new network's config that fit no data.

    Args:
        model_type: its family, or the name of the family that the data will decide.
        values: what was given.
        around: a published network decides the rest, so that only their names can be checked.
    """
    meant = families_meant(model_type)
    if not meant:
        named_family(model_type)  # says which there are
    faults = [_fault(FAMILIES[name], values, around) for name in meant]
    if faults and all(faults):
        raise faults[0]


def _fault(family: Family, values: Mapping[str, Any], around: bool) -> InputError | None:
    """What is wrong with the values, if it is the same for samples of unlike shapes: then it is not the shape."""
    faults = {}
    try:
        require_fields(family.config, values)
    except InputError as error:
        return error
    for shape in () if around else MODALITIES[family.modality].likely_shapes:
        try:
            make_config(family.config, {**shape, **values})
            return None
        except InputError as error:
            faults[str(error)] = error
    return next(iter(faults.values())) if len(faults) == 1 else None


def require_goes_on(name: str, config: PreTrainedConfig, changes: Mapping[str, Any]) -> None:
    """Raise InputError unless the network of checkpoint `name` can be pretrained further as it is.

    Args:
        config: its.
        changes: of that, of which there can be none.
    """
    if changes:
        raise InputError(f"config.{next(iter(changes))} cannot be changed on the network of --init_from.")
    if not config.has_decoder:
        raise InputError(f"model {name} has no decoder to train: name the one it was fine-tuned from.")


def require_classifier(
    name: str, config: PreTrainedConfig, changes: Mapping[str, Any], reconstruction_weight: float | None
) -> None:
    """Raise InputError for what cannot be changed on the network of checkpoint `name` to fine-tune it.

    Args:
        config: its.
        changes: of that.
        reconstruction_weight: of the pretraining loss, to be kept beside; None for none.
    """
    allowed = ("reconstruction_weight",) if is_ours(config) else ()
    wrong = next((field for field in changes if field not in allowed), None)
    if wrong is not None:
        only = ", ".join(allowed) or "nothing"
        raise InputError(f"config.{wrong} cannot be changed on the network of --model; only {only} can.")
    if reconstruction_weight is not None and not is_ours(config):
        raise InputError(f"reconstruction_weight needs a model with a decoder, and {name} has none.")
