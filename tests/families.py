"""The families under contract: a new one adds a line. Tiny sizes, for tests alone."""

from pathlib import Path

import torch
from transformers import ResNetConfig, ResNetForImageClassification, ViTImageProcessor

import pretune.auto  # noqa: F401
from pretune.modeling.families import FAMILIES, PREFIX

TINY_CLIPS = {"sampling_rate": 2000, "window_seconds": 0.16, "num_mel_bins": 20}  # 17 frames of 20 bands

TINY_BERT = {
    "model_type": "bert", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
    "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0,
}  # fmt: skip
# model_type -> arguments of a config that is built, trained and saved in a moment
TINY_CONFIGS = {
    "pretune_autoencoder": {"image_size": 8, "hidden_sizes": [16, 8], "latent_size": 4},
    "pretune_conv_autoencoder": {"image_size": 8, "hidden_sizes": [8, 8], "strides": [2, 1], "depths": [1, 0]},
    "pretune_joint_embedding": {
        "image_size": 8, "num_channels": 1, "hidden_sizes": [8, 8], "strides": [2, 1], "depths": [1, 0],
        "projector_sizes": [16, 8],
    },
    "pretune_masked_image_model": {
        "image_size": 8, "num_channels": 1, "mask_patch_size": 2,
        "backbone_config": {"model_type": "vit", "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2,
                            "intermediate_size": 16},
    },
    "pretune_bigan": {"image_size": 8, "hidden_sizes": [16, 8], "latent_size": 4, "discriminator_sizes": [16]},
    "pretune_speech_joint_embedding": {
        **TINY_CLIPS, "hidden_sizes": [8, 8], "strides": [2, 1], "depths": [1, 0], "projector_sizes": [16, 8],
        "objective": "sigreg", "sigreg_weight": 0.1,
    },
    "pretune_speech_conv_autoencoder": {
        **TINY_CLIPS, "hidden_sizes": [8, 8], "strides": [2, 1], "depths": [1, 0], "decoder_hidden_size": 16,
    },
    "pretune_speech_best_rq": {
        **TINY_CLIPS, "hidden_size": 16, "num_predictor_layers": 1, "num_attention_heads": 2, "codebook_size": 8,
        "mask_span": 2,
    },
    "pretune_bag_autoencoder": {"vocab_size": 300, "max_length": 16, "latent_size": 8},
    "pretune_text_autoencoder": {"vocab_size": 300, "max_length": 16, "backbone_config": TINY_BERT},
    "pretune_masked_language_model": {
        "vocab_size": 300, "max_length": 16, "mask_token_id": 4, "mask_ratio": 0.5, "backbone_config": TINY_BERT,
    },
}  # fmt: skip

# model_type -> changes to that config after which no checkpoint of it fits
OTHER_SIZES = {
    "pretune_autoencoder": {"latent_size": 5},
    "pretune_conv_autoencoder": {"hidden_sizes": [8, 16]},
    "pretune_joint_embedding": {"hidden_sizes": [8, 16]},
    "pretune_masked_image_model": {
        "backbone_config": {"model_type": "vit", "hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 16}
    },
    "pretune_bigan": {"latent_size": 5},
    "pretune_speech_joint_embedding": {"hidden_sizes": [8, 16]},
    "pretune_speech_conv_autoencoder": {"hidden_sizes": [8, 16]},
    "pretune_speech_best_rq": {"hidden_size": 32},
    "pretune_bag_autoencoder": {"latent_size": 5},
    "pretune_text_autoencoder": {"backbone_config": {**TINY_BERT, "intermediate_size": 24}},
    "pretune_masked_language_model": {"backbone_config": {**TINY_BERT, "intermediate_size": 24}},
}

GAMES = ("pretune_bigan",)  # two sides play: their losses need not fall
# What `decode` takes, where it is not the code
DECODED = {"pretune_masked_image_model": lambda model, pixel_values: model.feature_map(pixel_values)}

# The part that only pretraining needs, where it is no decoder
PARTS = {"pretune_joint_embedding": "projector", "pretune_speech_joint_embedding": "projector",
         "pretune_speech_best_rq": "predictor"}  # fmt: skip

ROWS = {PREFIX + name: family for name, family in FAMILIES.items()}
RECONSTRUCTING = [name for name, family in ROWS.items() if family.model.reconstructs]
OF_IMAGES = [name for name, family in ROWS.items() if family.modality == "image"]


def tiny_config(model_type: str, **changes):
    """A fresh tiny config of a family."""
    return ROWS[model_type].config(**{**TINY_CONFIGS[model_type], **changes})


def tiny_inputs(model_type: str, count: int = 4):
    """What a tiny model takes, `count` samples, drawn by torch's default generator."""
    config = tiny_config(model_type)
    if ROWS[model_type].modality == "speech":
        tones = torch.zeros(count, 1, config.num_mel_bins)  # each clip has one, in bands of its own
        for k in range(count):
            tones[k, :, 5 * (k % 4) : 5 * (k % 4) + 3] = 1.5
        clips = tones + 0.5 * torch.rand(count, config.num_frames, config.num_mel_bins)
        return {"input_features": clips - 1}
    if ROWS[model_type].modality == "text":
        lengths = torch.tensor([12, 7, 3, 12])[torch.arange(count) % 4]
        mask = (torch.arange(12) < lengths[:, None]).long()
        return {"input_ids": torch.randint(5, config.vocab_size, (count, 12)) * mask, "attention_mask": mask}
    return {"pixel_values": torch.rand(count, config.num_channels, config.image_size, config.image_size)}


def part_of(model_type: str) -> str:
    """The part of a family's model that only pretraining needs."""
    return PARTS.get(model_type, "decoder")


def tiny_model(model_type: str, **changes):
    return ROWS[model_type].model(tiny_config(model_type, **changes))


def tiny_classifier(model_type: str, **changes):
    return ROWS[model_type].classifier(tiny_config(model_type, **{"num_labels": 3, **changes}))


def save_published(folder: Path, size: int) -> str:
    """The folder of a small ResNet of grey pictures, as others publish one, at `size` pixels."""
    torch.manual_seed(0)
    config = ResNetConfig(
        num_channels=1, embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", num_labels=3
    )
    ResNetForImageClassification(config).save_pretrained(folder)
    sides = {"height": size, "width": size}
    ViTImageProcessor(size=sides, image_mean=[0.5], image_std=[0.5]).save_pretrained(folder)
    return str(folder)
