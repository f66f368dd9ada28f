"""Random changes of training images, on their device: what does not change what is seen in them."""

from collections.abc import Sequence

import torch
from torch.nn import functional as F

from .corruption import ELASTIC_GRID, warp

KINDS = ("crop", "flip", "affine", "elastic")
WEAK, STRONG = (10.0, 0.08, 0.1, 0.0), (30.0, 0.15, 0.25, 0.3)  # largest rotation, shift, change of scale and shear
STILL, BENT = (0.0, 0.0, 0.0, 0.0), 0.06  # no affine map; largest shift of a point of the elastic grid


def augment(pixel_values: torch.Tensor, kinds: Sequence[str]) -> torch.Tensor:
    """Draw anew for every image; the default generator, which the loop seeds at each step, decides.

    Args:
        pixel_values: (B, C, H, W), float in [0, 1].
        kinds: "crop" (shift by up to an eighth of the side, edges reflected), "flip" (left to right, every second
            image), "affine" (rotate up to 30 degrees, shift, scale and shear), "elastic" (bend smoothly).
    """
    x = pixel_values
    if "affine" in kinds or "elastic" in kinds:
        x = _move(x, STRONG if "affine" in kinds else STILL, BENT if "elastic" in kinds else 0.0)
    if "crop" in kinds:
        x = _crop(x)
    if "flip" in kinds:
        mirrored = torch.rand(x.shape[0], 1, 1, 1, device=x.device) < 0.5
        x = torch.where(mirrored, x.flip(3), x)
    return x


def weaken(pixel_values: torch.Tensor, kinds: Sequence[str]) -> torch.Tensor:
    """A weak change of every image (B, C, H, W), for pseudo-labels: as `kinds` say, but with a small affine map."""
    x = augment(pixel_values, _in_place(kinds))
    return _move(x, WEAK) if "affine" in kinds or not kinds else x


def strengthen(pixel_values: torch.Tensor, kinds: Sequence[str]) -> torch.Tensor:
    """A strong change of every image (B, C, H, W), to be recognised all the same: affine, photometric, and a hole.

    After the strong branch of FixMatch (Sohn et al. 2020): geometric and photometric changes, then Cutout (DeVries
    and Taylor 2017), a square of a quarter of the side.
    """
    x = _move(augment(pixel_values, _in_place(kinds)), STRONG, BENT if "elastic" in kinds else 0.0)
    count, device = x.shape[0], x.device
    contrast = 1 + 0.8 * (torch.rand(count, 1, 1, 1, device=device) - 0.5)
    brightness = 0.2 * (torch.rand(count, 1, 1, 1, device=device) - 0.5)
    mean = x.mean((1, 2, 3), keepdim=True)
    x = ((x - mean) * contrast + mean + brightness).clamp(0, 1)
    return _cut_hole(x, max(1, x.shape[-1] // 4))


def mixup(pixel_values: torch.Tensor, targets: torch.Tensor, alpha: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Blend every image and its target with another one's (Zhang et al. 2018, mixup: Beyond Empirical Risk
    Minimization).

    Args:
        pixel_values: (B, C, H, W).
        targets: (B, L), probabilities or zeros and ones.
        alpha: the share is drawn from Beta(alpha, alpha), one for the batch.
    """
    share = mixed_share(alpha)
    other = torch.randperm(pixel_values.shape[0], device=pixel_values.device)
    return share * pixel_values + (1 - share) * pixel_values[other], share * targets + (1 - share) * targets[other]


def mixed_share(alpha: float) -> float:
    """Drawn from Beta(alpha, alpha), for mixup: of a small alpha nearly 0 or nearly 1. Below 0.01 it stays as of 0.01,
    where torch goes wrong: a quarter of its draws at 0.001 are a half, and it refuses 1e-300."""
    alpha = max(alpha, 0.01)
    return torch.distributions.Beta(alpha, alpha).sample().item()


def _in_place(kinds: Sequence[str]) -> list[str]:
    return [kind for kind in kinds if kind in ("crop", "flip")]


def _move(x: torch.Tensor, limits: tuple[float, ...], elastic: float = 0.0) -> torch.Tensor:
    """Warp every image within these limits."""
    bends = torch.rand(x.shape[0], 2, *ELASTIC_GRID, device=x.device) if elastic > 0 else None
    return warp(x, *limits, torch.rand(x.shape[0], 5, device=x.device), elastic, bends)


def _crop(x: torch.Tensor) -> torch.Tensor:
    """Shift each image by whole pixels, edges reflected."""
    most, (count, _, height, width) = max(1, x.shape[-1] // 8), x.shape
    padded = F.pad(x, (most, most, most, most), mode="reflect")
    top, left = torch.randint(0, 2 * most + 1, (2, count, 1), device=x.device)
    rows = (top + torch.arange(height, device=x.device)).view(count, 1, height, 1)
    columns = (left + torch.arange(width, device=x.device)).view(count, 1, 1, width)
    return padded[torch.arange(count, device=x.device).view(-1, 1, 1, 1), _channels(x), rows, columns]


def _channels(x: torch.Tensor) -> torch.Tensor:
    return torch.arange(x.shape[1], device=x.device).view(1, -1, 1, 1)


def _cut_hole(x: torch.Tensor, size: int) -> torch.Tensor:
    """Set a square of each image, at a random place, to its mean."""
    count, _, height, width = x.shape
    top = torch.randint(0, height - size + 1, (count, 1, 1, 1), device=x.device)
    left = torch.randint(0, width - size + 1, (count, 1, 1, 1), device=x.device)
    rows = torch.arange(height, device=x.device).view(1, 1, -1, 1)
    columns = torch.arange(width, device=x.device).view(1, 1, 1, -1)
    hole = (rows >= top) & (rows < top + size) & (columns >= left) & (columns < left + size)
    return torch.where(hole, x.mean((1, 2, 3), keepdim=True), x)
