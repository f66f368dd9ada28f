"""Arrays of pictures -> 8-bit numbers where they are that, else as they are; and their stored rows."""

from dataclasses import dataclass

import numpy as np

from ....modeling.processors.opening import Header
from ....modeling.processors.pictures import MOST_CHANNELS, Reading, by_range, is_first
from ...errors import InputError, one_line
from ..picked import in_parts
from .plan import Plan
from .survey import Survey

AT_ONCE = 1024  # images looked at at once, so that floats are never in memory twice


@dataclass(frozen=True)
class Looked:
    """What arrays are.

    Args:
        values: (N, C, H, W) numbers, uint8 where 8 bits hold them.
        survey: what they are like.
        value_range: (0, 255) where these became 8 bits of a type whose own range is another; else None.
    """

    values: np.ndarray
    survey: Survey
    value_range: tuple[int, int] | None


def looked_over(values: np.ndarray, name: str, known: Reading | None, alpha: str | None) -> Looked:
    """Arrays as they stand in a file, brought to one order of axes and to 8 bits where that loses nothing.

    Args:
        values: (N, H, W), (N, H, W, C) or (N, C, H, W).
        name: of the split.
        known: how an earlier split, or a model, has pictures read: in 16 bits, or with a range, numbers mean what
            they meant there, however small those of this split are. None where nothing is decided yet.
        alpha: as the user says; the last of 2 or 4 channels is it then.

    Raises:
        InputError: another shape or type, no image, NaN or infinity.
    """
    if values.ndim not in (3, 4):
        raise InputError(
            f"images of {name} have shape {values.shape}, expected (N, H, W), (N, H, W, C) or (N, C, H, W)."
            + _as_pictures(values.shape)
        )
    if len(values) == 0:
        raise InputError(f"{name} is empty: expected at least one image.")
    if values.dtype.kind not in "biuf":
        raise InputError(f"images of {name} are of type {values.dtype}, expected integers, floats or bools.")
    if values.ndim == 3:
        values = values[:, None]
    elif not _channels_first(values.shape[1:]):
        values = values.transpose(0, 3, 1, 2)
    channels, height, width = values.shape[1:]
    if channels > MOST_CHANNELS or 0 in values.shape:
        raise InputError(
            f"images of {name} have {channels} channels of {height}x{width} pixels, expected 1 to {MOST_CHANNELS} "
            f"channels. Save them as (N, C, H, W) or (N, H, W, C)."
        )
    _require_finite(values, name)
    given = values
    own_range = known is None or known.value_range is None
    small = own_range or (known.value_range[0] >= 0 and known.value_range[1] <= 255)
    if values.dtype == bool or known is None or (known.bits == 8 and small):
        values = _as_bytes(values, own_range)
    whole = values is not given and (given.dtype == np.uint16 or (given.dtype.kind == "f" and given.max() > 1))
    transparent = alpha is not None and channels in (2, 4)
    survey, kind = Survey(), f"{values.dtype} array"
    header = Header(height, width, channels - transparent, kind, values.dtype != np.uint8, transparent)
    survey.add(header, len(values))
    return Looked(values, survey, (0, 255) if whole else None)


def _require_finite(values: np.ndarray, name: str) -> None:
    if values.dtype.kind != "f":
        return
    for number, part in enumerate(in_parts(values, AT_ONCE)):
        if not np.isfinite(part).all():
            bad = number * AT_ONCE + int(np.argmax(~np.isfinite(part).reshape(len(part), -1).all(1)))
            raise InputError(f"image {bad} of {name} holds NaN or infinity, expected finite numbers. Remove it.")


def _channels_first(shape: tuple[int, int, int]) -> bool:
    """Whether (C, H, W) and not (H, W, C): pictures that are square one way alone are meant so."""
    one, two, three = shape
    if (one == two) != (two == three):
        return two == three
    return is_first(one, three, None)


def decoded(values: np.ndarray, plan: Plan, name: str) -> np.ndarray:
    """(N, c, h, w) numbers -> stored rows (N, C, H, W).

    Raises:
        InputError: channels that do not fit.
    """
    stored = np.empty((len(values), *plan.shape), plan.dtype)
    reading = plan.reading
    at_once = plan.preprocessing is None and values.shape[1:] == plan.shape and reading.value_range is not None
    try:
        for start in range(0, len(values), AT_ONCE):
            part = values[start : start + AT_ONCE]
            if at_once and (values.dtype != np.uint8 or reading.bits == 8):
                stored[start : start + AT_ONCE] = by_range(part, reading.value_range, reading.bits)
            else:
                for row, image in enumerate(part, start):
                    stored[row] = plan.row(image)
    except ValueError as error:
        raise InputError(f"images of {name} cannot be used: {one_line(error)}") from None
    return stored


def outside(values: np.ndarray, value_range: tuple[float, float] | None) -> int:
    """How many of (N, ...) arrays of more than 8 bits hold values outside the range."""
    if value_range is None or values.dtype == np.uint8:
        return 0
    low, high = value_range
    flat = (part.reshape(len(part), -1) for part in in_parts(values, AT_ONCE))
    return sum(int(((part.min(1) < low) | (part.max(1) > high)).sum()) for part in flat)


def _whole_bytes(values: np.ndarray) -> bool:
    """Whether floats are whole numbers from 0 to 255, of which some are above 1."""
    high = 0.0
    for part in in_parts(values, AT_ONCE):
        if not (part.min() >= 0 and part.max() <= 255 and (part == np.rint(part)).all()):
            return False
        high = max(high, float(part.max()))
    return high > 1


def _as_bytes(values: np.ndarray, own_range: bool) -> np.ndarray:
    """uint8 where that loses nothing: bools, integers from 0 to 255, floats that are 0/255, 1/255 ... 255/255."""
    if values.dtype == np.uint8:
        return values
    if values.dtype == bool:
        return values.astype(np.uint8) * np.uint8(255)
    floats = values.dtype.kind == "f"
    if floats and own_range and _whole_bytes(values):
        return values.astype(np.uint8)
    for part in in_parts(values, AT_ONCE):
        if part.min() < 0 or part.max() > (1 if floats else 255):
            return values
        if floats and (not own_range or np.abs(part * 255 - np.rint(part * 255)).max() > 1e-3):
            return values
    result = np.empty(values.shape, dtype=np.uint8)
    for start in range(0, len(values), AT_ONCE):
        part = values[start : start + AT_ONCE]
        result[start : start + AT_ONCE] = np.rint(part * 255) if floats else part
    return result


def square(numbers: int) -> tuple[int, int] | None:
    """(side, channels) of the square picture, grey or in colour, of so many numbers; None where there is none."""
    for channels in (1, 3):
        side = round((numbers / channels) ** 0.5)
        if side * side * channels == numbers:
            return side, channels
    return None


def _as_pictures(shape: tuple[int, ...]) -> str:
    """How rows of numbers become pictures, where as many make a square."""
    side, channels = (square(shape[1]) if len(shape) == 2 else None) or (0, 0)
    if side < 2:
        return ""
    more = ", 3" * (channels == 3)
    return f" If a row is a picture of {side}x{side}, pass it as such: values.reshape(-1, {side}, {side}{more})."
