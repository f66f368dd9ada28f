"""Values of pictures that hold more than 8 bits, or of arrays: which range becomes [0, 1], and what looks amiss."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ....modeling.processors.pictures import full_scale

logger = logging.getLogger(__name__)
LOOKED_AT = 1_000_000  # stored numbers, of pictures all over a split, that are looked at for what is amiss
FEW_LEVELS = 16  # grey levels, below which a split gets a warning
DARK = 64  # of 255: no number above it


@dataclass
class Extent:
    """The smallest and the largest value of many pictures.

    Args:
        low, high: both ends.
        whole: there are integers alone.
    """

    low: float = np.inf
    high: float = -np.inf
    whole: bool = True

    def add(self, values: np.ndarray) -> None:
        """Widen it by these, (N, ...)."""
        if values.size:
            self.low, self.high = min(self.low, values.min().item()), max(self.high, values.max().item())
            self.whole &= not np.issubdtype(values.dtype, np.floating)

    def value_range(self) -> tuple[float, float]:
        """What becomes 0 and 1: the bits of unsigned integers, [0, 1] for floats inside it, else both ends."""
        if self.whole and self.low >= 0 and self.high < 65536:
            return 0, next(2**bits - 1 for bits in (8, 10, 12, 14, 16) if self.high < 2**bits)
        if not self.whole and self.low >= 0 and self.high <= 1:
            return 0, 1
        if self.whole and self.low >= 0:
            return 0, self.high
        return (self.low, self.high) if self.low < self.high else (self.low, self.low + 1)


def extent_of(parts: Iterable[np.ndarray]) -> Extent:
    """Over arrays (N, ...) of any shape, of finite numbers."""
    extent = Extent()
    for values in parts:
        extent.add(values)
    return extent


def tell_range(extent: Extent, chosen: tuple[float, float], name: str) -> str:
    """What is said of it."""
    kind = "whole numbers of more than 8 bits" if extent.whole else "floats"
    return (
        f"{name} holds {kind}, from {extent.low:g} to {extent.high:g}: {chosen[0]:g} becomes 0 and {chosen[1]:g} "
        f"becomes 1, stored in 16 bits (--value_range LOW HIGH for another range)"
    )


def warn_of_stored(values: np.ndarray, name: str) -> None:
    """Warn of a split (N, C, H, W) that is constant, has few grey levels or is nearly black."""
    count = max(1, LOOKED_AT // max(1, values[0].size))
    part = np.asarray(values[:: max(1, len(values) // count)][:count])
    levels, top = np.flatnonzero(np.bincount(part.ravel())), full_scale(values.dtype)
    low, high = levels[0], levels[-1]
    if len(levels) == 1:
        logger.warning(
            "warning: the images of %s hold one value alone, %d of %d: nothing can be learned", name, low, top
        )
    elif high <= top * DARK // 255 and len(levels) < FEW_LEVELS:
        logger.warning(
            "warning: the images of %s hold values from %d to %d of %d, %d grey levels, so they are nearly black: "
            "pass --value_range %d %d to spread them", name, low, high, top, len(levels), low, high,
        )  # fmt: skip
    elif 2 < len(levels) < FEW_LEVELS:
        logger.warning("warning: the images of %s have few grey levels: %d", name, len(levels))


def warn_of_cut(count: int, value_range: tuple[float, float] | None, name: str) -> None:
    """Warn where pictures hold values outside the range that was given, or that the training split decided."""
    if count:
        low, high = value_range
        logger.warning(
            "warning: %d images of %s hold values outside of %g to %g, which are cut off (--value_range)",
            count, name, low, high,
        )  # fmt: skip
