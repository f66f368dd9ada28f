"""Arguments of the scripts: dataclasses, the recipes that fill them, and the command line over both.

Nothing here loads torch or transformers, so `pretune VERB --help` answers at once. Names are those of transformers'
own training scripts.
"""

import argparse
import dataclasses
import difflib
import sys
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml

from .errors import InputError

RECIPES = Path(__file__).parent / "recipes"
A = TypeVar("A", bound="TrainingArguments")


def argument(default: Any, help: str, choices: tuple[str, ...] | None = None) -> Any:
    """A dataclass field with its line of `--help`."""
    if isinstance(default, dict):
        return field(default_factory=dict, metadata={"help": help, "choices": choices})
    return field(default=default, metadata={"help": help, "choices": choices})


@dataclass(kw_only=True)
class TrainingArguments:
    """What pretraining and fine-tuning share."""

    dataset: str | None = argument(
        None, "Hub id, folder in Hub layout, folder of images, .parquet, .npz, .npy, or 'digits' (built in)"
    )
    output_dir: str | None = argument(None, "folder for the model, its record and pictures")
    dataset_config: str | None = argument(None, "configuration of a Hub dataset that has several")
    image_column: str | None = argument(None, "column of images (default: the one of image type)")
    label_column: str | None = argument(None, "column of labels (default: the one of label type)")
    train_split: str = argument("train", "split to train on")
    eval_split: str | None = argument(
        None, "split to evaluate on (default: test or validation, else a held-out fifth; 'none' for no evaluation)"
    )
    max_train_samples: int | None = argument(None, "train on a seeded random subset of this size")
    fit_images: bool = argument(False, "resize and convert images that do not have the model's size and channels")
    skip_damaged: bool = argument(False, "leave out images that cannot be decoded, and count them")
    model_type: str = argument("autoencoder", "family of a new network")
    config: dict = argument({}, "fields of a new network's config, also as --config.FIELD VALUE")
    num_train_epochs: float = argument(100, "passes over the training samples")
    max_steps: int | None = argument(None, "number of optimizer steps, instead of num_train_epochs")
    per_device_train_batch_size: int = argument(
        128, "samples in a step on each device (all of them if there are fewer)"
    )
    per_device_eval_batch_size: int = argument(1024, "samples in an evaluation batch on each device")
    gradient_accumulation_steps: int = argument(1, "batches added up for one optimizer step")
    learning_rate: float = argument(1e-3, "peak learning rate")
    optim: str = argument("adam", "optimizer", ("adam", "adamw", "sgd"))
    weight_decay: float = argument(0.0, "weight decay, on weights but not on biases and norms")
    lr_scheduler_type: str = argument(
        "constant", "learning rate over time", ("constant", "constant_with_warmup", "linear", "cosine", "polynomial")
    )
    warmup_steps: float = argument(0, "steps of linear warm-up; below 1 a share of all steps")
    max_grad_norm: float | None = argument(None, "clip the gradient to this norm (default: not at all)")
    mixed_precision: str = argument("no", "arithmetic of the forward pass", ("no", "bf16"))
    torch_compile: bool = argument(False, "compile the model (needs a C++ compiler on a CPU)")
    seed: int = argument(42, "seed of the initial weights, the order of samples and every draw")
    logging_steps: int = argument(50, "steps between lines of metrics.jsonl")
    eval_strategy: str = argument("no", "evaluate while training, beside once at the end", ("no", "epoch"))
    checkpointing_steps: str = argument("1000", "steps between checkpoints, 'epoch', or 'no'")
    save_total_limit: int | None = argument(2, "keep this many checkpoints, the newest")
    resume_from_checkpoint: str | None = argument(
        None, "go on from OUTPUT_DIR's newest whole checkpoint ('latest', the default value) or from a folder"
    )
    overwrite_output_dir: bool = argument(False, "remove what an earlier run wrote to output_dir; other files stay")
    report_to: str = argument("none", "trackers, comma-separated: tensorboard, trackio, wandb, mlflow ...")
    disable_tqdm: bool = argument(False, "no progress bar")

    def __post_init__(self):
        for f in dataclasses.fields(self):
            setattr(self, f.name, coerce(f.name, getattr(self, f.name), f.type, f.metadata["choices"]))
        for name in ("dataset", "output_dir"):
            if not getattr(self, name):
                raise InputError(f"{name} is missing: pass --{name}, or name a recipe that has it.")
        for name in (
            "num_train_epochs", "max_steps", "per_device_train_batch_size", "per_device_eval_batch_size",
            "max_grad_norm", "gradient_accumulation_steps", "logging_steps",
            "save_total_limit", "max_train_samples", "learning_rate",
        ):  # fmt: skip
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise InputError(f"{name} must be larger than 0, got {value:g}.")
        for name in ("weight_decay", "warmup_steps", "seed"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise InputError(f"{name} must not be negative, got {getattr(self, name):g}.")
        text = self.checkpointing_steps
        if text not in ("no", "epoch") and not (text.isdecimal() and int(text) > 0):
            raise InputError(f"checkpointing_steps must be a number of steps, 'epoch' or 'no', got {text!r}.")


@dataclass(kw_only=True)
class PretrainArguments(TrainingArguments):
    """Pretrain an encoder without labels."""


@dataclass(kw_only=True)
class FinetuneArguments(TrainingArguments):
    """Fine-tune a pretrained encoder, or train the same network from scratch, on labelled images."""

    model: str | None = argument(None, "run folder or Hub id of the pretrained encoder")
    revision: str | None = argument(None, "branch, tag or commit of a Hub model")
    from_scratch: bool = argument(False, "new weights: the network of --model, of the recipe, or the default one")
    labels_per_class: int | None = argument(None, "draw this many labelled samples of each class, by the seed")
    freeze_encoder: bool = argument(False, "train only the classifier")
    encoder_learning_rate: float | None = argument(None, "peak learning rate of the encoder, if another")

    def __post_init__(self):
        super().__post_init__()
        if self.model is None and not self.from_scratch:
            raise InputError("model is missing: pass --model with a run folder or Hub id, or --from_scratch.")
        for name in ("labels_per_class", "encoder_learning_rate"):
            if getattr(self, name) is not None and not getattr(self, name) > 0:
                raise InputError(f"{name} must be larger than 0, got {getattr(self, name):g}.")
        if self.freeze_encoder and self.from_scratch:
            raise InputError("freeze_encoder with from_scratch would freeze random weights; leave one of them out.")


def coerce(name: str, value: Any, kind: Any, choices: tuple[str, ...] | None = None) -> Any:
    """`value` from Python, YAML or the command line as the type that field `name` asks for.

    Raises:
        InputError: it cannot be read as that type.
    """
    options = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    if value is None and types.NoneType in options:
        return None
    kind = options[0]
    try:
        if kind is bool and not isinstance(value, bool):
            value = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[str(value).lower()]
        elif kind is int and not (isinstance(value, int) and not isinstance(value, bool)):
            number = float(value)  # 1e4 is a number of steps too
            if isinstance(value, bool) or number != int(number):
                raise ValueError
            value = int(number)
        elif kind is float:
            if isinstance(value, bool):
                raise ValueError
            value = float(value)
        elif kind is str:
            value = str(value.lower() if isinstance(value, str) and choices else value)
            value = "no" if value == "False" else value  # YAML reads a bare `no` as False
        elif kind is dict and not isinstance(value, Mapping):
            raise ValueError
    except (KeyError, ValueError, TypeError, OverflowError):
        raise InputError(f"{name} must be of type {kind.__name__}, got {value!r}.") from None
    if choices and value not in choices:
        raise InputError(f"{name} must be one of {', '.join(choices)}, got {value!r}.")
    return dict(value) if kind is dict else value


def build_arguments(cls: type[A], recipe: str | Path | None, given: Mapping[str, Any]) -> A:
    """Arguments of class `cls`: the defaults, over them the recipe, over that what was `given`.

    Raises:
        InputError: an unknown recipe or key (names the nearest), or a value that does not fit.
    """
    values = read_recipe(recipe, cls) if recipe else {}
    check_names(given, cls, "argument")
    config = {**(values.get("config") or {}), **coerce("config", given.get("config") or {}, dict)}
    return cls(**{**values, **given, "config": config})


def read_recipe(recipe: str | Path, cls: type[TrainingArguments]) -> dict[str, Any]:
    """The mapping in a recipe: a path, or the name of a shipped one (`mnist`)."""
    path = Path(recipe)
    if not path.is_file():
        path = RECIPES / f"{recipe}.yaml"
    if not path.is_file():
        known = sorted(p.stem for p in RECIPES.glob("*.yaml"))
        raise InputError(f"no recipe {str(recipe)!r}: expected a YAML file, or one of {', '.join(known)}.")
    try:
        values = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"recipe {path} is not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise InputError(f"recipe {path} must be a mapping of arguments to values, got {type(values).__name__}.")
    check_names(values, cls, f"key in recipe {path}")
    return values


def check_names(names: Any, cls: type[TrainingArguments], what: str) -> None:
    """Raise InputError for a name that is no argument of `cls`, with the nearest one."""
    known = [f.name for f in dataclasses.fields(cls)]
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1, cutoff=0)[0]
            raise InputError(f"unknown {what}: {name!r}. Did you mean {near!r}?")


def parse_arguments(cls: type[A], argv: list[str] | None = None, prog: str | None = None) -> A:
    """Arguments of class `cls` from a command line: `[RECIPE] [--name value ...] [--config.FIELD value ...]`.

    Exits with status 0 after `--help`. Raises InputError for all that does not fit.
    """
    parser = _Parser(prog=prog, description=cls.__doc__, allow_abbrev=False, argument_default=argparse.SUPPRESS)
    parser.add_argument("recipe", nargs="?", default=None, help="YAML file, or name of a shipped recipe")
    for f in dataclasses.fields(cls):
        default = "" if f.default in (None, MISSING) else f" (default: {f.default})"
        parser.add_argument(
            f"--{f.name}",
            metavar="{" + ",".join(f.metadata["choices"]) + "}" if f.metadata["choices"] else _metavar(f),
            help=f.metadata["help"].replace("%", "%%") + default,
            **({"nargs": "?", "const": True} if f.type is bool else {}),
            **({"nargs": "?", "const": "latest"} if f.name == "resume_from_checkpoint" else {}),
        )
    config, rest = _split_config(list(sys.argv[1:] if argv is None else argv))
    known, unknown = parser.parse_known_args(rest)
    check_names([word.lstrip("-").split("=")[0] for word in unknown if word.startswith("-")], cls, "argument")
    if unknown:
        raise InputError(f"{unknown[0]!r} stands where no value was expected; give one recipe and --name value pairs.")
    given = vars(known)
    recipe = given.pop("recipe")
    if "config" in given:
        given["config"] = yaml.safe_load(given["config"])
    if config:
        given["config"] = {**coerce("config", given.get("config") or {}, dict), **config}
    return build_arguments(cls, recipe, given)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> typing.NoReturn:
        raise InputError(f"{message} (see --help)")


def _metavar(f: dataclasses.Field) -> str:
    kind = typing.get_args(f.type)[0] if isinstance(f.type, types.UnionType) else f.type
    return {bool: "BOOL", int: "INT", float: "NUMBER", dict: "YAML"}.get(kind, "TEXT")


def _split_config(argv: list[str]) -> tuple[dict[str, Any], list[str]]:
    """Take `--config.FIELD value ...` out of a command line; several values, or one with commas, make a list."""
    config, rest = {}, []
    words = iter(range(len(argv)))
    for i in words:
        if not argv[i].startswith("--config."):
            rest.append(argv[i])
            continue
        name, equals, value = argv[i].removeprefix("--config.").partition("=")
        values = [value] if equals else []
        while not equals and i + 1 < len(argv) and not argv[i + 1].startswith("--"):
            i = next(words)
            values.append(argv[i])
        if not values:
            raise InputError(f"--config.{name} needs a value.")
        values = [yaml.safe_load(v) for v in values]
        if len(values) == 1 and isinstance(values[0], str) and "," in values[0]:
            values = [yaml.safe_load(v) for v in values[0].split(",") if v]
        config[name] = values[0] if len(values) == 1 else values
    return config, rest
