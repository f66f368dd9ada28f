"""Configuration of the BiGAN."""

from math import ceil
from typing import Literal

from huggingface_hub.dataclasses import strict

from .corruption_options import CorruptionOptions

# architecture -> hidden_sizes, discriminator_sizes
DEFAULT_SIZES = {"dense": ([512, 512], [512, 512]), "conv": ([32, 64], [256])}


@strict
class BiGANConfig(CorruptionOptions):
    """An encoder, a generator (the decoder), and a discriminator that judges pairs of image and code.

    `BiGANConfig()` is the dense network for 28x28 grey images that was the most stable of those tried on MNIST: batch
    norm in encoder and generator, spectral norm in the discriminator, which learns twice as fast. It is meant for Adam
    with a learning rate of 2e-4 and betas (0.5, 0.999); `BiGANModel.parameter_groups` sets rates and betas. The fields
    of `CorruptionOptions` make it worth more as an encoder: "warp" is worth ten points on MNIST.

    Args:
        image_size: height and width of the square input, in pixels.
        num_channels: 1 for grey, 3 for colour.
        architecture: "dense" layers on flattened pixels, or "conv": strided convolutions (Radford et al. 2016, DCGAN).
        hidden_sizes: of the encoder, from pixels to code; the generator mirrors them. For "dense" the widths of the
            layers, for "conv" the channels of the stages (also of the discriminator's), each of which halves the map.
            None for [512, 512] and [32, 64].
        latent_size: width of the code, which has no activation.
        prior: what codes are drawn from to generate: "uniform" on (-1, 1), or "normal" with variance 1.
        code_norm: bring each unit of the code to the prior's mean and variance, by a batch norm without scale and
            shift. Without it the game leaves many units nearly idle (MNIST, warped, two passes, linear probe with 10
            labels per class: 74.9 %, with it 82.0).
        discriminator_sizes: widths of the dense layers that see image (for "conv": its last map) and code together.
            None for [512, 512] ("dense") and [256] ("conv").
        discriminator_learning_rate_ratio: the discriminator's learning rate, in units of the others'.
        spectral_norm: divide each weight of the discriminator by its largest singular value (Miyato et al. 2018,
            Spectral Normalization for GANs). Without it the discriminator soon wins and nothing more is learnt.
        r1_weight: of half the squared gradient of the discriminator at the real pairs (Mescheder et al. 2018, Which
            Training Methods for GANs do actually Converge?); 0 for none.
        has_decoder: False for a bare encoder, without generator and discriminator, as in a classifier fine-tuned
            without `reconstruction_weight`.
        reconstruction_weight: weight of the pretraining loss beside the classifier's own; above 0 the classifier
            keeps generator and discriminator.

    Raises:
        huggingface_hub.errors.StrictDataclassError: a value of the wrong type, or values that do not fit together.
    """

    model_type = "pretune_bigan"

    architecture: Literal["dense", "conv"] = "dense"
    hidden_sizes: list[int] | None = None
    latent_size: int = 50
    prior: Literal["uniform", "normal"] = "uniform"
    code_norm: bool = True
    discriminator_sizes: list[int] | None = None
    discriminator_learning_rate_ratio: float | int = 2.0
    spectral_norm: bool = True
    r1_weight: float | int = 0.0

    def __post_init__(self, **kwargs):
        hidden_sizes, discriminator_sizes = DEFAULT_SIZES.get(self.architecture, ([], []))
        if self.hidden_sizes is None:
            self.hidden_sizes = list(hidden_sizes)
        if self.discriminator_sizes is None:
            self.discriminator_sizes = list(discriminator_sizes)
        super().__post_init__(**kwargs)

    def validate_sizes(self) -> None:
        """At least one unit everywhere, and no more stages than halve the image to one pixel."""
        if self.latent_size < 1:
            raise ValueError(f"latent_size must be at least 1, got {self.latent_size}.")
        for name in ("hidden_sizes", "discriminator_sizes"):
            if any(size < 1 for size in getattr(self, name)):
                raise ValueError(f"{name} must all be at least 1, got {getattr(self, name)}.")
        if self.architecture == "conv" and not 1 <= len(self.hidden_sizes) <= (self.image_size - 1).bit_length():
            raise ValueError(
                f"hidden_sizes must hold the channels of at least one stage, and no more stages than halve "
                f"image_size {self.image_size} to 1, got {self.hidden_sizes}."
            )

    def validate_weights(self) -> None:
        """A penalty and a ratio of learning rates that are finite."""
        if not 0 <= self.r1_weight < float("inf"):
            raise ValueError(f"r1_weight must be a finite number, 0 or larger, got {self.r1_weight}.")
        ratio = self.discriminator_learning_rate_ratio
        if not 0 < ratio < float("inf"):
            raise ValueError(f"discriminator_learning_rate_ratio must be a finite number above 0, got {ratio}.")

    @property
    def map_sizes(self) -> list[int]:
        """Height and width of the image and, for "conv", of the map after each stage."""
        sizes = [self.image_size]
        for _ in self.hidden_sizes:
            sizes.append(ceil(sizes[-1] / 2))
        return sizes
