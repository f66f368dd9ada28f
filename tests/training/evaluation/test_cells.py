"""cells.jsonl and kept features after a kill, or damaged: what is whole is taken, what is not is told or made anew."""

import json

import numpy as np
import pytest

from pretune.training.errors import InputError
from pretune.training.evaluation.cells import FEATURES, Cell, Cells
from pretune.training.evaluation.features import _read_kept

HITS = np.array([True, False, True])
KNOWN = [Cell("print", "knn", 1, draw) for draw in range(3)]


def opened(folder, overwrite=False):
    return Cells(folder, {"train": "a"}, ["accuracy"], overwrite, 0.0)


@pytest.fixture
def lines(tmp_path):
    """The lines of an evaluation of three cells."""
    cells = opened(tmp_path / "r")
    for cell in KNOWN:
        cells.add(cell, {"accuracy": 50.0}, [[0, 1, 2]], HITS)
    cells.close(False)
    return (tmp_path / "r/cells.jsonl").read_text().splitlines()


def again(tmp_path, lines):
    (tmp_path / "r/cells.jsonl").write_bytes(b"\n".join(x if isinstance(x, bytes) else x.encode() for x in lines))
    cells = opened(tmp_path / "r")
    cells.require_of(3, 2)
    return cells


@pytest.mark.parametrize("damaged", [b"", b'{"source": "pr', b"\xff\xfe", b"[" * 20000, b"9" * 5000])
@pytest.mark.parametrize("place", [2, 3])
def test_a_damaged_line_costs_its_own_cell_alone(tmp_path, lines, caplog, damaged, place):
    cells = again(tmp_path, [*lines[:place], damaged, *lines[place + 1 :]])
    assert list(cells.scores) == [cell for cell in KNOWN if cell.draw != place - 1]
    assert ("1 damaged lines" in caplog.text) == (place < 3)  # the last one is what a kill cuts off
    assert len((tmp_path / "r/cells.jsonl").read_text().splitlines()) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"accuracy": "50"}, {"accuracy": True}, {"accuracy": 10**400}, {"seconds": None}, {"source": []},
        {"hits": 5}, {"hits": [3, "?"]}, {"hits": ["3", "oA=="]}, {"confusion": 5},
        {"confusion": [[0, 1]]}, {"confusion": [[0, -1, 2]]}, {"confusion": [[0, 1, "2"]]},
    ],
)  # fmt: skip
def test_a_line_that_is_no_cell_is_named(tmp_path, lines, change):
    lines[2] = json.dumps({**json.loads(lines[2]), **change})
    with pytest.raises(InputError, match=r"line 3 of .*cells.jsonl is not as evaluate writes it. Restore"):
        again(tmp_path, lines)


@pytest.mark.parametrize("change", [{"hits": [2, "oA=="]}, {"hits": [-1, "oA=="]}, {"confusion": [[0, 2, 1]]}])
def test_cells_of_other_test_samples_are_told(tmp_path, lines, change):
    lines[2] = json.dumps({**json.loads(lines[2]), **change})
    with pytest.raises(InputError, match=r"cells.jsonl is damaged.*than the 3 of now"):
        again(tmp_path, lines)


@pytest.mark.parametrize("name", ["report.json", "confusion.png", "cells.jsonl"])
def test_a_folder_in_the_place_of_a_file_is_told_at_once(tmp_path, lines, name):
    (tmp_path / "r" / name).unlink(missing_ok=True)
    (tmp_path / "r" / name).mkdir()
    with pytest.raises(InputError, match=f"{name} is a folder, and an evaluation writes a file"):
        opened(tmp_path / "r")


def test_a_file_in_the_place_of_the_features_too(tmp_path, lines):
    (tmp_path / "r" / FEATURES).write_text("")
    with pytest.raises(InputError, match="features is no folder"):
        opened(tmp_path / "r")


def test_beginning_anew_leaves_an_evaluation_at_every_moment(tmp_path, lines, monkeypatch):
    def killed(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(Cells, "_write_all", killed)
    with pytest.raises(KeyboardInterrupt):
        opened(tmp_path / "r", overwrite=True)
    monkeypatch.undo()
    assert opened(tmp_path / "r", overwrite=True).scores == {}


@pytest.mark.parametrize(
    "kept",
    [np.zeros((4, 2), np.float32), np.zeros(3, np.float32), np.zeros((3, 2), int), np.full((3, 2), np.nan), None],
)
def test_kept_features_that_are_damaged_are_computed_again(tmp_path, kept):
    path = tmp_path / "a.npy"
    assert _read_kept(path, 3) is None
    np.save(path, np.ones((3, 2), np.float32) if kept is None else kept)
    if kept is None:
        assert _read_kept(path, 3).shape == (3, 2)
        path.write_bytes(path.read_bytes()[:-3])
    assert _read_kept(path, 3) is None
