"""Configuration of the masked image model: any image encoder of transformers, and how its input is hidden."""

from typing import Any, ClassVar

from huggingface_hub.dataclasses import strict

from .image_backbone import BackboneConfig


@strict
class MaskedImageModelConfig(BackboneConfig):
    """A network that people already use, pretrained by filling in what is hidden from it.

    Args:
        image_size: height and width of the square input, in pixels.
        num_channels: 1 for grey, 3 for colour.
        mask_patch_size: side of the squares that are hidden, in pixels of the input; None: about 7 a side, of at least
            4 pixels (32 at 224, as SimMIM has them). Squares smaller than a position of the backbone's last map, as a
            ViT's patch, leave part of each to be seen, and what is hidden of it is easily guessed.
        mask_ratio: share of them, in every image exactly round(ratio * squares).
        has_decoder: False for a bare encoder, as in a classifier fine-tuned without `reconstruction_weight`.
        reconstruction_weight: weight of the pretraining loss beside the classifier's own; above 0 the classifier
            keeps the decoder.

    The network is given by the fields of `BackboneConfig`; where they say nothing it is a small ResNet.

    Raises:
        huggingface_hub.errors.StrictDataclassError: a value of the wrong type, or values that do not fit together.
    """

    model_type = "pretune_masked_image_model"
    default_backbone: ClassVar[dict[str, Any] | None] = {
        "model_type": "resnet", "layer_type": "basic", "embedding_size": 32, "hidden_sizes": [32, 64, 128]
    }  # fmt: skip

    image_size: int = 32
    num_channels: int = 3
    mask_patch_size: int | None = None
    mask_ratio: float | int = 0.6

    def __post_init__(self, **kwargs: Any):
        if self.mask_patch_size is None:
            self.mask_patch_size = _mask_patch_size(self.image_size)
        super().__post_init__(**kwargs)

    def validate_mask(self) -> None:
        """Squares that divide the image, some hidden and not all."""
        size, patch = self.image_size, self.mask_patch_size
        if patch < 1 or size % patch:
            raise ValueError(f"mask_patch_size {patch} does not divide image_size {size}.")
        if not 0 <= self.mask_ratio <= 1:
            raise ValueError(f"mask_ratio is {self.mask_ratio}, expected a share between 0 and 1.")
        squares = (size // patch) ** 2
        hidden = round(squares * self.mask_ratio)
        if not 0 < hidden < squares:
            raise ValueError(
                f"mask_ratio {self.mask_ratio} hides {hidden} of {squares} squares; expected some, not all."
            )

    @property
    def latent_size(self) -> int:
        """Width of the code: of the backbone's last feature map."""
        return self.backbone_width


def _mask_patch_size(image_size: int) -> int:
    """The largest square that divides the image, has at least 4 pixels a side, and leaves at least 7 a side."""
    divisors = [d for d in range(1, image_size // 2 + 1) if image_size % d == 0] or [1]
    large = [d for d in divisors if d >= 4]
    return max((d for d in large if 7 * d <= image_size), default=large[0] if large else divisors[-1])
