"""Recipes: YAML files of arguments. Reads them, says what one changes, and writes the command that repeats a run."""

import contextlib
import dataclasses
import difflib
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import InputError, one_line
from .fields import check_names, coerce, default_of, is_config
from .yaml_text import read_yaml, shown

RECIPES = Path(__file__).parents[1] / "recipes"
OF_DATA = (".csv", ".tsv", ".jsonl", ".parquet", ".npz", ".npy", ".zip", ".tar", ".txt")  # never a recipe
NOT_REPEATED = ("recipe", "hub_token", "config", "overwrite_output_dir", "resume_from_checkpoint", "disable_tqdm")


def recipe_names(verb: str | None = None) -> list[str]:
    """The names of the shipped recipes; with a `verb` only those whose header gives a command of it."""
    files = sorted(RECIPES.glob("*.yaml"))
    return [f.stem for f in files if verb is None or re.search(rf"pretune {verb} {f.stem}\b", f.read_text())]


def recipe_path(recipe: str | Path) -> Path:
    """The file of a recipe: a path, or the name of a shipped one (`mnist`).

    Raises:
        InputError: there is none.
    """
    for path in (Path(recipe), RECIPES / f"{recipe}.yaml"):
        with contextlib.suppress(OSError):  # a name longer than names can be
            if path.is_file() and path.suffix not in OF_DATA:
                return path
    known = ", ".join(recipe_names())
    raise InputError(f"no recipe {shown(str(recipe))}: expected a YAML file, or one of {known}.{_meant(recipe)}")


def _meant(recipe: str | Path) -> str:
    """What a first word that is no recipe was to be: data or a model that are here, or a recipe of about that name."""
    with contextlib.suppress(OSError):
        if Path(recipe).exists():
            kind = "folder" if Path(recipe).is_dir() else "file of data"
            return f" It is a {kind} here: data are named by --dataset, a model by --model or --init_from."
    near = difflib.get_close_matches(str(recipe), recipe_names(), n=1, cutoff=0.75)
    return f" Did you mean {near[0]}?" if near else ""


def read_recipe(recipe: str | Path, cls: type) -> dict[str, Any]:
    """The mapping in a recipe, its keys arguments of class `cls`.

    Raises:
        InputError: there is no such recipe, it is no mapping, or a key is unknown (names the nearest).
    """
    path = recipe_path(recipe)
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"recipe {path} cannot be read as text: {one_line(error)}") from None
    values = read_yaml(text, f"recipe {path}")
    if not isinstance(values, dict):
        raise InputError(f"recipe {path} must be a mapping of arguments to values, got {type(values).__name__}.")
    where = str(path).replace("{", "{{").replace("}", "}}")  # it becomes part of a format
    family = values.get("model_type")
    family = family if isinstance(family, str) else None
    check_names(values, cls, f"key {{}} in recipe {where}", family, "put {} under config:")
    if values.get("config") is not None and not is_config(values["config"]):
        raise InputError(
            f"config in recipe {path} is {shown(values['config'])}, expected a mapping of fields to values."
        )
    return values


def recipe_header(recipe: str | Path) -> str:
    """What a recipe says of itself: the comment it begins with, without the signs."""
    lines = recipe_path(recipe).read_text().splitlines()
    end = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return "\n".join(line.removeprefix("#").removeprefix(" ") for line in lines[:end])


def recipe_changes(recipe: str | Path, cls: type) -> Iterator[tuple[str, Any, Any]]:
    """(argument, value, default) of all that a recipe sets to something else than the default.

    Fields of the network's config stand one by one, as "config.FIELD", with default None: reading it would load the
    network's family.
    """
    fields = {f.name: f for f in dataclasses.fields(cls)}
    for name, value in read_recipe(recipe, cls).items():
        f = fields[name]
        value, default = coerce(name, value, f.type, f.metadata["choices"]), default_of(f)
        if name == "config":
            yield from ((f"config.{key}", inner, None) for key, inner in value.items())
        elif value != default:
            yield name, value, default


def command_of(verb: str, arguments: Any) -> str:
    """The command line that starts the same run: what differs from the recipe and the defaults. Never a token."""
    recipe, (given, config) = getattr(arguments, "recipe", None), _differences(arguments)
    words = ["pretune", verb, *([recipe] if recipe else [])]
    for name, value in given.items():
        words += [f"--{name}", *map(_word, value if isinstance(value, list) else [value])]
    for name, value in config.items():
        words += [f"--config.{name}", *map(str, value if isinstance(value, list) else [value])]
    return " ".join(map(shlex.quote, words))


def call_of(verb: str, arguments: Any) -> str:
    """The same in Python, for a dataset that is an object there, called `data`."""
    recipe, (given, config) = getattr(arguments, "recipe", None), _differences(arguments)
    return python_call(verb, recipe, {**given, **({"config": config} if config else {})})


def python_call(verb: str, recipe: str | None, given: Mapping[str, Any]) -> str:
    """`pretune.VERB(...)` with these arguments; the dataset is an object called `data`."""
    words = [repr(recipe)] if recipe else []
    words += [f"{name}={'data' if name == 'dataset' else repr(value)}" for name, value in given.items()]
    return f"pretune.{verb}({', '.join(words)})"


def _differences(arguments: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """(arguments, fields of the config) that differ from the recipe and the defaults."""
    base = {f.name: default_of(f) for f in dataclasses.fields(arguments)}
    recipe, config = getattr(arguments, "recipe", None), getattr(arguments, "config", {})
    in_recipe = {name: value for name, value, _ in recipe_changes(recipe, type(arguments))} if recipe else {}
    given = {
        name: value
        for name, value in dataclasses.asdict(arguments).items()
        if name not in NOT_REPEATED and value != in_recipe.get(name, base[name])
    }
    return given, {name: value for name, value in config.items() if value != in_recipe.get(f"config.{name}")}


def words_of(verb: str, given: Mapping[str, Any]) -> list[str]:
    """The words after `pretune` that give a verb these arguments; `config` is a mapping."""
    flat = {f"config.{name}": value for name, value in given.get("config", {}).items()}
    flat = {name: value for name, value in given.items() if name != "config"} | flat
    words = [verb]
    for name, value in flat.items():
        values = value if isinstance(value, (list, tuple)) else [value]
        words += [f"--{name}", *(str(v).lower() if isinstance(v, bool) else str(v) for v in values)]
    return words


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
