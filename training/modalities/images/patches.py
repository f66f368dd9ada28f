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
AT_ONCE = 64  # images


class PatchFeatures:
    """(N, C, H, W) stored images -> (N, 8 * FILTERS): for each filter and sign, its mean response in four quarters."""

    def __init__(self):
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
        self.mean = patches.mean(0)
        values, vectors = torch.linalg.eigh(torch.cov((patches - self.mean).T))
        values = values.clamp(min=0)
        self.whitening = (vectors / (values + SMOOTHING * values.mean().clamp_min(1e-12)).sqrt()) @ vectors.T
        some = patches[torch.randint(len(patches), (FILTERS,), generator=chance)]
        self.filters = self._whitened(some)

    def embed(self, values: np.ndarray) -> np.ndarray:
        """(N, C, H, W) stored images -> (N, 8 * FILTERS) float16, between 0 and 1."""
        found = np.empty((len(values), 8 * len(self.filters)), np.float16)
        for start in range(0, len(values), AT_ONCE):
            part = _small(values[start : start + AT_ONCE])
            places = part.shape[2] - SIDE + 1, part.shape[3] - SIDE + 1
            response = F.softshrink(self._whitened(self._patches(part)) @ self.filters.T, THRESHOLD)  # (n, places, K)
            maps = response.transpose(1, 2).unflatten(2, places)  # (n, K, h, w)
            signs = torch.cat([maps.clamp(min=0), maps.neg().clamp(min=0)], 1)
            pooled = F.adaptive_avg_pool2d(signs, 2).flatten(1).sqrt()
            found[start : start + len(part)] = pooled.numpy().astype(np.float16)
        return found

    def _patches(self, images: torch.Tensor) -> torch.Tensor:
        """(n, C, H, W) -> (n, places, C * SIDE * SIDE)."""
        return F.unfold(images, SIDE).transpose(1, 2)

    def _whitened(self, patches: torch.Tensor) -> torch.Tensor:
        """(..., D) -> the same, white and of length 1."""
        white = (patches - self.mean) @ self.whitening
        return white / (white.norm(dim=-1, keepdim=True) + 1e-3)


def patches_fit(name: str, values: np.ndarray) -> bool:
    """Whether the floor `name` is one for (N, C, H, W) stored images: patches are not for tiny ones."""
    return name != "patches" or min(values.shape[2:]) >= SMALLEST


def _small(images: np.ndarray) -> torch.Tensor:
    """Stored images -> float in [0, 1], averaged down to LARGEST a side if they are larger."""
    pixels = torch.from_numpy(np.ascontiguousarray(images)).float() / full_scale(images.dtype)
    sides = [min(side, LARGEST) for side in pixels.shape[2:]]
    return pixels if sides == list(pixels.shape[2:]) else F.interpolate(pixels, size=sides, mode="area")
