"""What is done to a folder that a run goes on in, by whole runs in this process."""

import json
import logging
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from pretune import AutoencoderModel, InputError, finetune, pretrain
from pretune.training.errors import Interrupted
from pretune.training.learning import loop


@pytest.fixture(autouse=True)
def shown(caplog):
    logging.getLogger("pretune.training").propagate = True
    caplog.set_level(logging.INFO, logger="pretune.training")


def lines(folder) -> list[dict]:
    """metrics.jsonl without what a clock says."""
    found = [json.loads(line) for line in (Path(folder) / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k != "samples_per_second"} for line in found]


def same_weights(one, other, name="model.safetensors") -> bool:
    a, b = load_file(Path(one) / name), load_file(Path(other) / name)
    return a.keys() == b.keys() and all(torch.equal(value, b[key]) for key, value in a.items())


def steps_in(folder) -> list[int]:
    return sorted(int(path.name[11:]) for path in Path(folder).glob("checkpoint-*"))


@pytest.fixture
def stop_at(monkeypatch):
    """Send this process SIGTERM before one step of each run that follows."""
    real = loop.seed_step

    def stop(wanted: int | None) -> None:
        def seed_step(seed, step, *rest):
            if step == wanted:
                os.kill(os.getpid(), signal.SIGTERM)
            real(seed, step, *rest)

        monkeypatch.setattr(loop, "seed_step", seed_step)

    return stop


KINDS = {
    "every epoch": {"eval_strategy": "epoch", "checkpointing_steps": 7},
    "looks that are rarer than checkpoints": {"logging_steps": 13, "checkpointing_steps": "epoch"},
    "accumulated": {"gradient_accumulation_steps": 2, "per_device_train_batch_size": 4, "logging_steps": 9},
    "no checkpoint but the signal's": {"checkpointing_steps": "no", "logging_steps": 50},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("step", [3, 12, 22])
def test_metrics_and_weights_are_those_of_the_uninterrupted_run(tiny, tmp_path, stop_at, kind, step):
    arguments = {**tiny, **KINDS[kind]}
    whole = pretrain(**{**arguments, "output_dir": tmp_path / "whole"})
    stop_at(step)
    with pytest.raises(Interrupted, match=f"after step {step + 1} of 24"):
        pretrain(**arguments)
    stop_at(None)
    again = pretrain(**arguments, resume_from_checkpoint="latest")
    assert again.record["resumed_from_step"] == step + 1
    assert lines(again.output_dir) == lines(whole.output_dir)
    assert same_weights(again.output_dir, whole.output_dir) and again.metrics == whole.metrics


def test_stopped_twice_with_early_stopping_and_gone_on_with_elsewhere(tiny, tmp_path, stop_at):
    """The history and the best weights travel in the checkpoint, metrics.jsonl and best.safetensors do not."""
    arguments = {
        **tiny, "from_scratch": True, "early_stopping_patience": 60, "num_train_epochs": 20, "learning_rate": 0.1,
        "per_device_train_batch_size": 4, "save_total_limit": 9, "ema_decay": 0.5, "mixup_alpha": 0.2,
    }  # fmt: skip
    whole = finetune(**{**arguments, "output_dir": tmp_path / "whole"})
    history = [line["validation_accuracy"] for line in lines(whole.output_dir) if "validation_accuracy" in line]
    assert history.index(max(history)) < len(history) - 4  # the best is none of the last
    each = max(line["step"] for line in lines(whole.output_dir)) // len(history)  # steps in an epoch
    stop_at((len(history) - 2) * each - 2)
    with pytest.raises(Interrupted):
        finetune(**arguments)
    (folder,) = Path(tiny["output_dir"]).glob("checkpoint-*")
    assert json.loads((folder / "state.json").read_text())["history"] == history[: len(history) - 3]
    stop_at((len(history) - 1) * each - 1)
    elsewhere = {**arguments, "output_dir": tmp_path / "elsewhere"}
    with pytest.raises(Interrupted):
        finetune(**elsewhere, resume_from_checkpoint=str(folder))
    stop_at(None)
    (tmp_path / "elsewhere" / "best.safetensors").unlink(missing_ok=True)  # the checkpoint has it
    again = finetune(**elsewhere, resume_from_checkpoint="latest")
    assert same_weights(again.output_dir, whole.output_dir) and again.metrics == whole.metrics
    assert not (tmp_path / "elsewhere" / "best.safetensors").exists()


def test_an_older_checkpoint_leaves_the_newer_ones_of_the_other_attempt(tiny, tmp_path, caplog):
    run = pretrain(**tiny, checkpointing_steps=5, save_total_limit=9)
    other = {**tiny, "learning_rate": 0.05, "checkpointing_steps": 3, "save_total_limit": 2, "num_train_epochs": 3}
    again = pretrain(**other, resume_from_checkpoint=str(run.output_dir / "checkpoint-5"))
    assert "removed checkpoint-10, checkpoint-15, checkpoint-20: of another attempt" in caplog.text
    assert steps_in(run.output_dir) == [12, 15] and again.record["resumed_from_step"] == 5
    assert [line["step"] for line in lines(run.output_dir) if "loss" in line] == [5, 6, 9, 10, 12, 15, 18]


def test_a_checkpoint_from_elsewhere_leaves_all_later_ones_and_its_own_step(tiny, tmp_path):
    theirs = pretrain(**{**tiny, "output_dir": tmp_path / "theirs"}, checkpointing_steps=5, save_total_limit=9)
    pretrain(**tiny, learning_rate=0.1, checkpointing_steps=5, save_total_limit=9)
    longer = {**tiny, "num_train_epochs": 5, "save_total_limit": 9, "checkpointing_steps": "no"}
    pretrain(**longer, resume_from_checkpoint=str(theirs.output_dir / "checkpoint-10"))
    assert steps_in(tiny["output_dir"]) == [5] and steps_in(theirs.output_dir) == [5, 10, 15, 20]


@pytest.mark.parametrize("name", ["optimizer.safetensors", "model.safetensors", "state.json"])
def test_a_damaged_newest_checkpoint_never_displaces_a_good_one(tiny, name, caplog):
    run = pretrain(**tiny, checkpointing_steps=10)
    path = run.output_dir / "checkpoint-20" / name
    path.write_bytes(path.read_bytes()[:40])
    longer = {**tiny, "num_train_epochs": 5, "checkpointing_steps": 10, "save_total_limit": 1}
    again = pretrain(**longer, resume_from_checkpoint="latest")
    assert again.record["resumed_from_step"] == 10 and "checkpoint-20 is passed over" in caplog.text
    assert steps_in(run.output_dir) == [20]
    last = pretrain(**{**longer, "num_train_epochs": 6}, resume_from_checkpoint="latest")
    assert last.record["resumed_from_step"] == 20


def test_a_run_that_starts_over_keeps_damaged_ones_out_of_the_way(tiny):
    run = pretrain(**tiny, checkpointing_steps=10, save_total_limit=1)
    (run.output_dir / "checkpoint-20" / "model.safetensors").write_bytes(b"damaged")
    record = run.output_dir / "run.json"
    record.write_text(record.read_text().replace('"finished"', '"running"'))
    shorter = {**tiny, "num_train_epochs": 3, "checkpointing_steps": 6, "save_total_limit": 1}
    again = pretrain(**shorter, resume_from_checkpoint="latest")
    assert again.record["resumed_from_step"] == 0 and steps_in(run.output_dir) == [12, 20]
    longer = {**tiny, "num_train_epochs": 4, "checkpointing_steps": 10, "save_total_limit": 1}
    last = pretrain(**longer, resume_from_checkpoint="latest")
    assert last.record["resumed_from_step"] == 12 and steps_in(run.output_dir) == [20]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "is of a finished run with another seed: 42 there, 1 here"),
        ({"config": {"hidden_sizes": [16, 8], "latent_size": 3}}, r"another config \(latent_size\): 4 there, 3 here"),
        ({"dataset": "digits"}, "another dataset"),
        ({"optim": "sgd"}, "another optim"),
        ({"learning_rate": 0.5}, "another learning_rate, and there is no whole checkpoint to go on from"),
        (
            {"weight_decay": 0.5, "num_train_epochs": 9},
            "another num_train_epochs, weight_decay, and there is no whole",
        ),
    ],
)
def test_finished_is_only_the_same_run(tiny, change, message):
    run = pretrain(**tiny)
    before = {path: path.read_bytes() for path in run.output_dir.iterdir()}
    with pytest.raises(InputError, match=message):
        pretrain(**{**tiny, **change}, resume_from_checkpoint="latest")
    assert {path: path.read_bytes() for path in run.output_dir.iterdir()} == before
    looked = {"eval_strategy": "epoch", "logging_steps": 3, "checkpointing_steps": "no", "save_total_limit": 5}
    assert pretrain(**{**tiny, **looked}, resume_from_checkpoint="latest").record["started"] == run.record["started"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mixup_alpha": 0.5}, "mixup_alpha: 0.0 there, 0.5 here"),
        ({"ema_decay": 0.9}, "ema_decay"),
        ({"augmentation": ["crop"]}, "augmentation"),
        ({"label_smoothing": 0.1}, "label_smoothing"),
        ({"unlabelled_dataset": "the same"}, "unlabelled_dataset"),
        ({"labels_per_class": 5}, "dataset"),
        ({"early_stopping_patience": 3}, "early_stopping_patience|dataset"),
    ],
)
@pytest.mark.parametrize("finished", [True, False])
def test_fine_tuning_goes_on_with_the_same_arguments_only(tiny, change, message, finished):
    common = {**tiny, "from_scratch": True, "checkpointing_steps": 10}
    finetune(**common)
    change = {**change, **({"unlabelled_dataset": tiny["dataset"]} if "unlabelled_dataset" in change else {})}
    record = Path(tiny["output_dir"]) / "run.json"
    if not finished:
        record.write_text(record.read_text().replace('"finished"', '"running"'))
    with pytest.raises(InputError, match=message):
        finetune(**common, **change, resume_from_checkpoint="latest")


def test_other_labels_are_another_run(tiny, tmp_path, blobs):
    images, labels = blobs
    path = tmp_path / "mine.npz"
    np.savez(path, image=images, label=labels)
    common = {**tiny, "dataset": str(path), "from_scratch": True, "eval_split": "none", "checkpointing_steps": 10}
    finetune(**common)
    np.savez(path, image=images, label=labels[::-1])
    for epochs in (4, 6):  # the finished run, and one to go on with
        with pytest.raises(InputError, match=r"another labels \(train\)"):
            finetune(**{**common, "num_train_epochs": epochs}, resume_from_checkpoint="latest")


def test_another_encoder_of_the_same_shape_is_another_run(tiny, tmp_path):
    one, two = (pretrain(**{**tiny, "output_dir": tmp_path / str(seed)}, seed=seed).output_dir for seed in (1, 2))
    common = {**tiny, "config": {}, "checkpointing_steps": 10}
    finetune(model=one, **common)
    shutil.copytree(one, tmp_path / "moved")
    again = finetune(model=tmp_path / "moved", **common, resume_from_checkpoint="latest")
    assert again.record["arguments"]["model"] == str(one)  # finished: the same weights at another place
    with pytest.raises(InputError, match="another first_weights"):
        finetune(model=two, **common, resume_from_checkpoint="latest")


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_finished_run_whose_model_is_damaged_takes_it_from_its_checkpoint(tiny, name, caplog):
    short = {**tiny, "max_steps": 2, "checkpointing_steps": 1, "resume_from_checkpoint": "latest"}
    run = pretrain(**short)
    before, path = (run.output_dir / name).read_bytes(), run.output_dir / name
    path.write_bytes(before[:20])
    again = pretrain(**short)
    assert path.read_bytes() == before and again.record["resumed_from_step"] == 1
    assert "edited by hand" not in caplog.text  # the card is that of the run as it was
    for folder in run.output_dir.glob("checkpoint-*"):
        shutil.rmtree(folder)
    path.unlink()
    with pytest.raises(
        InputError, match=r"config\.json or model\.safetensors is gone or damaged, and there is no whole"
    ):
        pretrain(**short)


def test_a_run_does_not_go_on_after_its_own_end(tiny):
    run = pretrain(**tiny, checkpointing_steps=20)
    with pytest.raises(InputError, match="is of step 20, and this run ends at step 12"):
        pretrain(**{**tiny, "num_train_epochs": 2}, resume_from_checkpoint="latest")
    assert steps_in(run.output_dir) == [20]


def test_no_checkpoint_is_written_of_weights_that_are_no_numbers(tiny, monkeypatch):
    real = AutoencoderModel.after_step
    calls = iter(range(100))

    def poison(self):
        real(self)
        if next(calls) == 9:  # after step 10, so that no loss shows it
            self.encoder[0].bias.data[0] = torch.inf

    monkeypatch.setattr(AutoencoderModel, "after_step", poison)
    with pytest.raises(InputError, match=r"hold NaN or infinity: encoder\.0\.bias.*The last good checkpoint is .*-5"):
        pretrain(**tiny, checkpointing_steps=5)
    assert steps_in(tiny["output_dir"]) == [5]


def test_overwriting_never_follows_a_link(tiny, tmp_path):
    run = pretrain(**tiny, checkpointing_steps=10)
    elsewhere = tmp_path / "precious"
    shutil.copytree(run.output_dir / "checkpoint-10", elsewhere)
    (elsewhere / "loss.png").write_text("mine")
    before = {path: path.read_bytes() for path in elsewhere.iterdir()}
    (run.output_dir / "checkpoint-7").symlink_to(elsewhere)
    (run.output_dir / "backbone").symlink_to(elsewhere)
    for name in ("loss.png", "config.json", "README.md"):
        (run.output_dir / name).unlink()
        (run.output_dir / name).symlink_to(elsewhere / name)
    pretrain(**tiny, overwrite_output_dir=True, checkpointing_steps="no")
    assert {path: path.read_bytes() for path in elsewhere.iterdir()} == before
    assert not (run.output_dir / "loss.png").is_symlink() and not (run.output_dir / "README.md").is_symlink()


def test_a_picture_that_fails_is_a_warning_and_the_record_says_finished_last(tiny, monkeypatch, caplog):
    from pretune.training.learning import pretraining_watch
    from pretune.training.runs import run as run_module

    def fails(*args):
        raise RuntimeError("no such font")

    monkeypatch.setattr(pretraining_watch, "draw_embeddings", fails)
    done = pretrain(**tiny)
    assert "latents.png could not be drawn (RuntimeError: no such font)" in caplog.text
    assert done.record["status"] == "finished" and "latents.png" not in done.record["pictures"]
    monkeypatch.setattr(run_module, "write_card_unless_edited", fails)
    with pytest.raises(RuntimeError):
        pretrain(**{**tiny, "seed": 1}, overwrite_output_dir=True)
    assert (done.output_dir / "model.safetensors").is_file()
    assert json.loads((done.output_dir / "run.json").read_text())["status"] == "running"
