"""Which network a script trains: a new one from a config, or one from a checkpoint."""

import copy
import dataclasses
import difflib
import inspect
import types
import typing
from pathlib import Path
from typing import Any

from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForImageClassification,
    AutoModelForPreTraining,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING
from transformers.utils import logging as transformers_logging

from ...modeling.families import FAMILIES, PREFIX, Family, family_of, register_families
from ..command.finetune_arguments import FinetuneArguments
from ..command.pretrain_arguments import PretrainArguments
from ..command.training_arguments import TrainingArguments
from ..data.loading import ImageData
from ..errors import InputError, one_line


def named_family(model_type: str) -> Family:
    """The family of that `model_type`, with or without its prefix."""
    family = FAMILIES.get(model_type.removeprefix(PREFIX))
    if family is None:
        raise InputError(f"unknown model_type {model_type!r}: expected one of {', '.join(FAMILIES)}.")
    return family


def new_config(args: TrainingArguments, data: ImageData) -> PreTrainedConfig:
    """The config of a new network: `args.config`, with image size and channels from the data unless given."""
    config_class = named_family(args.model_type).config
    channels, size = data.images.shape[1:3]
    values = {"image_size": size, "num_channels": channels, **args.config}
    if getattr(args, "backbone", None) is not None:
        values["backbone_config"] = load_config(args.backbone, args.revision, of_transformers=True)
    return make_config(config_class, values)


def make_config(config_class: type, values: dict[str, Any]) -> PreTrainedConfig:
    """A config from values off a command line or recipe.

    Raises:
        InputError: an unknown field (names the nearest), or a value that does not fit.
    """
    own = {f.name: f.type for f in dataclasses.fields(config_class)}
    for name, value in values.items():
        if name not in own:
            public = [n for n in config_class.__annotations__ if not n.startswith("_")]
            near = difflib.get_close_matches(name, public, n=1, cutoff=0)[0]
            raise InputError(f"unknown field of {config_class.__name__}: {name!r}. Did you mean {near!r}?")
        of_union = isinstance(own[name], types.UnionType)
        kinds = [typing.get_origin(k) or k for k in (typing.get_args(own[name]) if of_union else (own[name],))]
        if list in kinds and value is not None and type(value) not in kinds:  # one value from the command line
            values = {**values, name: [value]}
    try:
        return config_class(**values)
    except (StrictDataclassError, ValueError) as error:
        raise InputError(f"config of {config_class.__name__}: {one_line(error)}") from None


def model_source(name: str | None) -> str | None:
    """Where a checkpoint comes from: "local" or "hub"; None without one."""
    return None if name is None else "local" if Path(name).exists() else "hub"


register_families()  # `AutoConfig` and the others below are to know ours
LOADING_ERRORS = (OSError, ValueError, KeyError, RuntimeError, StrictDataclassError, SafetensorError)
MODEL_HINT = "Expected a run folder or a Hub id."


def load_config(name: str, revision: str | None, of_transformers: bool = False) -> PreTrainedConfig:
    """The config of checkpoint `name`, a run folder or Hub id.

    Args:
        of_transformers: also image classifiers and encoders of transformers, not only ours.

    Raises:
        InputError: it cannot be loaded, or is of a kind that does not fit.
    """
    try:
        config = AutoConfig.from_pretrained(name, revision=revision or "main")
    except LOADING_ERRORS as error:
        raise InputError(f"model {name} cannot be loaded: {one_line(error)} {MODEL_HINT}") from None
    if any(kind.endswith("WithTeacher") for kind in getattr(config, "architectures", None) or []):
        config.architectures = []  # two heads and no loss (DeiT, LeViT): the plain classifier on the same encoder
    if hasattr(config, "auto_map"):  # names code files of the repository it came from, which a new run does not have
        del config.auto_map
    if is_ours(config) or (of_transformers and type(config) in MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING):
        return config
    known = ", ".join(PREFIX + name for name in FAMILIES)
    if of_transformers:
        raise InputError(
            f"model {name} is of type {config.model_type!r}, which is no image encoder with a classifier: expected "
            f"{known}, or one of transformers' (resnet, convnext, vit, swin, dinov2, mobilenet_v2 ...)."
        )
    raise InputError(f"model {name} is of type {config.model_type!r}, expected one of {known}.")


def is_ours(config: PreTrainedConfig) -> bool:
    """True for a config of one of pretune's own families."""
    return family_of(config) is not None


HEAD_NAMES = ("classifier", "fc", "head", "dist_head", "score")  # what our and transformers' classifiers call it


def heads_of(model: nn.Module) -> list[nn.Module]:
    """What lies between the features of an image classifier, ours or of transformers, and its logits: one module, or
    several side by side (SwiftFormer has two) that all see the same features.

    Raises:
        InputError: no part of it looks like a classifier.
    """
    if hasattr(model, "timm_model"):
        return [model.timm_model.get_classifier()]
    named = [getattr(model, name) for name in HEAD_NAMES if isinstance(getattr(model, name, None), nn.Module)]
    found = [module for module in named if any(True for _ in module.parameters())]  # HGNetV2's `classifier` only pools
    if not found:
        labels = model.config.num_labels
        found = [m for m in model.modules() if isinstance(m, nn.Linear) and m.out_features == labels][-1:]
    if not found:
        raise InputError(
            f"{type(model).__name__} has no classifier that pretune can find: expected a part called one of "
            f"{', '.join(HEAD_NAMES)}, or a linear layer to its {model.config.num_labels} labels. Use another model."
        )
    return found


def head_of(model: nn.Module) -> nn.Module:
    """The classifier at the end of an image classification model; the first where there are several."""
    return heads_of(model)[0]


def head_parameters(model: nn.Module) -> list[nn.Parameter]:
    """Those of all heads."""
    return [parameter for head in heads_of(model) for parameter in head.parameters()]


def train_head_only(model: nn.Module) -> None:
    """Freeze all but the head, which may lie inside of `model.base_model` (timm, CLIP)."""
    model.requires_grad_(False)
    for head in heads_of(model):
        head.requires_grad_(True)


def renew_head(model: nn.Module) -> None:
    """New weights for the head, by the default generator."""
    for head in heads_of(model):
        for module in head.modules():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()


def head_prefixes(model: nn.Module) -> tuple[str, ...]:
    """What the names of the head's tensors begin with."""
    heads = heads_of(model)
    return tuple(f"{name}." for name, module in model.named_modules() if any(module is head for head in heads))


def load_classifier(name: str, revision: str | None, config: PreTrainedConfig) -> PreTrainedModel:
    """Checkpoint `name` as an image classifier. Only the head may be new; `loading_report` says so.

    Raises:
        InputError: it cannot be loaded, or lacks part of its network.
    """
    model, info = load_quietly(
        AutoModelForImageClassification, name, revision, config, ignore_mismatched_sizes=True, output_loading_info=True
    )
    if "pixel_values" not in inspect.signature(model.forward).parameters:  # ImageGPT takes numbers of colours
        raise InputError(
            f"model {name} takes {model.main_input_name}, expected one that takes pixel_values. Use another."
        )
    missing = {*info["missing_keys"], *(key for key, *_ in info["mismatched_keys"])}
    lost = sorted(key for key in missing if not key.startswith(head_prefixes(model)))
    if lost:
        raise InputError(f"model {name} lacks {len(lost)} tensors of its network, among them {', '.join(lost[:3])}.")
    if not is_ours(config):
        count = sum(not key.startswith(head_prefixes(model)) for key in model.state_dict())
        news = "; classifier is new" if missing else ""
        model.loading_report = f"{count} of {count} encoder tensors loaded from {name}{news}"
    return model


def classifier_config(config: PreTrainedConfig, args: FinetuneArguments, data: ImageData) -> PreTrainedConfig:
    """`config` with the labels of `data`, and with what `--config` may change for a classifier."""
    config = copy.deepcopy(config)
    config.id2label = dict(enumerate(data.label_names))
    config.label2id = {name: number for number, name in config.id2label.items()}
    several = data.labels.ndim == 2
    config.problem_type = "multi_label_classification" if several else "single_label_classification"
    if args.model is not None:
        allowed = ("reconstruction_weight",) if is_ours(config) else ()
        for name, value in args.config.items():
            if name not in allowed:
                only = ", ".join(allowed) or "nothing"
                raise InputError(f"config.{name} cannot be changed on the network of --model; only {only} can.")
            try:
                setattr(config, name, value)
                config.validate()
            except StrictDataclassError as error:
                raise InputError(f"config.{name}: {one_line(error)}") from None
    if args.reconstruction_weight is not None:
        if not is_ours(config):
            raise InputError(f"reconstruction_weight needs a model with a decoder, and {args.model} has none.")
        config.reconstruction_weight = args.reconstruction_weight
    return config


def build_classifier(args: FinetuneArguments, config: PreTrainedConfig) -> PreTrainedModel:
    """The classifier to train: from the checkpoint `args.model`, or new. `loading_report` says what is new.

    A checkpoint's own classifier goes on only if its labels are the same, name for name.
    """
    if args.from_scratch:
        model = AutoModelForImageClassification.from_config(config)
        model.loading_report = "all weights are new (from scratch)"
        return model
    same_labels = load_config(args.model, args.revision, of_transformers=True).id2label == config.id2label
    model = load_classifier(args.model, args.revision, config)
    if not same_labels and "classifier is new" not in model.loading_report:
        renew_head(model)
        model.loading_report += "; classifier is new, since the labels are other ones"
    return model


def build_autoencoder(args: PretrainArguments, config: PreTrainedConfig) -> PreTrainedModel:
    """The autoencoder to pretrain: from the checkpoint `args.init_from`, or new. `loading_report` says which."""
    if args.init_from is not None:
        if args.config:
            raise InputError(f"config.{next(iter(args.config))} cannot be changed on the network of --init_from.")
        if not config.has_decoder:
            raise InputError(f"model {args.init_from} has no decoder to train: name the autoencoder it was made from.")
        return load_quietly(AutoModelForPreTraining, args.init_from, args.revision, config)
    try:
        model = named_family(config.model_type).model(config)
        model.loading_report = "all weights are new"
        if args.backbone is not None:
            model.load_backbone(args.backbone, args.revision or "main")
            count = len(model.encoder.state_dict())
            model.loading_report = f"{count} of {count} encoder tensors loaded from {args.backbone}; decoder is new"
    except LOADING_ERRORS as error:
        raise InputError(f"the network cannot be built: {one_line(error)}") from None
    return model


def load_finished(folder: Path, record: dict[str, Any]) -> PreTrainedModel:
    """The model of a finished run, by the class its record names."""
    classes = {cls.__name__: cls for family in FAMILIES.values() for cls in (family.model, family.classifier)}
    model_class = classes.get(record["model"]["class"], AutoModelForImageClassification)
    return model_class.from_pretrained(folder).eval()


def load_quietly(auto_class: Any, name: str, revision: str | None, config: PreTrainedConfig, **options: Any) -> Any:
    """`auto_class.from_pretrained`, without transformers' own table of weights; InputError where it fails."""
    level, bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()  # its table of missing weights is one line here, or an error
    transformers_logging.disable_progress_bar()
    try:
        return auto_class.from_pretrained(name, revision=revision or "main", config=config, **options)
    except LOADING_ERRORS as error:
        raise InputError(f"model {name} cannot be loaded: {one_line(error)}") from None
    finally:
        transformers_logging.set_verbosity(level)
        if bars:
            transformers_logging.enable_progress_bar()
