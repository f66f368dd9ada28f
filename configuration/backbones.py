"""Backbones of the masked image model: which there are, their config from what was given of it, what comes out.

How large a network's last feature map is, and which weights have no part in it, no config tells for every kind. Both
are measured: a pass on torch's meta device, where shapes alone are computed, takes a fraction of a second and is made
once for a config and a size.
"""

import dataclasses
import difflib
import functools
import importlib.util
import inspect
import json
from itertools import count
from math import isqrt
from typing import Any, NamedTuple

import torch
from transformers import CONFIG_MAPPING, MODEL_MAPPING, AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES

from .encoder import without_foreign_attention

SMALLEST_MAP = 4  # positions a side; below it a feature map says little about where things are
LARGEST_FACTOR = 32  # by which images are enlarged inside the model to have it
MOST_PATCHES = 32  # a side, that the native patch_size may leave: attention costs the fourth power of it
NEEDS_TIMM = "this backbone needs timm: install it with: pip install 'pretune[timm]'"
WORKING = (
    "expected one of resnet, convnext, convnextv2, regnet, mobilenet_v1, mobilenet_v2, efficientnet, vit, deit, beit, "
    "dinov2, swin, swinv2, timm_wrapper, or another image encoder with a classifier in transformers that turns pixels "
    "into a square map of features or tokens"
)
# The last norm of these comes after the mean over positions; where it is a pooler's, the pooler must stay.
POOLED_NORMS = {
    "convnext": "layernorm",
    "convnextv2": "layernorm",
    "beit": "pooler.layernorm",
    "data2vec-vision": "pooler.layernorm",
    "hiera": "pooler.layernorm",
}
# Lists of one entry a stage, and what they are for n stages where they are left out.
STAGES = {
    "resnet": {"hidden_sizes": lambda n: [256 * 2**i for i in range(n)], "depths": lambda n: [2] * n},
    "convnext": {"hidden_sizes": lambda n: [96 * 2**i for i in range(n)], "depths": lambda n: _third_deepest(n, 3, 9)},
    "swin": {"num_heads": lambda n: [3 * 2**i for i in range(n)], "depths": lambda n: _third_deepest(n, 2, 6)},
}
STAGES |= {"convnextv2": STAGES["convnext"], "swinv2": STAGES["swin"]}
# What transformers and timm raise at values that do not fit together, and at images that a network cannot take.
FAULTS = (RuntimeError, ValueError, TypeError, AttributeError, LookupError, AssertionError, ArithmeticError)


class Features(NamedTuple):
    """
    Args:
        width, side: of the last feature map (B, width, side, side); the side is 0 where there is none.
        tokens: it comes as tokens.
        fault: why there is none.
    """

    width: int
    side: int
    tokens: bool
    fault: str = ""


def native_backbone(values: dict[str, Any], inside: int, num_channels: int, saved: bool) -> PreTrainedConfig:
    """A backbone's config from what was given of it; what is left out of image size and strides follows the images.

    Args:
        values: `model_type` and fields of its config.
        inside: side of the images it sees.
        num_channels: of them.
        saved: `values` come from a config.json, which may hold more than the fields of its kind.

    Raises:
        ValueError: an unknown kind or field, or stages that do not agree.
    """
    values = dict(values)
    kind = values.pop("model_type", None)
    if kind not in MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES:
        raise ValueError(f"backbone_config has model_type {kind!r}, {WORKING}.")
    config_class = CONFIG_MAPPING[kind]
    defaults = {field.name: field.default for field in dataclasses.fields(config_class)}
    if not saved:
        _refuse_unknown(values, config_class, list(defaults))
    if kind == "timm_wrapper":
        values["model_args"] = {"in_chans": num_channels, **(values.get("model_args") or {})}
        return config_class(**values)
    if "num_channels" in defaults:
        values.setdefault("num_channels", num_channels)
    if _is_plain(defaults):
        values.setdefault("image_size", inside)
        if "patch_size" not in values:
            values["patch_size"] = _patch_size(inside, defaults["patch_size"])
    elif kind in ("swin", "swinv2"):
        values.setdefault("image_size", inside)
    small = "patch_size" not in values and inside < 128
    if kind in STAGES and not saved:
        _complete_stages(kind, values, 3 if small and "patch_size" in defaults else None)
    if kind in ("swin", "swinv2"):
        shrink = 2 ** (len(values.get("depths") or defaults["depths"]) - 1)
        if small:
            values["patch_size"] = 2 if -(-inside // (2 * shrink)) >= SMALLEST_MAP else 1
        if kind == "swin" or small:  # its window must fit into the last map, and maps are rounded up
            own = values["image_size"] if isinstance(values["image_size"], int) else max(values["image_size"])
            last = -(-max(inside, own) // (values.get("patch_size", defaults["patch_size"]) * shrink))
            values.setdefault("window_size", min(4 if small else defaults["window_size"], last))
    if kind in ("convnext", "convnextv2") and small:
        shrink = 2 ** (len(values["depths"]) - 1)
        values["patch_size"] = next((p for p in (4, 2) if inside // (p * shrink) >= SMALLEST_MAP), 1)
    if kind == "mobilenet_v2" and inside < 128:
        values.setdefault("output_stride", 8)
    return config_class(**values)


def _refuse_unknown(values: dict[str, Any], config_class: type, fields: list[str]) -> None:
    for name in values:
        if name not in fields and name not in config_class.attribute_map and not hasattr(config_class, name):
            near = difflib.get_close_matches(name, fields, n=1, cutoff=0)[0]
            raise ValueError(
                f"backbone_config has an unknown field of {config_class.__name__}: {name!r}. Did you mean {near!r}?"
            )


def _complete_stages(kind: str, values: dict[str, Any], default: int | None) -> None:
    """Give every list of `values` as many stages as the one that was given has, or `default`."""
    given = {name: len(values[name]) for name in STAGES[kind] if values.get(name) is not None}
    if values.get("num_stages") is not None:
        given["num_stages"] = values["num_stages"]
    if len(set(given.values())) > 1:
        found = ", ".join(
            f"{number} {name}" if name != "num_stages" else f"{name} {number}" for name, number in given.items()
        )
        raise ValueError(f"backbone_config has {found}, expected as many of each: one for every stage.")
    stages = next(iter(given.values()), default)
    if stages is not None:
        for name, make in STAGES[kind].items():
            values[name] = make(stages) if values.get(name) is None else values[name]
        if kind in ("convnext", "convnextv2"):
            values["num_stages"] = stages


def _third_deepest(stages: int, depth: int, deepest: int) -> list[int]:
    return [deepest if i == 2 else depth for i in range(stages)]


def _is_plain(names: Any) -> bool:
    """Whether a kind with these fields cuts the image into patches of the last map's own size, as a ViT does."""
    return {"hidden_size", "patch_size", "image_size"} <= set(names) and "depths" not in names


def _patch_size(image_size: int, default: int) -> int:
    """The largest patch that divides the image and leaves at least 7 a side."""
    if image_size % default == 0 and image_size // default >= 7:
        return default
    fits = _largest_divisor(image_size, image_size // 7)
    if image_size // fits <= MOST_PATCHES:
        return fits
    better = next(s for s in count(image_size) if s // _largest_divisor(s, s // 7) <= MOST_PATCHES)
    raise ValueError(
        f"no patch_size divides images of {image_size} pixels into 7 to {MOST_PATCHES} patches a side. Let the model "
        f"enlarge them: backbone_image_size {better}."
    )


def _largest_divisor(number: int, most: int) -> int:
    return next(d for d in range(max(1, most), 0, -1) if number % d == 0)


def channels_of(config: PreTrainedConfig) -> int:
    """Channels of the images that a network of transformers takes."""
    if config.model_type == "timm_wrapper":
        return (config.model_args or {}).get("in_chans", 3)
    return getattr(getattr(config, "vision_config", config), "num_channels", 3)


def patch_of(backbone: PreTrainedConfig) -> int | None:
    """Side of the patches of a plain transformer, which must divide the image; None for other kinds."""
    if not _is_plain([field.name for field in dataclasses.fields(backbone)]):
        return None
    return backbone.patch_size if isinstance(backbone.patch_size, int) else max(backbone.patch_size)


def size_inside(backbone: PreTrainedConfig, image_size: int) -> int:
    """The side that images of `image_size` need inside the model: a backbone of tokens says it itself, one of
    convolutions needs a feature map of at least 4x4.

    Raises:
        ValueError: no multiple of `image_size` up to LARGEST_FACTOR times gives one.
    """
    own = getattr(backbone, "image_size", None)
    if own is not None:
        own = max(image_size, own if isinstance(own, int) else max(own))
        if measure(backbone, own).tokens:
            return own
    sides = []
    for factor in range(1, LARGEST_FACTOR + 1):
        sides.append(measure(backbone, image_size * factor).side)
        if sides[-1] >= SMALLEST_MAP:
            return image_size * factor
    repair = "use fewer stages, or set the backbone's image_size or backbone_image_size"
    if backbone.model_type == "timm_wrapper":
        repair += f'; one that takes a single size may be told it: "model_args": {{"img_size": {image_size}}}'
    if not any(sides):
        raise ValueError(
            f"the backbone ({backbone.model_type}) makes no feature map of images of {image_size} pixels, as they are "
            f"({measure(backbone, image_size).fault}) or enlarged: {repair}, or take another kind; {WORKING}."
        )
    raise ValueError(
        f"the backbone leaves less than {SMALLEST_MAP}x{SMALLEST_MAP} of images of {image_size} pixels enlarged up to "
        f"{LARGEST_FACTOR} times: {repair}."
    )


def measure(backbone: PreTrainedConfig, inside: int) -> Features:
    """The last feature map of images of `inside` pixels.

    Raises:
        ValueError: the network cannot be built, or gives no square map at any size.
    """
    return _measure(backbone.to_json_string(), inside)


def untrained(backbone: PreTrainedConfig, inside: int) -> frozenset[str]:
    """Names of the parameters that have no part in the last feature map: mask tokens, poolers and their like."""
    return _untrained(backbone.to_json_string(), inside)


@functools.cache
def _measure(text: str, inside: int) -> Features:
    backbone = AutoConfig.for_model(**json.loads(text))
    network = _on_meta(backbone)  # built anew for each size: a Swin remembers the smallest that it saw
    try:
        with torch.no_grad():
            features = _features(network, backbone, inside)
        _, width, side, _ = as_map(features, backbone).shape
    except FAULTS as error:  # a kernel larger than what it looks at, or another size than the one that it takes
        return Features(0, 0, False, one_line(error))
    return Features(width, side, features.dim() == 3)


@functools.cache
def _untrained(text: str, inside: int) -> frozenset[str]:
    backbone = AutoConfig.for_model(**json.loads(text))
    with torch.inference_mode(False), torch.enable_grad():
        network = _on_meta(backbone)
        as_map(_features(network, backbone, inside), backbone).sum().backward()
    return frozenset(name for name, parameter in network.named_parameters() if parameter.grad is None)


def _on_meta(backbone: PreTrainedConfig) -> PreTrainedModel:
    with torch.device("meta"):
        return build_backbone(backbone).eval()


def _features(network: PreTrainedModel, backbone: PreTrainedConfig, inside: int) -> torch.Tensor:
    options = {"device": "meta", "dtype": next(network.parameters()).dtype}
    pixels = torch.empty(1, channels_of(backbone), inside, inside, **options)
    return network(pixels.contiguous(memory_format=torch.channels_last))[0]


def build_backbone(backbone: PreTrainedConfig) -> PreTrainedModel:
    """A new network from a backbone's config, in torch's default dtype, as the rest of the model is.

    Raises:
        ValueError: there is none of this kind, its values do not fit together, or a package that it needs is missing.
    """
    if type(backbone) not in MODEL_MAPPING:
        raise ValueError(f"transformers has no encoder alone for {backbone.model_type}, {WORKING}.")
    dtype = {} if backbone.dtype is None else {"dtype": torch.get_default_dtype()}
    without_foreign_attention(backbone)
    try:
        return AutoModel.from_config(backbone, trust_remote_code=False, **dtype, **pooler_options(backbone))
    except ImportError as error:
        lacks_timm = backbone.model_type == "timm_wrapper" and importlib.util.find_spec("timm") is None
        raise ValueError(NEEDS_TIMM if lacks_timm else one_line(error)) from None
    except FAULTS as error:
        raise ValueError(f"no {backbone.model_type} can be built of this backbone_config: {one_line(error)}") from None


def pooler_options(backbone: PreTrainedConfig) -> dict[str, bool]:
    """What leaves out a pooler, which would be saved untrained, where transformers' classifiers do without it too."""
    parameters = inspect.signature(MODEL_MAPPING[type(backbone)].__init__).parameters
    has_norm = POOLED_NORMS.get(backbone.model_type, "").startswith("pooler.")
    return {"add_pooling_layer": has_norm} if "add_pooling_layer" in parameters else {}


def as_map(features: torch.Tensor, backbone: PreTrainedConfig) -> torch.Tensor:
    """What a network gives first, of convolutions (B, D, h, h) or (B, h, h, D) or of tokens (B, N, D) -> (B, D, h, h).

    Class and register tokens come before those of positions.

    Raises:
        ValueError: it is of another shape.
    """
    shape = tuple(getattr(features, "shape", ()))
    if len(shape) == 4 and shape[2] == shape[3]:
        return features
    if len(shape) == 4 and shape[1] == shape[2]:
        return features.permute(0, 3, 1, 2)
    side = isqrt(max(0, shape[1] - getattr(backbone, "num_register_tokens", 0))) if len(shape) == 3 else 0
    if side == 0:
        raise ValueError(f"its first output, of shape {shape}, is no square map of features")
    return features[:, shape[1] - side * side :].transpose(1, 2).unflatten(2, (side, side))


def one_line(error: Exception) -> str:
    """What went wrong, in one line."""
    return " ".join(str(error).split())
