"""The house rules that a machine can check."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("configuration", "modeling", "training", "pretune", "model_cards")
FILES = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_source_file(path):
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "a file begins with what it is for"
    assert len(path.read_text().splitlines()) <= 350
    for node in ast.walk(tree):
        assert not isinstance(node, ast.Assert), f"line {node.lineno}: raise an error that says what to do"
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None and ast.unparse(node.type) not in ("Exception", "BaseException"), node.lineno
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_") and node.name != "main":
            assert ast.get_docstring(node), f"{node.name} is public and has no docstring"
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            bare = [a.arg for a in [*node.args.args, *node.args.kwonlyargs] if a.annotation is None]
            assert not bare, f"{node.name}: no type for {bare}"
