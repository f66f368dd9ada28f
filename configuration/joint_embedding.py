"""Configuration of joint embedding for images: the encoder, and what its views may change."""

from typing import Any, Literal

from huggingface_hub.dataclasses import strict

from .conv_encoder import ConvEncoderConfig
from .image_backbone import BackboneConfig
from .joint_embedding_options import JointEmbeddingOptions

SMALL = 32  # pixels a side, up to which a grey picture is taken for a symbol
NOTHING = {
    "crop_scale": 1.0, "flip_chance": 0.0, "colour_chance": 0.0, "brightness": 0.4, "contrast": 0.4, "saturation": 0.4,
    "hue": 0.1, "grey_chance": 0.0, "blur_chance": 0.0, "view_degrees": 0.0, "view_shift": 0.0, "view_scale": 0.0,
    "view_shear": 0.0,
}  # fmt: skip
CROPPED = {**NOTHING, "crop_scale": 0.2, "flip_chance": 0.5, "blur_chance": 0.5}
VIEWS: dict[str, dict[str, float]] = {
    "photographs": {**CROPPED, "colour_chance": 0.8, "grey_chance": 0.2},
    "without_colour": CROPPED,
    "grey": {**CROPPED, "colour_chance": 0.8},
    "symbols": {**NOTHING, "view_degrees": 20.0, "view_shift": 0.12, "view_scale": 0.2, "view_shear": 0.2},
}


@strict
class JointEmbeddingConfig(JointEmbeddingOptions, ConvEncoderConfig, BackboneConfig):
    """A residual convolutional encoder, or any network of transformers, trained to embed views of an image alike.

    What the views change is what the embedding forgets, so it must not be what tells classes apart: colour for goods
    in a shop, a flip for letters.

    Args:
        image_size: height and width of the square input, in pixels.
        num_channels: 1 for grey, 3 for colour.
        views: a set of changes: "photographs" (crop, flip, colour, grey, blur), "without_colour" (the same, but
            colours stay), "grey" (for one channel: crop, flip, brightness, contrast, blur) or "symbols" (turned,
            shifted, scaled and sheared a little). None: by channels and size. The numbers below change one of it.
        view_size: height and width of a view, in pixels; None: those of the image. Smaller ones are quicker.
        crop_scale: smallest share of the area that a view shows, between 0 and 1; 1 for all of it.
        flip_chance: of a mirror image.
        colour_chance: of a change of brightness, contrast, saturation and hue, by at most those numbers.
        brightness, contrast, saturation: largest change of each, as a share.
        hue: largest turn of the colours, as a share of the circle, up to 0.5.
        grey_chance: of losing all colour.
        blur_chance: of a blur of up to two pixels.
        view_degrees, view_shift, view_scale, view_shear: largest rotation, shift (share of the side), change of scale
            and shear.
        pooling: of the last map: "mean", "mean_max" (both, twice as wide) or "flatten"; None: "mean" of a network of
            transformers, else "mean_max".
        keep_batch_statistics: batch norms of the encoder stay in eval mode while it trains; for published weights, to
            which new statistics of a few images cost 15 points. None: for a network with published weights.

    The objective has the fields of `JointEmbeddingOptions`. Without `backbone_config` (see `BackboneConfig`) the
    encoder is the convolutional one, with the fields of `ConvEncoderConfig`.

    Raises:
        huggingface_hub.errors.StrictDataclassError: a value of the wrong type, or values that do not fit together.
    """

    model_type = "pretune_joint_embedding"

    image_size: int = 32
    num_channels: int = 3
    views: Literal["photographs", "without_colour", "grey", "symbols"] | None = None
    view_size: int | None = None
    crop_scale: float | int | None = None
    flip_chance: float | int | None = None
    colour_chance: float | int | None = None
    brightness: float | int | None = None
    contrast: float | int | None = None
    saturation: float | int | None = None
    hue: float | int | None = None
    grey_chance: float | int | None = None
    blur_chance: float | int | None = None
    view_degrees: float | int | None = None
    view_shift: float | int | None = None
    view_scale: float | int | None = None
    view_shear: float | int | None = None
    pooling: Literal["mean", "mean_max", "flatten"] | None = None
    keep_batch_statistics: bool | None = None

    def __post_init__(self, **kwargs: Any):
        if self.views is None:
            one = "symbols" if self.image_size <= SMALL else "grey"
            self.views = {1: one, 3: "photographs"}.get(self.num_channels, "without_colour")
        for name, value in VIEWS[self.views].items() if self.views in VIEWS else ():
            if getattr(self, name) is None:
                setattr(self, name, value)
        if self.view_size is None:
            self.view_size = self.image_size
        if self.pooling is None:
            self.pooling = "mean_max" if self.backbone_config is None else "mean"
        super().__post_init__(**kwargs)

    def validate_views(self) -> None:
        """Chances and limits within which an image stays one, and views that differ."""
        most = {
            "flip_chance": 1, "colour_chance": 1, "grey_chance": 1, "blur_chance": 1, "brightness": 0.95,
            "contrast": 0.95, "saturation": 0.95, "hue": 0.5, "view_degrees": 180, "view_shift": 1, "view_scale": 0.95,
            "view_shear": 2,
        }  # fmt: skip
        for name, largest in most.items():
            if not 0 <= getattr(self, name) <= largest:
                raise ValueError(f"{name} must lie between 0 and {largest}, got {getattr(self, name)}.")
        if not 0 < self.crop_scale <= 1:
            raise ValueError(f"crop_scale must be above 0 and at most 1, got {self.crop_scale}.")
        if not 1 <= self.view_size <= self.image_size:
            raise ValueError(f"view_size is {self.view_size}, expected 1 to image_size ({self.image_size}).")
        if self.grey_chance > 0 and self.num_channels != 3:
            raise ValueError(f"grey_chance needs 3 channels, these images have {self.num_channels}: set it to 0.")
        moves = ("flip_chance", "colour_chance", "grey_chance", "blur_chance", "view_degrees", "view_shift",
                 "view_scale", "view_shear")  # fmt: skip
        if self.crop_scale == 1 and not any(getattr(self, name) > 0 for name in moves):
            raise ValueError(f"all views of an image are equal: set crop_scale below 1, or one of {', '.join(moves)}.")

    def validate_pooling_of_backbone(self) -> None:
        """A map of a network of transformers is pooled whole."""
        if self.backbone_config is not None and (self.pooling == "flatten" or self.pooling_size != 1):
            raise ValueError("with a backbone_config pooling is 'mean' or 'mean_max', and pooling_size 1.")

    @property
    def latent_size(self) -> int:
        """Width of the embedding."""
        if self.backbone_config is None:
            return self.pooled_size
        return self.backbone_width * (2 if self.pooling == "mean_max" else 1)
