"""What `--backbone` takes: the config of a published encoder, and what its pixels were normalised with."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import PreTrainedConfig
from transformers.models.auto.image_processing_auto import AutoImageProcessor
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES

from ...configuration.backbones import WORKING, channels_of
from ...configuration.text.backbones import positions_of
from ...modeling.families import Family
from ..errors import InputError, one_line
from ..modalities.faults import LOADING_ERRORS
from .loading import is_ours, load_config, mend_timm, read_config, require_not_missing

logger = logging.getLogger(__name__)
USUAL_LENGTH = 256  # tokens of a text
OF_TEXTS = "Expected a folder with the config.json of an encoder of texts of transformers, or a Hub id."


def published_fields(family: Family, name: str, revision: str | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """Values of the config of a network of that family around the published encoder `name`; `given` comes first."""
    if family.modality == "image":
        return published_values(name, revision, given)
    backbone = published_text_config(name, revision)
    length = positions_of(backbone) or given.get("max_length", USUAL_LENGTH)
    own = {key: value for key, value in given.items() if key != "vocab_size"}
    return {"max_length": min(length, USUAL_LENGTH), **own, "backbone_config": backbone}


def published_text_config(name: str, revision: str | None) -> PreTrainedConfig:
    """The config of an encoder of texts of transformers, a folder or Hub id.

    Raises:
        InputError: there is none, or it is one of pretune.
    """
    require_not_missing(name)
    try:
        config = read_config(name, revision)
    except LOADING_ERRORS as error:
        raise InputError(f"backbone {name} cannot be loaded: {one_line(error)} {OF_TEXTS}") from None
    if is_ours(config):
        raise InputError(f"backbone {name} is a model of pretune. Pass --backbone {name}/backbone, or --init_from.")
    if getattr(config, "vocab_size", None) is None or config.is_encoder_decoder:
        raise InputError(f"backbone {name} is of type {config.model_type!r}. {OF_TEXTS}")
    return config


def published_shape(modality: str, name: str, revision: str | None) -> dict[str, Any]:
    """Fields of a config that the published encoder `name` decides, whatever the data are."""
    if modality != "image":
        return {}
    return {"num_channels": channels_of(published_config(name, revision))}


def published_values(name: str, revision: str | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """Values of the config of a network around the published encoder `name`: it normalises pixels as that one was
    trained, unless `given` says how."""
    values = {"backbone_config": load_config(name, revision, of_transformers=True)}
    if {"image_mean", "image_std"} <= given.keys():
        return {**given, **values}
    channels = given.get("num_channels", channels_of(values["backbone_config"]))
    found = published_normalisation(name, revision, channels)
    if isinstance(found, str):
        logger.warning(
            "warning: %s does not say what its pixels were normalised with (%s): give --config.image_mean and "
            "--config.image_std if you know; else they are the same as for a new network.",
            name, found,
        )  # fmt: skip
        found = {}
    return {**found, **given, **values}


def published_config(name: str, revision: str | None) -> PreTrainedConfig:
    """The config of an encoder of transformers, a folder or Hub id.

    Raises:
        InputError: there is none, or it is of a kind that cannot be a backbone.
    """
    folder = Path(name)
    looks_like_folder = folder.is_absolute() or name.count("/") > 1 or name.startswith((".", "~"))
    if looks_like_folder and not folder.exists():
        raise InputError(f"backbone {name} was not found: it is neither a folder nor a Hub id (NAME or OWNER/NAME).")
    try:
        config = read_config(name, revision)
    except LOADING_ERRORS as error:
        raise InputError(
            f"backbone {name} cannot be loaded: {one_line(error)} Expected a folder with the config.json of an image "
            f"encoder of transformers, or a Hub id."
        ) from None
    if is_ours(config):
        found = (
            f"Pass --backbone {folder / 'backbone'}" if (folder / "backbone").is_dir() else "Go on with --init_from"
        )
        raise InputError(f"backbone {name} is a model of pretune, expected one of transformers. {found}.")
    mend_timm(config)
    if config.model_type not in MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES:
        raise InputError(f"backbone {name} is of type {config.model_type!r}, {WORKING}.")
    return config


def published_normalisation(name: str, revision: str | None, channels: int) -> dict[str, list[float]] | str:
    """`image_mean` and `image_std` for pixels in [0, 1], as the encoder's image processor has them; or, in words, why
    there are none."""
    try:
        options = {"revision": revision or "main", "backend": "pil", "trust_remote_code": False}
        return _normalisation_of(AutoImageProcessor.from_pretrained(name, **options), channels)
    except LOADING_ERRORS as error:
        return one_line(error)


def _normalisation_of(processor: Any, channels: int) -> dict[str, list[float]] | str:
    # what it multiplies 8-bit pixels by, as a share of what makes them [0, 1]
    scale = round(255 * processor.rescale_factor, 6) if getattr(processor, "do_rescale", False) else 255
    if hasattr(processor, "data_config"):  # timm's own, after pixels are in [0, 1]
        scale, mean, std = 1, list(processor.data_config["mean"]), list(processor.data_config["std"])
    elif processor.do_normalize:
        mean, std = list(processor.image_mean), list(processor.image_std)
    else:
        mean, std = [0.0] * channels, [1.0] * channels
    if len(mean) != channels or len(std) != channels:
        return f"its image processor has {len(mean)} channels, the encoder {channels}"
    return {"image_mean": [m / scale for m in mean], "image_std": [s / scale for s in std]}
