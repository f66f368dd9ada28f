"""Records of runs of every kind, as data: what a card is rendered from, without a run."""

from typing import Any

import pytest

ENCODER_EXAMPLE = """\
import pretune.auto
from PIL import Image
from transformers import AutoImageProcessor, AutoModel

model, processor = (kind.from_pretrained(MODEL_ID) for kind in (AutoModel, AutoImageProcessor))
pixel_values = processor(Image.open("picture.png"), return_tensors="pt")["pixel_values"]
embedding = model.encode(pixel_values)"""
CLASSIFIER_EXAMPLE = """\
import pretune.auto
from transformers import pipeline

classify = pipeline("image-classification", model=MODEL_ID)
print(classify("picture.png"))"""
IMAGE = {
    "name": "image",
    "words": {
        "one": "image", "many": "images", "part": "pixel", "parts": "pixels",
        "raw": "raw pixels", "mean": "mean image",
    },
    "tasks": {"classifier": "image-classification", "encoder": "image-feature-extraction"},
    "example": {"classifier": CLASSIFIER_EXAMPLE, "encoder": ENCODER_EXAMPLE},
}  # fmt: skip
SPEECH = {
    "name": "speech",
    "words": {
        "one": "recording", "many": "recordings", "part": "frame value", "parts": "frame values",
        "raw": "raw frames", "mean": "mean recording",
    },
    "tasks": {"classifier": "audio-classification", "encoder": "feature-extraction"},
    "example": {"classifier": "classify(MODEL_ID)", "encoder": "embed(MODEL_ID)"},
}  # fmt: skip

AUTOENCODER = {
    "class": "AutoencoderModel",
    "model_type": "pretune_autoencoder",
    "parameters": 12345,
    "loss_name": "squared error a pixel",
    "reconstructs": True,
    "keeps": "The embedding keeps what rebuilds pixels, which need not be what tells classes apart.",
    "input": "8 x 8 pixels, 1 channel",
    "fitting": "Images of another size are squeezed to it.",
    "labels": None,
    "parts": 64,
}
MODELS = {
    "autoencoder": AUTOENCODER,
    "bigan": {
        **AUTOENCODER,
        "class": "BiGANModel",
        "model_type": "pretune_bigan",
        "loss_name": "game of discriminator and generator",
        "keeps": None,
    },
    "masked": {
        **AUTOENCODER,
        "class": "MaskedImageModel",
        "model_type": "pretune_masked_image_model",
        "loss_name": "squared error a hidden pixel",
        "keeps": "The embedding keeps what fills in hidden pixels.",
    },
    "joint": {
        **AUTOENCODER,
        "class": "JointModel",
        "model_type": "pretune_joint",
        "loss_name": "distance of two views",
        "reconstructs": False,
        "keeps": None,
    },
    "classifier": {
        **AUTOENCODER,
        "class": "AutoencoderForImageClassification",
        "loss_name": "cross-entropy",
        "reconstructs": False,
        "keeps": None,
        "labels": ["cat", "dog", "owl"],
    },
}
MODELS["multi_label"] = {**MODELS["classifier"], "problem_type": "multi_label_classification"}
REBUILT = {"eval_squared_error": 2.25792, "eval_mean_image_loss": 0.0675}
METRICS = {
    "autoencoder": {"eval_loss": 0.03528, **REBUILT},
    "bigan": {"eval_loss": 2.7726, **REBUILT},
    "masked": {"eval_loss": 0.03528, **REBUILT},
    "joint": {"eval_loss": 0.41},
    "classifier": {"eval_loss": 0.7, "eval_accuracy": 91.25, "eval_macro_f1": 90.5},
    "multi_label": {"eval_loss": 0.7, "eval_accuracy": 61.25, "eval_macro_f1": 80.5},
}
EVALUATION = {
    "protocol_version": 1,
    "dataset": {"name": "/data/blobs", "source": "local", "test": {"name": "/data/blobs [test]", "samples": 1200}},
    "verdict": {
        "helped": False, "sentence": "Pretraining did not help here: nothing gained.", "rule": "word " * 174,
        "rule_version": 3,
    },
    "table": [
        {"method": "linear", "words": "a linear probe on the embedding", "own": True, "labels_per_class": 10,
         "mean": 71.234, "sd": 2.5, "draws": 5},
        {"method": "linear", "words": "a linear probe on the embedding", "own": True, "labels_per_class": "all",
         "mean": 90.0, "sd": None, "draws": 1},
        {"method": "raw_knn", "words": "floor: 1-NN on raw pixels", "own": False, "labels_per_class": 10,
         "mean": 75.0, "sd": 1.5, "draws": 5},
    ],
}  # fmt: skip


@pytest.fixture
def make_record():
    """A fresh record of a finished run: make_record(kind, metrics={...}, model={...}) adds to what that kind has."""

    def make(
        kind: str, metrics: dict | None = None, model: dict | None = None, evaluated: bool = True
    ) -> dict[str, Any]:
        verb = "finetune" if kind in ("classifier", "multi_label") else "pretrain"
        dataset = {"name": "/data/blobs", "source": "local", "train": {"name": "/data/blobs [train]", "samples": 4800}}
        measured = {**METRICS[kind], **(metrics or {})}
        if evaluated:
            dataset["evaluation"] = {"name": "/data/blobs [test]", "samples": 1200}
        else:
            measured = {name.replace("eval_", "train_"): value for name, value in measured.items()}
        return {
            "verb": verb,
            "status": "finished",
            "arguments": {"model": None, "license": None, "recipe": None},
            "command": f"pretune {verb} --dataset blobs",
            "modality": IMAGE,
            "model": {**MODELS[kind], **(model or {})},
            "dataset": dataset,
            "metrics": measured,
            "pictures": ["latents.png", "samples.png"],
        }

    return make


@pytest.fixture
def evaluation() -> dict[str, Any]:
    """What `pretune evaluate --update_card` leaves in a record."""
    return EVALUATION


@pytest.fixture
def speech() -> dict[str, Any]:
    """A modality other than images."""
    return SPEECH
