"""What the config of every family for images has."""

from huggingface_hub.dataclasses import strict

from .encoder import EncoderConfig

MOST = {"image_size": 2**14, "num_channels": 2**12}  # of numbers that are none of images of anybody's


@strict
class ImageConfig(EncoderConfig):
    """Fields and rules that all families for images share.

    Args:
        image_size: height and width of the square input, in pixels.
        num_channels: 1 for grey, 3 for colour.
    """

    image_size: int = 28
    num_channels: int = 1

    def validate_image(self) -> None:
        """At least one pixel and one channel, and no more than there are computers for."""
        for name, most in MOST.items():
            if not 1 <= getattr(self, name) <= most:
                raise ValueError(f"{name} must be at least 1 and at most {most:,}, got {getattr(self, name)}.")

    @property
    def num_pixels(self) -> int:
        """Numbers in one image: channels x height x width."""
        return self.num_channels * self.image_size**2
