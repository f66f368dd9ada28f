"""Configuration of the masked image model: any image encoder of transformers, and how its input is hidden."""

import functools
import json
from math import ceil
from typing import Any

from huggingface_hub.dataclasses import strict
from transformers import AutoConfig, PreTrainedConfig

from .encoder import EncoderConfig

# What a backbone of each kind calls its depth and how far its first layer shrinks the image.
CONVOLUTIONS = ("resnet", "convnext", "convnextv2", "mobilenet_v2", "timm_wrapper")
TOKENS = ("vit", "dinov2", "swin", "swinv2")
SMALLEST_MAP = 4  # positions a side; below it a feature map says little about where things are
LARGEST_FACTOR = 32  # by which images are enlarged inside the model to have it
NEEDS_TIMM = "this backbone needs timm: install it with: pip install 'pretune[timm]'"
DEFAULT_BACKBONE = {"model_type": "resnet", "layer_type": "basic", "embedding_size": 32, "hidden_sizes": [32, 64, 128]}


@strict
class MaskedImageModelConfig(EncoderConfig):
    """A network that people already use, pretrained by filling in what is hidden from it.

    Args:
        image_size: height and width of the square input, in pixels.
        num_channels: 1 for grey, 3 for colour.
        backbone_config: of a resnet, convnext, convnextv2, vit, swin, swinv2, dinov2, mobilenet_v2 or, with the extra
            `timm`, timm_wrapper. A dictionary with a `model_type`; of it what is left out and has to do with the size
            of images (patch size, stages, channels) follows `image_size`. None: a small ResNet.
        backbone_image_size: side to which images are enlarged inside the model; None: as they are, or, where the
            first layers are fixed (ResNet, MobileNet), as large as a feature map of 4x4 needs.
        mask_patch_size: side of the squares that are hidden, in pixels of the input.
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
    mask_patch_size: int = 4
    mask_ratio: float | int = 0.6
    image_mean: list[float] | float = 0.5
    image_std: list[float] | float = 0.25

    def __post_init__(self, **kwargs: Any):
        if self.backbone_config is None:
            self.backbone_config = dict(DEFAULT_BACKBONE)
        if isinstance(self.backbone_config, dict):
            self.backbone_config = native_backbone(self.backbone_config, self.image_size, self.num_channels)
        if self.backbone_image_size is None:
            self.backbone_image_size = size_inside(self.backbone_config, self.image_size)
        super().__post_init__(**kwargs)

    def validate_mask(self):
        size, patch = self.image_size, self.mask_patch_size
        if patch < 1 or size % patch:
            raise ValueError(f"mask_patch_size {patch} does not divide image_size {size}.")
        squares = (size // patch) ** 2
        hidden = round(squares * self.mask_ratio)
        if not 0 < hidden < squares:
            raise ValueError(
                f"mask_ratio {self.mask_ratio} hides {hidden} of {squares} squares; expected some, not all."
            )

    def validate_backbone(self):
        inside = self.backbone_image_size
        if inside < self.image_size:
            raise ValueError(f"backbone_image_size is {inside}, expected at least image_size, {self.image_size}.")
        if not map_size(self.backbone_config, inside):
            raise ValueError(
                f"images of {inside} pixels are too small for the backbone (its stride is "
                f"{stride_of(self.backbone_config)}): nothing is left. "
                f"Use fewer stages, a smaller patch_size or a larger backbone_image_size."
            )

    @property
    def latent_size(self) -> int:
        """Width of the code: of the backbone's last feature map."""
        backbone = self.backbone_config
        if getattr(backbone, "hidden_sizes", None):
            return backbone.hidden_sizes[-1]
        if backbone.model_type == "mobilenet_v2":
            shrink = backbone.finegrained_output and backbone.depth_multiplier < 1
            return 1280 if shrink else int(1280 * max(1.0, backbone.depth_multiplier))
        if backbone.model_type == "timm_wrapper":
            return timm_features(backbone, self.backbone_image_size)[0]
        return backbone.hidden_size

    @property
    def map_size(self) -> int:
        """Positions along a side of the backbone's last feature map."""
        return map_size(self.backbone_config, self.backbone_image_size)


def native_backbone(values: dict[str, Any], image_size: int, num_channels: int) -> PreTrainedConfig:
    """A backbone's config from what was given of it; what is left out of image size and strides follows the images.

    Raises:
        ValueError: an unknown kind.
    """
    values = dict(values)
    kind = values.pop("model_type", None)
    if kind not in CONVOLUTIONS + TOKENS:
        raise ValueError(
            f"backbone_config has model_type {kind!r}, expected one of {', '.join(CONVOLUTIONS + TOKENS)}."
        )
    if kind == "timm_wrapper":
        values["model_args"] = {"in_chans": num_channels, **(values.get("model_args") or {})}
        return AutoConfig.for_model(kind, **values)
    values.setdefault("num_channels", num_channels)
    if kind == "resnet" and "depths" not in values and "hidden_sizes" in values:
        values["depths"] = [2] * len(values["hidden_sizes"])
    if kind in TOKENS:
        values.setdefault("image_size", image_size)
    if kind in ("vit", "dinov2") and "patch_size" not in values:
        values["patch_size"] = _patch_size(image_size, default=16 if kind == "vit" else 14)
    if kind in ("swin", "swinv2") and "patch_size" not in values and image_size < 128:
        values["patch_size"] = 2
        values.setdefault("window_size", 4)
        values.setdefault("depths", [2, 2, 6])
        values.setdefault("num_heads", [3, 6, 12][: len(values["depths"])])
    if kind in ("convnext", "convnextv2") and "patch_size" not in values and image_size < 128:
        stages = len(values.get("hidden_sizes") or [0, 0, 0])
        fits = [p for p in (4, 2) if image_size // (p * 2 ** (stages - 1)) >= SMALLEST_MAP]
        values["patch_size"] = fits[0] if fits else 1
        values.setdefault("num_stages", stages)
        values.setdefault("hidden_sizes", [96, 192, 384])
        values.setdefault("depths", [3, 3, 9][:stages])
    if kind == "mobilenet_v2" and image_size < 128:
        values.setdefault("output_stride", 8)
    return AutoConfig.for_model(kind, **values)


def stride_of(backbone: PreTrainedConfig) -> int:
    """How many pixels one position of the last feature map stands for, along a side.

    Raises:
        ValueError: an unknown kind.
    """
    kind = backbone.model_type
    if kind == "resnet":
        return 4 * 2 ** (len(backbone.depths) - 1 + int(backbone.downsample_in_first_stage))
    if kind in ("convnext", "convnextv2", "swin", "swinv2"):
        return backbone.patch_size * 2 ** (len(backbone.depths) - 1)
    if kind in ("vit", "dinov2"):
        return backbone.patch_size
    if kind == "mobilenet_v2":
        return backbone.output_stride
    if kind == "timm_wrapper":
        return 32  # of nearly all; `timm_features` knows better
    raise ValueError(f"backbone_config is of kind {kind!r}, expected one of {', '.join(CONVOLUTIONS + TOKENS)}.")


def map_size(backbone: PreTrainedConfig, inside: int) -> int:
    """Positions along a side of the last feature map of images of `inside` pixels; 0 where nothing is left."""
    if backbone.model_type == "timm_wrapper":
        return timm_features(backbone, inside)[1]
    stride = stride_of(backbone)
    return ceil(inside / stride) if inside >= stride else 0


def size_inside(backbone: PreTrainedConfig, image_size: int) -> int:
    """The side that images of `image_size` need inside the model: a backbone of tokens says it itself, one of
    convolutions needs a feature map of at least 4x4.

    Raises:
        ValueError: no multiple of `image_size` up to 16 times gives one.
    """
    if backbone.model_type in TOKENS:
        return max(image_size, backbone.image_size)
    for factor in range(1, LARGEST_FACTOR + 1):
        if map_size(backbone, image_size * factor) >= SMALLEST_MAP:
            return image_size * factor
    repair = "use fewer stages, or set backbone_image_size"
    if backbone.model_type == "timm_wrapper":
        repair += f'; one that takes a single size may be told it: "model_args": {{"img_size": {image_size}}}'
    raise ValueError(
        f"the backbone leaves less than {SMALLEST_MAP}x{SMALLEST_MAP} of images of {image_size} pixels enlarged up to "
        f"{LARGEST_FACTOR} times: {repair}."
    )


def timm_features(backbone: PreTrainedConfig, inside: int) -> tuple[int, int]:
    """Width and side of the last feature map of a timm model, which no config tells; the side is 0 where images of
    `inside` pixels are too small.

    Raises:
        ValueError: timm is not installed, does not know the model, or the model has no square map of features.
    """
    return _timm_features(backbone.architecture, json.dumps(backbone.model_args or {}), inside)


@functools.cache
def _timm_features(architecture: str, model_args: str, inside: int) -> tuple[int, int]:
    import torch

    try:
        import timm
    except ImportError:
        raise ValueError(NEEDS_TIMM) from None
    options = json.loads(model_args)
    with torch.device("meta"):  # shapes alone: nothing is computed
        try:
            model = timm.create_model(architecture, num_classes=0, **options).eval()
        except (RuntimeError, TypeError) as error:
            raise ValueError(f"timm does not build {architecture} with {options}: {error}.") from None
        try:
            shape = model.forward_features(torch.empty(1, options.get("in_chans", 3), inside, inside)).shape
        except (RuntimeError, AssertionError):
            return model.num_features, 0  # a kernel larger than what it looks at, or the one size that it takes
    if len(shape) == 4 and shape[1] == model.num_features and shape[2] == shape[3]:
        return shape[1], shape[2]
    if len(shape) == 3 and shape[2] == model.num_features:
        return shape[2], int(shape[1] ** 0.5)  # tokens; the few that are not positions come first
    raise ValueError(
        f"{architecture} of timm gives features of shape {tuple(shape)}, expected (B, D, h, h) of convolutions or "
        f"(B, N, D) of tokens, D = {model.num_features}."
    )


def _patch_size(image_size: int, default: int) -> int:
    """The largest patch that divides the image and leaves at least 7 a side."""
    if image_size % default == 0 and image_size // default >= 7:
        return default
    return next(p for p in range(max(1, image_size // 7), 0, -1) if image_size % p == 0)
