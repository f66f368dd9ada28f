"""Reference pages (docs/reference/) from what the code says of itself: arguments, configs, docstrings, recipes.

    make reference          writes them
    make reference-check    exits with 1 if one is not what would be written; a fast test checks the same

The pages hold nothing that is written by hand, so a changed argument or docstring needs no second place.
"""

import dataclasses
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pretune
from pretune.cli import VERBS
from pretune.modeling.families import FAMILIES
from pretune.training.command.config_fields import config_fields
from pretune.training.command.fields import default_of
from pretune.training.command.help_text import first_word, in_groups, metavar
from pretune.training.command.recipes import RECIPES, recipe_header, recipe_names

FOLDER = Path(__file__).parent / "reference"
MADE = "<!-- Made by `make reference`; do not edit. -->"
SECTIONS = ("Args", "Returns", "Yields", "Raises")


def main(check: bool) -> int:
    """Write the pages, or with `check` only compare; returns the exit status."""
    wanted = pages()
    stale = [name for name, text in wanted.items() if not same(FOLDER / name, text)]
    stale += sorted(path.name for path in FOLDER.glob("*.md") if path.name not in wanted)
    if check:
        print(f"stale, run `make reference`: {', '.join(stale)}" if stale else "docs/reference is up to date")
        return int(bool(stale))
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.glob("*.md"):
        path.unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text)
    print(f"docs/reference: {', '.join(stale) or 'nothing'} changed")
    return 0


def same(path: Path, text: str) -> bool:
    """Whether the file at `path` holds `text`."""
    return path.is_file() and path.read_text() == text


def pages() -> dict[str, str]:
    """{file name: text} of all reference pages."""
    found = {"command.md": command(), "recipes.md": recipes(), "python.md": python(), "configs.md": configs()}
    return {name: f"{MADE}\n\n{text.strip()}\n" for name, text in found.items()}


# --- the command -----------------------------------------------------------------------------------------------------


def command() -> str:
    """All verbs with all arguments, in the groups and with the examples of `--help`."""
    lines = ["# The command", "", "| verb | what it does |", "|---|---|"]
    lines += [f"| [`{verb}`](#pretune-{verb}) | {cell(first_line(cls))} |" for verb, cls in VERBS.items()]
    for verb, cls in VERBS.items():
        lines += ["", f"## pretune {verb}", "", first_line(cls), "", "```text", *cls.examples, "```"]
        for group, fields in in_groups(cls).items():
            lines += ["", f"**{group}**", "", "| argument | default | what |", "|---|---|---|"]
            lines += [argument_row(f, f is first_word(cls)) for f in fields]
    return "\n".join(lines)


def argument_row(f: dataclasses.Field, positional: bool) -> str:
    """One argument as a row of a table."""
    default = default_of(f)
    name = f.name.upper() if positional else f"--{f.name} {metavar(f)}"
    shown = "" if default in (None, [], {}) else f"`{str(default).lower() if isinstance(default, bool) else default}`"
    text = "<br>".join(map(cell, f.metadata["help"].split("\n")))
    return f"| `{cell(name)}` | {shown} | {'the first word: ' * positional}{text} |"


# --- recipes ---------------------------------------------------------------------------------------------------------


def recipes() -> str:
    """The shipped recipes with what they say of themselves and what they set."""
    lines = ["# Recipes", "", "A recipe is a YAML file of arguments; the command line wins over it."]
    for name in recipe_names():
        text = (RECIPES / f"{name}.yaml").read_text()
        settings = text.splitlines()[len(recipe_header(name).splitlines()) :]
        lines += ["", f"## {name}", "", "```text", *recipe_header(name).splitlines(), "```"]
        lines += ["", "```yaml", *settings, "```"]
    return "\n".join(lines)


# --- configs ---------------------------------------------------------------------------------------------------------


def configs() -> str:
    """Every family's config: its fields by the class that brings them in."""
    lines = ["# Configs", "", "`--config.FIELD VALUE` on the command line; under `config:` in a recipe."]
    told: set[type] = set()
    for name, family in FAMILIES.items():
        lines += ["", f"## {name}", "", f"{family.purpose[0].upper()}{family.purpose[1:]}."]
        for cls, fields in config_fields(family.config):
            lines += ["", f"### {cls.__name__}" if cls not in told else f"Also the fields of `{cls.__name__}`, above."]
            if cls in told:
                continue
            told.add(cls)
            lines += ["", markdown(before_sections(cls.__doc__ or "")), ""]
            lines += ["| field | type | default | what |", "|---|---|---|---|"]
            lines += [f"| `{f.name}` | `{cell(f.kind)}` | `{cell(f.default)}` | {cell(f.text)} |" for f in fields]
            lines += properties(cls)
    return "\n".join(lines)


def properties(cls: type) -> list[str]:
    """What can be read from a class beside its fields."""
    found = {n: p for n, p in vars(cls).items() if isinstance(p, property) and not n.startswith("_")}
    lines = [f"- `{name}`: {' '.join(inspect.cleandoc(p.__doc__ or '').split())}" for name, p in found.items()]
    return ["", "Read from them:", "", *lines] if lines else []


# --- Python ----------------------------------------------------------------------------------------------------------


def python() -> str:
    """Every name of `pretune.__all__` that can be called, with its public methods."""
    public = {name: getattr(pretune, name) for name in pretune.__all__ if name != "__version__"}
    verbs = {n: v for n, v in public.items() if inspect.isfunction(v)}
    errors = {n: v for n, v in public.items() if inspect.isclass(v) and issubclass(v, Exception)}
    known = {family.config for family in FAMILIES.values()}
    classes = {n: v for n, v in public.items() if n not in verbs and n not in errors and v not in known}
    lines = ["# In Python", "", "All names are those of `pretune`. Configs have [a page of their own](configs.md)."]
    first_told: dict[Any, str] = {}  # a method that families share is described with the first of them
    for title, found in (("Functions", verbs), ("Models and processors", classes), ("Errors", errors)):
        lines += ["", f"## {title}"]
        for name, value in found.items():
            lines += ["", f"### {name}", "", *described(name, value)]
            shared: dict[str, list[str]] = {}
            for method, function in methods(value):
                if function in first_told:
                    shared.setdefault(first_told[function], []).append(f"`{method}`")
                    continue
                first_told[function] = name
                lines += ["", f"#### {name}.{method}", "", *described(method, function)]
            lines += [
                line for of, names in shared.items() for line in ("", f"As [{of}](#{of.lower()}): {', '.join(names)}.")
            ]
    return "\n".join(lines)


def described(name: str, value: Any) -> list[str]:
    """Signature and docstring; a function's result is described below it."""
    lines = ["```text", signature(name, value), "```", "", markdown(value.__doc__ or "")]
    result = inspect.signature(value).return_annotation if inspect.isfunction(value) else None
    if inspect.isclass(result) and dataclasses.is_dataclass(result) and ours(result):
        fields = markdown(result.__doc__ or "").replace("*Args*", "*Fields*")
        lines += ["", f"Result `{result.__name__}`: {fields}"]
    return lines


def methods(cls: Any) -> Iterator[tuple[str, Any]]:
    """(name, function) of the public methods of a class that are ours, its own before those of its bases."""
    seen: set[str] = set()
    for base in cls.__mro__ if inspect.isclass(cls) else ():
        for name, value in vars(base).items() if ours(base) else ():
            function = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
            if not name.startswith("_") and name not in seen and inspect.isfunction(function):
                seen.add(name)
                yield name, function


def ours(value: Any) -> bool:
    """Whether a class or function is of this package."""
    return value.__module__.partition(".")[0] == "pretune"


def signature(name: str, value: Any) -> str:
    """How `value` is called, types without the names of their modules."""
    if inspect.isclass(value) and issubclass(value, Exception) and "__init__" not in vars(value):
        return f"{name}(message)"
    text = re.sub(r"<class '(.*?)'>", r"\1", str(inspect.signature(value))).replace("'", "")
    text = re.sub(r"\b(?:[a-zA-Z_]\w*\.)+(?=[A-Za-z_])", "", text)
    return name + re.sub(r"^\((?:self|cls)(?:, )?", "(", text)


# --- Markdown --------------------------------------------------------------------------------------------------------


def markdown(docstring: str) -> str:
    """A docstring as Markdown: sections become lists, indented examples blocks."""
    lines, section = [], False
    for line in inspect.cleandoc(docstring).splitlines():
        if line.rstrip(":") in SECTIONS and line.endswith(":"):
            section = True
            lines += [f"*{line.rstrip(':')}*", ""]
        elif section and re.match(r"    \S", line):
            name, colon, text = line.strip().partition(": ")
            entry = colon and re.fullmatch(r"[\w., *]+", name)
            listed = line.strip().removeprefix("- ")
            lines.append(f"- `{name}`: {escaped(text)}" if entry else f"- {escaped(listed)}")
        elif section and line.startswith("      "):
            lines.append(f"  {escaped(line.strip())}")
        else:
            section = section and not line
            lines.append(line if line.startswith("    ") else escaped(line))
    return "\n".join(lines).strip()


def before_sections(docstring: str) -> str:
    """A docstring without its sections, which tables show."""
    return re.split(rf"\n(?:{'|'.join(SECTIONS)}):\n", inspect.cleandoc(docstring))[0]


def escaped(text: str) -> str:
    """Text of a docstring whose signs mean nothing to Markdown, apart from code in backticks."""
    parts = text.split("`")
    return "`".join(re.sub(r"([*<])", r"\\\1", part) if i % 2 == 0 else part for i, part in enumerate(parts))


def cell(text: str) -> str:
    """Text in a cell of a table: on one line, its bars escaped."""
    return " ".join(escaped(text).replace("|", "\\|").split())


def first_line(cls: type) -> str:
    """The first line of a docstring."""
    return inspect.cleandoc(cls.__doc__ or "").partition("\n")[0]


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
