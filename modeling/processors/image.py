"""From any picture to what the models take: float (B, C, H, W) in [0, 1]."""

from typing import Any

import numpy as np
import PIL.Image
from huggingface_hub import CommitInfo
from transformers.image_processing_backends import PilBackend
from transformers.image_utils import PILImageResampling
from transformers.processing_utils import ImagesKwargs

from ..shared.pushing import push_saved


class AutoencoderImageProcessorKwargs(ImagesKwargs, total=False):
    """
    Args:
        num_channels: 1 converts pictures to grey, 3 to RGB.
    """

    num_channels: int


class AutoencoderImageProcessor(PilBackend):
    """Converts to grey or RGB, resizes (bilinear) and rescales 8-bit pixels to [0, 1]; the model normalises.

    Takes PIL images, paths and urls (through the pipelines), numpy arrays and tensors: (H, W), (H, W, C) or (C, H, W).
    Arrays of floats are taken as already lying in [0, 1] and rounded to 8 bits, as stored pictures are.

    Raises:
        ValueError: an array whose channels are neither 1, 3 nor 4, or floats outside [0, 1] or not finite.
    """

    model_input_names = ["pixel_values"]
    valid_kwargs = AutoencoderImageProcessorKwargs
    resample = PILImageResampling.BILINEAR
    size = {"height": 28, "width": 28}
    num_channels = 1
    do_resize = True
    do_rescale = True
    rescale_factor = 1 / 255

    @classmethod
    def for_config(cls, config: Any) -> "AutoencoderImageProcessor":
        """The processor that fits a model of this config."""
        size = {"height": config.image_size, "width": config.image_size}
        return cls(size=size, num_channels=config.num_channels)

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

    def _prepare_images_structure(self, images: Any, expected_ndims: int = 3) -> Any:
        # The base class reads a bare (H, W) array as a list of rows, and a list of them as one picture.
        if isinstance(images, (list, tuple)):
            images = [_with_channel(image) for image in images]
        else:
            images = _with_channel(images)
        return super()._prepare_images_structure(images, expected_ndims=expected_ndims)

    def process_image(self, image: Any, num_channels: int | None = None, **kwargs: Any) -> np.ndarray:
        """One picture -> (C, H, W) with values in 0 ... 255, grey or RGB as `num_channels` (1 or 3) says."""
        num_channels = num_channels or self.num_channels
        if isinstance(image, PIL.Image.Image):
            image = np.asarray(image.convert("L" if num_channels == 1 else "RGB"))
            image = image[None] if image.ndim == 2 else image.transpose(2, 0, 1)
            return image
        image = super().process_image(image, **kwargs)  # (C, H, W)
        if np.issubdtype(image.dtype, np.floating):
            if not np.isfinite(image).all() or image.min() < 0 or image.max() > 1:
                raise ValueError(
                    f"a float picture holds values from {image.min():g} to {image.max():g}, expected 0 to 1. "
                    f"Divide by its maximum, or pass 8-bit integers."
                )
            image = np.rint(image * 255).astype(np.uint8)
        if image.shape[0] == num_channels:
            return image
        if image.shape[0] in (3, 4) and num_channels == 1:
            red, green, blue = image[:3].astype(np.float32)
            grey = 0.299 * red + 0.587 * green + 0.114 * blue  # ITU-R 601-2, as PIL's "L"
            return np.rint(grey).astype(np.uint8)[None]
        if image.shape[0] in (1, 4) and num_channels == 3:
            return image[:3] if image.shape[0] == 4 else image.repeat(3, 0)
        raise ValueError(f"a picture of {image.shape[0]} channels does not fit a model of {num_channels}.")


def _with_channel(image: Any) -> Any:
    return image[None] if getattr(image, "ndim", None) == 2 else image
