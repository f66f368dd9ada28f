"""Random views of images for joint embedding: one table of chances, row i for image i, so that a part of a batch gets
what it would get in the whole.

B images, C channels, H x W pixels in [0, 1].
"""

import math
from typing import Any

import torch
from torch.nn import functional as F

CHANCES = 20  # numbers in [0, 1) that one view takes
RATIO = math.log(4 / 3)  # largest ratio of a crop's sides, as Inception's crops have it (Szegedy et al. 2015)
LUMA = (0.299, 0.587, 0.114)
TO_YIQ = ((0.299, 0.587, 0.114), (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))
TO_RGB = ((1.0, 0.956, 0.619), (1.0, -0.272, -0.647), (1.0, -1.106, 1.703))


def view(pixel_values: torch.Tensor, config: Any, chances: torch.Tensor) -> torch.Tensor:
    """A view of each image: moved, coloured, blurred.

    Args:
        pixel_values: (B, C, H, W), float in [0, 1].
        config: with the fields of `JointEmbeddingConfig`.
        chances: (B, CHANCES), uniform in [0, 1).

    Returns:
        (B, C, view_size, view_size), float in [0, 1].
    """
    u = chances.unbind(1)
    x = moved(pixel_values, config, u[:9], config.view_size)
    if config.colour_chance > 0 or config.grey_chance > 0:
        x = coloured(x, config, u[9:15])
    return blurred(x, config.blur_chance, u[15], u[16]) if config.blur_chance > 0 else x


def moved(x: torch.Tensor, config: Any, u: Any, size: int) -> torch.Tensor:
    """Crop, flip, turn, shift, scale and shear (B, C, H, W) to (B, C, size, size) by one bilinear sampling.

    Args:
        u: nine (B,) uniform in [0, 1): area, ratio, two places of the crop, flip, angle, two shifts, scale and shear
            (the ratio's serves the shear too: sets of views have one or the other).
    """
    area = config.crop_scale + (1 - config.crop_scale) * u[0]
    bent = (RATIO * (2 * u[1] - 1)).exp().sqrt() if config.crop_scale < 1 else torch.ones_like(area)
    wide, high = (area.sqrt() * bent).clamp(max=1), (area.sqrt() / bent).clamp(max=1)
    flip = torch.where(u[4] < config.flip_chance, -1.0, 1.0)
    angle, factor = (2 * u[5] - 1) * math.radians(config.view_degrees), 1 + (2 * u[8] - 1) * config.view_scale
    cos, sin, slant = angle.cos() / factor, angle.sin() / factor, (2 * u[1] - 1) * config.view_shear
    middle_x = (2 * u[2] - 1) * (1 - wide) + 2 * config.view_shift * (2 * u[6] - 1)
    middle_y = (2 * u[3] - 1) * (1 - high) + 2 * config.view_shift * (2 * u[7] - 1)
    rows = [
        torch.stack([wide * flip * cos, wide * (slant * cos - sin), middle_x], 1),
        torch.stack([high * flip * sin, high * (cos + slant * sin), middle_y], 1),
    ]
    if size * 2 <= x.shape[-1]:  # bilinear sampling skips pixels where a view is much smaller
        x = F.interpolate(x, size=(x.shape[-2] // (x.shape[-1] // size), size), mode="area")
    grid = F.affine_grid(torch.stack(rows, 1), [x.shape[0], x.shape[1], size, size], align_corners=False)
    return F.grid_sample(x, grid.to(x.dtype), padding_mode="border", align_corners=False)


def coloured(x: torch.Tensor, config: Any, u: Any) -> torch.Tensor:
    """Change brightness and contrast of (B, C, H, W), and saturation and hue of three channels: one matrix an image.

    Args:
        u: six (B,) uniform in [0, 1): whether, brightness, contrast, saturation, hue, whether grey.
    """
    changed = u[0] < config.colour_chance

    def share(chance: torch.Tensor, most: float) -> torch.Tensor:
        return torch.where(changed, 1 + most * (2 * chance - 1), torch.ones_like(chance))

    brightness, contrast = share(u[1], config.brightness), share(u[2], config.contrast)
    channels = x.shape[1]
    options = {"device": x.device, "dtype": x.dtype}
    matrix = torch.eye(channels, **options).expand(x.shape[0], -1, -1)
    luma = torch.full((channels,), 1 / channels, **options)
    if channels == 3:
        luma = torch.tensor(LUMA, **options)
        grey = torch.where(u[5] < config.grey_chance, 0.0, share(u[3], config.saturation))[:, None, None]
        turn = torch.where(changed, 2 * math.pi * config.hue * (2 * u[4] - 1), torch.zeros_like(u[4]))
        cos, sin, one, zero = turn.cos(), turn.sin(), torch.ones_like(turn), torch.zeros_like(turn)
        turned = torch.stack([one, zero, zero, zero, cos, -sin, zero, sin, cos], 1).unflatten(1, (3, 3))
        matrix = torch.tensor(TO_RGB, **options) @ turned.to(x.dtype) @ torch.tensor(TO_YIQ, **options)
        matrix = (grey * matrix + (1 - grey) * luma.expand(3, 3)).to(x.dtype)
    mean = torch.einsum("c,bc->b", luma, x.mean((2, 3)))
    matrix = (brightness * contrast)[:, None, None].to(x.dtype) * matrix
    shift = (brightness * (1 - contrast) * mean)[:, None, None].to(x.dtype)
    return (torch.baddbmm(shift.expand(-1, channels, 1), matrix, x.flatten(2)).view_as(x)).clamp(0, 1)


def blurred(x: torch.Tensor, chance: float, whether: torch.Tensor, width: torch.Tensor) -> torch.Tensor:
    """A Gaussian blur of (B, C, H, W), five pixels wide, of a standard deviation from 0.1 to 2.

    Args:
        chance: of it.
        whether, width: (B,), uniform in [0, 1).
    """
    sd = torch.where(whether < chance, 0.1 + 1.9 * width, torch.full_like(width, 0.1))[:, None]
    weights = torch.exp(-torch.arange(3, device=x.device).square() / (2 * sd.square()))  # (B, 3): 0, 1, 2 pixels off
    weights = (weights / (weights[:, :1] + 2 * weights[:, 1:].sum(1, keepdim=True))).to(x.dtype)
    near = [weights[:, k, None, None, None] for k in range(3)]
    for pad, at in (((0, 0, 2, 2), 2), ((2, 2, 0, 0), 3)):
        p, n = F.pad(x, pad, mode="replicate"), x.shape[at]
        x = near[0] * x + near[1] * (p.narrow(at, 1, n) + p.narrow(at, 3, n))
        x = x + near[2] * (p.narrow(at, 0, n) + p.narrow(at, 4, n))
    return x
