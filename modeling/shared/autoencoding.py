"""One pass of an autoencoder, dense or convolutional: corrupt, encode, decode, compare with the clean image."""

from typing import Any

import torch

from .evaluating import wants_loss
from .images.corruption import corrupt
from .inputs import check_pixel_values
from .outputs import PretrainingOutput, autoencoder_output
from .pretrainable import Pretrainable


class Reconstructing(Pretrainable):
    """The answers of an autoencoder, dense or convolutional."""

    logged_outputs = ("squared_error",)
    reconstructs = loss_is_error = True
    keeps = "The embedding keeps what rebuilds pixels, which need not be what tells classes apart."

    @property
    def loss_name(self) -> str:
        """What `loss` is, for people."""
        config: Any = self.config
        penalties = config.variational or config.sparsity in ("l1", "kl") or config.contractive_weight > 0
        return "squared error a pixel" + " and penalties" * penalties


def autoencode(
    model: Any, pixel_values: torch.Tensor, return_loss: bool, generator: torch.Generator | None
) -> PretrainingOutput:
    """The forward of an autoencoder.

    Args:
        model: has `hidden` (pixels to what its encoder gives), `bottleneck`, `decode`, `encode` and `decoder`.
        pixel_values: (B, C, H, W), float in [0, 1].
        return_loss: False leaves the loss out.
        generator: of corruption and sampling; None for the default one. In eval mode there is no chance.

    Raises:
        ValueError: images of another size or number of channels than the config's, or integer pixels.
    """
    check_pixel_values(pixel_values, model.config)
    seen = corrupt(pixel_values, model.config, generator) if model.training else pixel_values
    hidden = model.hidden(seen)
    latents = model.bottleneck.sample(hidden, generator)  # (B, D)
    if model.decoder is None:
        return PretrainingOutput(latents=latents)
    reconstruction = model.decode(latents)  # (B, C, H, W)
    if not wants_loss(return_loss):
        return PretrainingOutput(latents=latents, reconstruction=reconstruction)
    penalty = model.bottleneck.penalty(hidden, model.encode, seen, generator)
    return autoencoder_output(pixel_values, latents, reconstruction, penalty)
