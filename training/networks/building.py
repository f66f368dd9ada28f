"""Which network a script trains: a new one from a config, or one from a checkpoint."""

import copy
import dataclasses
import difflib
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any

from huggingface_hub.errors import StrictDataclassError
from transformers import PreTrainedConfig, PreTrainedModel

from ...modeling.families import FAMILIES, PREFIX, Family
from ...modeling.shared.loading import LoadReport
from ..command.arguments.training import TrainingArguments
from ..command.config_fields import config_fields
from ..data.labels import REAL
from ..data.samples import Samples
from ..errors import InputError, one_line
from ..modalities.faults import LOADING_ERRORS
from ..modalities.listing import modality_of
from .heads import renew_head
from .loading import (
    auto_classifier,
    load_classifier,
    load_config,
)


def named_family(model_type: str) -> Family:
    """The family of that `model_type`, with or without its prefix.

    Raises:
        InputError: there is none.
    """
    family = FAMILIES.get(model_type.removeprefix(PREFIX))
    if family is None:
        near = difflib.get_close_matches(model_type, list(FAMILIES), n=1)
        meant = f" Did you mean {near[0]!r}?" if near else ""
        raise InputError(f"unknown model_type {model_type!r}: expected one of {', '.join(FAMILIES)}.{meant}")
    return family


def tokenizer_of(args: TrainingArguments, backbone: str | None = None) -> tuple[str, int, str | None]:
    """(tokenizer, size of its vocabulary, revision) of a new network: as the user says, else the published one's."""
    if args.tokenizer is None and backbone is not None:
        return backbone, args.tokenizer_size, args.revision
    return args.tokenizer or "bpe", args.tokenizer_size, None


def new_config(model_type: str, values: Mapping[str, Any], data: Samples) -> PreTrainedConfig:
    """The config of a new network: `values`, with what it takes from the data unless given."""
    return make_config(named_family(model_type).config, {**data.shape, **values})


def make_config(config_class: type, values: dict[str, Any]) -> PreTrainedConfig:
    """A config from values off a command line or recipe.

    Raises:
        InputError: an unknown field (names the nearest), or a value that does not fit.
    """
    require_fields(config_class, values)
    own = {f.name: f.type for f in dataclasses.fields(config_class)}
    for name, value in values.items():
        of_union = isinstance(own[name], types.UnionType)
        kinds = [typing.get_origin(k) or k for k in (typing.get_args(own[name]) if of_union else (own[name],))]
        if list in kinds and value is not None and type(value) not in kinds:  # one value from the command line
            values = {**values, name: [value]}
    try:
        return config_class(**values)
    except (StrictDataclassError, ValueError, TypeError, AttributeError) as error:  # of transformers' own fields
        raise InputError(f"config of {config_class.__name__}: {one_line(error)}") from None


def require_fields(config_class: type, names: Iterable[str]) -> None:
    """Raise InputError for a name that is no field of the config; names the nearest."""
    own = {f.name for f in dataclasses.fields(config_class)}
    unknown = next((name for name in names if name not in own), None)
    if unknown is not None:
        public = [f.name for _, fields in config_fields(config_class) for f in fields]
        near = difflib.get_close_matches(unknown, public, n=1, cutoff=0)[0]
        raise InputError(f"unknown field of {config_class.__name__}: {unknown!r}. Did you mean {near!r}?")


def build_new(config: PreTrainedConfig, backbone: str | None, revision: str | None) -> PreTrainedModel:
    """A new network to pretrain; `load_report` says whether its encoder came from the checkpoint `backbone`.

    Raises:
        InputError: its values do not fit together, or the backbone cannot be loaded.
    """
    try:
        model = named_family(config.model_type).model(config)
        if backbone is not None:
            model.load_backbone(backbone, revision or "main")
            model.load_report = LoadReport(len(model.encoder.state_dict()), backbone, ("decoder",))
    except LOADING_ERRORS as error:
        raise InputError(f"the network cannot be built: {one_line(error)}") from None
    return model


def classifier_config(
    config: PreTrainedConfig,
    data: Samples,
    changes: Mapping[str, Any],
    reconstruction_weight: float | None,
) -> PreTrainedConfig:
    """`config` with the labels of `data`.

    Args:
        changes: what `--config` says of the network of a checkpoint, as far as that can be changed.
        reconstruction_weight: of the pretraining loss that is kept beside; None leaves the config's.

    Raises:
        InputError: a value that does not fit.
    """
    config = copy.deepcopy(config)
    config.id2label = dict(enumerate(data.label_names))
    config.label2id = {name: number for number, name in config.id2label.items()}
    if hasattr(config, "label_names"):  # where a network of timm keeps them
        config.label_names = list(data.label_names)
    config.problem_type = data.problem_type
    for name, value in changes.items():
        try:
            setattr(config, name, value)
            config.validate()
        except StrictDataclassError as error:
            raise InputError(f"config.{name}: {one_line(error)}") from None
    if reconstruction_weight is not None:
        config.reconstruction_weight = reconstruction_weight
    return config


def build_classifier(name: str | None, revision: str | None, config: PreTrainedConfig) -> PreTrainedModel:
    """The classifier to train: from checkpoint `name`, or new. `load_report` says what is new.

    A checkpoint's own classifier goes on only if its labels are the same, name for name, and of the same kind.
    """
    if name is None:
        model = auto_classifier(modality_of(config)).from_config(config, trust_remote_code=False)
        model.load_report = LoadReport(reason="from scratch")
        return model
    theirs = load_config(name, revision, of_transformers=True)
    kinds = (config.problem_type,) if config.problem_type == REAL else (None, config.problem_type)
    same_labels = theirs.id2label == config.id2label and theirs.problem_type in kinds
    model = load_classifier(name, revision, config)
    if not same_labels and "classifier" not in model.load_report.new:
        renew_head(model)
        news = (*model.load_report.new, "classifier")
        model.load_report = dataclasses.replace(model.load_report, new=news, reason="since the labels are other ones")
    return model
