"""The one way from a picture to the numbers that are stored and that a model takes, in training and ever after."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageColor

from .exact import exact_numbers
from .opening import Picture, has_alpha, is_wide, upright

RESIZE_MODES = ("crop", "pad", "stretch")
MOST_CHANNELS = 64
TOPS = {8: 255, 16: 65535}  # the stored number that stands for 1, by bits


def full_scale(dtype: Any) -> int:
    """The stored number that stands for 1, of an array's or a tensor's type: 8 bits, else 16."""
    return TOPS[8 if dtype.itemsize == 1 else 16]


@dataclass(frozen=True)
class Reading:
    """How pictures become numbers; a saved processor holds all of it.

    Args:
        num_channels: 1 for grey, 3 for colour, 2 and 4 with alpha kept, any number of bands.
        bits: of a stored number, 8 or 16.
        value_range: (low, high), the values of a picture that become 0 and 1. None: those of its type. With 8 bits
            stored it holds for every picture, with 16 for those that hold more than 8; the others keep their own 0 to
            255.
        alpha: "drop" leaves it out, as PIL and transformers do, "keep" makes it the last channel, a colour such as
            "white" or "#202020" is what it lets through.
    """

    num_channels: int
    bits: int = 8
    value_range: tuple[float, float] | None = None
    alpha: str = "drop"

    @property
    def as_they_are(self) -> bool:
        """Whether numbers of 8 bits are stored as they came."""
        return self.bits == 8 and self.value_range in (None, (0, TOPS[8]))


def numbers_of(picture: Picture, reading: Reading, first_axis: bool | None = None) -> np.ndarray:
    """A picture or array -> (C, H, W) uint8 or uint16, of its own height and width.

    Args:
        picture: of PIL in any mode, upright or not; or an array (H, W), (C, H, W) or (H, W, C) of integers, bools, or
            floats, which are in [0, 1] where `reading.value_range` is None.
        first_axis: where the channels of an array are; None: it is found from its shape.

    Raises:
        ValueError: it has other channels than wanted, values that do not fit, or it is of 8 bits where the model was
            trained on more.
    """
    exact = exact_numbers(picture) if isinstance(picture, PIL.Image.Image) else None
    if exact is not None:
        picture, first_axis = exact, True
    elif isinstance(picture, PIL.Image.Image):
        picture = upright(picture)
        if is_wide(picture):
            return _mapped(_in_channels(np.asarray(picture)[None], reading.num_channels), reading, picture.mode)
        if reading.bits == 16:
            _refuse_narrowed(picture, reading)
        return _scaled(_of_eight_bits(picture, reading), reading)
    values = channels_first(picture, reading.num_channels, first_axis)
    if values.dtype == bool:
        values = values.astype(np.uint8) * np.uint8(255)
    if values.dtype != np.uint8:
        values = _over_a_colour(values, reading)
        return _mapped(_in_channels(values, reading.num_channels), reading, str(values.dtype))
    if values.shape[0] != reading.num_channels and values.shape[0] in (1, 2, 3, 4):
        values = _of_eight_bits(_as_picture(values), reading)
    return _scaled(_in_channels(values, reading.num_channels), reading)


def channels_first(values: np.ndarray, num_channels: int, first_axis: bool | None = None) -> np.ndarray:
    """(H, W), (C, H, W) or (H, W, C) -> (C, H, W).

    Raises:
        ValueError: it is of another shape.
    """
    if values.ndim == 2:
        return values[None]
    if values.ndim != 3:
        raise ValueError(f"a picture has shape {values.shape}, expected (H, W), (H, W, C) or (C, H, W).")
    if first_axis is None:
        first_axis = is_first(values.shape[0], values.shape[2], num_channels)
    return values if first_axis else np.moveaxis(values, -1, 0)


def is_first(first: int, last: int, num_channels: int | None) -> bool:
    """Whether the channels of an array are its first axis and not its last, from the lengths of both."""
    for wanted in ((num_channels,), (1, 3), (2, 4)):
        if first in wanted or last in wanted:
            return first in wanted
    return first <= last


def fit(values: np.ndarray, height: int, width: int, mode: str) -> np.ndarray:
    """(C, H, W) uint8 or uint16 -> (C, height, width), bilinear.

    Args:
        mode: "crop" takes the largest part of this shape in the middle, "pad" puts black around, "stretch" changes
            the shape.
    """
    own_height, own_width = values.shape[1:]
    if (own_height, own_width) == (height, width):
        return values
    if mode == "stretch":
        return _resized(values, height, width)
    if mode == "pad":
        scale = min(height / own_height, width / own_width)
        inner = max(1, round(own_height * scale)), max(1, round(own_width * scale))
        out = np.zeros((len(values), height, width), values.dtype)
        top, left = (height - inner[0]) // 2, (width - inner[1]) // 2
        out[:, top : top + inner[0], left : left + inner[1]] = _resized(values, *inner)
        return out
    scale = min(own_height / height, own_width / width)
    inner = min(own_height, max(1, round(height * scale))), min(own_width, max(1, round(width * scale)))
    top, left = (own_height - inner[0]) // 2, (own_width - inner[1]) // 2
    return _resized(values[:, top : top + inner[0], left : left + inner[1]], height, width)


def _resized(values: np.ndarray, height: int, width: int) -> np.ndarray:
    if values.shape[1:] == (height, width):
        return values
    bilinear = PIL.Image.Resampling.BILINEAR
    if values.dtype == np.uint8 and len(values) == 3:
        image = PIL.Image.fromarray(np.ascontiguousarray(values.transpose(1, 2, 0)))
        return np.asarray(image.resize((width, height), bilinear)).transpose(2, 0, 1)
    if values.dtype == np.uint8:
        bands = [PIL.Image.fromarray(np.ascontiguousarray(band)).resize((width, height), bilinear) for band in values]
        return np.stack([np.asarray(band) for band in bands])
    bands = [PIL.Image.fromarray(band.astype(np.float32)).resize((width, height), bilinear) for band in values]
    return np.stack([np.rint(np.asarray(band)).clip(0, TOPS[16]).astype(np.uint16) for band in bands])


def _of_eight_bits(image: PIL.Image.Image, reading: Reading) -> np.ndarray:
    """A picture of at most 8 bits -> (C, H, W) uint8. What is not grey goes by way of RGB, as `pipeline` makes it."""
    channels = reading.num_channels
    if reading.alpha not in ("drop", "keep") and has_alpha(image):
        behind = PIL.Image.new("RGBA", image.size, PIL.ImageColor.getrgb(reading.alpha))
        image = PIL.Image.alpha_composite(behind, image.convert("RGBA")).convert("RGB")
    if reading.alpha == "keep" and channels in (2, 4):
        image = image.convert("RGBA")
        alpha = np.asarray(image.getchannel("A"))[None]
        colours = _of_eight_bits(image.convert("RGB"), Reading(channels - 1))
        return np.concatenate([colours, alpha])
    if channels not in (1, 3):
        raise ValueError(
            f"a picture of mode {image.mode} does not fit a model of {channels} channels. Give an array of as many."
        )
    if channels == 3:
        return np.asarray(image.convert("RGB")).transpose(2, 0, 1)
    if image.mode != "L":
        image = image.convert("L") if image.mode in ("1", "LA") else image.convert("RGB").convert("L")
    return np.asarray(image)[None]


def _as_picture(values: np.ndarray) -> PIL.Image.Image:
    """(C, H, W) uint8 of 1 to 4 channels, the last of 2 or 4 alpha."""
    return PIL.Image.fromarray(np.ascontiguousarray(values[0] if len(values) == 1 else values.transpose(1, 2, 0)))


def _over_a_colour(values: np.ndarray, reading: Reading) -> np.ndarray:
    """(c + 1, H, W) unsigned numbers, the last of them transparency, over the colour that is wanted: (c, H, W)."""
    colours = reading.num_channels
    if reading.alpha in ("drop", "keep") or values.dtype.kind != "u" or len(values) != colours + 1 or colours > 3:
        return values
    top = np.iinfo(values.dtype).max
    behind = np.asarray(PIL.ImageColor.getcolor(reading.alpha, "L" if colours == 1 else "RGB")).reshape(-1, 1, 1)
    share = values[-1:] / top
    return np.rint(values[:-1] * share + behind / 255 * top * (1 - share)).astype(values.dtype)


def _in_channels(values: np.ndarray, channels: int) -> np.ndarray:
    """(c, H, W) numbers of any kind -> (C, H, W): grey repeated, colour made grey, alpha left out."""
    if len(values) == channels:
        return values
    if len(values) == 1 and channels == 3:
        return values.repeat(3, 0)
    if len(values) == channels + 1 and channels in (1, 3):
        return values[:channels]
    if len(values) in (3, 4) and channels == 1:
        grey = np.tensordot(np.array([0.299, 0.587, 0.114]), values[:3].astype(np.float64), 1)[None]  # ITU-R 601-2
        return grey if np.issubdtype(values.dtype, np.floating) else np.rint(grey).astype(values.dtype)
    raise ValueError(f"a picture of {len(values)} channels does not fit a model of {channels}.")


def _scaled(values: np.ndarray, reading: Reading) -> np.ndarray:
    """8-bit numbers by the range that was given for them, or by their own, in the bits that are stored."""
    if reading.bits == 16:
        return values.astype(np.uint16) * np.uint16(257)
    return values if reading.value_range is None else by_range(values, reading.value_range, 8)


def _mapped(values: np.ndarray, reading: Reading, kind: str) -> np.ndarray:
    """Numbers of more than 8 bits -> the stored ones."""
    if np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all():
        raise ValueError("a picture holds NaN or infinity: replace them by numbers.")
    value_range = reading.value_range or _range_of_type(values, reading, kind)
    return by_range(values, value_range, reading.bits)


def _range_of_type(values: np.ndarray, reading: Reading, kind: str) -> tuple[float, float]:
    low, high = values.min(), values.max()
    if np.issubdtype(values.dtype, np.floating):
        top = 1
    elif kind.startswith("I") or values.dtype == np.uint16:
        top = 65535  # of a picture, whose type says it
    else:
        top = 255
    if low < 0 or high > top:
        shown = "a float picture" if top == 1 else f"a picture of type {kind}"
        raise ValueError(
            f"{shown} holds values from {low:g} to {high:g}, expected 0 to {top}. Divide by its maximum, or give the "
            f"processor its value_range."
        )
    return 0, top


def by_range(values: np.ndarray, value_range: tuple[float, float], bits: int) -> np.ndarray:
    """(N, ...) values of any type -> uint8 or uint16: the range becomes 0 to the largest number, what lies outside its
    ends."""
    low, high = value_range
    kind = np.uint8 if bits == 8 else np.uint16
    if np.issubdtype(values.dtype, np.integer) and values.size and (low, high) == (0, TOPS[bits]):
        return values.clip(0, high).astype(kind)  # as they are
    shares = (values.astype(np.float64) - low) / (high - low)
    return np.rint(shares.clip(0, 1) * TOPS[bits]).astype(kind)


def _refuse_narrowed(image: PIL.Image.Image, reading: Reading) -> None:
    """Colour of 8 bits, where a model learned from grey of more: a pipeline has cut it off at 255."""
    whole = reading.num_channels >= 3 and reading.value_range in (None, (0, TOPS[16]))
    if image.mode == "RGB" and not whole:
        low, high = reading.value_range or (0, TOPS[16])
        raise ValueError(
            f"a picture of 8-bit colour came, and the model was trained on values from {low:g} to {high:g}: pipelines "
            f"of transformers cut such pictures off at 255. Give the image processor the path, or the pipeline an "
            f"array: numpy.asarray(PIL.Image.open(path))."
        )


def as_tuple(value_range: Any) -> tuple[float, float] | None:
    """(low, high) of what a processor or a command line holds.

    Raises:
        ValueError: these are not two ascending numbers.
    """
    if value_range is None:
        return None
    low, high = value_range
    if not low < high:
        raise ValueError(f"value_range is {low:g} {high:g}, expected two numbers, the lower first.")
    return low, high
