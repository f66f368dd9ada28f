"""Short runs and small trials: what they look at is bounded, spread over the split, and they leave a curve."""

import json
import logging

import numpy as np
import pytest
import torch
from families import tiny_model

import pretune
from pretune.training.data.batches import Columns, spread
from pretune.training.learning import pretraining_watch
from pretune.training.modalities.image import IMAGE
from pretune.training.networks import memory

CPU = torch.device("cpu")
NETWORK = {
    "model_type": "vit", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16
}  # fmt: skip


@pytest.mark.parametrize(
    ("count", "most", "expected"),
    [(10, 5, [0, 2, 4, 6, 8]), (3, 5, [0, 1, 2]), (5, 5, [0, 1, 2, 3, 4]), (7, 3, [0, 2, 4]), (0, 4, [])],
)
def test_rows_are_spread_evenly(count, most, expected):
    assert spread(count, most).tolist() == expected


@pytest.mark.parametrize(("options", "lines"), [({"max_steps": 40}, 20), ({"max_steps": 7}, 7), ({}, 20)])
def test_a_short_run_has_a_loss_curve(tiny, options, lines):
    arguments = {name: value for name, value in tiny.items() if name != "logging_steps"}
    run = pretune.pretrain(**arguments, **options)
    rows = [json.loads(line) for line in (run.output_dir / "metrics.jsonl").read_text().splitlines()]
    assert lines <= len({row["step"] for row in rows if "loss" in row}) <= lines + lines // 2


@pytest.mark.parametrize("verb", ["pretrain", "finetune"])
def test_evaluation_on_a_part(tiny, verb):
    more = {"from_scratch": True} if verb == "finetune" else {}
    runs = [
        getattr(pretune, verb)(**{**tiny, "seed": seed, "overwrite_output_dir": True}, max_eval_samples=5, **more)
        for seed in (1, 2)
    ]
    found = [run.record["dataset"]["evaluation"] for run in runs]
    assert found[0] == found[1] and found[0]["samples"] == 5  # the same in every run, whatever its seed
    whole = getattr(pretune, verb)(**{**tiny, "overwrite_output_dir": True}, **more).record["dataset"]["evaluation"]
    assert whole["samples"] > 5


def test_a_pretraining_trial_is_judged_by_as_many_as_it_learns_from(tiny):
    arguments = {**tiny, "eval_split": "train", "overwrite_output_dir": True}
    trial = pretune.pretrain(**arguments, max_train_samples=20)
    assert trial.record["dataset"]["evaluation"]["samples"] == 20
    wider = pretune.pretrain(**arguments, max_train_samples=20, max_eval_samples=30)
    assert wider.record["dataset"]["evaluation"]["samples"] == 30


def test_without_evaluation_samples_a_part_of_the_training_samples_judges(tiny, monkeypatch, caplog):
    """A text takes a second where it is read slowly: all of a corpus took longer to judge than to learn from."""
    monkeypatch.setattr(pretraining_watch, "JUDGED", 7)
    caplog.set_level(logging.INFO, logger="pretune.training")
    logging.getLogger("pretune.training").propagate = True
    run = pretune.pretrain(**tiny, eval_split="none")
    assert np.isfinite(run.metrics["train_loss"])
    assert "7 training images: reconstruction error" in caplog.text
    pretune.pretrain(**tiny, eval_split="none", max_eval_samples=5, overwrite_output_dir=True)
    assert "5 training images: reconstruction error" in caplog.text


def test_pictures_show_samples_of_the_whole_split_and_what_was_hidden(tiny, blobs, tmp_path, monkeypatch):
    """Images sorted by class: a picture of the first ones would show one class."""
    images, labels = blobs
    order = np.argsort(labels, kind="stable")
    np.savez(tmp_path / "sorted.npz", test_image=images[order], train_image=images[order])
    shown = []
    monkeypatch.setattr(pretraining_watch, "SHOWN", 6)
    from dataclasses import replace

    from pretune.training.modalities import listing

    row = replace(IMAGE, show=lambda path, *parts: shown.append(parts))
    monkeypatch.setitem(listing.MODALITIES, "image", row)
    config = {"backbone_config": NETWORK, "mask_patch_size": 2}
    arguments = {**tiny, "model_type": "masked_image_model", "config": config, "dataset": str(tmp_path / "sorted.npz")}
    run = pretune.pretrain(**arguments)
    originals, rebuilt, hidden = shown[-1]
    assert (originals[:, 0] * 255).round().astype(np.uint8).tolist() == images[order][::10].tolist()
    assert hidden.shape == originals.shape and hidden.any() and not hidden.all()
    assert (rebuilt[~hidden] == originals[~hidden]).all() and (rebuilt[hidden] != originals[hidden]).any()
    IMAGE.show(run.output_dir / "three_rows.png", originals, rebuilt, hidden)
    IMAGE.show(run.output_dir / "two_rows.png", originals, rebuilt, None)
    import PIL.Image

    three, two = (PIL.Image.open(run.output_dir / f"{name}_rows.png").height for name in ("three", "two"))
    assert three == pytest.approx(1.5 * two, rel=0.05)


@pytest.mark.parametrize(("room", "expected"), [(1 << 40, 64), (0, 1), (None, 16)])
def test_the_batch_that_is_looked_at(monkeypatch, room, expected):
    model = tiny_model("pretune_conv_autoencoder", image_size=64)
    columns = Columns(np.zeros((8, 1, 64, 64), np.uint8), IMAGE.to_model, CPU)
    each = memory.bytes_for_a_sample(model, columns)
    monkeypatch.setitem(memory.LOOKING, "cpu", each * 16 if room is None else room)
    assert memory.eval_batch_that_fits(model, columns, 64) == expected


def test_the_nearest_neighbour_among_training_samples_knows_all_classes(tiny, blobs, tmp_path, monkeypatch):
    """Sorted by class, the first fifth would be one class that no reference has."""
    images, labels = blobs
    order = np.argsort(labels, kind="stable")
    np.savez(tmp_path / "sorted.npz", image=images[order], label=labels[order])
    asked = []

    def neighbour(train, classes, test):
        asked.append((sorted(set(classes.tolist())), len(test)))
        return np.zeros(len(test), dtype=int)

    monkeypatch.setattr("pretune.training.pretrain.nearest_neighbour", neighbour)
    run = pretune.pretrain(**{**tiny, "dataset": str(tmp_path / "sorted.npz")}, eval_knn=True)
    assert asked[-1][0] == [0, 1, 2] and asked[-1][1] >= 9
    assert 10 < run.metrics["embedding.knn_accuracy"] < 60  # about a third of the queries are of class 0
