"""Filters for a first convolution that come from the images themselves: whitened patches."""

import torch
from torch.nn import functional as F

PATCHES = 200_000  # looked at: enough for the covariance of a 7x7 colour patch
SMOOTHING = 0.1  # added to the eigenvalues, as a share of their mean: what hardly varies is not blown up
THRESHOLD = 0.5  # of a filter's response, in its standard deviations or nearly so


def whitened_patches(
    pixel_values: torch.Tensor, count: int, kernel_size: int, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight and bias of a convolution whose filters are random patches of the images, whitened by ZCA: it answers to
    edges and colours where a learned or random one answers to brightness (Coates and Ng 2011, The Importance of
    Encoding Versus Training with Sparse Coding and Vector Quantization, for random patches; Coates, Ng and Lee 2011
    for whitening).

    Args:
        pixel_values: (N, C, H, W), float in [0, 1].
        count: filters K, one patch each.
        kernel_size: side k of a patch.
        generator: which patches.

    Returns:
        (K, C, k, k) and (K,). With ReLU after it a filter is silent below THRESHOLD.
    """
    channels = pixel_values.shape[1]
    size = pixel_values.shape[2] - kernel_size + 1
    image, top, left = (torch.randint(n, (PATCHES,), generator=generator) for n in (len(pixel_values), size, size))
    windows = pixel_values.unfold(2, kernel_size, 1).unfold(3, kernel_size, 1)  # (N, C, places, places, k, k), a view
    patches = windows[image, :, top, left].flatten(1)  # (P, C * k * k)
    mean = patches.mean(0)
    values, vectors = torch.linalg.eigh(torch.cov((patches - mean).T))
    whitening = (vectors / (values.clamp(min=0) + SMOOTHING * values.mean()).sqrt()) @ vectors.T
    picked = torch.randint(len(patches), (count,), generator=generator)
    filters = F.normalize((patches[picked] - mean) @ whitening, dim=1) @ whitening  # on pixels
    return filters.view(count, channels, kernel_size, kernel_size), -(filters @ mean) - THRESHOLD
