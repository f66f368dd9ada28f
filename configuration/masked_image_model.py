"""Configuration of the masked image model: any image encoder of transformers, and how its input is hidden."""

from math import isfinite
from typing import Any

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from .backbones import channels_of, measure, native_backbone, patch_of, size_inside
from .image import ImageConfig

DEFAULT_BACKBONE = {"model_type": "resnet", "layer_type": "basic", "embedding_size": 32, "hidden_sizes": [32, 64, 128]}


@strict
class MaskedImageModelConfig(ImageConfig):
    """A network that people already use, pretrained by filling in what is hidden from it.

    Args:
        image_size: height and width of the square input, in pixels.
        num_channels: 1 for grey, 3 for colour.
        backbone_config: of a resnet, convnext, convnextv2, vit, swin, swinv2, dinov2, mobilenet_v2, with the extra
            `timm` timm_wrapper, or any other image encoder with a classifier in transformers that gives a square map
            of features or tokens. A dictionary with a `model_type`; of it what is left out and has to do with the
            size of images (patch size, stages, channels) follows them. None: a small ResNet.
        backbone_image_size: side to which images are enlarged inside the model; None: the size that a backbone of
            tokens says it takes, and for one of convolutions as large as a feature map of 4x4 needs.
        mask_patch_size: side of the squares that are hidden, in pixels of the input; None: about 7 a side, of at least
            4 pixels (32 at 224, as SimMIM has them). Squares smaller than a position of the backbone's last map, as a
            ViT's patch, leave part of each to be seen, and what is hidden of it is easily guessed.
        mask_ratio: share of them, in every image exactly round(ratio * squares).
        image_mean, image_std: what the model normalises pixels in [0, 1] with, one number or one for each channel.
        has_decoder: False for a bare encoder, as in a classifier fine-tuned without `reconstruction_weight`.
        reconstruction_weight: weight of the pretraining loss beside the classifier's own; above 0 the classifier
            keeps the decoder.

    Raises:
        huggingface_hub.errors.StrictDataclassError: a value of the wrong type, or values that do not fit together.
    """

    model_type = "pretune_masked_image_model"

    image_size: int = 32
    num_channels: int = 3
    backbone_config: dict | PreTrainedConfig | None = None
    backbone_image_size: int | None = None
    mask_patch_size: int | None = None
    mask_ratio: float | int = 0.6
    image_mean: list[float | int] | float | int = 0.5
    image_std: list[float | int] | float | int = 0.25

    def __post_init__(self, **kwargs: Any):
        backbone = dict(DEFAULT_BACKBONE) if self.backbone_config is None else self.backbone_config
        if isinstance(backbone, dict):
            # what a config.json holds beside the fields of a kind is no slip of the hand
            saved = self.transformers_version is not None or "transformers_version" in backbone
            backbone = native_backbone(backbone, self.backbone_image_size or self.image_size, self.num_channels, saved)
        self.backbone_config = backbone
        if self.backbone_image_size is None:
            self.backbone_image_size = size_inside(backbone, self.image_size)
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

    def validate_normalisation(self) -> None:
        """Finite numbers, one or one for each channel."""
        for name in ("image_mean", "image_std"):
            values = getattr(self, name)
            values = values if isinstance(values, list) else [values]
            if len(values) not in (1, self.num_channels):
                raise ValueError(
                    f"{name} holds {len(values)} numbers, expected 1, or one for each of {self.num_channels} channels."
                )
            if not all(isfinite(v) for v in values) or (name == "image_std" and min(values) <= 0):
                wanted = "finite numbers" if name == "image_mean" else "finite numbers above 0"
                raise ValueError(f"{name} is {getattr(self, name)}, expected {wanted}.")

    def validate_backbone(self) -> None:
        """A network that takes these images and gives a feature map."""
        inside, backbone = self.backbone_image_size, self.backbone_config
        if inside < self.image_size:
            raise ValueError(f"backbone_image_size is {inside}, expected at least image_size, {self.image_size}.")
        if channels_of(backbone) != self.num_channels:
            raise ValueError(
                f"backbone_config takes images of {channels_of(backbone)} channels, these have {self.num_channels}. "
                f"Leave its num_channels out, or convert the images (config.num_channels, fit_images)."
            )
        patch = patch_of(backbone)
        if patch and inside % patch:
            fits = [p for p in range(1, inside) if inside % p == 0]
            near = sorted(sorted(fits, key=lambda p: abs(p - patch))[:2])
            raise ValueError(
                f"the backbone's patch_size {patch} does not divide images of {inside} pixels. Use a patch_size of "
                f"{' or '.join(map(str, near))}, or a backbone_image_size of {-(-inside // patch) * patch}."
            )
        found = measure(backbone, inside)
        if found.side == 0:
            raise ValueError(
                f"the backbone makes no feature map of images of {inside} pixels: {found.fault}. Use fewer stages, a "
                f"smaller patch_size or window_size, or another backbone_image_size."
            )

    @property
    def latent_size(self) -> int:
        """Width of the code: of the backbone's last feature map."""
        return measure(self.backbone_config, self.backbone_image_size).width

    @property
    def map_size(self) -> int:
        """Positions along a side of the backbone's last feature map."""
        return measure(self.backbone_config, self.backbone_image_size).side


def _mask_patch_size(image_size: int) -> int:
    """The largest square that divides the image, has at least 4 pixels a side, and leaves at least 7 a side."""
    divisors = [d for d in range(1, image_size // 2 + 1) if image_size % d == 0] or [1]
    large = [d for d in divisors if d >= 4]
    return max((d for d in large if 7 * d <= image_size), default=large[0] if large else divisors[-1])
