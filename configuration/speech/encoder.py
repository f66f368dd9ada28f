"""Fields of the convolutional encoder of clips that several families share."""

from dataclasses import field
from typing import Literal

from huggingface_hub.dataclasses import strict

from ..conv_encoder import check_stages
from .clips import SpeechConfig


@strict
class ClipEncoderConfig(SpeechConfig):
    """Stages of convolutions over time and bands, then the mean and the largest value of each channel.

    Args:
        hidden_sizes: channels of the stages; the embedding is twice as wide as the last.
        strides: of the convolution each stage begins with, 1 or 2, in time and over bands alike.
        depths: residual blocks after it (He et al. 2016, Deep Residual Learning).
        stem_kernel_size: side of the filters of the first convolution, an odd number.
        norm: after each convolution: "batch", "group" (8 channels a group) or "none".
        activation: after each norm.
        silence: what is made of the silence around a clip: "heard", as a part of the window, or "masked": zeros before
            every convolution, and no part in the pooling, so that nothing of it is learnt, nor how long a clip is.
    """

    hidden_sizes: list[int] = field(default_factory=lambda: [16, 32, 64])
    strides: list[int] = field(default_factory=lambda: [2, 2, 2])
    depths: list[int] = field(default_factory=lambda: [0, 1, 1])
    stem_kernel_size: int = 5
    norm: Literal["batch", "group", "none"] = "batch"
    activation: Literal["relu", "leaky_relu", "gelu", "silu"] = "relu"
    silence: Literal["heard", "masked"] = "heard"

    def validate_stages(self) -> None:
        """One entry a stage in every list, and clips large enough for the strides."""
        smallest = check_stages(self)
        if self.stem_kernel_size % 2 == 0 or self.stem_kernel_size < 1:
            raise ValueError(f"stem_kernel_size is {self.stem_kernel_size}, expected an odd number.")
        if min(self.num_frames, self.num_mel_bins) < smallest:
            raise ValueError(
                f"clips have {self.num_frames} frames of {self.num_mel_bins} bands, and strides {self.strides} need "
                f"at least {smallest} of both. Use fewer strides of 2."
            )

    @property
    def latent_size(self) -> int:
        """Width of the embedding."""
        return 2 * self.hidden_sizes[-1]
