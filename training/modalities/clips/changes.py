"""Random changes of clips while fine-tuning, that keep what is said; of frames, and of what other networks take."""

import dataclasses
from collections.abc import Sequence

import torch
from torch.nn import functional as F

from ....modeling.shared.images.augmentation import mixed_share
from ....modeling.speech.views import STRONG, WEAK, Strength, views
from ..modality import Inputs
from .preprocessing import THEIRS

KINDS = ("warp", "microphone", "noise", "masks")
OF_KIND = {
    "warp": ("speed", "tract", "shift", "place"),
    "microphone": ("tilt", "ripple", "level"),
    "noise": ("noise",),
    "masks": ("time_mask", "band_mask"),
}  # fields of `Strength`
VIEW_SHARE = 0.64  # of the window, as in pretraining: views full of silence cost 5 points with 10 labels per class
OFF = Strength(0, 0, 0, 0, 0, 0, 0, (-9.0, -9.0), 0, 0)


def augment(inputs: Inputs, kinds: Sequence[str]) -> Inputs:
    """As the given kinds say.

    Args:
        inputs: `input_features` (B, T, M) of ours, or `input_values` of another network: waves (B, samples), or
            (B, ...) features, of which spans are hidden.
        kinds: "warp" (speed, pitch, and where the clip starts), "microphone" (its curve, and the level), "noise",
            "masks" (spans of time and of bands).
    """
    return changed(inputs, only(STRONG, kinds)) if kinds else inputs


def weaken(inputs: Inputs, kinds: Sequence[str]) -> Inputs:
    """A weak change of every clip (B, T, M), for pseudo-labels; arguments as of `augment`."""
    return changed(inputs, only(WEAK, kinds or KINDS))


def strengthen(inputs: Inputs, kinds: Sequence[str]) -> Inputs:
    """A strong change of every clip (B, T, M), by all kinds; arguments as of `augment`."""
    return changed(inputs, STRONG)


def mixup(inputs: Inputs, targets: torch.Tensor, alpha: float) -> tuple[Inputs, torch.Tensor]:
    """Blend every clip and its target (B, L) with another one's, by a share drawn from Beta(alpha, alpha)."""
    share = mixed_share(alpha)
    order = torch.randperm(len(targets), device=targets.device)
    mixed = {name: share * value + (1 - share) * value[order] for name, value in inputs.items()}
    return mixed, share * targets + (1 - share) * targets[order]


def only(strength: Strength, kinds: Sequence[str]) -> Strength:
    """`strength` with all but these kinds switched off."""
    names = [name for kind in kinds for name in OF_KIND[kind]]
    return dataclasses.replace(OFF, **{name: getattr(strength, name) for name in names})


def changed(inputs: Inputs, strength: Strength) -> Inputs:
    """Arguments of any network for sound, (B, T, M) frames or others, changed at random."""
    if THEIRS not in inputs:
        frames = inputs["input_features"]
        length = max(1, round(frames.shape[1] * VIEW_SHARE))
        return {**inputs, "input_features": views(frames, 1, length, strength, None)}
    values = inputs[THEIRS]
    return {**inputs, THEIRS: waves(values, strength) if values.dim() == 2 else hidden(values, strength)}


def waves(values: torch.Tensor, strength: Strength) -> torch.Tensor:
    """(B, samples) at another speed, place and level, in noise, with a span of it silent."""
    count, length = values.shape
    u = torch.rand(count, 6, device=values.device)
    across = torch.linspace(-1, 1, length, device=values.device)
    speed = torch.exp((2 * u[:, :1] - 1) * strength.speed)
    grid = across * speed + (u[:, 1:2] - 0.5) * 0.5 * strength.place
    grid = torch.stack([grid, torch.zeros_like(grid)], 2)[:, None]  # (B, 1, samples, 2)
    x = F.grid_sample(values[:, None, None], grid, padding_mode="zeros", align_corners=True)[:, 0, 0]
    spread = x.std(1, keepdim=True)
    low, high = strength.noise
    noise = 10 ** (1.5 * (low + (high - low) * u[:, 2:3] - 1.6))  # 1.6 units of 30 dB below the loudest: a floor
    x = x * 10 ** (-1.5 * strength.level * u[:, 3:4]) + torch.randn_like(x) * spread * noise
    width = u[:, 4:5] * strength.time_mask
    start = u[:, 5:6] * (1 - width)
    place = (across + 1) / 2
    return x.masked_fill((place >= start) & (place < start + width), 0.0)


def hidden(values: torch.Tensor, strength: Strength) -> torch.Tensor:
    """(B, ...) features with a span along each of the last two axes at their lowest value (Park et al. 2019,
    SpecAugment)."""
    lowest = values.flatten(1).amin(1)
    for axis in (-2, -1):
        size = values.shape[axis]
        u = torch.rand(2, len(values), device=values.device)
        width = u[0] * strength.time_mask * size
        start = u[1] * (size - width)
        place = torch.arange(size, device=values.device)
        span = (place >= start[:, None]) & (place < (start + width)[:, None])  # (B, size)
        span = span[:, :, None] if axis == -2 else span[:, None, :]
        values = torch.where(span, lowest[:, None, None], values)
    return values
