"""Images to learn from without labels: which they are, what the run says of them, and when a run may go on."""

import json

import numpy as np
import pytest
from transformers import ViTConfig, ViTForImageClassification
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

import pretune
from pretune import InputError
from pretune.training.command.arguments.data import DataArguments
from pretune.training.data import unlabelled
from pretune.training.data.loading import load_data
from pretune.training.data.samples import overlap
from pretune.training.modalities.image import IMAGE

TINY = {"hidden_sizes": [16, 8], "latent_size": 4}


@pytest.fixture
def quick(npz, tmp_path):
    return {
        "dataset": npz, "output_dir": tmp_path / "run", "max_steps": 4, "per_device_train_batch_size": 8,
        "unlabelled_batch_size": 8, "disable_tqdm": True, "logging_steps": 2, "checkpointing_steps": "2",
        "from_scratch": True, "config": TINY,
    }  # fmt: skip


@pytest.fixture
def seen(monkeypatch):
    """The unlabelled and the evaluation images of the runs in a test."""
    found, real = [], unlabelled.load_unlabelled

    def load(args, modality, preprocessing, evaluation):
        found.append((real(args, modality, preprocessing, evaluation), evaluation))
        return found[-1][0]

    monkeypatch.setattr("pretune.training.finetune.load_unlabelled", load)
    return found


def test_images_that_are_judged_by_are_not_learnt_from(quick, npz, seen):
    pretune.finetune(unlabelled_dataset=npz, **quick)  # no test split: a fifth of the same images is held out
    ((data, evaluation),) = seen
    assert 0 < len(evaluation) == 60 - len(data) and overlap(data, evaluation).same == 0


def test_resized_images_too(quick, npz, seen, tmp_path):
    config = ViTConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, image_size=16, patch_size=4
    )
    ViTForImageClassification(config).save_pretrained(tmp_path / "vit")
    ViTImageProcessorPil(size={"height": 16, "width": 16}).save_pretrained(tmp_path / "vit")
    options = {**quick, "config": {}, "from_scratch": False}
    pretune.finetune(model=tmp_path / "vit", unlabelled_dataset=npz, **options)
    ((data, evaluation),) = seen
    assert data.values.shape == (60 - len(evaluation), 3, 16, 16) and overlap(data, evaluation).same == 0


def test_labels_are_not_looked_at(quick, blobs, tmp_path):
    np.savez(tmp_path / "extra.npz", image=255 - blobs[0], label=np.full(60, -1))
    pretune.finetune(unlabelled_dataset=tmp_path / "extra.npz", **quick)
    with pytest.raises(InputError, match="has no labels, and they are needed"):
        pretune.finetune(**{**quick, "dataset": tmp_path / "extra.npz", "output_dir": tmp_path / "second"})


def test_their_split_is_the_training_split_or_the_one_named(quick, npz, blobs, seen, tmp_path):
    import datasets

    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["a", "b", "c"])})
    columns = {"image": [image for image in blobs[0]], "label": [int(label) for label in blobs[1]]}
    rows = datasets.Dataset.from_dict(columns, features=features)
    (tmp_path / "hub").mkdir()
    for split, part in (("train", range(30)), ("test", range(30, 40)), ("extra", range(40, 60))):
        rows.select(part).to_parquet(tmp_path / f"hub/{split}-00000-of-00001.parquet")
    (tmp_path / "hub/README.md").write_text(
        "---\nconfigs:\n- config_name: default\n  data_files:\n"
        + "".join(f"  - split: {s}\n    path: {s}-*.parquet\n" for s in ("train", "test", "extra"))
        + "---\n"
    )
    options = {**quick, "unlabelled_dataset": tmp_path / "hub", "overwrite_output_dir": True}
    same = {**options, "dataset": tmp_path / "hub"}
    of_another = {"dataset": tmp_path / "hub", "train_split": "extra", "unlabelled_dataset": npz}
    for given in (same, {**same, "unlabelled_split": "extra"}, {**options, **of_another}):
        pretune.finetune(**given)
    assert [len(data) for data, _ in seen[:2]] == [30, 20]
    assert seen[2][0].name.endswith("[train]")  # of another dataset, whatever the labelled split is called
    with pytest.raises(InputError, match="has no split 'more': it has .*Pass --unlabelled_split"):
        pretune.finetune(**same, unlabelled_split="more")


def test_nothing_left_is_refused(quick, npz, blobs, tmp_path):
    _, evaluation = load_data(DataArguments(dataset=npz), IMAGE)
    np.savez(tmp_path / "judged.npz", image=evaluation.values[:, 0])
    with pytest.raises(InputError, match=f"all {len(evaluation)} images of .* are evaluation images too"):
        pretune.finetune(unlabelled_dataset=tmp_path / "judged.npz", **quick)


def test_a_run_says_how_many_counted_and_goes_on_only_with_the_same_images(quick, npz, blobs, tmp_path):
    pretune.finetune(unlabelled_dataset=npz, confidence_threshold=0.0, **quick)
    lines = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert [line["pseudo_labelled"] for line in lines if "loss" in line] == [1.0, 1.0]
    record = json.loads((tmp_path / "run/run.json").read_text())
    assert (
        record["dataset"]["unlabelled"]["samples"] == 60 - record["dataset"]["evaluation"]["samples"]
        and record["dataset"]["unlabelled"]["fingerprint"]
    )
    (tmp_path / "run/run.json").write_text(json.dumps({**record, "status": "running"}))
    np.savez(tmp_path / "other.npz", image=255 - blobs[0])
    for other in (tmp_path / "other.npz", None):
        with pytest.raises(InputError, match="written with another unlabelled_dataset"):
            pretune.finetune(
                unlabelled_dataset=other, confidence_threshold=0.0, resume_from_checkpoint="latest", **quick
            )
