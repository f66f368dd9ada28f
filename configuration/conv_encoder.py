"""The convolutional encoder's fields, which several families share."""

from dataclasses import field
from math import ceil
from typing import Any, Literal

from huggingface_hub.dataclasses import strict

from .image import ImageConfig


@strict
class ConvEncoderConfig(ImageConfig):
    """Stages of convolutions with residual blocks, pooled: pixels -> maps -> embedding.

    Args:
        hidden_sizes: channels of the stages, from pixels to code.
        strides: of the convolution each stage begins with, 1 or 2.
        depths: residual blocks after it (He et al. 2016, Deep Residual Learning).
        stem_kernel_size: side of the filters of the first convolution, an odd number.
        stem_filters: "learned", or "patches": the first convolution's filters are whitened patches of the training
            images, which stay as they are while pretraining (Coates and Ng 2011, The Importance of Encoding Versus
            Training). The first stage then has a threshold instead of a norm. With `stem_kernel_size` 7, a first
            stride of 1 and `pooling_size` 2, that is worth more to a linear probe on small photographs than any
            first stage learned from pixel errors.
        norm: after each convolution: "batch", "group" (8 channels a group) or "none".
        activation: after each norm.
        pooling: of the last map: "mean" over positions, "mean_max" (both, twice as wide) or "flatten" (all of it).
        pooling_size: side of the grid that "mean" and "mean_max" pool to; 1 pools everything, 2 quarters of the image
            (Coates, Ng and Lee 2011), which tells a linear probe where things are.
        pooled_stages: "last", or "all": the code holds the maps of all stages, each pooled (as Radford et al. 2016 do
            with DCGAN's). Edges and colours of the first stages help a linear probe on photographs.
    """

    hidden_sizes: list[int] = field(default_factory=lambda: [32, 64, 128])
    strides: list[int] = field(default_factory=lambda: [2, 2, 1])
    depths: list[int] = field(default_factory=lambda: [0, 1, 1])
    stem_kernel_size: int = 3
    stem_filters: Literal["learned", "patches"] = "learned"
    norm: Literal["batch", "group", "none"] = "batch"
    activation: Literal["relu", "leaky_relu", "gelu", "silu"] = "relu"
    pooling: Literal["mean", "mean_max", "flatten"] = "mean"
    pooling_size: int = 1
    pooled_stages: Literal["last", "all"] = "last"

    def validate_stages(self) -> None:
        """One entry a stage in every list, and an image large enough for the strides."""
        smallest = check_stages(self)
        if self.image_size < smallest:
            raise ValueError(
                f"image_size is {self.image_size}, and strides {self.strides} need at least {smallest} pixels. "
                f"Use fewer strides of 2."
            )

    def validate_stem(self) -> None:
        """A filter with a middle, no larger than the image."""
        if self.stem_kernel_size % 2 == 0 or not 1 <= self.stem_kernel_size <= self.image_size:
            raise ValueError(
                f"stem_kernel_size is {self.stem_kernel_size}, expected an odd number up to image_size "
                f"({self.image_size})."
            )

    def validate_pooling(self) -> None:
        """A grid that the last map has, and nothing pooled where nothing is to be."""
        if not 1 <= self.pooling_size <= self.map_sizes[-1]:
            raise ValueError(
                f"pooling_size is {self.pooling_size}, expected 1 to {self.map_sizes[-1]}, the side of the last map."
            )
        if self.pooling == "flatten" and self.pooling_size != 1:
            raise ValueError("pooling_size is of pooling 'mean' and 'mean_max'; 'flatten' pools nothing.")
        if self.pooling == "flatten" and self.pooled_stages == "all":
            raise ValueError("pooled_stages 'all' needs pooling 'mean' or 'mean_max'; 'flatten' pools nothing.")

    @property
    def map_sizes(self) -> list[int]:
        """Height and width of the image and of the map after each stage."""
        sizes = [self.image_size]
        for stride in self.strides:
            sizes.append(ceil(sizes[-1] / stride))
        return sizes

    @property
    def pooled_size(self) -> int:
        """Numbers left of the maps after pooling."""
        cells = self.pooling_size**2
        per_channel = {"mean": cells, "mean_max": 2 * cells, "flatten": self.map_sizes[-1] ** 2}
        channels = sum(self.hidden_sizes) if self.pooled_stages == "all" else self.hidden_sizes[-1]
        return channels * per_channel[self.pooling]


def check_stages(config: Any) -> int:
    """The smallest side of an input that the strides of `config` leave something of.

    Args:
        config: with `hidden_sizes`, `strides`, `depths` and `norm`.

    Raises:
        ValueError: lists of different lengths, or values that no stage can have.
    """
    lengths = {len(config.hidden_sizes), len(config.strides), len(config.depths)}
    if len(lengths) > 1 or not config.hidden_sizes:
        raise ValueError(
            f"hidden_sizes, strides and depths must have one entry for each stage, got {config.hidden_sizes}, "
            f"{config.strides} and {config.depths}."
        )
    if any(stride not in (1, 2) for stride in config.strides):
        raise ValueError(f"strides must be 1 or 2, got {config.strides}.")
    if min(config.hidden_sizes) < 1 or min(config.depths) < 0:
        raise ValueError(f"hidden_sizes must be at least 1 and depths 0, got {config.hidden_sizes}, {config.depths}.")
    if config.norm == "group" and any(size % min(8, size) for size in config.hidden_sizes):
        raise ValueError(f"with norm 'group' hidden_sizes must be multiples of 8, got {config.hidden_sizes}.")
    return 2 ** sum(stride == 2 for stride in config.strides)
