"""Whole runs, in this process: what they leave, what they refuse, that they put global state back."""

import csv
import json
import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoModelForImageClassification

import pretune
from pretune import InputError, finetune, pretrain
from pretune.training.command.arguments.pretrain import PretrainArguments
from pretune.training.command.running import run_command

RUN_FILES = {
    "model.safetensors",
    "config.json",
    "preprocessor_config.json",
    "run.json",
    "metrics.jsonl",
    "loss.png",
    "README.md",
    ".lock",
}
TABLES = {"confusion_matrix.png", "confusion_matrix.csv", "per_class.csv", "seen_samples.npz"}


def names(folder) -> set[str]:
    return {path.name for path in Path(folder).iterdir()}


def weights(folder) -> dict[str, torch.Tensor]:
    return AutoModel.from_pretrained(folder).state_dict()


def lines(folder) -> list[dict]:
    return [json.loads(line) for line in (Path(folder) / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture
def pretrained(tiny):
    return pretrain(**tiny)


def test_pretrain_leaves_model_record_metrics_and_pictures(pretrained, tiny):
    folder = pretrained.output_dir
    assert names(folder) == RUN_FILES | {"reconstructions.png", "latents.png", "seen_samples.npz"}
    record = json.loads((folder / "run.json").read_text())
    assert record["status"] == "finished" and record["global_step"] == 24  # 51 of 60 are trained on, 8 a step
    assert record["arguments"]["num_train_epochs"] == 4 and record["seed"] == 42
    assert {"torch", "transformers", "python", "pretune"} <= set(record["versions"])
    assert record["hardware"]["device"] == "cpu" and record["timings"]["train_seconds"] > 0
    assert (
        record["dataset"]["train"]["samples"] == 51 and record["dataset"]["evaluation"]["samples"] == 9
    )  # by content
    training = [line for line in lines(folder) if "loss" in line]
    assert [line["step"] for line in training] == [5, 10, 15, 20, 24]
    assert set(training[0]) == {"step", "epoch", "loss", "squared_error", "learning_rate", "samples_per_second"}
    assert training[0]["squared_error"] == pytest.approx(64 * training[0]["loss"], rel=1e-5)
    evaluation = lines(folder)[-1]
    assert "loss" not in evaluation and evaluation["eval_squared_error"] == pytest.approx(64 * evaluation["eval_loss"])
    for picture in ("loss.png", "latents.png", "reconstructions.png"):
        assert (folder / picture).read_bytes().startswith(b"\x89PNG")


def test_the_loaded_model_gives_the_metrics_the_run_wrote(pretrained, tiny):
    from pretune.training.data.loading import load_data
    from pretune.training.modalities.image import IMAGE

    train, held = load_data(PretrainArguments(**tiny), IMAGE)
    model = pretune.AutoencoderModel.from_pretrained(pretrained.output_dir)
    pixels = torch.from_numpy(held.values) / 255
    assert model(pixels).loss.item() == pytest.approx(pretrained.metrics["eval_loss"], rel=1e-5)
    mean = torch.from_numpy(train.values / 255).float().mean(0)
    assert (pixels - mean).square().mean().item() == pytest.approx(
        pretrained.metrics["eval_mean_image_loss"], rel=1e-5
    )


def test_finetune_from_the_run_writes_tables_and_labels(pretrained, tiny, tmp_path):
    arguments = {
        **tiny,
        "config": {},
        "output_dir": tmp_path / "classifier",
        "num_train_epochs": 60,
        "learning_rate": 0.01,
    }
    result = finetune(model=pretrained.output_dir, **arguments)
    assert names(result.output_dir) == RUN_FILES | TABLES
    assert result.record["loading_report"].startswith("6 of 6 encoder tensors loaded from")
    assert result.metrics["eval_accuracy"] > 90 and set(result.metrics) == {
        "eval_loss",
        "eval_accuracy",
        "eval_balanced_accuracy",
        "eval_macro_f1",
    }
    rows = list(csv.reader((result.output_dir / "per_class.csv").open()))
    assert rows[0] == ["class", "precision", "recall", "f1", "samples"] and sum(int(r[4]) for r in rows[1:]) == 9
    model = AutoModelForImageClassification.from_pretrained(result.output_dir)
    assert model.config.id2label == {0: "0", 1: "1", 2: "2"} and model.config.has_decoder is False


def test_freezing_trains_the_classifier_alone(pretrained, tiny, tmp_path):
    arguments = {**tiny, "config": {}, "output_dir": tmp_path / "frozen"}
    result = finetune(model=pretrained.output_dir, freeze_encoder=True, **arguments)
    before, after = weights(pretrained.output_dir), result.model.base_model.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in after)
    assert result.record["model"]["trained_parameters"] == 4 * 3 + 3


def test_encoder_learning_rate_is_the_encoders_own(pretrained, tiny, tmp_path):
    arguments = {**tiny, "config": {}, "num_train_epochs": 1}
    moved = []
    for rate in (1e-9, 1e-2):
        result = finetune(
            model=pretrained.output_dir, encoder_learning_rate=rate, output_dir=tmp_path / str(rate), **{
                k: v for k, v in arguments.items() if k != "output_dir"
            }
        )  # fmt: skip
        before, after = weights(pretrained.output_dir), result.model.base_model.state_dict()
        moved.append(max((before[key] - after[key]).abs().max().item() for key in after))
    assert moved[0] < 1e-6 < 1e-3 < moved[1]


def test_keeping_the_reconstruction_loss_keeps_the_decoder(pretrained, tiny, tmp_path):
    arguments = {**tiny, "config": {"reconstruction_weight": 0.5}, "output_dir": tmp_path / "both"}
    result = finetune(model=pretrained.output_dir, **arguments)
    assert result.model.base_model.decoder is not None
    with pytest.raises(InputError, match="config.latent_size cannot be changed on the network of --model"):
        finetune(
            model=pretrained.output_dir, **{**arguments, "config": {"latent_size": 9}, "output_dir": tmp_path / "x"}
        )


def test_from_scratch_takes_the_models_or_the_recipes_network(pretrained, tiny, tmp_path):
    of_model = finetune(
        model=pretrained.output_dir, from_scratch=True, **{**tiny, "config": {}, "output_dir": tmp_path / "a"}
    )
    of_recipe = finetune(from_scratch=True, **{**tiny, "output_dir": tmp_path / "b"})
    assert of_model.model.config.hidden_sizes == of_recipe.model.config.hidden_sizes == [16, 8]
    assert of_model.record["loading_report"] == "all weights are new (from scratch)"
    theirs = weights(pretrained.output_dir)
    assert not any(torch.equal(theirs[k], v) for k, v in of_model.model.base_model.state_dict().items() if v.dim() > 1)


def test_another_set_of_labels_gets_a_new_classifier(pretrained, tiny, tmp_path, blobs):
    arguments = {**tiny, "config": {}, "output_dir": tmp_path / "first"}
    first = finetune(model=pretrained.output_dir, **arguments)
    again = finetune(model=first.output_dir, **{**arguments, "output_dir": tmp_path / "again"})
    assert "new" not in again.record["loading_report"]
    np.savez(tmp_path / "five.npz", image=blobs[0], label=np.arange(60) % 5)
    five = {**arguments, "dataset": str(tmp_path / "five.npz"), "output_dir": tmp_path / "five"}
    assert "classifier is new" in finetune(model=first.output_dir, **five).record["loading_report"]


def test_several_labels_an_image_use_the_binary_loss(tiny, tmp_path, blobs):
    hot = np.stack([blobs[1] == 0, blobs[1] != 2], 1).astype(np.int64)
    np.savez(tmp_path / "hot.npz", image=blobs[0], label=hot)
    arguments = {**tiny, "dataset": str(tmp_path / "hot.npz"), "output_dir": tmp_path / "hot", "num_train_epochs": 60}
    result = finetune(from_scratch=True, learning_rate=0.01, **arguments)
    assert result.model.config.problem_type == "multi_label_classification"
    assert result.metrics["eval_accuracy"] > 80 and "confusion_matrix.csv" not in names(result.output_dir)


def test_accumulation_gives_the_same_run_as_one_large_batch(tiny, tmp_path):
    whole = pretrain(**{**tiny, "output_dir": tmp_path / "whole"})
    parts = pretrain(
        **{
            **tiny,
            "output_dir": tmp_path / "parts",
            "per_device_train_batch_size": 2,
            "gradient_accumulation_steps": 4,
        }
    )
    for key, value in weights(whole.output_dir).items():
        torch.testing.assert_close(value, weights(parts.output_dir)[key], rtol=1e-4, atol=1e-5)
    losses = [[line["loss"] for line in lines(run.output_dir) if "loss" in line] for run in (whole, parts)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


@pytest.mark.parametrize("optim", ["adam", "adamw", "sgd"])
def test_a_run_resumed_from_a_checkpoint_ends_bit_equal(tiny, tmp_path, optim):
    arguments = {**tiny, "optim": optim, "lr_scheduler_type": "cosine", "warmup_steps": 3, "weight_decay": 0.01}
    whole = pretrain(**{**arguments, "output_dir": tmp_path / "whole", "checkpointing_steps": 10})
    assert {"checkpoint-10", "checkpoint-20"} <= names(whole.output_dir)
    resumed = pretrain(
        **{**arguments, "output_dir": tmp_path / "resumed"}, resume_from_checkpoint=whole.output_dir / "checkpoint-10"
    )
    assert resumed.record["resumed_from_step"] == 10
    assert all(
        torch.equal(value, weights(resumed.output_dir)[key]) for key, value in weights(whole.output_dir).items()
    )
    rates = [
        [x["learning_rate"] for x in lines(r.output_dir) if "loss" in x and x["step"] > 10] for r in (whole, resumed)
    ]
    assert rates[0] == rates[1]


def test_resuming_what_is_finished_or_was_never_begun(tiny, tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="pretune.training")
    logging.getLogger("pretune.training").propagate = True
    fresh = pretrain(**tiny, resume_from_checkpoint="latest")
    assert "holds no whole checkpoint: starting from the beginning" in caplog.text
    before = (fresh.output_dir / "model.safetensors").read_bytes()
    again = pretrain(**tiny, resume_from_checkpoint="latest")
    assert "is finished already (step 24)" in caplog.text and again.metrics == fresh.metrics
    assert (fresh.output_dir / "model.safetensors").read_bytes() == before


def test_resuming_at_the_last_step_still_evaluates(tiny, tmp_path):
    longer = pretrain(**tiny, checkpointing_steps=12)
    shorter = {**tiny, "output_dir": tmp_path / "shorter", "num_train_epochs": 2}
    resumed = pretrain(**shorter, resume_from_checkpoint=str(longer.output_dir / "checkpoint-12"))
    assert resumed.record["resumed_from_step"] == 12 and resumed.metrics["eval_loss"] > 0
    kept = weights(longer.output_dir / "checkpoint-12")
    assert all(torch.equal(value, kept[key]) for key, value in weights(resumed.output_dir).items())


def test_save_total_limit_and_half_checkpoints(tiny):
    folder = Path(tiny["output_dir"])
    run = pretrain(**tiny, checkpointing_steps="epoch", save_total_limit=1)
    assert [n for n in names(folder) if n.startswith("checkpoint")] == ["checkpoint-18"]
    half = folder / "checkpoint-21"
    half.mkdir()
    (half / "state.json").write_text("{}")
    (folder / ".tmp-checkpoint-22").mkdir()
    longer = pretrain(**{**tiny, "num_train_epochs": 5}, resume_from_checkpoint="latest", checkpointing_steps="no")
    assert longer.record["resumed_from_step"] == 18 and run.record["global_step"] == 24
    assert not (folder / ".tmp-checkpoint-22").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "was written with another seed: 42 there, 1 here"),
        ({"config": {"hidden_sizes": [16, 8], "latent_size": 3}}, "another config \\(latent_size\\): 4 there, 3 here"),
        (
            {"config": {"hidden_sizes": [16, 8], "latent_size": 4, "activation": "gelu"}},
            r"another config \(activation\)",
        ),
        ({"optim": "sgd"}, "no whole checkpoint of this network|another optim: adam there, sgd here"),
        ({"per_device_train_batch_size": 4}, "another per_device_train_batch_size: 8 there, 4 here"),
        ({"dataset": "digits"}, "another dataset"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(tiny, tmp_path, change, message):
    first = pretrain(**tiny, checkpointing_steps=10)
    other = {**tiny, "output_dir": tmp_path / "other", **change}
    with pytest.raises(InputError, match=message):
        pretrain(**other, resume_from_checkpoint=str(first.output_dir / "checkpoint-10"))


def test_an_occupied_folder_is_refused_and_overwriting_spares_the_users_files(tiny, tmp_path):
    folder = Path(tiny["output_dir"])
    pretrain(**tiny, checkpointing_steps=10)
    (folder / "notes.txt").write_text("mine")
    (folder / "checkpoint-10" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="--resume_from_checkpoint, or pass --overwrite_output_dir"):
        pretrain(**tiny)
    pretrain(**tiny, overwrite_output_dir=True, checkpointing_steps="no")
    assert (folder / "notes.txt").read_text() == "mine"
    assert names(folder / "checkpoint-10") == {"mine.txt"} and not (folder / "checkpoint-20").exists()
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "config.json").write_text("{}")
    with pytest.raises(InputError, match="no run.json, so none of them is a run's to overwrite"):
        pretrain(**{**tiny, "output_dir": foreign}, overwrite_output_dir=True)
    assert names(foreign) == {"config.json"}


def test_a_failed_start_leaves_no_folder_and_a_finished_run_as_it_was(tiny, tmp_path):
    with pytest.raises(InputError, match="unknown field of AutoencoderConfig: 'latent'. Did you mean 'latent_size'"):
        pretrain(**{**tiny, "config": {"latent": 3}})
    assert not Path(tiny["output_dir"]).exists()
    done = pretrain(**tiny)
    before = {path: path.read_bytes() for path in done.output_dir.iterdir()}
    with pytest.raises(InputError):
        pretrain(**{**tiny, "dataset": "nowhere.npz"}, overwrite_output_dir=True)
    with pytest.raises(InputError, match="output_dir is the folder of --model"):
        finetune(model=done.output_dir, **{**tiny, "config": {}}, overwrite_output_dir=True)
    assert {path: path.read_bytes() for path in done.output_dir.iterdir()} == before


def test_two_runs_never_write_to_one_folder(tiny):
    from filelock import FileLock

    folder = Path(tiny["output_dir"])
    folder.mkdir()
    with FileLock(folder / ".lock"), pytest.raises(InputError, match="another process is writing to"):
        pretrain(**tiny)


def test_a_loss_that_becomes_nan_stops_at_its_step_and_keeps_the_last_checkpoint(tiny, monkeypatch):
    calls = iter(range(1000))
    real = pretune.AutoencoderModel.forward

    def forward(self, *args, **kwargs):
        output = real(self, *args, **kwargs)
        if self.training and next(calls) == 12:
            output.loss = output.loss * float("nan")
        return output

    monkeypatch.setattr(pretune.AutoencoderModel, "forward", forward)
    with pytest.raises(
        InputError, match=r"the loss became nan at step 13. The last good checkpoint is .*checkpoint-12"
    ):
        pretrain(**tiny, checkpointing_steps=6)
    kept = Path(tiny["output_dir"]) / "checkpoint-12"
    assert all(value.isfinite().all() for value in weights(kept).values())
    assert json.loads((kept.parent / "run.json").read_text())["status"] == "running"


def test_collapse_is_warned_of(tiny, caplog, monkeypatch):
    logging.getLogger("pretune.training").propagate = True
    monkeypatch.setattr("pretune.modeling.autoencoder.looks_linear_", lambda layer: torch.nn.init.zeros_(layer.weight))
    pretrain(**{**tiny, "num_train_epochs": 2}, learning_rate=1e-12)
    assert "no unit is alive in encoder.1, encoder.3" in caplog.text
    assert "no better than the mean image" in caplog.text


def test_a_healthy_run_warns_of_nothing_and_counts_units(tiny, caplog):
    logging.getLogger("pretune.training").propagate = True
    result = pretrain(**{**tiny, "num_train_epochs": 100}, learning_rate=0.01)
    assert [r for r in caplog.records if r.levelno >= logging.WARNING and r.name.startswith("pretune")] == []
    assert set(result.metrics["live_units"]) == {"encoder.1", "encoder.3", "decoder.1", "decoder.3"}
    assert all(int(text.split("/")[0]) > 0 for text in result.metrics["live_units"].values())


def test_the_callers_state_is_as_before(tiny):
    from accelerate.state import AcceleratorState, PartialState
    from transformers.utils import logging as transformers_logging

    torch.manual_seed(3)
    before = torch.get_rng_state()
    pretrain(**tiny)
    assert torch.equal(before, torch.get_rng_state())
    assert AcceleratorState._shared_state == {} and PartialState._shared_state == {}
    assert transformers_logging.is_progress_bar_enabled()


def test_trackers(tiny):
    with pytest.raises(InputError, match="unknown tracker 'tensorbord'"):
        pretrain(**tiny, report_to="tensorbord")
    with pytest.raises(InputError, match="clearml is not installed. Install it with: pip install clearml"):
        pretrain(**tiny, report_to="clearml")
    pytest.importorskip("tensorboard")  # of the extra `tracking`
    folder = pretrain(**tiny, report_to="tensorboard").output_dir
    assert any("tfevents" in path.name for path in (folder / "trackers").rglob("*"))


def test_bfloat16_and_clipping_and_evaluation_each_epoch(tiny):
    run = pretrain(
        **{**tiny, "num_train_epochs": 8},
        mixed_precision="bf16",
        max_grad_norm=1.0,
        eval_strategy="epoch",
        learning_rate=0.01,
    )
    assert len([line for line in lines(run.output_dir) if "eval_loss" in line]) == 8
    assert all(p.dtype == torch.float32 for p in run.model.parameters())
    assert run.metrics["eval_loss"] < run.metrics["eval_mean_image_loss"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--dataset", "nowhere.npz"], "error: dataset nowhere.npz was not found"),
        (["--dataset", "digits", "--config.latent_size", "0"], "error: config of AutoencoderConfig"),
        (["--dataset", "digits", "--config.image_size", "-1"], "must be at least 1 and at most 16,384, got -1"),
        (["--dataset", "digits", "--model_type", "bigen"], "masked_language_model. Did you mean 'bigan'?"),
        (["--dataset", "digits", "--sed", "1"], "Did you mean 'seed'?"),
    ],
)
def test_an_error_is_one_line_and_status_2(words, message, tmp_path, capsys):
    from pretune.training.pretrain import run

    with pytest.raises(SystemExit) as stop:
        run_command(PretrainArguments, run, [*words, "--output_dir", str(tmp_path / "out")])
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert stop.value.code == 2 and last.startswith("error: ") and message in last
    assert not (tmp_path / "out").exists()


def test_finetune_needs_labels_and_a_known_model(pretrained, tiny, tmp_path, blobs):
    np.savez(tmp_path / "bare.npz", image=blobs[0])
    arguments = {**tiny, "config": {}, "output_dir": tmp_path / "out"}
    with pytest.raises(InputError, match="has no labels, and they are needed: .* Pass --label_column"):
        finetune(model=pretrained.output_dir, **{**arguments, "dataset": str(tmp_path / "bare.npz")})
    with pytest.raises(InputError, match="labels_per_class is 30, but class '1'.*largest possible number is 13"):
        finetune(model=pretrained.output_dir, labels_per_class=30, **arguments)
    with pytest.raises(InputError, match="model .*nowhere was not found"):
        finetune(model=str(tmp_path / "nowhere"), **arguments)
    (pretrained.output_dir / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(InputError, match="cannot be loaded"):
        finetune(model=pretrained.output_dir, **arguments)
    assert not (tmp_path / "out").exists()


def test_processes_that_do_not_know_of_each_other_are_refused(tiny, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match="2 processes were started.*ACCELERATE_USE_CPU=true"):
        pretrain(**tiny)
