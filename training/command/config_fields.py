"""The fields of a family's config: `pretune config FAMILY` prints them, and an error knows them."""

import dataclasses
import difflib
import inspect
import re
import textwrap
import typing
from typing import TYPE_CHECKING, Any

from ...modeling.families import FAMILIES, PREFIX, Family
from ..errors import InputError

if TYPE_CHECKING:  # that module takes its fields from one that looks up names here
    from .arguments.config import ConfigArguments

NOT_OURS = ("transformers", "huggingface_hub", "builtins")  # packages whose classes a config of ours derives from


@dataclasses.dataclass(frozen=True)
class ConfigField:
    """One field of a config.

    Args:
        name, kind, default: as in Python; `kind` and `default` are source text.
        text: what it does, from the docstring of the class or of the nearest base that describes it.
    """

    name: str
    kind: str
    default: str
    text: str


def find_family(name: str) -> Family:
    """The family of that `model_type`, with or without its prefix.

    Raises:
        InputError: there is none; names the nearest.
    """
    known = name.removeprefix(PREFIX)
    if known not in FAMILIES:
        (near,) = difflib.get_close_matches(known, list(FAMILIES), n=1, cutoff=0)
        raise InputError(f"unknown family {name!r}: expected one of {', '.join(FAMILIES)}. Did you mean {near!r}?")
    return FAMILIES[known]


def own_fields(model_type: Any) -> list[str]:
    """Names of the config fields of a family that transformers' own configs lack; none for an unknown family.

    Loads the family's config, and with it transformers.
    """
    family = FAMILIES.get(str(model_type).removeprefix(PREFIX))
    return [] if family is None else [f.name for _, fields in config_fields(family.config) for f in fields]


def config_fields(config: type) -> list[tuple[type, list[ConfigField]]]:
    """The fields of a config class, by the class of ours that brings them in, its own ones first."""
    classes = [c for c in config.__mro__ if c.__module__.partition(".")[0] not in NOT_OURS]
    fields = {f.name: f for f in dataclasses.fields(config)}
    texts: dict[str, str] = {}
    for c in reversed(classes):  # a class describes a field better than its bases do
        texts |= argument_texts(c.__doc__ or "")
    found, seen = [], set()
    for c in classes:
        names = [n for n in inspect.get_annotations(c) if n in fields and n not in seen]
        seen.update(names)
        if names:
            found.append((c, [_described(fields[name], texts.get(name, "")) for name in names]))
    return found


def argument_texts(docstring: str) -> dict[str, str]:
    """{name: text} of the `Args:` of a docstring; names that share an entry share its text."""
    _, _, section = inspect.cleandoc(docstring).partition("Args:\n")
    section = re.split(r"\n(?=\S)", section)[0]
    entries = re.findall(r"^    (\w+(?:, \w+)*): (.*(?:\n {5,}.*)*)", section, re.M)
    return {name: " ".join(text.split()) for names, text in entries for name in names.split(", ")}


def run(args: "ConfigArguments") -> None:
    """`pretune config [FAMILY]`: print the fields of a family's config, or the families."""
    print(families_text() if args.family is None else family_text(args.family))


def families_text() -> str:
    """The families with their purpose, a line each."""
    width = max(map(len, FAMILIES)) + 2
    lines = [f"  {name:<{width}}{family.purpose}" for name, family in FAMILIES.items()]
    return "\n".join(["families (--model_type):", *lines, "", "'pretune config FAMILY' prints the fields of one."])


def family_text(name: str) -> str:
    """All that can be set in a family's config, with texts, types and defaults.

    Raises:
        InputError: the family is unknown.
    """
    family, lines = find_family(name), []
    text = textwrap.TextWrapper(110, initial_indent=" " * 6, subsequent_indent=" " * 6, break_on_hyphens=False)
    config = family.config
    for c, fields in config_fields(config):
        lines += ["", f"{c.__name__}: {inspect.cleandoc(c.__doc__ or '').partition(chr(10))[0]}"]
        for f in fields:
            lines.append(f"  {f.name}: {f.kind} = {f.default}")
            lines += text.wrap(f.text)
    shown = own_fields(name)
    others = ", ".join(f.name for f in dataclasses.fields(config) if f.name not in shown)
    lines += ["", *textwrap.wrap(f"Fields of transformers' own configs can be set too: {others}.", 110)]
    how = "--config.FIELD VALUE on the command line, FIELD: VALUE under config: in a recipe."
    return "\n".join([f"{name.removeprefix(PREFIX)}, {family.purpose}", how, *lines])


def _described(f: dataclasses.Field, text: str) -> ConfigField:
    default = f.default if f.default_factory is dataclasses.MISSING else f.default_factory()
    return ConfigField(f.name, _kind(f.type), repr(default), text)


def _kind(kind: Any) -> str:
    """A type as one would write it, without the modules' names."""
    if typing.get_origin(kind) is typing.Literal:
        return " | ".join(map(repr, typing.get_args(kind)))
    return re.sub(r"\b(\w+\.)+", "", kind if isinstance(kind, str) else inspect.formatannotation(kind))
