"""Joint embedding of images: its config, its backbones, and that it learns what views share."""

import numpy as np
import pytest
import torch
from families import tiny_model
from huggingface_hub.errors import StrictDataclassError
from transformers import AutoModel, ResNetConfig, ResNetForImageClassification

import pretune
from pretune import JointEmbeddingConfig, JointEmbeddingForImageClassification, JointEmbeddingModel

RESNET = {"model_type": "resnet", "layer_type": "basic", "embedding_size": 4, "hidden_sizes": [4, 8], "depths": [1, 1]}


@pytest.mark.parametrize(
    ("given", "views"),
    [
        ({}, "photographs"),
        ({"num_channels": 1, "image_size": 28}, "symbols"),
        ({"num_channels": 1, "image_size": 64}, "grey"),
        ({"num_channels": 5}, "without_colour"),
    ],
)
def test_views_follow_channels_and_size(given, views):
    config = JointEmbeddingConfig(**given)
    assert config.views == views and JointEmbeddingConfig(**config.to_dict()).to_dict() == config.to_dict()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"num_views": 1}, "num_views must be at least 2"),
        ({"objective": "moco"}, "objective"),
        (dict(views="symbols", view_degrees=0, view_shift=0, view_scale=0, view_shear=0), "views .* are equal"),
        ({"crop_scale": 0.0}, "crop_scale must be above 0"),
        ({"hue": 0.7}, "hue must lie between 0 and 0.5"),
        ({"num_channels": 1, "grey_chance": 0.2}, "grey_chance needs 3 channels"),
        ({"view_size": 64}, "view_size is 64"),
        ({"projector_sizes": []}, "projector_sizes"),
        ({"temperature": 0.0}, "temperature"),
        ({"sigreg_weight": 1.0}, "sigreg_weight"),
        ({"backbone_config": RESNET, "pooling": "flatten"}, "with a backbone_config pooling"),
    ],
)  # fmt: skip
def test_values_that_make_no_sense_are_refused(given, told):
    with pytest.raises(StrictDataclassError, match=told):
        JointEmbeddingConfig(**given)


@pytest.mark.parametrize("pooling", ["mean", "mean_max"])
def test_a_backbone_is_pooled_and_takes_smaller_views(pooling):
    config = JointEmbeddingConfig(
        image_size=16, backbone_config=RESNET, pooling=pooling, view_size=8, projector_sizes=[8]
    )
    model = JointEmbeddingModel(config)
    output = model(torch.rand(4, 3, 16, 16))
    assert output.latents.shape == (4, config.latent_size) == (4, 8 if pooling == "mean" else 16)
    output.loss.backward()
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)


@pytest.fixture
def published(tmp_path):
    torch.manual_seed(0)
    config = ResNetConfig(**{k: v for k, v in RESNET.items() if k != "model_type"}, num_labels=3)
    ResNetForImageClassification(config).save_pretrained(tmp_path / "published")
    return str(tmp_path / "published")


def save_images(path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 3, 16, 16), dtype=np.uint8)
    np.savez(path, image=pixels, label=np.arange(40) % 2)
    return str(path)


def test_going_on_from_published_weights_keeps_their_batch_statistics_and_leaves_a_plain_checkpoint(
    published, tmp_path
):
    data = save_images(tmp_path / "images.npz")
    options = {
        "dataset": data, "model_type": "joint_embedding", "backbone": published, "max_steps": 2, "disable_tqdm": True,
        "per_device_train_batch_size": 16, "config": {"projector_sizes": [8]},
    }  # fmt: skip
    kept = pretune.pretrain(output_dir=tmp_path / "kept", **options).model
    before, after = AutoModel.from_pretrained(published).state_dict(), kept.encoder.state_dict()
    running = [key for key in after if "running_" in key]
    assert kept.config.keep_batch_statistics and running
    assert all(torch.equal(before[key], after[key]) for key in running)
    weights = [key for key in after if key.endswith(".weight") and "normalization" not in key]
    assert any(not torch.equal(before[key], after[key]) for key in weights)
    plain = AutoModel.from_pretrained(tmp_path / "kept/backbone").state_dict()
    assert all(torch.equal(plain[key], after[key]) for key in after)
    options["config"] = {**options["config"], "keep_batch_statistics": False}
    moved = pretune.pretrain(output_dir=tmp_path / "moved", **options).model.encoder.state_dict()
    assert any(not torch.equal(before[key], moved[key]) for key in running)


def test_batch_statistics_stay_through_train_and_eval_of_a_classifier():
    config = JointEmbeddingConfig(image_size=16, backbone_config=RESNET, keep_batch_statistics=True, num_labels=2)
    model = JointEmbeddingForImageClassification(config).train()
    norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert norms and not any(norm.training for norm in norms) and model.classifier.training


def test_a_run_tells_of_no_reconstruction(tmp_path):
    run = pretune.pretrain(
        dataset=save_images(tmp_path / "images.npz"), model_type="joint_embedding", output_dir=tmp_path / "run",
        max_steps=3, per_device_train_batch_size=16, disable_tqdm=True,
        config={"hidden_sizes": [4, 8], "strides": [2, 2], "depths": [0, 0], "projector_sizes": [8]},
    )  # fmt: skip
    card = (run.output_dir / "README.md").read_text()
    assert "VICReg's loss" in card and "what the views of a sample have in common" in card
    assert "reconstruct" not in card and not (run.output_dir / "reconstructions.png").exists()
    assert "eval_mean_image_loss" not in run.metrics and {"eval_loss", "embedding.effective_rank"} <= set(run.metrics)


def test_same_chances_same_loss_whatever_the_generator_stood_at():
    model = tiny_model("pretune_joint_embedding").train()
    x = torch.rand(8, 1, 8, 8)
    losses = [model(x, generator=torch.Generator().manual_seed(3)).loss for _ in range(2)]
    assert torch.equal(*losses) and not torch.equal(losses[0], model(x).loss)
