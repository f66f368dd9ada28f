"""The pages as files: length, links, pictures, and reference pages that are what the code says."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SECTIONS = [
    "Install", "Your photographs", "First result in a minute", "In Python", "At the shell", "Which family for what",
    "What was measured", "On the Hub", "Words used here", "More",
]  # fmt: skip


def without_blocks(page: Path) -> str:
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.S | re.M)


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", without_blocks(page), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_pictures_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", without_blocks(page)):
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target


def test_every_picture_and_guide_is_shown_somewhere():
    linked = {
        (page.parent / target.partition("#")[0]).resolve()
        for page in PAGES
        for target in re.findall(r"\]\(([^)\s]+)\)", without_blocks(page))
    }
    files = {path for path in (ROOT / "docs").rglob("*") if path.suffix in (".png", ".md")}
    assert files - linked == set()


def test_the_readme_is_short_and_photographs_come_second():
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 150
    assert re.findall(r"^## (.*)$", text, re.M) == SECTIONS
    words = text[text.index("## Words used here") :]
    for word in ("embedding", "floor", "draw", "recipe", "run", "1-NN", "linear probe"):
        assert f"**{word}**" in words
    assert text.index("pretune push") < text.index("## First result")  # from photographs to the Hub


@pytest.fixture(scope="module")
def make_reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_reference", ROOT / "docs" / "make_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_reference_pages_are_what_the_code_says(make_reference):
    assert make_reference.main(check=True) == 0, "run `make reference` and commit docs/reference"


def test_reference_names_every_argument_recipe_and_public_name(make_reference):
    from dataclasses import fields

    import pretune
    from pretune.cli import VERBS

    pages = make_reference.pages()
    for verb, arguments in VERBS.items():
        section = pages["command.md"].partition(f"## pretune {verb}\n")[2].partition("\n## ")[0]
        for f in fields(arguments):
            assert f"`--{f.name} " in section or f"`{f.name.upper()}`" in section
    for recipe in (ROOT / "training" / "recipes").glob("*.yaml"):
        assert f"\n## {recipe.stem}\n" in pages["recipes.md"]
    for name in set(pretune.__all__) - {"__version__"}:
        assert f"\n### {name}\n" in pages["python.md"] + pages["configs.md"]


def test_a_stale_page_is_named(make_reference, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(make_reference, "FOLDER", tmp_path)
    assert make_reference.main(check=False) == 0 and make_reference.main(check=True) == 0
    (tmp_path / "recipes.md").write_text("old")
    (tmp_path / "gone.md").write_text("of a page that is no more")
    assert make_reference.main(check=True) == 1
    assert "recipes.md, gone.md" in capsys.readouterr().out
    assert make_reference.main(check=False) == 0 and not (tmp_path / "gone.md").exists()


@pytest.mark.parametrize(
    ("docstring", "expected"),
    [
        ("One line.", "One line."),
        ("A * b < c, `d * e`.", r"A \* b \< c, `d * e`."),
        ("Say.\n\nArgs:\n    a, b: both\n        of them.\n\nAfter.",
         "Say.\n\n*Args*\n\n- `a, b`: both\n  of them.\n\nAfter."),
        ("Two.\n\nReturns:\n    (a, b), both: yes.", "Two.\n\n*Returns*\n\n- (a, b), both: yes."),
    ],
)  # fmt: skip
def test_docstrings_become_markdown(make_reference, docstring, expected):
    assert make_reference.markdown(docstring) == expected
