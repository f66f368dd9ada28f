"""From any picture to what the models take: float (B, C, H, W) in [0, 1]."""

import os
from typing import Any

import numpy as np
import PIL.Image
from huggingface_hub import CommitInfo
from transformers.image_processing_backends import PilBackend
from transformers.image_utils import ChannelDimension, PILImageResampling
from transformers.processing_utils import ImagesKwargs

from ..shared.pushing import push_saved
from .opening import open_picture
from .pictures import RESIZE_MODES, TOPS, Reading, as_tuple, fit, numbers_of


class AutoencoderImageProcessorKwargs(ImagesKwargs, total=False):
    """
    Args:
        num_channels: 1 converts pictures to grey, 3 to RGB; others are of bands, or hold alpha.
        resize_mode: what is done to pictures of another shape: "crop", "pad" or "stretch".
        value_range: [low, high], the values that become 0 and 1; None for those of a picture's type.
        stored_bits: 8, or 16 for pictures that hold more than 8 bits a number.
        alpha: "drop", "keep" or a colour to put behind it.
    """

    num_channels: int
    resize_mode: str
    value_range: list[float] | tuple[float, float] | None
    stored_bits: int
    alpha: str


class AutoencoderImageProcessor(PilBackend):
    """Pictures of any kind -> grey, RGB or bands in [0, 1] at the model's size, as they were read in training.

    Takes paths, PIL images, urls (through the pipelines), numpy arrays and tensors: (H, W), (H, W, C) or (C, H, W).
    Pictures are turned by their EXIF orientation, converted, brought to the size (bilinear) and divided. Arrays of
    floats are taken as already lying in [0, 1] unless there is a `value_range`; what is stored has 8 or 16 bits.

    Raises:
        ValueError: channels or values that do not fit.
    """

    model_input_names = ["pixel_values"]
    valid_kwargs = AutoencoderImageProcessorKwargs
    resample = PILImageResampling.BILINEAR
    size = {"height": 28, "width": 28}
    num_channels = 1
    resize_mode = "crop"
    value_range = None
    stored_bits = 8
    alpha = "drop"
    do_resize = True
    do_rescale = True
    rescale_factor = 1 / 255

    @classmethod
    def for_config(cls, config: Any, **reading: Any) -> "AutoencoderImageProcessor":
        """The processor that fits a model of this config.

        Args:
            reading: how pictures are read, by the names of `AutoencoderImageProcessorKwargs`.
        """
        size = {"height": config.image_size, "width": config.image_size}
        scale = 1 / TOPS[reading.get("stored_bits", cls.stored_bits)]
        return cls(size=size, num_channels=config.num_channels, **{"rescale_factor": scale, **reading})

    def push_to_hub(
        self,
        repo_id: str,
        *,
        commit_message: str | None = None,
        private: bool | None = None,
        token: str | bool | None = None,
        revision: str | None = None,
        create_pr: bool = False,
    ) -> CommitInfo:
        """Upload preprocessor_config.json. To publish a whole run use `pretune push RUN_DIR` (`pretune.push`).

        Args:
            repo_id: "name" or "organisation/name"; made if it does not exist.
            commit_message: title of the commit.
            private: for a new repository.
            token: default: the one the Hub client finds itself.
            revision: branch to commit to; made if it is missing.
            create_pr: open a pull request instead.
        """
        options = {"private": private, "token": token, "revision": revision, "create_pr": create_pr}
        front = {"library_name": "transformers", "tags": ["pretune"]}
        return push_saved(self, repo_id, "An image processor", front, commit_message, **options)

    @property
    def reading(self) -> Reading:
        """How pictures become numbers."""
        return Reading(self.num_channels, self.stored_bits, as_tuple(self.value_range), self.alpha)

    def stored(self, picture: Any, first_axis: bool | None = None) -> np.ndarray:
        """One picture or array as training stores it: (C, H, W) uint8 or uint16; see `numbers_of`."""
        numbers = numbers_of(picture, self.reading, first_axis)
        return fit(numbers, self.size["height"], self.size["width"], self.resize_mode)

    def fetch_images(self, image_url_or_urls: Any) -> Any:
        """Files are opened here, since the base class would make 8-bit colour of all; urls are left to it."""
        if isinstance(image_url_or_urls, (list, tuple)):
            return [self.fetch_images(image) for image in image_url_or_urls]
        if isinstance(image_url_or_urls, os.PathLike) or (
            isinstance(image_url_or_urls, str) and os.path.isfile(image_url_or_urls)
        ):
            return open_picture(os.fspath(image_url_or_urls))
        return super().fetch_images(image_url_or_urls)

    def process_image(
        self,
        image: Any,
        num_channels: int | None = None,
        stored_bits: int | None = None,
        value_range: Any = None,
        alpha: str | None = None,
        input_data_format: Any = None,
        **kwargs: Any,
    ) -> np.ndarray:
        """One picture -> (C, H, W) uint8 or uint16 of its own size."""
        if not isinstance(image, PIL.Image.Image):
            image = np.asarray(image)
        first = None if input_data_format is None else ChannelDimension(input_data_format) == ChannelDimension.FIRST
        own = self.reading
        reading = Reading(
            num_channels or own.num_channels,
            stored_bits or own.bits,
            own.value_range if value_range is None else as_tuple(value_range),
            alpha or own.alpha,
        )
        return numbers_of(image, reading, first)

    def _preprocess(
        self, images: list[np.ndarray], do_resize: bool, size: Any, resize_mode: str, **kwargs: Any
    ) -> Any:
        if do_resize:
            images = [fit(image, size.height, size.width, resize_mode) for image in images]
        return super()._preprocess(images, do_resize=False, size=size, **kwargs)

    def rescale(self, image: np.ndarray, scale: float, **kwargs: Any) -> np.ndarray:
        """Whole numbers -> float32, divided as training divides them."""
        return image.astype(np.float32) / np.float32(1 / scale)

    def _standardize_kwargs(self, value_range: Any = None, resize_mode: str | None = None, **kwargs: Any) -> dict:
        if resize_mode is not None and resize_mode not in RESIZE_MODES:
            raise ValueError(f"resize_mode is {resize_mode!r}, expected one of {', '.join(RESIZE_MODES)}.")
        as_tuple(value_range)
        value_range = None if value_range is None else list(value_range)
        return {**super()._standardize_kwargs(**kwargs), "value_range": value_range, "resize_mode": resize_mode}

    def _prepare_images_structure(self, images: Any, expected_ndims: int = 3) -> Any:
        # The base class reads a bare (H, W) array as a list of rows, and a list of them as one picture.
        images = self.fetch_images(images)
        if isinstance(images, (list, tuple)):
            images = [_with_channel(image) for image in images]
        else:
            images = _with_channel(images)
        return super()._prepare_images_structure(images, expected_ndims=expected_ndims)


def _with_channel(image: Any) -> Any:
    return image[None] if getattr(image, "ndim", None) == 2 else image
