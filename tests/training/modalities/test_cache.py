"""The cache heals, cleans up and says the way round."""

import errno
import json
import os
import subprocess
import sys

import numpy as np
import PIL.Image
import pytest

from pretune.training.command.arguments.data import DataArguments
from pretune.training.data.loading import load_data
from pretune.training.errors import InputError
from pretune.training.modalities import cache
from pretune.training.modalities.image import IMAGE
from pretune.training.modalities.images import decoding


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """(folder of the cache, a function that loads 12 pictures by way of it)."""
    rng = np.random.default_rng(0)
    (tmp_path / "data").mkdir()
    for k in range(12):
        PIL.Image.fromarray(rng.integers(0, 256, (8, 8), dtype=np.uint8)).save(tmp_path / "data" / f"{k}.png")
    monkeypatch.setenv("PRETUNE_CACHE", str(tmp_path / "cache"))
    arguments = DataArguments(dataset=str(tmp_path / "data"), eval_split="none")
    return tmp_path / "cache", lambda: np.array(load_data(arguments, IMAGE)[0].values)


def flipped(path, place):
    data = bytearray(path.read_bytes())
    data[place] ^= 0xFF
    path.write_bytes(data)


DAMAGE = {
    "json truncated": lambda facts, rows: facts.write_bytes(facts.read_bytes()[:9]),
    "json missing": lambda facts, rows: facts.unlink(),
    "json empty": lambda facts, rows: facts.write_text(""),
    "json of another kind": lambda facts, rows: facts.write_text("[1]"),
    "json nested": lambda facts, rows: facts.write_text("[" * 10**5),
    "json changed": lambda facts, rows: facts.write_text(json.dumps({**json.loads(facts.read_text()), "cut": 5})),
    "json of bytes": lambda facts, rows: facts.write_bytes(b"\xff\xfe"),
    "npy truncated": lambda facts, rows: rows.write_bytes(rows.read_bytes()[:700]),
    "npy cut in its header": lambda facts, rows: rows.write_bytes(rows.read_bytes()[:20]),
    "npy empty": lambda facts, rows: rows.write_bytes(b""),
    "npy missing": lambda facts, rows: rows.unlink(),
    "npy of others": lambda facts, rows: np.save(rows, np.zeros((5, 1, 8, 8), np.uint8)),
    "npy of another type": lambda facts, rows: np.save(rows, np.zeros((12, 1, 8, 8), np.int32)),
    "npy of another shape": lambda facts, rows: np.save(rows, np.zeros((12, 3, 4, 8), np.uint8)),
    "npy of no shape": lambda facts, rows: np.save(rows, np.uint8(3)),
    "a pixel flipped": lambda facts, rows: flipped(rows, -1),
    "header flipped": lambda facts, rows: flipped(rows, 12),
    "an archive": lambda facts, rows: np.savez(rows.open("wb"), image=np.zeros((12, 1, 8, 8), np.uint8)),
}


@pytest.mark.parametrize("damage", list(DAMAGE))
def test_what_is_damaged_is_made_anew(kept, damage, caplog):
    folder, load = kept
    first = load()
    (rows,) = folder.glob("*.npy")
    DAMAGE[damage](rows.with_suffix(".json"), rows)
    np.testing.assert_array_equal(load(), first)
    caplog.clear()
    before = rows.stat().st_mtime_ns
    np.testing.assert_array_equal(load(), first)
    assert rows.stat().st_mtime_ns == before and "anew" not in caplog.text


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b"[" * 10**5, b'{"shapes": 3}'])
def test_a_damaged_survey_is_made_anew(kept, content):
    folder, load = kept
    first = load()
    (rows,) = folder.glob("*.npy")
    (survey,) = set(folder.glob("*.json")) - {rows.with_suffix(".json")}
    survey.write_bytes(content)
    np.testing.assert_array_equal(load(), first)
    assert json.loads(survey.read_text())["shapes"] == [[8, 8, 12]]


def test_a_full_disk_is_one_line_with_a_way_round_and_leaves_nothing(kept, monkeypatch):
    def full(path):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(decoding, "allocate", full)
    folder, load = kept
    with pytest.raises(InputError, match="cannot be written.*No space left.*PRETUNE_CACHE"):
        load()
    assert not list(folder.iterdir())


def test_a_cache_that_is_a_file_is_one_line(kept):
    folder, load = kept
    folder.write_text("")
    with pytest.raises(InputError, match="cannot be written.*PRETUNE_CACHE"):
        load()


def test_other_errors_are_left_as_they_are(tmp_path):
    with pytest.raises(OSError, match="broken"), cache.whole_file(tmp_path / "x"):
        raise OSError(errno.EIO, "broken")


def test_room_is_taken_before_it_is_filled(tmp_path):
    rows = np.lib.format.open_memmap(tmp_path / "rows.npy", mode="w+", dtype=np.uint8, shape=(1 << 20,))
    cache.allocate(tmp_path / "rows.npy")
    assert (tmp_path / "rows.npy").stat().st_blocks * 512 >= rows.nbytes


def test_what_dead_processes_left_is_removed_and_that_of_living_ones_and_others_is_not(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    here = cache.platform.node() or "here"
    names = {
        "dead": f".a.npy.{here}-{gone.pid}",
        "mine": f".a.npy.{here}-{os.getpid()}",
        "elsewhere": f".a.npy.other-{gone.pid}",
        "a user's": ".hidden",
    }
    for name in names.values():
        (tmp_path / name).write_text("")
    (tmp_path / f".unpacked.{here}-{gone.pid}").mkdir()
    (tmp_path / f".unpacked.{here}-{gone.pid}" / "a.png").write_text("")
    with cache.whole_file(tmp_path / "whole") as part:
        part.write_text("x")
    assert {path.name for path in tmp_path.iterdir()} == {*names.values(), "whole"} - {names["dead"]}
