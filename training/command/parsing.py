"""From recipes and command lines to a dataclass of arguments, and back.

Loads neither torch nor transformers, so `pretune VERB --help` answers at once.
"""

import argparse
import dataclasses
import difflib
import shlex
import sys
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, field
from pathlib import Path
from typing import Any, TypeVar

import yaml

from ..errors import InputError

RECIPES = Path(__file__).parents[1] / "recipes"
A = TypeVar("A")
NAMED = "first word by name"


def argument(default: Any, help: str, choices: tuple[str, ...] | None = None, positional: bool = False) -> Any:
    """A dataclass field with its line of `--help`; at most one of a class is the command's first word."""
    metadata = {"help": help, "choices": choices, "positional": positional}
    if isinstance(default, (dict, list)):
        return field(default_factory=type(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def coerce_all(arguments: Any) -> None:
    """Bring every field of a dataclass of arguments to its type, or raise InputError."""
    for f in dataclasses.fields(arguments):
        value = coerce(f.name, getattr(arguments, f.name), f.type, f.metadata["choices"])
        setattr(arguments, f.name, value)


def command_of(verb: str, arguments: Any) -> str:
    """The command line that starts the same run: what differs from the recipe and the defaults. Never a token."""
    base = {
        f.name: f.default if f.default_factory is MISSING else f.default_factory()
        for f in dataclasses.fields(arguments)
    }
    recipe, config = getattr(arguments, "recipe", None), getattr(arguments, "config", {})
    if recipe:
        for name, value in read_recipe(recipe, type(arguments)).items():
            kind = next(f for f in dataclasses.fields(arguments) if f.name == name)
            base[name] = coerce(name, value, kind.type, kind.metadata["choices"])
    words = ["pretune", verb, *([recipe] if recipe else [])]
    for name, value in dataclasses.asdict(arguments).items():
        left_out = ("recipe", "hub_token", "config", "overwrite_output_dir", "resume_from_checkpoint", "disable_tqdm")
        if name in left_out or value == base[name]:
            continue
        words += [f"--{name}", *map(_word, value if isinstance(value, list) else [value])]
    for name, value in config.items():
        if value != base["config"].get(name):
            words += [f"--config.{name}", *map(str, value if isinstance(value, list) else [value])]
    return " ".join(map(shlex.quote, words))


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


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
    return cls(**{**values, **given, "config": config, "recipe": recipe and str(recipe)})


def read_recipe(recipe: str | Path, cls: type) -> dict[str, Any]:
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


def check_names(names: Any, cls: type, what: str) -> None:
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
    first = next((f for f in dataclasses.fields(cls) if f.metadata["positional"]), None)
    if first is not None:
        parser.add_argument(first.name, nargs="?", help=first.metadata["help"])
    for f in dataclasses.fields(cls):
        if f is first and f.name == "recipe":
            continue
        default = "" if f.default in (None, MISSING) else f" (default: {f.default})"
        parser.add_argument(
            f"--{f.name}",
            dest=NAMED if f is first else f.name,  # the first word may be given by its name, as in the other verbs
            metavar="{" + ",".join(f.metadata["choices"]) + "}" if f.metadata["choices"] else _metavar(f),
            help=f.metadata["help"].replace("%", "%%") + default,
            **({"nargs": "?", "const": True} if f.type is bool else {}),
            **({"nargs": "?", "const": "latest"} if f.name == "resume_from_checkpoint" else {}),
            **({"nargs": "+", "action": "extend"} if "list[" in str(f.type) else {}),
        )
    config, rest = _split_config(list(sys.argv[1:] if argv is None else argv))
    known, unknown = parser.parse_known_args(rest)
    given = vars(known)
    check_names([word.lstrip("-").split("=")[0] for word in unknown if word.startswith("-")], cls, "argument")
    if unknown:
        what = f"one {first.name} and " if first is not None else ""
        raise InputError(f"{unknown[0]!r} stands where no value was expected; give {what}--name value pairs.")
    if NAMED in given:
        if first.name in given:
            raise InputError(f"{first.name} is given twice: {given[first.name]} and {given[NAMED]}. Leave one out.")
        given[first.name] = given.pop(NAMED)
    if first is None or first.name != "recipe":
        return cls(**given)
    recipe = given.pop("recipe", None)
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
