"""Fields of a dataclass of arguments: their line and group of `--help`, and values brought to their types."""

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any

from ..errors import InputError
from .config_fields import own_fields
from .yaml_text import shown

# The headings of `--help`, in its order. The last holds what nobody needs in the first hour.
GROUPS = (
    "recipe",
    "data",
    "network",
    "files",
    "optimisation",
    "fine-tuning",
    "unlabelled samples while fine-tuning",
    "measurement",
    "checkpoints",
    "Hub",
    "seldom needed",
)
LARGEST = 2**63  # an integer that no array or counter holds
SLIP = 0.9  # likeness of a name with a slip of the finger to what it was to be
ELSEWHERE = {
    "lr": "learning_rate",
    "wd": "weight_decay",
    "optimizer": "optim",
    "data_dir": "dataset",
}  # other tools' words


def argument(
    default: Any,
    help: str,
    choices: tuple[str, ...] | None = None,
    positional: bool = False,
    *,
    group: str,
) -> Any:
    """A dataclass field with its line of `--help`.

    Args:
        default: also where a recipe says nothing; for a list or mapping an empty one.
        help: what it does, without the default. Lines after the first are shown as lines of their own.
        choices: the values it takes, in lower case; any of them, for a list.
        positional: the command's first word is its value; at most one of a class.
        group: one of `GROUPS`.
    """
    metadata = {"help": help, "choices": choices, "positional": positional, "group": group}
    if isinstance(default, (dict, list)):
        return field(default_factory=type(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def default_of(f: dataclasses.Field) -> Any:
    """The default of a field, whichever way it is given."""
    return f.default if f.default_factory is dataclasses.MISSING else f.default_factory()


def coerce_all(arguments: Any) -> None:
    """Bring every field of a dataclass of arguments to its type, or raise InputError."""
    for f in dataclasses.fields(arguments):
        value = coerce(f.name, getattr(arguments, f.name), f.type, f.metadata["choices"])
        setattr(arguments, f.name, value)


def coerce(name: str, value: Any, kind: Any, choices: tuple[str, ...] | None = None) -> Any:
    """`value` from Python, YAML or the command line as the type that field `name` asks for.

    Raises:
        InputError: it cannot be read as that type.
    """
    options = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    if value is None and types.NoneType in options:
        return None
    kind = options[0]
    if typing.get_origin(kind) is list:
        values = value if isinstance(value, (list, tuple)) else [value]
        words = [word for v in values for word in (v.split(",") if isinstance(v, str) else [v]) if word != ""]
        return [coerce(name, word, typing.get_args(kind)[0], choices) for word in words]
    try:
        if kind is bool and not isinstance(value, bool):
            value = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[str(value).lower()]
        elif kind is int and not (isinstance(value, int) and not isinstance(value, bool)):
            number = float(value)  # 1e4 is a number of steps too
            if isinstance(value, bool) or number != int(number):
                raise ValueError
            value = int(number)
        elif kind is float:
            if isinstance(value, bool) or math.isnan(float(value)):
                raise ValueError
            value = float(value)
        elif kind is str:
            value = str(value.lower() if isinstance(value, str) and choices else value)
            value = "no" if value == "False" else value  # YAML reads a bare `no` as False
        elif kind is dict and not is_config(value):
            raise ValueError
        if kind is int and abs(value) >= LARGEST:
            raise ValueError
    except (KeyError, ValueError, TypeError, OverflowError, RecursionError):
        raise InputError(f"{name} must be of type {kind.__name__}, got {shown(value)}.") from None
    if kind is str and "\0" in value and name != "hub_token":  # no name of a file, branch or column holds one; a token
        # is refused unseen where it is checked
        raise InputError(f"{name} holds a character that ends texts (NUL), expected none: {shown(value)}.")
    if choices and value not in choices:
        raise InputError(f"{name} must be one of {', '.join(choices)}, got {shown(value)}.")
    return dict(value) if kind is dict else value


def is_config(value: Any) -> bool:
    """Whether it is a mapping of names to values."""
    return isinstance(value, Mapping) and all(isinstance(name, str) for name in value)


def check_positive(arguments: Any, *names: str) -> None:
    """Raise InputError if one of these fields is a number that is not above 0 and finite; None is left alone."""
    for name in names:
        value = getattr(arguments, name)
        if value is not None and not 0 < value < float("inf"):
            raise InputError(f"{name} must be larger than 0, got {value:g}.")


def check_between(arguments: Any, **limits: tuple[float, float]) -> None:
    """Raise InputError if a field lies outside its `name=(lowest, highest)`."""
    for name, (low, high) in limits.items():
        if not low <= getattr(arguments, name) <= high:
            raise InputError(f"{name} must lie between {low} and {high:g}, got {getattr(arguments, name):g}.")


def nearest(name: str, arguments: Sequence[str], others: Sequence[str] = ()) -> str:
    """The argument that an unknown name most likely means: one that it is a slip of, what other tools call so, the
    first with the same words among its own ("batch_size", "epochs"), else the most alike of these and `others`."""
    name = name.lower().replace("-", "_")
    slip = difflib.get_close_matches(name, arguments, n=1, cutoff=SLIP)
    if slip:
        return slip[0]
    if ELSEWHERE.get(name) in arguments:
        return ELSEWHERE[name]
    within = [own for own in arguments if f"_{name}_" in f"_{own}_"]
    return within[0] if within else difflib.get_close_matches(name, [*arguments, *others], n=1, cutoff=0)[0]


def check_names(
    names: Iterable[Any],
    cls: type,
    what: str = "argument {}",
    model_type: Any = None,
    config: str = "pass --config.{}",
) -> None:
    """Raise InputError for a name that is no argument of `cls`, with the nearest one.

    Args:
        names: what was given.
        cls: a dataclass of arguments.
        what: how the message calls an unknown name.
        model_type: the family asked for; None: the default. Its config, and with it transformers, is loaded only
            for an unknown name that is no mere slip.
        config: how to give a field of the network's config, if that is what the name is.
    """
    arguments = {f.name: f for f in dataclasses.fields(cls)}
    for name in names:
        if name in arguments:
            continue
        unknown, in_config = f"unknown {what.format(repr(name))}", []
        if "config" in arguments and not difflib.get_close_matches(str(name), arguments, n=1, cutoff=SLIP):
            in_config = own_fields(model_type or arguments["model_type"].default)
        near = name if name in in_config else nearest(str(name), list(arguments), in_config)
        if near in arguments:
            raise InputError(f"{unknown}. Did you mean {near!r}?")
        if near == name:
            raise InputError(f"{unknown}: it is a field of the network's config, {config.format(near)}.")
        raise InputError(
            f"{unknown}. Did you mean {near!r}, a field of the network's config? Then {config.format(near)}."
        )
