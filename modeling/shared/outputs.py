"""What every family's model returns."""

from dataclasses import dataclass

import torch
from transformers.utils import ModelOutput


@dataclass
class PretrainingOutput(ModelOutput):
    """
    Args:
        latents: (B, D), the code.
        reconstruction: (B, C, H, W), the image that the decoder makes of it; None without a decoder.
        loss: what pretraining minimises, a scalar; None with `return_loss=False` or without a decoder.
        squared_error: (B,), squared difference of reconstruction and image, summed over each image's pixels; None
            where `loss` is.
        penalty: scalar, the part of `loss` that is not about the reconstruction, weights included; 0 without options.
    """

    latents: torch.FloatTensor | None = None
    reconstruction: torch.FloatTensor | None = None
    loss: torch.FloatTensor | None = None
    squared_error: torch.FloatTensor | None = None
    penalty: torch.FloatTensor | None = None


def autoencoder_output(
    pixel_values: torch.Tensor, latents: torch.Tensor, reconstruction: torch.Tensor, penalty: torch.Tensor
) -> PretrainingOutput:
    """Compare (B, C, H, W) images with their reconstructions; the loss is (squared error + penalty) / pixels."""
    squared_error = (reconstruction - pixel_values).square().flatten(1).sum(1)  # (B,)
    loss = (squared_error.mean() + penalty) / pixel_values[0].numel()  # without a penalty: what MSELoss gives
    return PretrainingOutput(latents, reconstruction, loss, squared_error, penalty.detach())
