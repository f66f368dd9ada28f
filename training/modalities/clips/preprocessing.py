"""Stored windows of samples -> what a model takes: log-mel frames, or what its own feature extractor makes of them."""

import json
import tempfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import AutoFeatureExtractor, PreTrainedConfig

from ....modeling.families import family_of
from ....modeling.processors.speech import AT_ONCE, TOP, frames_of
from ...errors import InputError, one_line
from ..cache import cache_folder
from ..faults import LOADING_ERRORS

IN_MEMORY = 2 << 30  # bytes of rows, above which they lie in a file
THEIRS = "input_values"  # what rows of a network that is not ours are called until its own name for them is known


class Renamed(nn.Module):
    """Calls the model's argument what the model calls it.

    Args:
        name: of it.
    """

    def __init__(self, name: str):
        super().__init__()
        self.name = name

    def forward(self, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """`input_values` (B, ...) -> the same under the model's name."""
        return {self.name if key == THEIRS else key: value for key, value in inputs.items()}


class SpeechPreprocessing:
    """What lies between stored windows and one model.

    Args:
        name, revision: checkpoint whose feature extractor is used; None for a new network of ours.
        config: of the model.
        settings: of `Read`; the config of one of our models says all of it.

    Attributes:
        rate: samples a second that the model hears.
        seconds: of its window; None where it takes any.

    Raises:
        InputError: a model of transformers without a feature extractor for sound.
    """

    def __init__(self, name: str | None, revision: str | None, config: PreTrainedConfig, settings: Mapping[str, Any]):
        self.name = name
        family = family_of(config)
        self.ours = family is not None
        self.on_device: nn.Module = nn.Identity()
        if self.ours:
            self.processor = family.processor.for_config(config)
            self.rate, self.seconds, self.bins = config.sampling_rate, config.window_seconds, config.num_mel_bins
            self.key = json.dumps(["log-mel", self.rate, self.seconds, self.bins])
            self.fitting = f"others are resampled, and lie in a window of {self.seconds:g} seconds, in silence"
            return
        self.processor = _extractor_of(name, revision)
        self.rate, self.seconds = self.processor.sampling_rate, None
        self.input_name = self.processor.model_input_names[0]
        self.on_device = Renamed(self.input_name)
        self.fitting = "others are resampled, and go through its own feature extractor"
        self.key = json.dumps(self.processor.to_dict(), sort_keys=True, default=str)

    def fitted(self, values: np.ndarray) -> np.ndarray:
        """(N, samples) int16 at `rate` -> (N, T, M) float32 frames; of a network that is not ours (N, 1, ...), what
        its feature extractor makes of each window."""
        if self.ours:
            frames = frames_of(values[:1], self.rate, self.bins)
            return frames_of(values, self.rate, self.bins, _room((len(values), *frames.shape[1:])))
        one = self._extracted(values[:1])
        out = _room((len(values), 1, *one.shape[1:]))
        for start in range(0, len(values), AT_ONCE):
            out[start : start + AT_ONCE, 0] = self._extracted(values[start : start + AT_ONCE])
        return out

    def _extracted(self, values: np.ndarray) -> np.ndarray:
        """(n, samples) int16 -> (n, ...) float32."""
        clips = [clip.astype(np.float32) / TOP for clip in values]
        try:
            found = self.processor(clips, sampling_rate=self.rate, return_tensors="np")
            return np.asarray(found[self.input_name], dtype=np.float32)
        except LOADING_ERRORS as error:
            raise InputError(f"the feature extractor of model {self.name} takes no clips: {one_line(error)}") from None


def _room(shape: tuple[int, ...]) -> np.ndarray:
    """Space for float32 rows; many lie in a file that goes with the array."""
    if np.prod(shape, dtype=np.int64) * 4 <= IN_MEMORY:
        return np.empty(shape, np.float32)
    cache_folder().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=cache_folder()) as file:
        return np.memmap(file, np.float32, "w+", shape=shape)


def _extractor_of(name: str, revision: str | None) -> Any:
    try:
        found = AutoFeatureExtractor.from_pretrained(name, revision=revision or "main", trust_remote_code=False)
    except LOADING_ERRORS as error:
        raise InputError(
            f"model {name} has no feature extractor that can be loaded: {one_line(error)} Save one beside it "
            f"(AutoFeatureExtractor.save_pretrained)."
        ) from None
    if not hasattr(found, "sampling_rate"):
        raise InputError(f"the {type(found).__name__} of model {name} is none for sound. Save one beside it that is.")
    return found
