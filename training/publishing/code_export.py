"""The code a Hub repository carries, so that it loads where pretune is not installed.

transformers' own exporter cannot follow imports between folders. This one walks a class's imports within the package,
writes every module flat (`pretune.modeling.shared.layers` -> `modeling_shared_layers.py`), with single-dot imports.
"""

import ast
import importlib.util
from pathlib import Path

PACKAGE = __package__.split(".")[0]


def export_code(cls: type) -> tuple[str, dict[str, str]]:
    """The modules that define `cls`.

    Returns:
        (its `auto_map` value, {file name: source}).

    Raises:
        ValueError: a module imports the package in a way that cannot be made flat.
    """
    todo, done = [cls.__module__], {}
    while todo:
        module = todo.pop()
        if module not in done:
            done[module], imported = _flatten(module)
            todo.extend(imported)
    return f"{_flat(cls.__module__)}.{cls.__name__}", {f"{_flat(name)}.py": text for name, text in done.items()}


def _flatten(module: str) -> tuple[str, list[str]]:
    """(the module's source with flat imports, the package's modules it imports)."""
    source = Path(importlib.util.find_spec(module).origin).read_text()
    lines, imported = source.splitlines(keepends=True), []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import) and any(alias.name.split(".")[0] == PACKAGE for alias in node.names):
            raise ValueError(f"{module}:{node.lineno}: use `from .module import name`, or it cannot be exported")
        if not isinstance(node, ast.ImportFrom) or not (node.level or node.module.split(".")[0] == PACKAGE):
            continue
        relative = "." * node.level + (node.module or "")
        target = importlib.util.resolve_name(relative, module.rpartition(".")[0])
        if importlib.util.find_spec(target).submodule_search_locations is not None:
            raise ValueError(f"{module}:{node.lineno}: import names from a file, not from the package {target}")
        imported.append(target)
        names = ", ".join(alias.name + (f" as {alias.asname}" if alias.asname else "") for alias in node.names)
        statement = f"{' ' * node.col_offset}from .{_flat(target)} import {names}\n"
        lines[node.lineno - 1 : node.end_lineno] = [statement] + [""] * (node.end_lineno - node.lineno)
    return "".join(lines), imported


def _flat(module: str) -> str:
    return "_".join(module.split(".")[1:])
