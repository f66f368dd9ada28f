"""The floor that photographs deserve: how often whitened patches of the training images occur in each quarter of a
picture (Coates, Lee and Ng 2011, An Analysis of Single-Layer Networks). No step of training at all."""

import numpy as np
import torch
from torch.nn import functional as F

from ....modeling.processors.pictures import full_scale
from ...protocol import PROTOCOL
from ...randomness import generator

SIDE, FILTERS = 6, 300  # pixels of a patch, and how many patches pictures are held against
SMALLEST, LARGEST = 24, 32  # pixels a side: of images that this is a floor for; larger ones are averaged down to
PATCHES = 100_000  # that whitening is fitted to
SMOOTHING, THRESHOLD = 0.1, 0.1  # of eigenvalues, as a share of their mean; of a response between -1 and 1
AT_ONCE, FILTERS_AT_ONCE = 64, 250  # images that are whitened, filters that one is held against: what caches hold


class PatchFeatures:
    """(N, C, H, W) stored images -> (N, 8 * filters): for each filter and sign, its mean response in four quarters.

    Args:
        filters: how many patches pictures are held against. On CIFAR-10 more are better up to thousands.
        mirrored: hold pictures against the mirror image of each patch too, and average what both find at mirrored
            places. So a picture and its mirror image have the same features, which suits photographs and not symbols.
    """

    def __init__(self, filters: int = FILTERS, mirrored: bool = False):
        self.count, self.mirrored = filters, mirrored
        self.mean, self.whitening, self.filters = (torch.empty(0) for _ in range(3))

    @property
    def cost(self) -> int:
        """Numbers of the whitening and the filters."""
        return self.mean.numel() + self.whitening.numel() + self.filters.numel()

    def fit(self, unlabelled: np.ndarray) -> None:
        """Whitening and filters from patches of (N, C, H, W) stored images."""
        chance = generator(PROTOCOL.seed, "patches")
        each = min(len(unlabelled), 5000)
        rows = np.sort(torch.randperm(len(unlabelled), generator=chance)[:each].numpy())
        windows = self._patches(_small(unlabelled[rows]))  # (n, places, D)
        picked = torch.randint(windows.shape[0] * windows.shape[1], (PATCHES,), generator=chance)
        patches = windows.flatten(0, 1)[picked]
        every = torch.cat([patches, _mirrored(patches)]) if self.mirrored else patches
        self.mean = every.mean(0)
        values, vectors = torch.linalg.eigh(torch.cov((every - self.mean).T))
        values = values.clamp(min=0)
        self.whitening = (vectors / (values + SMOOTHING * values.mean().clamp_min(1e-12)).sqrt()) @ vectors.T
        some = patches[torch.randint(len(patches), (self.count,), generator=chance)]
        self.filters = self._whitened(torch.cat([some, _mirrored(some)]) if self.mirrored else some)

    def embed(self, values: np.ndarray) -> np.ndarray:
        """(N, C, H, W) stored images -> (N, 8 * filters) float16, between 0 and 1."""
        found = np.empty((len(values), 8 * self.count), np.float16)
        for start in range(0, len(values), AT_ONCE):
            part = _small(values[start : start + AT_ONCE])
            quarters = _quarters(part.shape[2] - SIDE + 1, part.shape[3] - SIDE + 1)  # (4, places)
            for row, image in enumerate(self._whitened(self._patches(part)), start):
                means = torch.cat([_signs(image, some, quarters) for some in self.filters.split(FILTERS_AT_ONCE)], 1)
                if self.mirrored:
                    means = (means[:, : self.count] + means[:, self.count :].view(2, -1, 2, 2).flip(3).flatten(2)) / 2
                found[row] = means.clamp_(min=0).sqrt().flatten().numpy()
        return found

    def _patches(self, images: torch.Tensor) -> torch.Tensor:
        """(n, C, H, W) -> (n, places, C * SIDE * SIDE)."""
        return F.unfold(images, SIDE).transpose(1, 2)

    def _whitened(self, patches: torch.Tensor) -> torch.Tensor:
        """(..., D) -> the same, white and of length 1."""
        white = (patches - self.mean) @ self.whitening
        return white / (white.norm(dim=-1, keepdim=True) + 1e-3)


def _mirrored(patches: torch.Tensor) -> torch.Tensor:
    """(n, C * SIDE * SIDE) -> the same, left for right."""
    return patches.view(len(patches), -1, SIDE, SIDE).flip(3).flatten(1)


def _quarters(rows: int, columns: int) -> torch.Tensor:
    """(4, rows * columns): what averages over the upper left, upper right, lower left and lower right quarter."""
    places = torch.eye(rows * columns).view(-1, rows, columns)
    return F.adaptive_avg_pool2d(places, 2).flatten(1).T.contiguous()


def _signs(image: torch.Tensor, filters: torch.Tensor, quarters: torch.Tensor) -> torch.Tensor:
    """(places, D) white patches, (k, D) -> (2, k, 4): mean positive and mean negative response in each quarter."""
    response = F.softshrink(image @ filters.T, THRESHOLD)
    signed = quarters @ response
    both = quarters @ response.abs_()
    return torch.stack([both + signed, both - signed]).transpose(1, 2) / 2


def patches_fit(name: str, values: np.ndarray) -> bool:
    """Whether the floor `name` is one for (N, C, H, W) stored images: patches are not for tiny ones."""
    return name != "patches" or min(values.shape[2:]) >= SMALLEST


def _small(images: np.ndarray) -> torch.Tensor:
    """Stored images -> float in [0, 1], averaged down to LARGEST a side if they are larger."""
    pixels = torch.from_numpy(np.ascontiguousarray(images)).float() / full_scale(images.dtype)
    sides = [min(side, LARGEST) for side in pixels.shape[2:]]
    return pixels if sides == list(pixels.shape[2:]) else F.interpolate(pixels, size=sides, mode="area")
