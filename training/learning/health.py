"""Is the network alive? Units that never change, and reconstructions no better than the mean image."""

import logging

import numpy as np
import torch

from ...model_cards.words import no_better_than_mean
from ...modeling.shared.layers import ACTIVATIONS
from ..data.batches import evaluating

logger = logging.getLogger(__name__)
SAMPLE = 1024  # images looked at
WON, ALIKE = 0.1, 0.1  # discriminator's loss and samples' variety below which a GAN is out of balance


def live_units(model: torch.nn.Module, pixel_values: torch.Tensor) -> dict[str, tuple[int, int]]:
    """How many units of each hidden layer are alive: their value is not the same for all images.

    Args:
        model: any model; its activation modules (ReLU, GELU, tanh ...) are looked at.
        pixel_values: (B, C, H, W), float in [0, 1].

    Returns:
        {name of the activation: (live units, units)}; for feature maps a unit is a channel.
    """
    kinds = tuple(kind for name, kind in ACTIVATIONS.items() if name != "linear")
    counts: dict[str, tuple[int, int]] = {}

    def count(name: str):
        def hook(module, inputs, output):
            flat = output.transpose(1, -1).flatten(0, -2).float()  # (B * positions, units)
            alive = flat.amax(0) - flat.amin(0) > 1e-6
            counts[name] = (int(alive.sum()), alive.numel())

        return hook

    hidden = [(n, m) for n, m in model.named_modules() if isinstance(m, kinds) and not n.endswith("output_activation")]
    handles = [module.register_forward_hook(count(name)) for name, module in hidden]
    try:
        with evaluating(model):
            model(pixel_values=pixel_values)
    finally:
        for handle in handles:
            handle.remove()
    return counts


def code_health(code: np.ndarray) -> dict[str, float]:
    """What the code of many images looks like, apart from any label.

    Args:
        code: (N, D), one row an image.

    Returns:
        live_units: units that are not the same for all images; of `units` (D).
        effective_rank: exp of the entropy of the shares of variance of the principal components (Roy and Vetterli
            2007, The Effective Rank), 1 to D: how many dimensions are really used.
        spread: standard deviation of a unit, mean over units.
        first_component: share of the variance in the first principal component, 0 to 1.
        correlation: mean absolute correlation of two live units, 0 to 1.
    """
    code = code.astype(np.float64)
    spread = code.std(0)
    live = spread > 1e-6 * max(1.0, float(np.abs(code).max()))
    variances = np.linalg.eigvalsh(np.atleast_2d(np.cov(code, rowvar=False))).clip(0)
    shares = variances / max(variances.sum(), 1e-300)
    kept = shares[shares > 0]
    correlation = 0.0
    if live.sum() > 1:
        matrix = np.abs(np.corrcoef(code[:, live], rowvar=False))
        correlation = float((matrix.sum() - len(matrix)) / (len(matrix) * (len(matrix) - 1)))
    return {
        "live_units": int(live.sum()),
        "units": code.shape[1],
        "effective_rank": float(np.exp(-(kept * np.log(kept)).sum())) if len(kept) else 0.0,
        "spread": float(spread.mean()),
        "first_component": float(shares[-1]),
        "correlation": correlation,
    }


def mean_image(images: np.ndarray) -> np.ndarray:
    """(N, C, H, W) uint8 -> (C, H, W) float64 in [0, 1], in bounded memory."""
    total = np.zeros(images.shape[1:])
    for start in range(0, len(images), 1024):
        total += images[start : start + 1024].sum(0, dtype=np.float64)
    return total / len(images) / 255


def mean_image_error(images: np.ndarray, mean: np.ndarray, where: np.ndarray | None = None) -> float:
    """Mean squared error, over pixels and images, of answering every (N, C, H, W) uint8 image with `mean`.

    Args:
        where: (H, W), True for the pixels that count; None: all.
    """
    total = 0.0
    for start in range(0, len(images), 1024):
        error = np.square(images[start : start + 1024] / np.float32(255) - mean.astype(np.float32))
        error = error if where is None else error[..., where]  # (N, C, H, W) or (N, C, pixels)
        total += float(error.reshape(len(error), -1).mean(1).sum())
    return total / len(images)


def warn_of_collapse(error: float, mean_error: float) -> None:
    """Warn if reconstructions are no better than the mean image."""
    if no_better_than_mean(error, mean_error):
        logger.warning(
            "warning: the reconstruction error, %.4f, is no better than the mean image's, %.4f: the network has "
            "collapsed, or has hardly begun to learn. Train longer, or try another --seed or --learning_rate.",
            error,
            mean_error,
        )


def warn_of_lost_game(discriminator_loss: float, diversity: float) -> None:
    """Warn if the two sides of a GAN are out of balance.

    Args:
        discriminator_loss: 1.39 (2 log 2) if it can only guess, 0 if it is always right.
        diversity: spread of the generated images over that of the real ones.
    """
    if discriminator_loss < WON:
        logger.warning(
            "warning: the discriminator tells every pair apart (loss %.3f), so the encoder learns nothing more. Try "
            "--config.spectral_norm true, --config.r1_weight 1, a lower --config.discriminator_learning_rate_ratio.",
            discriminator_loss,
        )
    if diversity < ALIKE:
        logger.warning(
            "warning: the generated images vary %.2f times as much as the real ones: the generator has lost their "
            "variety. Try a lower --learning_rate or --config.r1_weight 1.",
            diversity,
        )


def warn_of_dead_layers(counts: dict[str, tuple[int, int]]) -> None:
    """Warn of layers with no live unit: nothing passes through them."""
    dead = [name for name, (alive, _) in counts.items() if alive == 0]
    if dead:
        logger.warning(
            "warning: no unit is alive in %s: every image gets the same output from there on. "
            "Try another --seed, wider layers, or a lower --learning_rate.",
            ", ".join(dead),
        )
