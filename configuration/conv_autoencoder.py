"""Configuration of the convolutional autoencoder."""

from typing import Literal

from huggingface_hub.dataclasses import strict

from .autoencoding_options import PretrainingOptions
from .conv_encoder import ConvEncoderConfig


@strict
class ConvAutoencoderConfig(ConvEncoderConfig, PretrainingOptions):
    """A residual convolutional encoder, a code, and a decoder: pixels -> maps -> pooled -> code -> pixels.

    `ConvAutoencoderConfig()` is for 28 or 32 pixels: three stages of 32, 64 and 128 channels end in a 7x7 map, and its
    means are the code of 128. For larger images add stages: each divides the side of the map by its stride.

    Args:
        image_size: height and width of the square input, in pixels.
        num_channels: 1 for grey, 3 for colour.
        bottleneck_size: width of a linear layer from there to the code; None makes the pooled map the code.
        decoder_kind: "conv" mirrors the encoder; "dense" has one hidden layer of `decoder_hidden_size`, is quick for
            small images and leaves the encoder more to do.
        decoder_hidden_size: width of that layer.
        output_activation: "sigmoid" keeps a reconstruction in [0, 1], where `pixel_values` lie; "linear" does not.
        has_decoder: False for a bare encoder, as in a classifier fine-tuned without `reconstruction_weight`.
        reconstruction_weight: weight of the pretraining loss beside the classifier's own; above 0 the classifier
            keeps the decoder.

    Its encoder has the fields of `ConvEncoderConfig`, which the convolutional decoder mirrors. Those of
    `PretrainingOptions` make it a denoising, sparse, contractive or variational autoencoder.

    Raises:
        huggingface_hub.errors.StrictDataclassError: a value of the wrong type, or values that do not fit together.
    """

    model_type = "pretune_conv_autoencoder"

    bottleneck_size: int | None = None
    decoder_kind: Literal["conv", "dense"] = "conv"
    decoder_hidden_size: int = 512
    output_activation: Literal["sigmoid", "linear"] = "sigmoid"

    def validate_bottleneck(self) -> None:
        """A code of some width."""
        if self.bottleneck_size is not None and self.bottleneck_size < 1:
            raise ValueError(f"bottleneck_size must be at least 1, got {self.bottleneck_size}.")

    def validate_combinations(self) -> None:
        """Penalties only where the network allows them."""
        if self.contractive_weight > 0 and self.norm == "batch":
            raise ValueError("contractive_weight needs the code of each image alone; set norm to 'group' or 'none'.")
        if self.variational and self.bottleneck_size is None:
            raise ValueError("variational needs a linear layer for mean and variance; set bottleneck_size.")

    @property
    def latent_size(self) -> int:
        """Width of the code."""
        return self.bottleneck_size or self.pooled_size
