"""Files of several pages, frames or slices: which are samples, and that all of a file stay on one side."""

import logging

import numpy as np
import PIL.Image
import pytest

from pretune.training.command.arguments.data import DataArguments
from pretune.training.data.loading import load_data
from pretune.training.data.samples import split_off
from pretune.training.evaluation.draws import draw_rows
from pretune.training.inspection.facts import facts_of
from pretune.training.modalities.image import IMAGE
from pretune.training.modalities.images.volumes import save_pages

RNG = np.random.default_rng(0)
FILES, PAGES = 24, 5
VOLUME = ".volume.tif"  # what files of hospitals are written as


@pytest.fixture
def said(caplog):
    caplog.set_level(logging.INFO, "pretune")
    return lambda: caplog.text


def pages(folder, ending, count=FILES):
    """Files of PAGES different pictures each, in two classes; a file's number is in a corner of each."""
    for number in range(count):
        path = folder / "ab"[number % 2] / f"{number}{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        stack = RNG.integers(0, 120, (PAGES, 8, 8), dtype=np.uint8)
        stack[:, 0, 0] = number
        if ending == VOLUME:
            stack = stack.astype(np.int16)
            stack[[0, -1]] = 0  # slices outside of the body
            save_pages(stack, path)
        else:
            first, *rest = map(PIL.Image.fromarray, stack)
            first.save(path, save_all=True, append_images=rest)
    return folder


def load(folder, **options):
    return load_data(DataArguments(dataset=str(folder), **options), IMAGE, {"num_channels": 1})


@pytest.mark.parametrize("ending", [".tif", ".gif", VOLUME])
def test_all_frames_of_a_file_stay_on_one_side(tmp_path, ending):
    train, evaluation = load(pages(tmp_path / "d", ending), frames="all")
    assert len(train) + len(evaluation) == FILES * PAGES
    files = [{data.files[row] for row in data.rows} for data in (train, evaluation)]
    assert files[0] and files[1] and not files[0] & files[1]
    kept, judged = split_off(train, 0.3, 0, "none")
    assert not set(kept.rows) & set(judged.rows) and len(judged)
    drawn = draw_rows(train.labels, train.label_names, 2 * PAGES, 0, train.groups)
    assert len(set(train.rows[drawn])) == 4  # two whole files of each class


def test_the_same_files_are_held_out_wherever_they_lie(tmp_path):
    first = {data.name for data in load(pages(tmp_path / "d", ".tif"), frames="all")}
    (tmp_path / "d").rename(tmp_path / "moved")
    train, evaluation = load(tmp_path / "moved", frames="all")
    assert train.name not in first
    (tmp_path / "moved").rename(tmp_path / "d")
    _, again = load(tmp_path / "d", frames="all")
    assert np.array_equal(again.rows, evaluation.rows)


def test_frames_are_no_groups_of_the_users(tmp_path):
    data, _ = load(pages(tmp_path / "d", ".gif", 4), frames="all", eval_split="none")
    assert data.groups is not None and "groups" not in {k: v for k, v in facts_of(data).items() if v is not None}


def test_of_a_volume_the_middle_slice_is_read_and_told(tmp_path, said):
    data, _ = load(pages(tmp_path / "d", VOLUME, 4), eval_split="none")
    assert len(data) == 4 and data.values.any((1, 2, 3)).all()
    assert "4 are volumes: the middle slice of each is read (--frames all for every slice)" in said()
    low, high = data.settings["value_range"]
    assert low == 0 and 100 <= high <= 255  # of the slices that are read, not of empty ones
    first, _ = load(tmp_path / "d", eval_split="none", frames="first")
    assert not first.values.any() and "constant" not in said() and "one value alone" in said()
    every, _ = load(tmp_path / "d", eval_split="none", frames="all")
    assert len(every) == 4 * PAGES and every.values.any((1, 2, 3)).sum() == 4 * (PAGES - 2)


def test_the_middle_of_pages_may_be_asked_for(tmp_path, said):
    shades = [PIL.Image.new("L", (8, 8), 40 * k) for k in range(5)]
    (tmp_path / "d").mkdir()
    for number in range(3):
        shades[0].save(tmp_path / "d" / f"{number}.tif", save_all=True, append_images=shades[1:])
    data, _ = load(tmp_path / "d", eval_split="none", frames="middle")
    assert (data.values == 80).all() and "the middle is read (--frames all for each)" in said()


def test_pages_of_bands_are_counted(tmp_path, said):
    tifffile = pytest.importorskip("tifffile")
    (tmp_path / "d").mkdir()
    for number in range(4):
        with tifffile.TiffWriter(tmp_path / "d" / f"{number}.tif") as writer:
            for _ in range(3):
                page = RNG.integers(0, 256, (8, 8, 5), dtype=np.uint8)
                writer.write(page, photometric="minisblack", planarconfig="contig", metadata=None)
    train = load_data(DataArguments(dataset=str(tmp_path / "d"), eval_split="none"), IMAGE)[0]
    assert len(train) == 4 and "4 have several pages or frames: the first is read" in said()
    train = load_data(DataArguments(dataset=str(tmp_path / "d"), eval_split="none", frames="all"), IMAGE)[0]
    assert train.values.shape == (12, 5, 8, 8)


def test_one_file_alone_cannot_be_held_out_of(tmp_path, said):
    train, evaluation = load(pages(tmp_path / "d", ".tif", 1), frames="all")
    assert len(train) == PAGES and evaluation is None and "5 samples are all of one group" in said()
