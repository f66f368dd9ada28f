"""`pretune inspect`: what it says and leaves, that its command runs, and that it writes nothing unasked."""

import json
import os
import shlex

import numpy as np
import PIL.Image
import pytest

import pretune
from pretune import InputError
from pretune.cli import VERBS
from pretune.training.command.arguments.inspect import InspectArguments
from pretune.training.command.parsing import parse_arguments
from pretune.training.data.samples import Samples
from pretune.training.inspection import advice
from pretune.training.modalities.image import IMAGE


@pytest.fixture
def photos(tmp_path):
    """A tenth labelled by a table, two sizes and modes, a copy in the test split, a damaged file, a text beside."""
    rng, rows = np.random.default_rng(0), ["file_name,label,patient"]
    for split, count in (("train", 30), ("test", 6)):
        (tmp_path / "photos" / split).mkdir(parents=True)
        for k in range(count):
            size = (40, 30) if k % 3 else (24, 24)
            shape = (*size[::-1], 3) if k % 2 else size[::-1]
            image = PIL.Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8))
            image.save(tmp_path / "photos" / split / f"{k:02}.png")
    same = (tmp_path / "photos/train/01.png").read_bytes()
    (tmp_path / "photos/test/copy.png").write_bytes(same)
    (tmp_path / "photos/train/broken.png").write_bytes(same[:60])
    (tmp_path / "photos/notes.txt").write_text("mine")
    for k in range(30):
        rows.append(f"train/{k:02}.png,{('oak', 'birch', 'elm')[k] if k < 3 else ''},p{k // 5}")
    (tmp_path / "photos/metadata.csv").write_text("\n".join(rows))
    return tmp_path / "photos"


def everything(folder):
    return sorted(str(path) for path in folder.rglob("*"))


def test_the_whole_of_it(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = pretune.inspect(str(photos), output_dir="looked")
    assert sorted(os.listdir("looked")) == ["contact_sheet.png", "inspect.json"]
    record = json.loads((tmp_path / "looked/inspect.json").read_text())
    assert record == json.loads(json.dumps(found.record))
    train, test = record["splits"]["train"], record["splits"]["test"]
    assert (train["samples"], train["labelled"], test["samples"]) == (30, 3, 7)
    assert train["classes"] == {"birch": 1, "elm": 1, "oak": 1} and train["damaged"][0]["file"] == "train/broken.png"
    assert train["traits"]["sizes (height x width)"] == {"30x40": 21, "24x24": 10}
    assert record["overlaps"][0]["same"] == 1 and record["group_columns"] == ["patient"]
    assert any("notes.txt" in one["what"] or ".txt" in one["what"] for one in record["left_out"])
    for words in (
        "broken.png",
        "oak 1",
        "30x40 21",
        "1 images are in both",
        "--group_column",
        found.command,
        "memory",
    ):
        assert words in found.text
    assert PIL.Image.open("looked/contact_sheet.png").size[0] > 300


def test_without_a_folder_nothing_is_written(photos, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    before = everything(tmp_path)
    found = pretune.inspect(str(photos), group_column="patient")
    assert everything(tmp_path) == before and found.output_dir is None
    assert found.record["splits"]["train"]["groups"] == {"groups": 6, "largest": 5, "samples of none": 0}
    assert capsys.readouterr().out == ""  # printing is the command's


def test_the_command_is_one_that_runs(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = pretune.inspect(str(photos), output_dir="looked")
    words = shlex.split(found.command)
    assert words[:2] == ["pretune", "pretrain"] and "--skip_damaged" in words
    args = parse_arguments(VERBS["pretrain"], words[2:])
    takes = found.record["takes"]
    assert takes["total_steps"] == args.max_steps == 200 and takes["seconds_a_step"] > 0 and takes["memory"] > 1e6
    run = pretune.pretrain(args.recipe, **{
        name: getattr(args, name) for name in ("dataset", "output_dir", "skip_damaged", "config")
    }, max_steps=1, disable_tqdm=True)  # fmt: skip
    assert sum(p.numel() for p in run.model.parameters()) == takes["parameters"]
    for follows, verb in zip(found.record["then"], ("evaluate", "finetune"), strict=True):
        words = shlex.split(follows)
        assert words[:2] == ["pretune", verb] and parse_arguments(VERBS[verb], words[2:]).skip_damaged
    again = pretune.inspect(str(photos))
    assert again.command == found.command.replace("runs/photos ", "runs/photos_2 ")  # the first folder is taken


@pytest.mark.parametrize("known", [True, False])
def test_what_follows_reads_the_dataset_as_the_first_run_does(blobs, known):
    args = InspectArguments(dataset="d", dataset_config="second", label_column="kind", eval_split="valid")
    train = Samples(IMAGE, blobs[0][:, None], *((blobs[1], ["a", "b", "c"]) if known else (None, None)), "d", "f")
    found = [shlex.split(line) for line in advice._following(args, train, "runs/d", None, damaged=True)]
    assert [words[1] for words in found] == (["evaluate", "finetune"] if known else ["embed"])
    for words in found:
        args = parse_arguments(VERBS[words[1]], words[2:])
        assert (args.dataset_config, args.label_column, args.eval_split) == ("second", "kind", "valid")
        assert args.skip_damaged and "runs/d" in args.model


def test_what_takes_long_is_cut(npz, monkeypatch):
    monkeypatch.setattr(advice, "LONGEST", 1e-6)
    found = pretune.inspect(npz)
    assert "--max_steps 200" not in found.command  # a run of 100 epochs of 60 images has fewer
    assert "cut to" not in found.text and "long for a first run" in found.text
    monkeypatch.setattr(advice, "FEWEST", 3)
    found = pretune.inspect(npz)
    assert "--max_steps 3" in found.command and "all 100 steps take" in found.text


@pytest.mark.parametrize("where", ["d", "d/inside"])
def test_a_folder_inside_the_dataset_is_refused(tmp_path, where):
    (tmp_path / "d").mkdir()
    with pytest.raises(InputError, match="lies inside the dataset"):
        pretune.inspect(str(tmp_path / "d"), output_dir=str(tmp_path / where))
    assert everything(tmp_path / "d") == []


def test_objects_and_errors(tmp_path, blobs):
    found = pretune.inspect(blobs)
    assert found.record["splits"]["train"]["samples"] == 60 and found.command.startswith(
        "pretune.pretrain(dataset=data, "
    )
    with pytest.raises(InputError, match="no such"):
        pretune.inspect(str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="is a file"):
        (tmp_path / "f").write_text("")
        pretune.inspect(blobs, output_dir=str(tmp_path / "f"))


def test_printed_by_the_command(npz, launch):
    done = launch("-m", "pretune", "inspect", npz)
    assert "60 images" in done.stdout and "a first run:\n  pretune pretrain " in done.stdout
