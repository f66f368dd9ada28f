"""At which size a published network is given pictures: its own, or between that and theirs."""

import copy
from collections.abc import Mapping
from typing import Any

STEP = 32  # pixels: what most networks halve their input by, five times over
SIZES = "sizes (height x width)"  # of `Read.traits`


def input_sizes(own: int, shape: tuple[int, ...], traits: Mapping[str, Mapping[str, int]]) -> list[int]:
    """Sides to try for a network that takes squares of `own` pixels, ascending; none where the pictures are as large.

    Their own side, that of the network, and the geometric middle, in steps of STEP.

    Args:
        own: of the network.
        shape: (C, H, W) of a stored picture.
        traits: of the pictures as they were, see `Read`.
    """
    usual = next(iter(traits.get(SIZES, {})), None)
    side = min(map(int, usual.split("x"))) if usual else min(shape[1:])
    low = STEP * -(-side // STEP)
    if low >= own:
        return []
    middle = STEP * round((low * own) ** 0.5 / STEP)
    return sorted({low, middle, own})


def at_size(processor: Any, size: int, own: int) -> Any:
    """An image processor of transformers or timm that makes pictures of `size` pixels where it made `own`."""
    if hasattr(processor, "data_config"):  # timm's
        given = processor.data_config
        taken = {**given, "input_size": (given["input_size"][0], size, size)}
        return type(processor)(pretrained_cfg=taken, architecture=getattr(processor, "architecture", None))
    changed = copy.deepcopy(processor)
    for name in ("size", "crop_size"):
        sides = getattr(changed, name, None)
        if sides:
            found = {key: value for key, value in dict(sides).items() if value is not None}
            setattr(changed, name, type(sides)(**{key: round(value * size / own) for key, value in found.items()}))
    return changed
