"""Checkpoints, ours and other people's: config and weights, whole or with an error in one line."""

import contextlib
import inspect
import json
from pathlib import Path
from typing import Any

import torch
import transformers
from huggingface_hub.errors import StrictDataclassError
from transformers import AutoConfig, AutoModelForPreTraining, PreTrainedConfig, PreTrainedModel
from transformers.utils import cached_file

from ...configuration.encoder import without_foreign_attention
from ...modeling.families import FAMILIES, PREFIX, family_of, register_families
from ...modeling.shared.loading import LoadReport, quiet_loading, weights_told
from ..command.paths import missing_here, near_here
from ..errors import InputError, one_line
from ..modalities.faults import LOADING_ERRORS
from ..modalities.listing import classifiers_of, modality_of
from ..modalities.modality import Modality
from .around import around, load_around
from .config_limits import require_plausible
from .heads import head_prefixes

register_families()  # `AutoConfig` and the others are to know ours
MODEL_HINT = "Expected a run folder or a Hub id."


def model_source(name: str | None) -> str | None:
    """Where a checkpoint comes from: "local" or "hub"; None without one."""
    return None if name is None else "local" if Path(name).exists() else "hub"


def is_ours(config: PreTrainedConfig) -> bool:
    """True for a config of one of pretune's own families."""
    return family_of(config) is not None


def read_config(name: str | Path, revision: str | None) -> PreTrainedConfig:
    """A config as transformers reads it, but none that brings code of its own, neither Python nor kernels.

    Raises:
        OSError, ValueError, KeyError: there is none, or it cannot be read, or only foreign code knows its kind.
    """
    require_plausible(_raw_config(name, revision))
    try:
        config = AutoConfig.from_pretrained(name, revision=revision or "main", trust_remote_code=False)
    except StrictDataclassError as error:
        raise ValueError(f"its config.json has a value that does not fit: {one_line(error)}.") from None
    except ValueError as error:
        if "trust_remote_code" not in str(error):
            raise
        raise ValueError("it is of a kind that needs code from its repository, and pretune runs none.") from None
    return without_foreign_attention(config)


def _raw_config(name: str | Path, revision: str | None) -> Any:
    """What config.json of a checkpoint says, here or on the Hub."""
    options = {"revision": revision or "main", "_raise_exceptions_for_missing_entries": False}
    path = cached_file(str(name), "config.json", **options)
    if path is None:
        raise OSError("it holds no config.json.")
    try:
        return json.loads(Path(path).read_text())
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"its config.json is damaged ({one_line(error)}). Restore it, as from a checkpoint-<step> of its run, "
            f"or download it again."
        ) from None


def load_config(name: str, revision: str | None, of_transformers: bool = False) -> PreTrainedConfig:
    """The config of checkpoint `name`, a run folder or Hub id.

    Args:
        of_transformers: also classifiers and encoders of transformers, not only ours.

    Raises:
        InputError: it cannot be loaded, or is of a kind that does not fit.
    """
    require_not_missing(name)
    try:
        config = read_config(name, revision)
    except LOADING_ERRORS as error:
        here = "" if Path(name).exists() else f" There is no folder of that name here.{near_here(Path(name))}"
        raise InputError(f"model {name} cannot be loaded: {one_line(error)} {MODEL_HINT}{here}") from None
    mend_timm(config)
    if of_transformers and not is_ours(config):
        config = around(config) or config
    if any(kind.endswith("WithTeacher") for kind in getattr(config, "architectures", None) or []):
        config.architectures = []  # two heads and no loss (DeiT, LeViT): the plain classifier on the same encoder
    if hasattr(config, "auto_map"):  # names code files of the repository it came from, which a new run does not have
        del config.auto_map
    if is_ours(config) or (of_transformers and modality_of(config) is not None):
        return config
    known = ", ".join(PREFIX + name for name in FAMILIES)
    if of_transformers:
        raise InputError(
            f"model {name} is of type {config.model_type!r}, which is no encoder with a classifier: expected {known}, "
            f"or one of transformers' (resnet, convnext, vit, swin, dinov2 ..., wav2vec2, hubert, wavlm, whisper ...)."
        )
    raise InputError(f"model {name} is of type {config.model_type!r}, expected one of {known}.")


def mend_timm(config: PreTrainedConfig) -> None:
    """Take out of a timm network's arguments what its wrapper gives by itself, and timm's own export leaves there."""
    if config.model_type == "timm_wrapper" and config.model_args:
        config.model_args = {key: value for key, value in config.model_args.items() if key != "num_classes"}


def require_not_missing(name: str) -> None:
    """Raise InputError if `name` means a folder here that is not there: the Hub is not asked for it."""
    missing = missing_here(name, "model")
    if missing is not None:
        raise InputError(f"{missing} {MODEL_HINT}")


def load_quietly(auto_class: Any, name: str, revision: str | None, config: PreTrainedConfig, **options: Any) -> Any:
    """`auto_class.from_pretrained`, without transformers' own table of weights; InputError where it fails."""
    options |= {"revision": revision or "main", "config": config, "trust_remote_code": False}
    try:
        with quiet_loading(), contextlib.nullcontext() if is_ours(config) else weights_told(name):
            return auto_class.from_pretrained(name, **options)
    except LOADING_ERRORS as error:
        raise InputError(f"model {name} cannot be loaded: {one_line(error)}") from None


def load_pretrainable(name: str, revision: str | None, config: PreTrainedConfig) -> PreTrainedModel:
    """Checkpoint `name` of one of our families, to go on pretraining.

    Raises:
        InputError: it cannot be loaded whole.
    """
    return load_quietly(AutoModelForPreTraining, name, revision, config)


def auto_classifier(modality: Modality) -> Any:
    """transformers' Auto class of classifiers of this kind of input."""
    return getattr(transformers, modality.auto_classes[0])


def load_classifier(name: str, revision: str | None, config: PreTrainedConfig) -> PreTrainedModel:
    """Checkpoint `name` as a classifier. Only the head may be new; `load_report` says so.

    Raises:
        InputError: it cannot be loaded, takes another kind of input, or lacks part of its network.
    """
    modality = modality_of(config)
    if is_ours(config) and not is_ours(read_config(name, revision)):
        return load_around(name, revision, config)
    options = {"ignore_mismatched_sizes": True, "output_loading_info": True}
    _widen_projector(config)
    model, info = load_quietly(auto_classifier(modality), name, revision, config, **options)
    takes = inspect.signature(model.forward).parameters.keys()
    if not takes & {modality.input_name, *modality.other_inputs}:  # ImageGPT takes numbers of colours
        raise InputError(
            f"model {name} takes {model.main_input_name}, expected one that takes {modality.input_name}. Use another."
        )
    missing = {*info["missing_keys"], *(key for key, *_ in info["mismatched_keys"])}
    missing -= _pass_through_projector(model, missing)
    lost = sorted(key for key in missing if not key.startswith(head_prefixes(model)))
    if lost:
        raise InputError(f"model {name} lacks {len(lost)} tensors of its network, among them {', '.join(lost[:3])}.")
    if not is_ours(config):
        count = sum(not key.startswith(head_prefixes(model)) for key in model.state_dict())
        model.load_report = LoadReport(count, name, ("classifier",) if missing else ())
    return model


def _widen_projector(config: PreTrainedConfig) -> None:
    """Of a checkpoint that is no classifier yet: the layer that transformers puts between a network for sound and its
    classifier is to be as wide as the network."""
    known = getattr(config, "architectures", None) or []
    if hasattr(config, "classifier_proj_size") and not any("Classification" in name for name in known):
        config.classifier_proj_size = config.hidden_size


@torch.no_grad()
def _pass_through_projector(model: PreTrainedModel, missing: set[str]) -> set[str]:
    """Make such a layer that the checkpoint lacks the identity, so that the classifier is given what the network found
    and no random mixture of it. Returns the layer's names."""
    names = {"projector.weight", "projector.bias"}
    if not names <= missing or model.projector.in_features != model.projector.out_features:
        return set()
    model.projector.weight.copy_(torch.eye(model.projector.in_features))
    model.projector.bias.zero_()
    return names


def load_finished(folder: Path, record: dict[str, Any]) -> PreTrainedModel:
    """The model of a finished run, by the class its record names.

    Raises:
        InputError: its class is not known here, or it is not whole any more.
    """
    name = record["model"]["class"]
    for family in FAMILIES.values():
        for path in (family.model_path, family.classifier_path):
            if path.rpartition(".")[2] == name:
                model_class = family.model if path == family.model_path else family.classifier
                return load_quietly(model_class, str(folder), None, load_config(str(folder), None)).eval()
    config = load_config(str(folder), None, of_transformers=True)
    modality = modality_of(config)
    if modality is None or type(config) not in classifiers_of(modality):
        raise InputError(f"{folder} holds a {name}, which is no classifier that pretune knows. Load it by its class.")
    return load_quietly(auto_classifier(modality), str(folder), None, config).eval()
