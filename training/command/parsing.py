"""From words to a dataclass of arguments: the command line over a recipe over the defaults.

Loads neither torch nor transformers, so `pretune VERB --help` answers at once. Not jsonargparse (tried: 4.53): it
gives `--config.FIELD` a type only if the family's config, and so transformers, is loaded before `--help`; flags
without a value, lists of words, near names and errors of one line would still be code of our own.
"""

import argparse
import dataclasses
import sys
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from ..errors import InputError
from .fields import check_names, coerce
from .help_text import (
    GroupedHelp,
    argument_help,
    closing_words,
    first_word,
    has_recipe,
    in_groups,
    metavar,
    usage,
)
from .recipes import read_recipe
from .yaml_text import read_yaml

A = TypeVar("A")
NAMED, HELP = "first word by name", "help asked for"  # names that no argument can have


def build_arguments(cls: type[A], recipe: str | Path | None, given: Mapping[str, Any]) -> A:
    """Arguments of class `cls`: the defaults, over them the recipe, over that what was `given`.

    Raises:
        InputError: an unknown recipe or key (names the nearest), or a value that does not fit.
    """
    values = read_recipe(recipe, cls) if recipe else {}
    check_names(given, cls, model_type=given.get("model_type", values.get("model_type")), config="put {!r} in config")
    config = {**(values.get("config") or {}), **coerce("config", given.get("config") or {}, dict)}
    return cls(**{**values, **given, "config": config, "recipe": recipe and str(recipe)})


def parse_arguments(cls: type[A], argv: list[str] | None = None, prog: str | None = None) -> A:
    """Arguments of class `cls` from a command line: `[RECIPE] [--name value ...] [--config.FIELD value ...]`.

    Exits with status 0 after `--help`. Raises InputError for all that does not fit.
    """
    first, parser = first_word(cls), make_parser(cls, prog)
    config, rest = _split_config(list(sys.argv[1:] if argv is None else argv))
    known, unknown = parser.parse_known_args(rest)
    given = vars(known)
    if given.pop(HELP, False):
        parser.epilog = closing_words(cls, given.get("recipe"))
        parser.print_help()
        sys.exit(0)
    words = [word.lstrip("-").split("=")[0] for word in unknown if word.startswith("-")]
    check_names(words, cls, model_type=_model_type(cls, given) if words else None)
    if unknown:
        what = f"one {first.name} and " if first is not None else ""
        of_model = first is None and any(f.name == "model" for f in dataclasses.fields(cls))
        meant = f" Did you mean --model {' '.join(unknown)}?" if of_model else ""
        raise InputError(f"{unknown[0]!r} stands where no value was expected; give {what}--name value pairs.{meant}")
    if NAMED in given:
        if first.name in given:
            raise InputError(f"{first.name} is given twice: {given[first.name]} and {given[NAMED]}. Leave one out.")
        given[first.name] = given.pop(NAMED)
    if not has_recipe(cls):
        return cls(**given)
    recipe = given.pop("recipe", None)
    if "config" in given:
        given["config"] = _yaml(given["config"], "config")
    if config:
        given["config"] = {**coerce("config", given.get("config") or {}, dict), **config}
    return build_arguments(cls, recipe, given)


def make_parser(cls: type, prog: str | None = None) -> argparse.ArgumentParser:
    """A parser of all arguments of `cls`, in the groups of `--help`. It checks names and how many values come."""
    parser = _Parser(
        prog=prog, usage=usage(cls), description=cls.__doc__, formatter_class=GroupedHelp, add_help=False,
        allow_abbrev=False, argument_default=argparse.SUPPRESS,
    )  # fmt: skip
    parser.add_argument(
        "-h", "--help", dest=HELP, action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS
    )
    first = first_word(cls)
    for title, fields in in_groups(cls).items():
        group = parser.add_argument_group(title)
        for f in fields:
            if f is first:
                group.add_argument(f.name, metavar=f.name.upper(), nargs="?", help=argument_help(f))
                if f.name == "recipe":
                    continue
            group.add_argument(
                f"--{f.name}",
                dest=NAMED if f is first else f.name,  # the first word may be given by its name, as in other verbs
                metavar=metavar(f),
                help=argparse.SUPPRESS if f is first else argument_help(f),
                **({"nargs": "?", "const": True} if f.type is bool else {}),
                **({"nargs": "?", "const": "latest"} if f.name == "resume_from_checkpoint" else {}),
                **({"nargs": "+", "action": "extend"} if "list[" in str(f.type) else {}),
            )
    return parser


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are `InputError`."""

    def error(self, message: str) -> typing.NoReturn:
        """Raise InputError."""
        raise InputError(f"{message} (see --help)")


def _model_type(cls: type, given: Mapping[str, Any]) -> Any:
    """The family a command line asks for, itself or by its recipe; None if it does not say."""
    if "model_type" in given or not given.get("recipe"):
        return given.get("model_type")
    try:
        return read_recipe(given["recipe"], cls).get("model_type")
    except InputError:  # the word that follows an unknown option is no recipe, and the option is what is wrong
        return None


def _yaml(text: str, name: str) -> Any:
    return read_yaml(text, f"--{name}", quoted=True)


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
        parsed = [_yaml(v, f"config.{name}") for v in values]
        if len(parsed) == 1 and isinstance(parsed[0], str) and "," in parsed[0]:
            parsed = [_yaml(v, f"config.{name}") for v in parsed[0].split(",") if v]
        config[name] = parsed[0] if len(parsed) == 1 else parsed
    return config, rest
