"""The house: which room may use which, scripts that nobody imports, and packages that are the folders."""

import ast
import importlib.util
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Each may use those before it in its line, itself, and nothing else of the package.
FOLDERS = ("configuration", "modeling", "model_cards", "training", "pretune")
GROUND = ("errors", "randomness", "protocol")  # rules that everyone obeys
ROOMS = (
    "command", "modalities", "files", "sources", "data", "networks", "runs", "learning", "evaluation", "publishing",
    "inspection", "comparing",
)  # fmt: skip
APART = {("publishing", "evaluation")}  # side by side on one floor
MOST_MODULES = 14  # in a folder


def modules() -> dict[str, Path]:
    """{dotted name in the package: file}."""
    found = {}
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            parts = parts[1:] if folder == "pretune" else parts
            found[".".join(("pretune", *parts)).removesuffix(".__init__")] = path
    return found


MODULES = modules()


def imported_by(module: str) -> set[str]:
    """The package's modules that a module imports, wherever in it."""
    path, found = MODULES[module], set()
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            relative = "." * node.level + (node.module or "")
            target = importlib.util.resolve_name(relative, package) if node.level else node.module
            names = [target, *(f"{target}.{alias.name}" for alias in node.names)]
        found |= {name for name in names if name in MODULES and name.startswith("pretune.")}
    return found


def place(module: str) -> tuple[str, str]:
    """(folder, room) of a module; the room of what lies at the top of training is "ground" or "door"."""
    parts = module.split(".")[1:]
    folder = parts[0] if parts and parts[0] in FOLDERS else "pretune"
    if folder != "training" or len(parts) == 1:
        return folder, ""
    if len(parts) == 2 and MODULES[module].name != "__init__.py":
        return folder, "ground" if parts[1] in GROUND else "door"
    return folder, parts[1]


USES = sorted((module, other) for module in MODULES for other in imported_by(module))


def test_there_is_something_to_hold():
    assert len(USES) > 150 and {place(m)[1] for m in MODULES} >= {*ROOMS, "ground", "door", ""}


@pytest.mark.parametrize("folder", FOLDERS)
def test_folders_use_only_those_before_them(folder):
    allowed = FOLDERS[: FOLDERS.index(folder) + 1]
    wrong = [(m, o) for m, o in USES if place(m)[0] == folder and place(o)[0] not in allowed]
    assert not wrong


@pytest.mark.parametrize("room", ("ground", *ROOMS, "door"))
def test_rooms_use_only_the_floors_below(room):
    floors = ("ground", *ROOMS, "door")
    allowed = {"", *floors[: floors.index(room) + 1]} - {other for own, other in APART if own == room}
    allowed -= {"door"}  # scripts are imported by nobody; quickstart walks through them as a user does
    wrong = [
        (m, o)
        for m, o in USES
        if place(m) == ("training", room) and place(o)[0] == "training" and place(o)[1] not in allowed
    ]
    assert not [use for use in wrong if use[0] != "pretune.training.quickstart"]


def test_no_two_folders_import_each_other():
    pairs = {(place(m), place(o)) for m, o in USES}
    assert not {frozenset(pair) for pair in pairs if pair[0] != pair[1] and pair[::-1] in pairs}


def test_packages_are_the_folders():
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    expected = {name for name, path in MODULES.items() if path.name == "__init__.py"}
    assert set(config["packages"]) == expected | {"pretune"}
    assert set(config["package-dir"]) == set(config["packages"])
    for package, folder in config["package-dir"].items():
        assert folder == (package.removeprefix("pretune.").replace(".", "/"))


@pytest.mark.parametrize("folder", sorted({path.parent for path in MODULES.values()}), ids=lambda p: p.name)
def test_a_folder_is_a_room_and_no_hall(folder):
    assert len([path for path in folder.glob("*.py") if path.name != "__init__.py"]) <= MOST_MODULES


def test_tests_mirror_the_rooms():
    rooms = {str(path.parent.relative_to(ROOT)) for path in MODULES.values()}
    for path in (ROOT / "tests").rglob("test_*.py"):
        folder = str(path.parent.relative_to(ROOT / "tests"))
        own = {".", "package", "contract", "rows", "docs", "benchmarks", "fuzz", "suite_of_transformers"}
        assert folder in own or folder in rooms, f"{path.name} lies in tests/{folder}, which mirrors no folder"
