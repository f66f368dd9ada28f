"""Speech and other sound: int16 windows of samples, decoded from files of any kind; models take log-mel frames."""

from functools import partial
from typing import Any

import torch

from ...modeling.processors.speech import TOP
from .clips import changes
from .clips.files import ENDINGS, cell_of, feature, is_clip, may_hold_clips
from .clips.floors import Standardised, rows_of_frames, statistics, stretched
from .clips.pictures import draw_clips, draw_reconstructions
from .clips.preprocessing import THEIRS, SpeechPreprocessing
from .clips.reading import ClipReader
from .clips.scattering import Scattering, scattering_fits
from .modality import Changes, Inputs, Modality, Words

COMMON = {
    "optim": "adamw", "weight_decay": 1e-4, "lr_scheduler_type": "cosine", "warmup_steps": 0.1,
    "per_device_train_batch_size": 128, "max_grad_norm": 5.0, "mixed_precision": "auto",
}  # fmt: skip
ROUTES = {
    "joint embedding": {
        **COMMON, "model_type": "speech_joint_embedding", "learning_rate": 2e-3, "config": {"variance_weight": 12.5},
    },
    "autoencoder": {**COMMON, "model_type": "speech_conv_autoencoder", "learning_rate": 2e-3},
    "naming hidden codes": {
        **COMMON, "model_type": "speech_best_rq", "learning_rate": 1e-3, "weight_decay": 0.01,
        "per_device_train_batch_size": 64,
    },
}  # fmt: skip


def to_frames(stored: torch.Tensor) -> Inputs:
    """Rows as a model takes them: (B, T, M) frames of ours, (B, 1, ...) of a network that is not; and windows
    (B, samples) that no model has fitted, in [-1, 1]."""
    if stored.dtype == torch.int16:
        return {"input_features": stored.to(torch.float32) / TOP}
    return {THEIRS: stored[:, 0]} if stored.shape[1] == 1 else {"input_features": stored}


def describe(config: Any) -> str:
    """What a model takes, in words."""
    rate, seconds = getattr(config, "sampling_rate", None), getattr(config, "window_seconds", None)
    if seconds is None:
        return "sound" + (f" of {rate} samples a second" if isinstance(rate, int) else "")
    return f"{seconds:g} seconds of {rate} samples each, as {config.num_frames} frames of {config.num_mel_bins} bands"


def first_run(shape: tuple[int, ...], count: int) -> dict[str, Any]:
    """What is recommended to begin with."""
    return {"recipe": "fsdd_joint_embedding"}


def say_nothing(config: Any) -> None:
    """No network for speech needs advice."""


ENCODER = """\
import pretune.auto, soundfile
from transformers import AutoFeatureExtractor, AutoModel

model, extractor = (kind.from_pretrained(MODEL_ID) for kind in (AutoModel, AutoFeatureExtractor))
clip, rate = soundfile.read("clip.wav")  # one channel; extractor.sampling_rate samples a second
embedding = model.encode(**extractor(clip, sampling_rate=rate, return_tensors="pt"))"""
CLASSIFIER = """\
import pretune.auto, soundfile
from transformers import pipeline

classify = pipeline("audio-classification", model=MODEL_ID)
clip, rate = soundfile.read("clip.wav")  # one channel; classify.feature_extractor.sampling_rate samples a second
print(classify(clip))  # or, where ffmpeg is installed, any file: classify("clip.mp3")"""

SPEECH = Modality(
    name="speech",
    words=Words("clip", "clips", "log-mel cell", "log-mel cells"),
    input_name="input_features",
    other_inputs=("input_values",),
    array_name="audio",
    shape_fields=("sampling_rate", "window_seconds"),
    shape_of=lambda values: {},
    likely_shapes=({"sampling_rate": 8000, "window_seconds": 1.0}, {"sampling_rate": 16000, "window_seconds": 3.0}),
    fits=is_clip,
    may_hold=may_hold_clips,
    reader=ClipReader,
    to_model=to_frames,
    preprocessing=SpeechPreprocessing,
    advise=say_nothing,
    changes=Changes(
        changes.KINDS, changes.augment, changes.weaken, changes.strengthen, changes.mixup, standard=changes.KINDS
    ),
    raw=rows_of_frames,
    floors={
        "stats": partial(Standardised, statistics),
        "stretched": partial(Standardised, stretched),
        "scattering": Scattering,
    },
    floor_fits=scattering_fits,
    show=draw_reconstructions,
    show_samples=draw_clips,
    describe=describe,
    auto_classes=("AutoModelForAudioClassification", "AutoFeatureExtractor"),
    tasks={"encoder": "feature-extraction", "classifier": "audio-classification"},
    example={"encoder": ENCODER, "classifier": CLASSIFIER},
    endings=ENDINGS,
    feature=feature,
    cell=cell_of,
    first_run=first_run,
    routes=ROUTES,
)
