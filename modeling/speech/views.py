"""Views of clips: what speakers, rooms and microphones change, and words do not. B clips, T frames, M bands.

Every function takes the random numbers it uses, so that row i is made of the numbers of row i alone. Frames lie in
[-1, 1], where -1 is silence.
"""

import math
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from ..shared.chance import Chance, uniform

NUMBERS = 21  # random numbers that a view is made of, beside its noise


@dataclass(frozen=True)
class Strength:
    """How far a view may be from its clip.

    Args:
        speed: largest change of the logarithm of speed.
        tract: largest change of the logarithm of pitch and formants.
        shift: bands up or down, at most.
        place: where the clip starts, as a share of the room that it has, either way from the middle.
        tilt: of the microphone's curve, in units of 30 dB at both ends.
        ripple: of three waves along that curve.
        level: at most so much is taken from all cells.
        noise: lowest and highest level of noise, in units of 30 dB: -1 is none to be heard.
        time_mask, band_mask: longest spans set to silence, as shares; two of each.
    """

    speed: float = 0.25
    tract: float = 0.12
    shift: float = 1.5
    place: float = 1.0
    tilt: float = 0.3
    ripple: float = 0.1
    level: float = 0.35
    noise: tuple[float, float] = (-0.6, 0.9)
    time_mask: float = 0.19
    band_mask: float = 0.2


STRONG = Strength()
WEAK = Strength(0.1, 0.05, 0.6, 0.4, 0.12, 0.04, 0.14, (-0.84, 0.0), 0.0, 0.0)


def views(
    frames: torch.Tensor,
    count: int,
    length: int,
    strength: Strength,
    generator: Chance,
    still: bool = False,
) -> torch.Tensor:
    """Random views of each clip: (B, T, M) -> (count * B, length, M), the first view of each clip first.

    Args:
        frames: in [-1, 1].
        generator: of one table of numbers, a row for each clip; None for the default one.
        still: silence before and after the clip stays silence, without noise.
    """
    size, device = frames.shape[0], frames.device
    u = uniform((size, count, NUMBERS), device, generator)
    noise = uniform((size, count, length, frames.shape[2]), device, generator)
    return torch.cat([view(frames, strength, u[:, k], noise[:, k], still) for k in range(count)])


def view(
    frames: torch.Tensor, strength: Strength, u: torch.Tensor, noise: torch.Tensor, still: bool = False
) -> torch.Tensor:
    """One view of each clip: (B, T, M) -> (B, length, M), both in [-1, 1] or a little above.

    Speed, place, shift and pitch are one bilinear resampling; then microphone, level, noise and masks.

    Args:
        u: (B, NUMBERS) in [0, 1).
        noise: (B, length, M) in [0, 1).
        still: see `views`.
    """
    x = warped(frames.float() + 1, noise.shape[1], u[:, :4], strength)  # from here on 0 is silence
    clip = (x > 0).any(2, keepdim=True)
    x = through_microphone(x, u[:, 4:11], strength)
    x = with_noise(x, u[:, 11:13], noise, strength)
    x = x * clip if still else x
    x = masked(x, u[:, 13:17], u[:, 17:21], strength)
    return (x - 1).to(frames.dtype)


def sounding(frames: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(B, T, M) above 0 where there is sound -> (B,) first frame with any, (B,) frames from there to the last."""
    heard = (frames > 0).any(2).float()  # (B, T)
    last = heard.shape[1] - 1 - heard.flip(1).argmax(1)
    first = heard.argmax(1)
    return first.float(), torch.where(heard.any(1), last - first + 1, heard.shape[1]).float()


def warped(x: torch.Tensor, length: int, u: torch.Tensor, strength: Strength) -> torch.Tensor:
    """(B, T, M) -> (B, length, M): faster or slower, from a random place on, bands shifted and stretched.

    Args:
        u: (B, 4) in [0, 1): speed, pitch, place, shift.
    """
    _, before, bands = x.shape
    speed = torch.exp((2 * u[:, 0] - 1) * strength.speed)
    tract = torch.exp((2 * u[:, 1] - 1) * strength.tract)
    first, own = sounding(x)
    place = 0.5 + (u[:, 2] - 0.5) * strength.place
    start = place * (length - own / speed)  # in the view; below 0 a long clip's beginning is cut off
    across = torch.arange(length, device=x.device)
    t = (across - start[:, None]) * speed[:, None] + first[:, None]  # (B, length)
    f = torch.arange(bands, device=x.device) * tract[:, None] + (2 * u[:, 3:4] - 1) * strength.shift  # (B, M)
    grid = torch.stack(
        [
            ((2 * f + 1) / bands - 1)[:, None, :].expand(-1, length, -1),
            ((2 * t + 1) / before - 1)[:, :, None].expand(-1, -1, bands),
        ],
        3,
    )
    return F.grid_sample(x[:, None], grid, padding_mode="zeros", align_corners=False)[:, 0]


def through_microphone(x: torch.Tensor, u: torch.Tensor, strength: Strength) -> torch.Tensor:
    """(B, T, M) whose sounding cells get a curve over the bands, and all the same level less.

    Args:
        u: (B, 7) in [0, 1): tilt, phases of the three waves, two that are left over, level.
    """
    along = torch.linspace(-1, 1, x.shape[2], device=x.device)
    curve = along * (2 * u[:, :1] - 1) * strength.tilt  # (B, M)
    for k in range(3):
        phase = (k + 1) * math.pi * along / 2 + 2 * math.pi * u[:, 1 + k : 2 + k]
        curve = curve + strength.ripple * phase.cos()
    x = torch.where(x > 0, x + curve[:, None], x)
    return (x - u[:, 6, None, None] * strength.level).clamp_min(0)


def with_noise(x: torch.Tensor, u: torch.Tensor, noise: torch.Tensor, strength: Strength) -> torch.Tensor:
    """(B, T, M) with noise whose power adds to theirs.

    Args:
        u: (B, 2): level and tilt.
        noise: (B, T, M) in [0, 1), of which cells' powers are made, exponentially distributed.
    """
    low, high = strength.noise
    along = torch.linspace(-1, 1, x.shape[2], device=x.device)
    level = low + (high - low) * u[:, :1] + 0.3 * (2 * u[:, 1:2] - 1) * along  # (B, M)
    power = -torch.log1p(-noise.clamp_max(1 - 1e-6)) * 10 ** (3 * level[:, None])
    return ((10 ** (3 * x) + power).log10() / 3).clamp_min(0)


def masked(x: torch.Tensor, starts: torch.Tensor, widths: torch.Tensor, strength: Strength) -> torch.Tensor:
    """(B, T, M) with two spans of time and two of bands silent.

    Args:
        starts, widths: (B, 4) in [0, 1), of the four spans.
    """
    for k, axis in enumerate((1, 1, 2, 2)):
        size = x.shape[axis]
        most = (strength.time_mask if axis == 1 else strength.band_mask) * size
        width = widths[:, k] * most
        first = starts[:, k] * (size - width)
        place = torch.arange(size, device=x.device)
        hidden = (place >= first[:, None]) & (place < (first + width)[:, None])  # (B, size)
        x = x.masked_fill(hidden[:, :, None] if axis == 1 else hidden[:, None, :], 0.0)
    return x
