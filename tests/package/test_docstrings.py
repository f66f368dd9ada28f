"""Every public name says what it is for; every function that takes or gives a tensor says its shape."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("configuration", "modeling", "training", "pretune", "model_cards")
FILES = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
TENSORS = re.compile(r"\b(Tensor|FloatTensor|LongTensor|BoolTensor|ndarray|Inputs)\b")
SHAPE = re.compile(r"\([A-Z0-9][\w*+/ ]*,[^()]*\)|\([A-Z],\)|\bscalars?\b|in the shape of")


def public(path: Path) -> list[tuple[str, ast.AST, ast.AST | None]]:
    """(name, node, class it is in) of what others may use: functions, classes and their methods."""
    found = []
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            found.append((node.name, node, None))
            for inner in node.body if isinstance(node, ast.ClassDef) else ():
                if isinstance(inner, ast.FunctionDef) and not inner.name.startswith("_"):
                    found.append((f"{node.name}.{inner.name}", inner, node))
    return found


def handles_tensors(node: ast.AST) -> bool:
    if not isinstance(node, ast.FunctionDef):
        return False
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
    written = [ast.unparse(a.annotation) for a in arguments if a is not None and a.annotation is not None]
    written += [ast.unparse(node.returns)] if node.returns is not None else []
    return any(TENSORS.search(text) for text in written)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_public_names_have_docstrings_and_tensors_shapes(path):
    bare = [name for name, node, _ in public(path) if not ast.get_docstring(node)]
    assert not bare, "without a docstring"
    shapeless = [
        name
        for name, node, owner in public(path)
        if handles_tensors(node)
        and not SHAPE.search(f"{ast.get_docstring(node)} {ast.get_docstring(owner) if owner is not None else ''}")
    ]
    assert not shapeless, "takes or gives a tensor and says no shape"


def test_the_measure_finds_what_is_missing():
    tree = ast.parse("def f(x: torch.Tensor): '''No word of it.'''\ndef g(x: int) -> np.ndarray: '''(N, D)'''")
    assert [handles_tensors(node) for node in tree.body] == [True, True]
    assert [bool(SHAPE.search(ast.get_docstring(node))) for node in tree.body] == [False, True]
