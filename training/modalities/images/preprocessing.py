"""Stored rows at the size, channels and colour scale that a model takes, by its own image processor."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import torch
from torch import nn
from transformers import PreTrainedConfig
from transformers.models.auto.image_processing_auto import AutoImageProcessor
from transformers.utils import cached_file

from ....configuration.backbones import channels_of
from ....modeling.families import family_of
from ....modeling.processors.image import AutoencoderImageProcessor
from ....modeling.processors.pictures import Reading, numbers_of
from ...errors import InputError, one_line
from ..faults import LOADING_ERRORS
from .plan import WAYS, Plan
from .sizes import at_size

PROCESSOR = "preprocessor_config.json"
PROBE = 64  # pixels a side of pictures by which an image processor is measured


class Scaled(nn.Module):
    """The last step of an image processor of transformers or timm, on the device.

    Args:
        low, high: (C,), what it makes of black and of white.
    """

    def __init__(self, low: np.ndarray, high: np.ndarray):
        super().__init__()
        self.register_buffer("low", torch.from_numpy(low).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("span", torch.from_numpy(high - low).view(1, -1, 1, 1), persistent=False)

    def forward(self, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """`pixel_values` (B, C, H, W) in [0, 1] -> the same, normalised."""
        return {**inputs, "pixel_values": inputs["pixel_values"] * self.span + self.low}


class ImagePreprocessing:
    """What lies between pictures and one model.

    Args:
        name, revision: checkpoint whose image processor is used; None for a new network of ours.
        config: of the model.
        settings: of `Read`, for one of our models: they hold before those that were saved with it. For another
            network `input_size`, the side that it is to take in place of its processor's.

    Attributes:
        shape: (C, H, W) that the model takes.
        fitting: what becomes of images of another shape, for the card.
        ragged: the image processor gives other shapes for pictures that are not square.

    Raises:
        InputError: a model of transformers without an image processor.
    """

    def __init__(self, name: str | None, revision: str | None, config: PreTrainedConfig, settings: Mapping[str, Any]):
        self.name, self.config, self.ragged = name, config, False
        family = family_of(config)
        self.ours = family is not None
        self.on_device: nn.Module = nn.Identity()
        if self.ours:
            self.processor = family.processor.for_config(config, **{**_saved(name, revision), **settings})
            self.shape = (config.num_channels, config.image_size, config.image_size)
            plan = Plan(self.processor.reading, config.image_size, config.image_size, self.processor.resize_mode)
            self.key, self.fitting = plan.key, _in_words(self.processor)
            return
        self.processor, self.channels = _processor_of(name, revision), channels_of(config)
        self._measure()
        if "input_size" in settings and settings["input_size"] != self.shape[1]:
            size = settings["input_size"]
            self.processor = at_size(self.processor, size, self.shape[1])
            self._measure()
            if self.shape[1:] != (size, size):
                raise InputError(f"the image processor of model {name} cannot be set to {size} pixels.")
        self.fitting = "others are brought to that by its image processor"
        self.key = json.dumps([self.processor.to_dict(), self.channels], sort_keys=True, default=str)

    def fitted(self, values: np.ndarray) -> np.ndarray:
        """Plain 8-bit images (N, c, h, w) -> (N, C, H, W) as this model takes them.

        Raises:
            InputError: channels that do not fit.
        """
        if self.ours and values.shape[1:] == self.shape:
            reading = self.processor.reading
            if reading.as_they_are and (reading.num_channels, reading.alpha) == (values.shape[1], "drop"):
                return values
        out = None
        try:
            for row, image in enumerate(values):
                fitted = self.processor.stored(image, True) if self.ours else self.prepared(image)
                out = np.empty((len(values), *fitted.shape), fitted.dtype) if out is None else out
                out[row] = fitted
        except ValueError as error:
            raise InputError(f"model {self.name} does not take these images: {one_line(error)}") from None
        return out

    def prepared(self, numbers: np.ndarray) -> np.ndarray:
        """One picture (c, h, w) of 8 or 16 bits -> (C, H, W) uint8: of a network that is not ours, not normalised.

        Raises:
            ValueError: it has other channels, or comes out in another shape than the others.
        """
        if numbers.dtype == np.uint16:
            numbers = ((numbers.astype(np.uint32) + 128) // 257).astype(np.uint8)
        numbers = numbers_of(numbers, Reading(self.channels), first_axis=True)
        values = (self._processed(numbers) - self._low) / self._span
        if values.shape != self.shape:
            raise ValueError(
                f"the model's image processor makes {'x'.join(map(str, values.shape))} of it and "
                f"{'x'.join(map(str, self.shape))} of others: pass --resize crop"
            )
        return np.rint(values * 255).clip(0, 255).astype(np.uint8)

    def _processed(self, numbers: np.ndarray) -> np.ndarray:
        """What the image processor makes of one picture (C, H, W), as a pipeline hands it over."""
        picture = numbers[0] if len(numbers) == 1 else np.ascontiguousarray(numbers.transpose(1, 2, 0))
        if len(numbers) in (1, 3):
            return self._call(PIL.Image.fromarray(picture))
        if hasattr(self.processor, "val_transforms"):
            raise ValueError(f"image processors of timm take 1 or 3 channels, not {len(numbers)}")
        return self._call(numbers, input_data_format="channels_first")

    def _call(self, picture: Any, **options: Any) -> np.ndarray:
        found = self.processor(picture, return_tensors="pt", **options)["pixel_values"]
        return found[0].numpy()

    def _measure(self) -> None:
        """Which shape comes out, and what becomes of black and white: every processor's last steps are linear."""
        black = np.zeros((self.channels, PROBE, PROBE), np.uint8)
        try:
            low, high = self._processed(black), self._processed(black + np.uint8(255))
            wide = self._processed(np.zeros((self.channels, PROBE, 2 * PROBE), np.uint8))
        except LOADING_ERRORS as error:
            raise InputError(
                f"the image processor of model {self.name} does not take images of {self.channels} channels: "
                f"{one_line(error)} Set it to those of the network in its preprocessor_config.json."
            ) from None
        self.shape, self.ragged = low.shape, wide.shape != low.shape
        middle = (slice(None), low.shape[1] // 2, low.shape[2] // 2)
        low, high = low[middle].astype(np.float32), high[middle].astype(np.float32)
        self._low, self._span = low[:, None, None], (high - low)[:, None, None]
        if (low != 0).any() or (high != 1).any():
            self.on_device = Scaled(low, high)


def _saved(name: str | None, revision: str | None) -> dict[str, Any]:
    """Settings of the processor that was saved with one of our models; none where none was saved.

    Raises:
        InputError: there is one that cannot be read: without it, images would be read in another way in silence.
    """
    if name is None:
        return {}
    options = {"revision": revision or "main"}
    try:
        path = cached_file(str(name), PROCESSOR, **options, _raise_exceptions_for_missing_entries=False)
        saved = {} if path is None else json.loads(Path(path).read_bytes())
        if saved.get("image_processor_type") != AutoencoderImageProcessor.__name__:
            return {}
        saved = AutoencoderImageProcessor.from_pretrained(name, **options)
    except LOADING_ERRORS as error:
        raise InputError(
            f"{PROCESSOR} of model {name} cannot be read: {one_line(error)} It says how images are brought to the "
            f"network: restore it, or remove it to have them read as for a new network."
        ) from None
    return {key: getattr(saved, key) for key in ("resize_mode", "value_range", "stored_bits", "alpha")}


def _processor_of(name: str, revision: str | None) -> Any:
    try:
        return AutoImageProcessor.from_pretrained(
            name, revision=revision or "main", backend="pil", trust_remote_code=False
        )
    except LOADING_ERRORS as error:
        raise InputError(
            f"model {name} has no image processor that can be loaded: {one_line(error)} Save one beside it "
            f"(AutoImageProcessor.save_pretrained)."
        ) from None


def _in_words(processor: AutoencoderImageProcessor) -> str:
    """What one of our processors does to images of another kind."""
    told = f"others are resized, and {WAYS[processor.resize_mode]}"
    if processor.value_range is not None:
        low, high = processor.value_range
        told += f"; values from {low:g} to {high:g} become [0, 1]"
    return told
