"""Which part of a classifier learns how fast, and from when on."""

import pytest
import torch
from safetensors.torch import load_file
from transformers import (
    AutoModelForImageClassification,
    ConvNextConfig,
    MobileNetV2Config,
    ResNetConfig,
    SwinConfig,
    ViTConfig,
)

import pretune
from pretune import (
    AutoencoderConfig,
    AutoencoderForImageClassification,
    BiGANConfig,
    BiGANForImageClassification,
    ConvAutoencoderConfig,
    ConvAutoencoderForImageClassification,
)
from pretune.training.learning.parameter_groups import blocks_of, parameter_groups

DENSE = AutoencoderConfig(image_size=8, num_labels=3, hidden_sizes=[16, 8], latent_size=4)
CONV = ConvAutoencoderConfig(image_size=8, num_labels=3, hidden_sizes=[8, 8], strides=[2, 1], depths=[1, 0])
BIGAN = {"image_size": 8, "num_labels": 3, "hidden_sizes": [16, 8], "latent_size": 4, "discriminator_sizes": [16]}
RESNET = ResNetConfig(layer_type="basic", num_labels=4, embedding_size=8, hidden_sizes=[8, 12], depths=[2, 1])
VIT = ViTConfig(hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=8, image_size=8)
SWIN = SwinConfig(image_size=16, embed_dim=8, depths=[1, 2], num_heads=[1, 2], window_size=2)
CONVNEXT = ConvNextConfig(hidden_sizes=[8, 12], depths=[1, 2], num_stages=2)


class Inception(torch.nn.Module):
    """What timm's Inception looks like by its names: parts without numbers, branches side by side."""

    def __init__(self):
        super().__init__()
        self.config = ResNetConfig()
        parts = {
            "Conv2d_1a_3x3": (),
            "Mixed_5b": ("branch1x1", "branch3x3_1"),
            "Mixed_5c": ("branch1x1", "branch_pool"),
        }
        self.timm_model = torch.nn.ModuleDict(
            {name: torch.nn.ModuleDict({b: conv_norm() for b in branches}) if branches else conv_norm()
             for name, branches in parts.items()}
        )  # fmt: skip
        self.timm_model["fc"] = torch.nn.Linear(3, 3)
        self.timm_model.get_classifier = lambda: self.timm_model["fc"]

    @property
    def base_model(self):
        return self


def conv_norm():
    return torch.nn.ModuleDict({"conv": torch.nn.Conv2d(3, 3, 1), "bn": torch.nn.BatchNorm2d(3)})


def names_of_blocks(model):
    """What the names of each block's parameters have in common."""
    names = {id(p): name for name, p in model.named_parameters()}
    common = []
    for block in blocks_of(model):
        parts = [names[id(p)].split(".") for p in block]
        same = [words[0] for words in zip(*parts, strict=False) if len(set(words)) == 1]
        common.append(".".join(same))
    return common


# model -> how its blocks begin, in order; norms at the end of the encoder are in the last one
BLOCKS = {
    "dense": (AutoencoderForImageClassification(DENSE), [f"autoencoder.encoder.{k}" for k in (0, 2, 4)]),
    "conv": (
        ConvAutoencoderForImageClassification(CONV), [f"conv_autoencoder.encoder.stages.{k}" for k in (0, 1)]
    ),
    "resnet": (
        AutoModelForImageClassification.from_config(RESNET),
        ["resnet.embedder", *(f"resnet.encoder.stages.{k}" for k in ("0.layers.0", "0.layers.1", "1.layers.0"))],
    ),
    "vit": (AutoModelForImageClassification.from_config(VIT), ["vit.embeddings", "vit.layers.0", "vit"]),
    "swin": (
        AutoModelForImageClassification.from_config(SWIN),
        ["swin.embeddings", "swin.encoder.layers.0.blocks.0", "swin.encoder.layers.0.downsample",
         "swin.encoder.layers.1.blocks.0", "swin"],
    ),
    "convnext": (
        AutoModelForImageClassification.from_config(CONVNEXT),
        ["convnext.embeddings", "convnext.encoder.stages.0.layers.0", "convnext.encoder.stages.1.downsampling_layer",
         "convnext.encoder.stages.1.layers.0", "convnext"],
    ),
    "mobilenet_v2": (
        AutoModelForImageClassification.from_config(MobileNetV2Config(depth_multiplier=0.25)),
        ["mobilenet_v2.conv_stem", *(f"mobilenet_v2.layer.{k}" for k in range(16)), "mobilenet_v2.conv_1x1"],
    ),
    "inception": (Inception(), [f"timm_model.{name}" for name in ("Conv2d_1a_3x3", "Mixed_5b", "Mixed_5c")]),
}  # fmt: skip


@pytest.mark.parametrize("kind", BLOCKS)
def test_blocks_are_whole_and_in_order(kind):
    model, expected = BLOCKS[kind]
    found = names_of_blocks(model)
    assert len(found) == len(expected)
    assert all(name == wanted or name.startswith(f"{wanted}.") for name, wanted in zip(found, expected, strict=True))
    assert all(any(p.dim() > 1 for p in block) for block in blocks_of(model))  # no norm is a block of its own


@pytest.mark.parametrize("kind", BLOCKS)
def test_groups_hold_every_parameter_once_and_slow_down_towards_the_pixels(kind):
    model = BLOCKS[kind][0]
    groups = parameter_groups(model, 1.0, layerwise_lr_decay=0.5, gradual_unfreezing=True)
    held = [id(p) for group in groups for p in group["params"]]
    assert sorted(held) == sorted(id(p) for p in model.parameters())
    assert "lr" not in groups[0] and [g["lr"] for g in groups[1:]] == [0.5**k for k in range(1, len(groups))]
    waits = [g["still_until"] for g in groups[1:]]
    assert waits == sorted(waits) and 0 < waits[0] and waits[-1] == 0.5
    assert len(parameter_groups(model, 1e-3)) == 2


@pytest.mark.parametrize("kind", ["dense", "conv", "bigan"])
def test_what_reconstruction_keeps_is_no_block_of_the_encoder(kind):
    bare, kept = (
        {
            "dense": lambda w: AutoencoderForImageClassification(AutoencoderConfig(**{
                "image_size": 8, "num_labels": 3, "hidden_sizes": [16, 8], "latent_size": 4, **w})),
            "conv": lambda w: ConvAutoencoderForImageClassification(ConvAutoencoderConfig(**{
                "image_size": 8, "num_labels": 3, "hidden_sizes": [8, 8], "strides": [2, 1], "depths": [1, 0], **w})),
            "bigan": lambda w: BiGANForImageClassification(BiGANConfig(**BIGAN, **w)),
        }[kind]({"reconstruction_weight": weight})
        for weight in (0.0, 0.5)
    )  # fmt: skip
    options = {"learning_rate": 1.0, "layerwise_lr_decay": 0.5, "gradual_unfreezing": True}
    assert names_of_blocks(kept) == names_of_blocks(bare)
    without, groups = parameter_groups(bare, **options), parameter_groups(kept, **options)
    rates = [(g.get("lr"), g.get("still_until")) for g in without]
    assert [(g.get("lr"), g.get("still_until")) for g in groups[: len(without)]] == rates
    beside = groups[len(without) :]
    assert sorted(id(p) for g in groups for p in g["params"]) == sorted(map(id, kept.parameters()))
    assert all(g.get("lr", 1.0) == 1.0 and "still_until" not in g for g in beside[:1])


@pytest.mark.parametrize("decay", [1.0, 0.5])
def test_a_bigan_that_goes_on_playing_keeps_its_rates_and_betas(decay):
    model = BiGANForImageClassification(
        BiGANConfig(**BIGAN, reconstruction_weight=0.5, discriminator_learning_rate_ratio=0.25)
    )
    groups = parameter_groups(model, 0.1, encoder_learning_rate=0.04, layerwise_lr_decay=decay)
    decoder, discriminator = groups[-2:]
    assert {id(p) for p in discriminator["params"]} == {id(p) for p in model.bigan.discriminator.parameters()}
    assert (decoder["lr"], discriminator["lr"]) == (0.04, 0.01)
    assert "betas" not in groups[0] and all(g["betas"] == (0.5, 0.999) for g in groups[1:])
    plain = parameter_groups(BiGANForImageClassification(BiGANConfig(**BIGAN)), 1e-3)
    assert not any("betas" in group for group in plain)


@pytest.mark.parametrize("optim", ["adamw", "sgd"])
def test_blocks_stand_still_until_their_turn_norms_too(optim, npz, tmp_path):
    pretune.finetune(
        from_scratch=True, model_type="conv_autoencoder", gradual_unfreezing=True, max_steps=8, optim=optim,
        config={"hidden_sizes": [8, 8], "strides": [2, 1], "depths": [1, 0]}, weight_decay=0.1, learning_rate=0.01,
        checkpointing_steps="1", save_total_limit=None, dataset=npz, output_dir=tmp_path / "run", disable_tqdm=True,
        per_device_train_batch_size=8,
    )  # fmt: skip
    states = {k: load_file(tmp_path / f"run/checkpoint-{k}/model.safetensors") for k in range(1, 6)}
    stages = [[name for name in states[1] if f"encoder.stages.{k}." in name] for k in (0, 1)]
    assert any("running_mean" in name for name in stages[0])

    def changed(names, earlier, later):
        return [name for name in names if not torch.equal(states[earlier][name], states[later][name])]

    assert changed(stages[1], 1, 2) == [] and changed(stages[0], 1, 4) == []  # two blocks: a quarter and a half of 8
    assert set(changed(stages[1], 2, 3)) >= {n for n in stages[1] if "weight" in n or "running" in n}
    assert set(changed(stages[0], 4, 5)) >= {n for n in stages[0] if "weight" in n or "running" in n}
