import copy
import json

import pytest

from pretune import InputError
from pretune.model_cards.record_shape import misfit
from pretune.training.runs.folder import finished_record

RECORD = {
    "verb": "pretrain", "status": "finished", "command": "pretune pretrain", "versions": {"pretune": "0"},
    "modality": {"name": "image", "words": {"one": "image"}, "tasks": {}, "example": {}},
    "model": {"class": "A", "model_type": "a", "parameters": 3, "labels": None, "parts": 64},
    "dataset": {"name": "d", "source": "local", "train": {"name": "d [train]", "samples": 4}},
    "metrics": {"train_loss": 0.5, "more": None}, "timings": {"total_seconds": 1.0, "train_seconds": 0.5},
}  # fmt: skip


def changed(path: str, value: object) -> dict:
    record = copy.deepcopy(RECORD)
    *above, last = path.split(".")
    holder = record
    for name in above:
        holder = holder[name]
    holder[last] = value
    return record


def test_what_a_run_wrote_is_as_expected():
    assert misfit(RECORD) is None


@pytest.mark.parametrize(
    "path, value, message",
    [
        ("model", 5, "model is 5, expected a mapping"),
        ("model", {"class": "A", "parameters": 3}, "model.model_type is missing"),
        ("model.parameters", "3", "model.parameters is '3', expected a whole number"),
        ("model.parameters", True, "model.parameters is True"),
        ("dataset.train", {"name": "d"}, "dataset.train.samples is missing"),
        ("timings", {"total_seconds": 1}, "timings.train_seconds is missing"),
        ("metrics", [], r"metrics is \[\], expected a mapping"),
        ("metrics.train_loss", "low", "metrics.train_loss is 'low', expected a number"),
        ("pictures", [1], "pictures is 1, expected a text"),
        ("versions", {"pretune": 1}, "versions.pretune is 1"),
        ("evaluation", {"table": []}, "evaluation.verdict is missing"),
    ],
)
def test_what_is_not_is_named_with_file_and_repair(tmp_path, path, value, message):
    (tmp_path / "run.json").write_text(json.dumps(changed(path, value)))
    with pytest.raises(InputError, match=rf"run.json is damaged: {message}.*Restore it, or run again"):
        finished_record(tmp_path)
