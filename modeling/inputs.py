"""What every family checks of its input, and the loss every classifier shares."""

from typing import Any

import torch
from torch import nn


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


def classification_loss(logits: torch.Tensor, labels: torch.Tensor, problem_type: str | None) -> torch.Tensor:
    """Cross-entropy for one label an image, binary cross-entropy for several at once; both are means.

    Args:
        logits: (B, L).
        labels: (B,) class numbers, or (B, L) zeros and ones.
        problem_type: "single_label_classification", "multi_label_classification", or None to go by the shape.

    Raises:
        ValueError: labels whose shape does not fit.
    """
    if problem_type is None:
        problem_type = "multi_label_classification" if labels.dim() == 2 else "single_label_classification"
    expected = logits.shape if problem_type == "multi_label_classification" else logits.shape[:1]
    if labels.shape != expected:
        raise ValueError(
            f"labels have shape {tuple(labels.shape)}, expected {tuple(expected)} for {problem_type} "
            f"with {logits.shape[1]} labels."
        )
    if problem_type == "multi_label_classification":
        return nn.functional.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype))
    return nn.functional.cross_entropy(logits, labels)
