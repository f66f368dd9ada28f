"""Fields of the families for images that are built around a network of transformers."""

from math import isfinite
from typing import Any, ClassVar

from huggingface_hub.dataclasses import strict
from transformers import AutoConfig, PreTrainedConfig

from .backbones import channels_of, measure, native_backbone, patch_of, size_inside
from .image import ImageConfig


@strict
class BackboneConfig(ImageConfig):
    """A network that people already use, and what it is given.

    Args:
        backbone_config: of a resnet, convnext, convnextv2, vit, swin, swinv2, dinov2, mobilenet_v2, with the extra
            `timm` timm_wrapper, or any other image encoder with a classifier in transformers that gives a square map
            of features or tokens. A dictionary with a `model_type`; of it what is left out and has to do with the
            size of images (patch size, stages, channels) follows them. None: the family's own.
        backbone_image_size: side to which images are enlarged inside the model; None: the size that a backbone of
            tokens says it takes, and for one of convolutions as large as a feature map of 4x4 needs.
        image_mean, image_std: what the model normalises pixels in [0, 1] with, one number or one for each channel.
    """

    # by which what is asked of the whole, such as `attn_implementation` or a dtype, reaches the backbone
    sub_configs: ClassVar[dict[str, type]] = {"backbone_config": AutoConfig}
    default_backbone: ClassVar[dict[str, Any] | None] = None  # where none is given; None: the family has a network

    backbone_config: dict | PreTrainedConfig | None = None
    backbone_image_size: int | None = None
    image_mean: list[float | int] | float | int = 0.5
    image_std: list[float | int] | float | int = 0.25

    def __post_init__(self, **kwargs: Any):
        backbone = self.default_backbone if self.backbone_config is None else self.backbone_config
        if isinstance(backbone, dict):
            # what a config.json holds beside the fields of a kind is no slip of the hand
            saved = self.transformers_version is not None or "transformers_version" in backbone
            backbone = native_backbone(backbone, self.backbone_image_size or self.image_size, self.num_channels, saved)
        self.backbone_config = backbone
        if self.backbone_image_size is None and backbone is not None:
            self.backbone_image_size = size_inside(backbone, self.image_size)
        super().__post_init__(**kwargs)

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
        if backbone is None:
            return
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
    def backbone_width(self) -> int:
        """Channels of the backbone's last feature map."""
        return measure(self.backbone_config, self.backbone_image_size).width

    @property
    def map_size(self) -> int:
        """Positions along a side of the backbone's last feature map."""
        return measure(self.backbone_config, self.backbone_image_size).side
