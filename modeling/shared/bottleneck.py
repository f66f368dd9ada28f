"""From what an encoder gives to the code, and what the code costs: as it is, sparse, contractive or variational."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from transformers import initialization as init

from .penalties import contractive, keep_top_k, l1, normal_kl, rademacher, sample_normal, sparsity_kl


class Bottleneck(nn.Module):
    """The code of an autoencoder with the options of `PretrainingOptions`. It has no weights.

    Args:
        config: with those options; `encoder_width` says how many numbers the encoder gives.
    """

    def __init__(self, config: Any):
        super().__init__()
        self.config = config
        if config.variational and config.kl_warmup_steps:
            self.register_buffer("steps", torch.zeros((), dtype=torch.int64))  # training steps seen, for the warm-up

    def reset(self) -> None:
        """Count the steps of the warm-up from the first, unless a checkpoint said where."""
        if hasattr(self, "steps"):
            init.zeros_(self.steps)

    @staticmethod
    def encoder_width(config: Any) -> int:
        """Numbers the encoder has to give for each image: the code, or its mean and log-variance."""
        return config.latent_size * (2 if config.variational else 1)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """(B, encoder_width) -> the (B, D) code, without chance."""
        if self.config.variational:
            return hidden.chunk(2, 1)[0]
        if self.config.sparsity == "top_k":
            return keep_top_k(hidden, self.config.top_k)
        return hidden.sigmoid() if self.config.sparsity == "kl" else hidden

    def sample(self, hidden: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """(B, encoder_width) -> what the decoder sees, (B, D): while training a variational code is drawn, any other
        is the code itself."""
        if self.config.variational and self.training:
            return sample_normal(*hidden.chunk(2, 1), generator)
        return self(hidden)

    def penalty(
        self,
        hidden: torch.Tensor,
        encode: Callable,
        pixel_values: torch.Tensor,
        generator: torch.Generator | None = None,
    ) -> torch.Tensor:
        """What this code costs, a scalar beside the squared error of an image; 0 without options.

        Args:
            hidden: (B, encoder_width).
            encode: (B, C, H, W) pixels -> (B, D), for the contractive penalty.
            pixel_values: what the encoder saw.
            generator: of the random projection.
        """
        config, cost = self.config, hidden.new_zeros(())
        if config.variational:
            cost = cost + config.kl_weight * self._warmth() * normal_kl(*hidden.chunk(2, 1))
        if config.sparsity == "l1":
            cost = cost + config.sparsity_weight * l1(self(hidden))
        if config.sparsity == "kl":
            cost = cost + config.sparsity_weight * sparsity_kl(self(hidden), config.sparsity_target)
        if config.contractive_weight > 0:
            projection = None
            if config.contractive_estimate == "hutchinson":
                fixed = generator if self.training else torch.Generator(hidden.device).manual_seed(0)
                projection = rademacher(self(hidden), fixed)
            cost = cost + config.contractive_weight * contractive(encode, pixel_values, projection)
        return cost

    def _warmth(self) -> float | torch.Tensor:
        if not self.config.kl_warmup_steps:
            return 1.0
        share = (self.steps / self.config.kl_warmup_steps).clamp(max=1.0)
        if self.training:
            self.steps += 1
        return share
