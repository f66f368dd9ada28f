"""The text of `pretune VERB --help`: arguments in groups, what a recipe is or changes, examples."""

import argparse
import dataclasses
import shutil
import textwrap
import types
import typing
from typing import Any

from .fields import GROUPS, default_of
from .recipes import recipe_changes, recipe_header, recipe_names

WIDTH = 100  # of text below the arguments, at most


class GroupedHelp(argparse.RawDescriptionHelpFormatter):
    """Names beside texts, and the lines of a text as they are given."""

    def __init__(self, prog: str, **options: Any):
        super().__init__(prog, max_help_position=30, **options)

    def _split_lines(self, text: str, width: int) -> list[str]:
        lines = (
            textwrap.wrap(line, width, subsequent_indent="  " * (i > 0)) for i, line in enumerate(text.split("\n"))
        )
        return [part for line in lines for part in line]


def first_word(cls: type) -> dataclasses.Field | None:
    """The field that the command's first word is the value of."""
    return next((f for f in dataclasses.fields(cls) if f.metadata["positional"]), None)


def usage(cls: type) -> str:
    """The line on how a verb is called: its first word, and the rest in short."""
    first = first_word(cls)
    words = ["%(prog)s", *([f"[{first.name.upper()}]"] if first else []), "[--name value ...]"]
    return " ".join([*words, *(["[--config.FIELD value ...]"] if has_recipe(cls) else [])])


def has_recipe(cls: type) -> bool:
    """Whether a verb's first word is a recipe."""
    first = first_word(cls)
    return first is not None and first.name == "recipe"


def in_groups(cls: type) -> dict[str, list[dataclasses.Field]]:
    """The fields of a dataclass of arguments under the headings of `--help`, empty ones left out."""
    groups: dict[str, list[dataclasses.Field]] = {group: [] for group in GROUPS}
    for f in dataclasses.fields(cls):
        groups[f.metadata["group"]].append(f)
    return {group: fields for group, fields in groups.items() if fields}


def argument_help(f: dataclasses.Field) -> str:
    """What `--help` says of one argument, with a default that says something."""
    default = default_of(f)
    first, *rest = f.metadata["help"].split("\n")
    if default is not None and not isinstance(default, (bool, list, dict)):
        first += f" (default: {_shown(default)})"
    return "\n".join([first, *rest]).replace("%", "%%")


def metavar(f: dataclasses.Field) -> str:
    """What stands for the value of an argument: its choices or its type."""
    if f.metadata["choices"]:
        return "{" + ",".join(f.metadata["choices"]) + "}"
    kind = typing.get_args(f.type)[0] if isinstance(f.type, types.UnionType) else f.type
    return {bool: "BOOL", int: "INT", float: "NUMBER", dict: "YAML"}.get(kind, "TEXT")


def closing_words(cls: type, recipe: str | None) -> str:
    """What stands below the arguments: what `recipe` changes, or what a recipe is, and the verb's examples.

    Raises:
        InputError: the recipe does not exist or does not fit.
    """
    lines = []
    if has_recipe(cls):
        lines = _about_recipes(cls) if recipe is None else _about(recipe, cls)
    return "\n".join([*lines, "examples:", *(f"  {example}" for example in cls.examples)])


def _about_recipes(cls: type) -> list[str]:
    width = max(40, min(WIDTH, shutil.get_terminal_size().columns - 2))
    text = (
        "A recipe is a YAML file of the arguments above, with the network's fields under 'config:'. What stands on "
        f"the command line wins over it. 'pretune {cls.verb} NAME --help' says what one changes. Shipped with "
        f"pretune: {', '.join(recipe_names(cls.verb))}."
    )
    return ["recipes:", *textwrap.wrap(text, width, initial_indent="  ", subsequent_indent="  "), ""]


def _about(recipe: str, cls: type) -> list[str]:
    lines = [f"recipe {recipe}:", *(f"  {line}" for line in recipe_header(recipe).splitlines()), "", "  it sets"]
    changes = [(name, _shown(value), default) for name, value, default in recipe_changes(recipe, cls)]
    width = max((len(name) for name, *_ in changes), default=0) + 2
    for name, value, default in changes:
        instead = "" if default in (None, [], {}) else f"  (default: {_shown(default)})"
        lines.append(f"    {name:<{width}}{value}{instead}")
    return [*lines, ""]


def _shown(value: Any) -> str:
    """A value as a recipe writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_shown(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_shown, value)) + "]"
    return f"{value:g}" if isinstance(value, float) else str(value)
