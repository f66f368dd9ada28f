"""`compare` and `try`: models are continued on the user's samples, and routes tried, by runs of their own."""

import json
from pathlib import Path

import numpy as np
import pytest
from families import save_published

import pretune
from pretune.training.command.arguments.compare import CompareArguments
from pretune.training.command.arguments.data import InMemory
from pretune.training.command.arguments.evaluate import EvaluateArguments
from pretune.training.comparing.continued import arguments_for, data_words
from pretune.training.comparing.scoring import Judge
from pretune.training.data.loading import load_data
from pretune.training.data.samples import Samples
from pretune.training.modalities.image import IMAGE

PROBES = ["linear", "untrained_linear", "raw_knn", "raw_linear", "pca_knn", "pca_linear"]


@pytest.fixture
def published(tmp_path):
    return save_published(tmp_path / "published", 16)


def test_a_continued_model_is_told_the_users_data_and_how_to_go_on(tmp_path):
    args = CompareArguments(
        model=["x+continued"], dataset="photos", label_column="kind", output_dir=str(tmp_path), continued_steps=7,
        continued_views="without_colour",
    )  # fmt: skip
    given = arguments_for(args, "x", IMAGE, tmp_path / "continued/x")
    assert given["model_type"] == "joint_embedding" and given["backbone"] == "x" and given["max_steps"] == 7
    assert "eval_split" not in given  # what is held out for the report is not learnt from
    assert (
        given["dataset"] == "photos" and given["label_column"] == "kind" and given["config.views"] == "without_colour"
    )
    args.dataset = InMemory(np.zeros((3, 1, 8, 8)))
    with pytest.raises(pretune.InputError, match="object in memory"):
        data_words(args)


def test_output_dir_is_needed():
    with pytest.raises(pretune.InputError, match="output_dir is missing"):
        CompareArguments(model=["a"], dataset="digits")


@pytest.mark.parametrize(
    ("verb", "name", "is_folder"),
    [
        ("compare", "continued", False), ("compare", "report.json", True), ("compare", "features", False),
        ("try_routes", "tries.json", True), ("try_routes", "try.md", True), ("try_routes", "report", False),
    ],
)  # fmt: skip
def test_what_is_in_the_way_is_told_before_anything_is_read(tmp_path, verb, name, is_folder):
    (tmp_path / name).mkdir() if is_folder else (tmp_path / name).write_text("mine")
    model = {"model": ["nowhere/x+continued"]} if verb == "compare" else {}
    with pytest.raises(pretune.InputError, match=f"{name} is (a|no) folder.*Move it away") as caught:
        getattr(pretune, verb)(dataset="nowhere", output_dir=str(tmp_path), **model)
    assert "\n" not in str(caught.value)


def test_a_judge_looks_at_labelled_training_samples_alone(tmp_path):
    labels = np.arange(200) % 4
    pixels = np.random.default_rng(0).integers(0, 60, (200, 1, 8, 8), dtype=np.uint8)
    pixels[np.arange(200), 0, labels, labels] = 255
    np.savez(tmp_path / "d.npz", image=pixels, label=np.where(np.arange(200) < 120, labels, -1))
    args = EvaluateArguments(model=["none"], dataset=str(tmp_path / "d.npz"), output_dir="unused")
    train, _ = load_data(args, IMAGE)
    judge = Judge.of(train)
    assert len(judge.data) < 120 and judge.data.labelled.all() and np.mean(judge.of_raw()) > 90
    np.savez(tmp_path / "few.npz", image=pixels, label=np.where(np.arange(200) < 12, labels, -1))
    args = EvaluateArguments(model=["none"], dataset=str(tmp_path / "few.npz"), output_dir="unused")
    with pytest.raises(pretune.InputError, match="are labelled, and ways are chosen by labels"):
        Judge.of(load_data(args, IMAGE)[0])


@pytest.mark.parametrize(
    ("labels", "refused"),
    [
        ([0] * 15 + [1] * 15 + [2], None),
        ([0] * 30 + [1], "are of a class that has two or more"),
        (list(range(25)) + [0, 1, 2], "are of a class that has two or more"),
        (list(np.linspace(0.1, 0.9, 30)), "are real numbers, and ways are chosen by classes"),
    ],
)
def test_a_judge_says_at_once_what_labels_it_cannot_choose_by(blobs, labels, refused):
    pixels = blobs[0][: len(labels), None]
    labels = np.asarray(labels)
    names = None if labels.dtype.kind == "f" else list(map(str, range(labels.max() + 1)))
    train = Samples(IMAGE, pixels, labels, names, "d [train]", "f")
    if refused:
        with pytest.raises(pretune.InputError, match=refused):
            Judge.of(train)
    else:
        judge = Judge.of(train)
        assert sorted(set(judge.data.labels)) == [0, 1] and np.isfinite(judge.of_raw()).all()


@pytest.mark.slow
def test_own_published_and_continued_in_one_report(published, tmp_path, launch):
    own = pretune.pretrain("digits", output_dir=tmp_path / "own", max_steps=20, disable_tqdm=True)
    beside = f"{own.output_dir}+{published}"
    launch(
        "-m", "pretune", "compare", "--model", own.output_dir, published, f"{published}+continued", beside,
        "--dataset", "digits", "--labels_per_class", "1", "5", "--draws", "2", "--methods", *PROBES,
        "--continued_steps", "3", "--continued_views", "symbols", "--output_dir", tmp_path / "r",
    )  # fmt: skip
    report = json.loads((tmp_path / "r/report.json").read_text())
    continued = str(tmp_path / "r/continued" / published.strip("/").replace("/", "_"))
    assert list(report["models"]) == [str(own.output_dir), published, continued, beside]
    assert f"Against {published}, from which it went on" in report["models"][continued]["verdict"]["sentence"]
    assert report["models"][continued]["cost"]["minutes"] > 0 and (tmp_path / "r/report.html").is_file()
    again = launch("-m", "pretune", "compare", *report["command"].split()[2:])
    assert again.returncode == 0


@pytest.mark.slow
def test_try_ends_with_a_report_and_a_command(tmp_path, launch):
    said = launch(
        "-m", "pretune", "try", "digits", "--minutes", "0.5", "--output_dir", tmp_path / "tried",
        "--routes", "joint embedding", "autoencoder",
    ).stdout  # fmt: skip
    record = json.loads((tmp_path / "tried/try.json").read_text())
    assert {route["name"] for route in record["routes"]} == {"joint embedding", "autoencoder"}
    assert record["command"].startswith("pretune pretrain --dataset digits") and record["command"] in said
    tried = [np.mean(route["scores"]) for route in record["routes"]]
    best = "no way is better than raw samples so far" if np.mean(record["raw"]) >= max(tried) else "best here: "
    assert best in said and (tmp_path / "tried/report/report.html").is_file()
    report = json.loads((tmp_path / "tried/report/report.json").read_text())
    assert set(report["models"]) == {"joint embedding", "autoencoder"} == set(report["verdict"]["outcome"])
    assert all(Path(facts["folder"]).is_dir() for facts in report["models"].values())
    assert {row["model"] for row in report["results"]} == set(report["models"]) == set(report["confusion"]["matrices"])
