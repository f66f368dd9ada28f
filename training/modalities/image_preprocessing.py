"""8-bit images at the size, channels and colour scale that a model takes, by its own image processor."""

from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import AutoImageProcessor, PreTrainedConfig

from ...configuration.backbones import channels_of
from ...modeling.families import family_of
from ..errors import InputError, one_line

AT_ONCE = 1024  # images resized at once
GREY = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green and blue: ITU-R 601-2, as PIL's "L"


class Normalise(nn.Module):
    """The last step of an image processor of transformers, on the device.

    Args:
        mean, std: (C,), of pixels in [0, 1].
    """

    def __init__(self, mean: list[float], std: list[float]):
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1), persistent=False)

    def forward(self, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """`pixel_values` (B, C, H, W) in [0, 1] -> the same, normalised."""
        return {**inputs, "pixel_values": (inputs["pixel_values"] - self.mean) / self.std}


class ImagePreprocessing:
    """What lies between stored images and one model.

    Args:
        name, revision: checkpoint whose image processor is used; of our families the config says all.
        config: of the model.
        fit_images: resize and convert images for one of our models too, if they have another size, and make colour
            grey for a model of transformers that takes grey.

    Raises:
        InputError: a model of transformers without an image processor.
    """

    def __init__(self, name: str | None, revision: str | None, config: PreTrainedConfig, fit_images: bool):
        self.name, self.config, self.fit_images = name, config, fit_images
        family = family_of(config)
        self.ours = family is not None
        self.on_device: nn.Module = nn.Identity()
        if self.ours:
            self.processor = family.processor.for_config(config)
            return
        try:
            options = {"revision": revision or "main", "backend": "pil", "trust_remote_code": False}
            self.processor: Any = AutoImageProcessor.from_pretrained(name, **options)
        except (OSError, ValueError, ImportError) as error:
            raise InputError(
                f"model {name} has no image processor that can be loaded: {one_line(error)} Save one beside it "
                f"(AutoImageProcessor.save_pretrained)."
            ) from None
        if getattr(self.processor, "do_normalize", False):
            self.on_device = Normalise(self.processor.image_mean, self.processor.image_std)

    def fitted(self, values: np.ndarray) -> np.ndarray:
        """8-bit images (N, C, H, W) at this model's size and channels.

        Raises:
            InputError: one of our models takes another size or number of channels, or a model of transformers takes
                grey and these are in colour, and not `fit_images`.
        """
        if self.ours and values.shape[1:] == self._shape():
            return values
        out = None
        for start in range(0, len(values), AT_ONCE):
            part = self._process(values[start : start + AT_ONCE])
            out = np.empty((len(values), *part.shape[1:]), np.uint8) if out is None else out
            out[start : start + AT_ONCE] = part
        return out

    def _shape(self) -> tuple[int, int, int]:
        return (self.config.num_channels, self.config.image_size, self.config.image_size)

    def _process(self, images: np.ndarray) -> np.ndarray:
        if self.ours and not self.fit_images:
            raise InputError(
                f"model {self.name} takes images of {'x'.join(map(str, self._shape()))} (channels x height x width), "
                f"these are {'x'.join(map(str, images.shape[1:]))}. Pass --fit_images to resize and convert them."
            )
        if not self.ours:  # transformers' processors take colour as it comes
            images = self._converted(images)
        plain = {"do_rescale": False, "do_normalize": False, "return_tensors": "np"}
        pixels = self.processor(list(images), input_data_format="channels_first", **plain)["pixel_values"]
        return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)

    def _converted(self, images: np.ndarray) -> np.ndarray:
        """8-bit images in as many channels as a model of transformers takes."""
        channels = channels_of(self.config)
        if images.shape[1] == 1:
            return images.repeat(channels, 1)
        if channels == 1:
            if not self.fit_images:
                raise InputError(
                    f"model {self.name} takes grey images, these are in colour. Pass --fit_images to convert them."
                )
            return np.rint(np.tensordot(images, GREY, (1, 0))).astype(np.uint8)[:, None]
        return images
