"""The input size of a published network, chosen by labelled training samples alone."""

import json

import numpy as np
import pytest
from families import save_published

import pretune
from pretune.training.command.arguments.compare import CompareArguments
from pretune.training.comparing import input_sizes
from pretune.training.comparing.input_sizes import _is_whole, best_size, choose_sizes, size_on
from pretune.training.comparing.records import known
from pretune.training.data.loading import load_data
from pretune.training.evaluation.embedders import OfEncoder
from pretune.training.modalities.image import IMAGE
from pretune.training.modalities.images import sizes


def test_a_smaller_size_that_is_nearly_as_good_is_taken():
    assert best_size({32: 50.0, 96: 69.8, 224: 70.1}) == 96
    assert best_size({32: 50.0, 96: 60.0, 224: 70.1}) == 224


FACTS = {
    "taken": 96,
    "own": 224,
    "tried": {"96": 69.8, "224": 70.1},
    "samples": 60,
    "draws": [69.0, 70.6],
    "seconds": 3.2,
}


@pytest.mark.parametrize(
    "change",
    [
        {"taken": 10**12}, {"taken": "96"}, {"taken": 100}, {"own": None}, {"samples": True}, {"tried": [96]},
        {"tried": {"96": "x"}}, {"tried": {}}, {"draws": None}, {"draws": []}, {"draws": ["x"]}, {"seconds": None},
    ],
)  # fmt: skip
def test_what_an_earlier_call_found_out_is_taken_if_it_is_whole(change):
    assert _is_whole(json.loads(json.dumps(FACTS))) and not _is_whole({**FACTS, **change})


@pytest.mark.parametrize("text", ["", "[]", '{"a": {', "[" * 20000, "5", "null"])
def test_a_damaged_record_of_sizes_is_none(tmp_path, text):
    (tmp_path / "sizes.json").write_text(text)
    assert known(tmp_path / "sizes.json") == {} == known(tmp_path) and not _is_whole({}.get("a"))


@pytest.fixture
def published(tmp_path):
    return save_published(tmp_path / "published", 24)


def test_the_report_says_what_was_tried_and_what_could_not_be_measured(published, tmp_path, monkeypatch):
    monkeypatch.setattr(sizes, "STEP", 8)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/config.json").write_text(json.dumps({"model_type": "resnet"}))
    report = pretune.compare(
        model=[published, str(tmp_path / "broken")], dataset="digits", labels_per_class=["1", "5"], draws=2,
        methods=["linear", "untrained_linear", "raw_linear"], output_dir=str(tmp_path / "r"), disable_tqdm=True,
    ).report  # fmt: skip
    tried = report["input_sizes"][published]
    assert set(tried["tried"]) == {"8", "16", "24"} and str(tried["taken"]) in tried["tried"] and tried["own"] == 24
    assert (
        list(report["models"]) == [published] and "no image processor" in report["left_out"][str(tmp_path / "broken")]
    )
    text = (tmp_path / "r/report.md").read_text()
    assert "is taken, its own is 24" in text and "What could not be measured, and why" in text
    args = CompareArguments(model=[published], dataset="digits", output_dir=str(tmp_path / "r"))
    monkeypatch.setattr("pretune.training.comparing.input_sizes.Judge", None)  # nothing is tried a second time
    assert choose_sizes(args).sizes == {published: tried["taken"]}
    train, _ = load_data(args, IMAGE)
    assert size_on(published, train, tmp_path / "r").tried == {published: tried}
    assert size_on(str(tmp_path / "broken"), train, tmp_path / "r").sizes == {}
    assert choose_sizes(CompareArguments(**{**vars(args), "input_size": "own"})).sizes == {}
    assert choose_sizes(CompareArguments(**{**vars(args), "input_size": "20"})).sizes == {published: 20}
    with pytest.raises(pretune.InputError, match="input_size must be auto, own or a number"):
        CompareArguments(**{**vars(args), "input_size": "large"})
    assert np.isfinite(list(tried["tried"].values())).all()


@pytest.mark.parametrize(("most", "again"), [(1000, False), (99, True)])
def test_what_was_embedded_to_choose_a_size_is_not_embedded_again(published, tmp_path, monkeypatch, most, again):
    monkeypatch.setattr(sizes, "STEP", 8)
    monkeypatch.setattr(input_sizes, "ENOUGH", most)
    embedded, embed = [], OfEncoder.embed
    monkeypatch.setattr(OfEncoder, "embed", lambda self, rows: embedded.append(len(rows)) or embed(self, rows))
    pretune.compare(
        model=[published], dataset="digits", labels_per_class=["1"], draws=2, max_train_samples=150,
        max_eval_samples=40, methods=["linear"], output_dir=str(tmp_path / "r"), disable_tqdm=True,
    )  # fmt: skip
    assert embedded == [min(most, 150)] * 3 + [150] * again + [40]  # at three sizes, then for the report
    assert not (tmp_path / "r/features").exists()
