"""Corrupted input for denoising: each function takes the random numbers it uses, so that a test can choose them.

B images, C channels, H x W pixels; `noise` is uniform in [0, 1) unless it says otherwise.
"""

import math
from typing import Any

import torch
from torch.nn import functional as F

from ..chance import drawn_by

ELASTIC_GRID = (5, 5)  # points that are moved on their own; what lies between them follows smoothly


def corrupt(pixel_values: torch.Tensor, config: Any, generator: torch.Generator | None = None) -> torch.Tensor:
    """Do to (B, C, H, W) pixels what `config.corruption` names: turn, warp, mask, gaussian, salt_and_pepper, in this
    order.

    Args:
        pixel_values: float in [0, 1]; stays as it is.
        config: with the fields of `CorruptionOptions`.
        generator: of the random numbers; None for the default one.
    """
    x, size = pixel_values, pixel_values.shape

    def uniform(*shape: int) -> torch.Tensor:
        return torch.rand(shape, device=x.device, dtype=x.dtype, **drawn_by(generator))

    if "turn" in config.corruption:
        x = quarter_turns(x, (4 * uniform(size[0])).long())
    if "warp" in config.corruption:
        limits = (config.warp_degrees, config.warp_shift, config.warp_scale, config.warp_shear)
        bends = uniform(size[0], 2, *ELASTIC_GRID) if config.warp_elastic > 0 else None
        x = warp(x, *limits, uniform(size[0], 5), config.warp_elastic, bends)
    if "mask" in config.corruption:
        patches = (size[2] // config.mask_patch_size) * (size[3] // config.mask_patch_size)
        hidden = hide_patches(uniform(size[0], patches), config.mask_ratio)
        x = x.masked_fill(patches_to_pixels(hidden, size[2] // config.mask_patch_size, config.mask_patch_size), 0.0)
    if "gaussian" in config.corruption:
        x = x + config.noise_std * torch.randn(size, device=x.device, dtype=x.dtype, **drawn_by(generator))
    if "salt_and_pepper" in config.corruption:
        x = salt_and_pepper(x, config.salt_and_pepper_ratio, uniform(size[0], 1, *size[2:]))
    return x


def quarter_turns(x: torch.Tensor, turns: torch.Tensor) -> torch.Tensor:
    """Turn each of the square images (B, C, H, H) by its number (B,) of quarter turns, counter-clockwise, exactly."""
    turned = torch.stack([x.rot90(k, (2, 3)) for k in range(4)])  # (4, B, C, H, H)
    return turned[turns, torch.arange(x.shape[0], device=x.device)]


def hide_patches(noise: torch.Tensor, ratio: float) -> torch.Tensor:
    """Choose the patches to hide: noise (B, N) -> mask (B, N), True = hidden, exactly round(N * ratio) in each row."""
    hidden = round(noise.shape[1] * ratio)
    order = noise.argsort(1)
    return torch.zeros_like(noise, dtype=torch.bool).scatter_(1, order[:, :hidden], True)


def patches_to_pixels(mask: torch.Tensor, rows: int, patch_size: int) -> torch.Tensor:
    """(B, rows * columns) patches -> (B, 1, H, W) pixels."""
    return mask.view(mask.shape[0], 1, rows, -1).repeat_interleave(patch_size, 2).repeat_interleave(patch_size, 3)


def salt_and_pepper(x: torch.Tensor, ratio: float, noise: torch.Tensor) -> torch.Tensor:
    """Set a share `ratio` of the pixels of (B, C, H, W) to 0 or 1, by noise (B, 1, H, W): the same in all channels."""
    x = torch.where(noise < ratio / 2, torch.zeros_like(x), x)
    return torch.where(noise > 1 - ratio / 2, torch.ones_like(x), x)


def warp(
    x: torch.Tensor,
    degrees: float,
    shift: float,
    scale: float,
    shear: float,
    noise: torch.Tensor,
    elastic: float = 0.0,
    bends: torch.Tensor | None = None,
) -> torch.Tensor:
    """A random affine map of each image and, with `elastic`, a smooth distortion; bilinear, 0 outside.

    Args:
        x: (B, C, H, W).
        degrees: largest rotation either way.
        shift: largest shift either way, as a share of the side.
        scale: largest change of size either way, as a share; x and y change together.
        shear: largest shear either way.
        noise: (B, 5): rotation, shift in x, shift in y, scale, shear.
        elastic: largest shift of a point of ELASTIC_GRID beside that, as a share of the side (Simard, Steinkraus and
            Platt 2003, Best Practices for Convolutional Neural Networks, whose field is finer).
        bends: (B, 2, *ELASTIC_GRID), the shifts in x and y of these points; needed with `elastic`.
    """
    u = 2 * noise - 1  # (B, 5) in [-1, 1)
    angle, factor = u[:, 0] * math.radians(degrees), 1 + u[:, 3] * scale
    cos, sin, slant = angle.cos() / factor, angle.sin() / factor, u[:, 4] * shear
    rows = [
        torch.stack([cos, -sin + slant * cos, 2 * shift * u[:, 1]], 1),
        torch.stack([sin, cos + slant * sin, 2 * shift * u[:, 2]], 1),
    ]
    grid = F.affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False)  # (B, H, W, 2)
    if elastic > 0:
        field = F.interpolate(2 * elastic * (2 * bends - 1), x.shape[2:], mode="bicubic", align_corners=True)
        grid = grid + field.permute(0, 2, 3, 1)
    return F.grid_sample(x, grid.to(x.dtype), align_corners=False)
