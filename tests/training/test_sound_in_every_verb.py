"""Sound goes through the same verbs as images, from files to cards and pipelines."""

import dataclasses
import json

import numpy as np
import pytest
import soundfile
from clips_of_all_kinds import save_digits
from transformers import AutoFeatureExtractor, AutoModel, pipeline

import pretune
from pretune.training.errors import InputError

TINY = {"window_seconds": 0.4, "num_mel_bins": 20, "hidden_sizes": [8, 8], "strides": [2, 2], "depths": [0, 0]}
QUICK = {"disable_tqdm": True, "max_steps": 6, "per_device_train_batch_size": 8, "learning_rate": 3e-3}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of clips and a model pretrained on them."""
    root = tmp_path_factory.mktemp("sound")
    data = save_digits(root / "clips", 12)
    config = {**TINY, "projector_sizes": [16, 8]}
    pretune.pretrain(model_type="joint_embedding", dataset=data, output_dir=root / "base", config=config, **QUICK)
    return root


def test_a_dataset_of_sound_takes_the_family_for_sound(folder):
    record = json.loads((folder / "base" / "run.json").read_text())
    assert record["model"]["model_type"] == "pretune_speech_joint_embedding"
    assert record["model"]["input"] == "0.4 seconds of 8000 samples each, as 41 frames of 20 bands"
    assert record["arguments"]["model_type"] == "speech_joint_embedding"
    words = (folder / "base" / "README.md").read_text()
    assert "AutoFeatureExtractor" in words and "pixel" not in words and "image" not in words


def test_the_embedding_of_the_card_is_that_of_embed(folder, tmp_path):
    table = pretune.embed(folder / "base", dataset=folder / "clips", output_file=tmp_path / "e.npz", disable_tqdm=True)
    found = np.load(table.output_file)
    model, extractor = (kind.from_pretrained(folder / "base") for kind in (AutoModel, AutoFeatureExtractor))
    for row in (0, 7):
        clip, rate = soundfile.read(folder / "clips" / str(found["file"][row]))
        own = model.encode(**extractor(clip, sampling_rate=rate, return_tensors="pt")).detach().numpy()
        np.testing.assert_allclose(own[0], found["latents"][row], rtol=1e-4, atol=1e-5)


def test_fine_tuned_and_classified_by_a_pipeline(folder, tmp_path):
    head = pretune.finetune(
        model=folder / "base", dataset=folder / "clips", output_dir=tmp_path / "head", labels_per_class=4,
        augmentation=["warp", "microphone"], **{**QUICK, "max_steps": 60, "learning_rate": 1e-2},
    )  # fmt: skip
    assert head.metrics["eval_accuracy"] == 100
    classify = pipeline("audio-classification", model=str(tmp_path / "head"))
    for name in ("beat", "tone"):
        clip, _ = soundfile.read(folder / "clips" / name / "0.wav")
        assert classify(clip)[0]["label"] == name
        answers = [classify(clip), classify([clip, clip[:900]], batch_size=2)[0]]
        assert answers[0][0]["score"] == pytest.approx(answers[1][0]["score"], abs=1e-5)
    assert 'pipeline("audio-classification"' in (tmp_path / "head" / "README.md").read_text()


def test_evaluated_beside_the_floors_of_sound(folder, tmp_path):
    result = pretune.evaluate(
        model=str(folder / "base"), dataset=folder / "clips", labels_per_class=["2"], draws=2, disable_tqdm=True,
        output_dir=tmp_path / "report",
        methods=["knn", "linear", "raw_linear", "pca_knn", "stats_linear", "stretched_knn", "untrained_linear"],
    )  # fmt: skip
    table = {row["method"]: row["mean"] for row in result.report["models"][str(folder / "base")]["table"]}
    assert table["stats_linear"] > 90 and len(table) == 7
    text = (tmp_path / "report" / "report.md").read_text()
    assert "mean and spread of each band" in text and "raw log-mel cells" in text


def test_the_networks_of_the_report_learn_from_changed_clips(folder, tmp_path, monkeypatch):
    from pretune.training.evaluation import tuned_networks
    from pretune.training.modalities.clips import changes

    short = dataclasses.replace(tuned_networks.PROTOCOL, steps=3, epochs=1)
    monkeypatch.setattr(tuned_networks, "PROTOCOL", short)
    strengths, real = [], changes.changed  # of three steps that are timed, and of two networks
    monkeypatch.setattr(
        changes, "changed", lambda inputs, strength: strengths.append(strength) or real(inputs, strength)
    )
    report = pretune.evaluate(
        model=str(folder / "base"), dataset=folder / "clips", labels_per_class=["1"], draws=1, disable_tqdm=True,
        output_dir=tmp_path / "report", methods=["finetune", "scratch"],
    ).report  # fmt: skip
    assert len(strengths) == 3 + 6 and set(strengths) == {changes.STRONG}
    assert report["protocol"]["augmentation"] == ["warp", "microphone", "noise", "masks"]


def test_augmentation_of_images_is_none_of_sound(folder, tmp_path):
    with pytest.raises(InputError, match="unknown for clips: expected some of warp, microphone, noise"):
        pretune.finetune(
            model=folder / "base",
            dataset=folder / "clips",
            output_dir=tmp_path / "head",
            augmentation=["flip"],
            **QUICK,
        )


def test_semi_supervised_fine_tuning_and_mixup_run(folder, tmp_path):
    head = pretune.finetune(
        model=folder / "base", dataset=folder / "clips", output_dir=tmp_path / "head", labels_per_class=2,
        unlabelled_dataset=folder / "clips", unlabelled_batch_size=8, mixup_alpha=0.4, augmentation=["warp"],
        reconstruction_weight=0.1, **QUICK,
    )  # fmt: skip
    assert np.isfinite(head.metrics["eval_loss"])
