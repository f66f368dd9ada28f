"""What lies in a run's folder when a run begins: links, folders, and what a killed one left."""

import json
import os

import pytest

from pretune.training.errors import InputError
from pretune.training.runs import folder
from pretune.training.runs.checkpoints import put_in_place
from pretune.training.runs.folder import RUN_FILES, STARTED_BY, locked, remove_run_files, require_free
from pretune.training.runs.metrics import add_line, cut_lines, read_lines


@pytest.mark.parametrize("name", ["tokenizer.json", "modules.json", "run.json", "backbone/config.json"])
def test_a_folder_in_the_place_of_a_file_is_told_before_anything_is_done(tmp_path, name):
    (tmp_path / name).mkdir(parents=True)
    with pytest.raises(InputError, match=f"{name} is a folder, and a run writes a file of that name. Move it away"):
        require_free(tmp_path, True, False)


@pytest.mark.parametrize("name", ["backbone", "trackers"])
def test_a_file_in_the_place_of_a_folder_too(tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(InputError, match=f"{name} is no folder, and a run writes a folder"):
        require_free(tmp_path, True, False)


@pytest.mark.parametrize("started_by_a_verb", [True, False])
def test_a_folder_is_one_process_own(tmp_path, monkeypatch, started_by_a_verb):
    if started_by_a_verb:  # the run that a killed call of it had started may hold the folder for a step yet
        monkeypatch.setenv(STARTED_BY, str(os.getppid()))
        monkeypatch.setattr(folder, "PATIENCE", 0.01)
    first = locked(tmp_path)
    with pytest.raises(InputError, match="another process is writing to"):
        locked(tmp_path)
    first.release()
    locked(tmp_path).release()


def test_a_run_that_nobody_waits_for_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv(STARTED_BY, str(os.getppid() + 1))
    with pytest.raises(InputError, match="nobody waits for it"):
        locked(tmp_path)
    monkeypatch.delenv(STARTED_BY)
    locked(tmp_path).release()


@pytest.mark.parametrize("text", ['{"verb": "pretrain", "card_sh', "", "[" * 20000])
def test_a_damaged_record_is_a_runs_all_the_same(tmp_path, text):
    for name in ("run.json", "tokenizer.json", "README.md", "mine.txt"):
        (tmp_path / name).write_text(text)
    require_free(tmp_path, False, True)
    remove_run_files(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "mine.txt"]  # perhaps edited by hand


def test_what_a_kill_leaves_before_the_first_record_is_in_nobodys_way(tmp_path):
    for name in (".lock", ".run.json.tmp"):
        (tmp_path / name).write_text("")
    require_free(tmp_path, False, False)


def test_by_the_record_a_folder_is_known_until_all_else_is_removed():
    assert RUN_FILES[-1] == "run.json"


def test_saving_replaces_links_and_keeps_what_they_point_at(tmp_path):
    root, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    elsewhere.mkdir()
    root.mkdir()
    (elsewhere / "config.json").write_text("theirs")
    (root / "config.json").symlink_to(elsewhere / "config.json")
    (root / "modules.json").symlink_to(elsewhere / "none")
    (root / "backbone").symlink_to(elsewhere)

    def save(folder):
        (folder / "backbone").mkdir()
        for name in ("config.json", "modules.json", "backbone/config.json"):
            (folder / name).write_text("ours")

    put_in_place(root, save)
    put_in_place(root, save)  # over its own
    assert {path.name: path.read_text() for path in elsewhere.iterdir()} == {"config.json": "theirs"}
    assert (root / "backbone/config.json").read_text() == (root / "modules.json").read_text() == "ours"
    assert sorted(path.name for path in root.iterdir()) == ["backbone", "config.json", "modules.json"]


@pytest.mark.parametrize("there", [True, False])
def test_metrics_are_never_written_through_a_link(tmp_path, there):
    elsewhere = tmp_path / "elsewhere"
    if there:
        elsewhere.write_text(json.dumps({"step": 1, "loss": 0.5}) + "\n")
    (tmp_path / "metrics.jsonl").symlink_to(elsewhere)
    cut_lines(tmp_path, 5)
    add_line(tmp_path, {"step": 6})
    assert [line["step"] for line in read_lines(tmp_path)] == ([1, 6] if there else [6])
    assert elsewhere.exists() == there and (not there or len(elsewhere.read_text().splitlines()) == 1)
