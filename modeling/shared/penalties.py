"""What a code can cost, and what can be done to it. B images, D units."""

from collections.abc import Callable

import torch

from .chance import drawn_by


def keep_top_k(latents: torch.Tensor, k: int) -> torch.Tensor:
    """Set all but the k largest units of each row of (B, D) to 0 (Makhzani and Frey 2013, k-Sparse Autoencoders)."""
    largest = latents.topk(k, 1)
    return torch.zeros_like(latents).scatter(1, largest.indices, largest.values)


def l1(latents: torch.Tensor) -> torch.Tensor:
    """Sum of the sizes of the units of (B, D), mean over images (Olshausen and Field 1996, Emergence of Simple-cell
    Receptive Field Properties by Learning a Sparse Code)."""
    return latents.abs().sum(1).mean()


def sparsity_kl(activity: torch.Tensor, target: float) -> torch.Tensor:
    """Divergence of `target` from the mean activity of each unit (Ng 2011, Sparse Autoencoder), summed over units.

    Args:
        activity: (B, D) in (0, 1).
        target: mean activity wanted.
    """
    mean = activity.mean(0).clamp(1e-6, 1 - 1e-6)
    on, off = target * (target / mean).log(), (1 - target) * ((1 - target) / (1 - mean)).log()
    return (on + off).sum()


def normal_kl(mean: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
    """Divergence of N(mean, variance) from N(0, 1), both (B, D): summed over units, mean over images (Kingma and
    Welling 2014, Auto-Encoding Variational Bayes, appendix B)."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean()


def contractive(encode: Callable, pixels: torch.Tensor, projection: torch.Tensor | None = None) -> torch.Tensor:
    """Squared Frobenius norm of the encoder's Jacobian, mean over images (Rifai et al. 2011,
    Contractive Auto-Encoders).

    Args:
        encode: (B, ...) pixels -> (B, D), each row a function of its own image alone.
        pixels: (B, ...).
        projection: (B, D) of independent numbers of mean 0 and variance 1: one backward pass gives an unbiased
            estimate (Hutchinson 1990). None computes it exactly, a backward pass for each unit.
    """
    create_graph = torch.is_grad_enabled()
    with torch.inference_mode(False), torch.enable_grad():
        # clones: a tensor made in inference mode never takes part in a gradient
        pixels = pixels.detach().clone().requires_grad_()
        projection = projection if projection is None else projection.detach().clone()
        latents = encode(pixels)
        total = latents.new_zeros(())
        rows = (
            [latents[:, d] for d in range(latents.shape[1])] if projection is None else [(latents * projection).sum(1)]
        )
        for row in rows:
            (gradient,) = torch.autograd.grad(row.sum(), pixels, create_graph=create_graph, retain_graph=True)
            total = total + gradient.square().sum()
    return total / pixels.shape[0]


def sample_normal(
    mean: torch.Tensor, log_variance: torch.Tensor, generator: torch.Generator | None = None
) -> torch.Tensor:
    """One draw from N(mean, variance), both (B, D), through which gradients reach them."""
    noise = torch.randn(mean.shape, device=mean.device, dtype=mean.dtype, **drawn_by(generator))
    return mean + (0.5 * log_variance).exp() * noise


def rademacher(like: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
    """Signs, +1 or -1 with equal chance, in the shape of `like`."""
    bits = torch.randint(0, 2, like.shape, device=like.device, dtype=like.dtype, **drawn_by(generator))
    return 2 * bits - 1
