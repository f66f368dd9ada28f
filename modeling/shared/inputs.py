"""What every family checks of its input."""

from typing import Any

import torch


def check_pixel_values(pixel_values: torch.Tensor, config: Any) -> None:
    """Raise ValueError unless `pixel_values` are float (B, C, H, W) of the size and channels in `config`.

    The range [0, 1] is not checked here: on a GPU that would wait for the device at every step.
    """
    expected = (config.num_channels, config.image_size, config.image_size)
    if pixel_values.dim() != 4 or tuple(pixel_values.shape[1:]) != expected:
        raise ValueError(
            f"pixel_values have shape {tuple(pixel_values.shape)}, expected (batch, channels, height, width) = "
            f"(B, {', '.join(map(str, expected))}). Resize or convert the images with the model's image processor, "
            f"or build a model with another image_size or num_channels."
        )
    if not pixel_values.is_floating_point():
        raise ValueError(
            f"pixel_values are {pixel_values.dtype}, expected float in [0, 1]. Divide 8-bit pixels by 255, "
            f"or use the model's image processor."
        )


def require_decoder(model: Any) -> None:
    """Raise ValueError if `model` is a bare encoder, as a classifier's is."""
    if model.decoder is None:
        raise ValueError(
            "This model holds only an encoder (has_decoder=False), so it cannot decode. Load the model it was "
            "fine-tuned from, or fine-tune with a reconstruction_weight above 0 to keep the decoder."
        )
