"""Configuration of the dense autoencoder."""

from dataclasses import field
from typing import Literal

from huggingface_hub.dataclasses import strict

from .autoencoding_options import PretrainingOptions


@strict
class AutoencoderConfig(PretrainingOptions):
    """A dense autoencoder: flattened pixels -> `hidden_sizes` -> `latent_size`, and the mirror image back.

    `AutoencoderConfig()` is the 784-128-64-32-16-8-4-2 network with ReLU, a linear code of 2 and a sigmoid output
    (223,834 parameters); the funnel follows Hinton and Salakhutdinov (2006, Reducing the Dimensionality of Data
    with Neural Networks), trained from end to end.

    Args:
        image_size: height and width of the square input, in pixels.
        num_channels: 1 for grey, 3 for colour.
        hidden_sizes: widths of the encoder's hidden layers, from pixels to code; the decoder mirrors them.
            Even widths let ReLU units start in pairs of opposite sign, of which one is always alive.
        latent_size: width of the code, which has no activation.
        activation: between layers.
        output_activation: "sigmoid" keeps a reconstruction in [0, 1], where `pixel_values` lie; "linear" does not.
        has_decoder: False for a bare encoder, as in a classifier fine-tuned without `reconstruction_weight`.
        reconstruction_weight: weight of the reconstruction loss beside the classifier's own; above 0 the classifier
            keeps the decoder.

    The fields of `PretrainingOptions` make it a denoising, sparse, contractive or variational autoencoder.

    Raises:
        huggingface_hub.errors.StrictDataclassError: a value of the wrong type, or values that do not fit together.
    """

    model_type = "pretune_autoencoder"

    hidden_sizes: list[int] = field(default_factory=lambda: [128, 64, 32, 16, 8, 4])
    latent_size: int = 2
    activation: Literal["relu", "leaky_relu", "gelu", "silu", "tanh", "sigmoid"] = "relu"
    output_activation: Literal["sigmoid", "linear"] = "sigmoid"

    def validate_sizes(self) -> None:
        """At least one unit everywhere."""
        if self.latent_size < 1:
            raise ValueError(f"latent_size must be at least 1, got {self.latent_size}.")
        if any(size < 1 for size in self.hidden_sizes):
            raise ValueError(f"hidden_sizes must all be at least 1, got {self.hidden_sizes}.")
