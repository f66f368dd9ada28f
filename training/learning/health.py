"""Is the network alive? Units that never change, and reconstructions no better than the mean sample."""

import logging
from collections.abc import Iterable

import numpy as np
import torch

from ...model_cards.words import no_better_than_mean
from ...modeling.shared.evaluating import evaluating
from ...modeling.shared.layers import ACTIVATIONS
from ..data.batches import Columns
from ..modalities.modality import Inputs

logger = logging.getLogger(__name__)
SAMPLE = 512  # samples looked at


def live_units(model: torch.nn.Module, batches: Iterable[Inputs]) -> dict[str, tuple[int, int]]:
    """How many units of each hidden layer are alive: their value is not the same for all samples.

    Args:
        model: any model; its activation modules (ReLU, GELU, tanh ...) are looked at.
        batches: its arguments, for images `pixel_values` (B, C, H, W), of some samples after the other.

    Returns:
        {name of the activation: (live units, units)}; for feature maps a unit is a channel.
    """
    kinds = tuple(kind for name, kind in ACTIVATIONS.items() if name != "linear")
    lowest: dict[str, torch.Tensor] = {}
    highest: dict[str, torch.Tensor] = {}

    def look(name: str):
        def hook(module, inputs, output):
            flat = output.transpose(1, -1).flatten(0, -2).float()  # (B * positions, units)
            low, high = flat.amin(0), flat.amax(0)
            lowest[name] = torch.minimum(lowest.get(name, low), low)
            highest[name] = torch.maximum(highest.get(name, high), high)

        return hook

    hidden = [(n, m) for n, m in model.named_modules() if isinstance(m, kinds) and not n.endswith("output_activation")]
    handles = [module.register_forward_hook(look(name)) for name, module in hidden]
    try:
        with evaluating(model):
            for inputs in batches:
                model(**inputs)
    finally:
        for handle in handles:
            handle.remove()
    spans = {name: highest[name] - low for name, low in lowest.items()}
    return {name: (int((span > 1e-6).sum()), span.numel()) for name, span in spans.items()}


def embedding_health(embedding: np.ndarray) -> dict[str, float]:
    """What the embeddings of many samples look like, apart from any label.

    Args:
        embedding: (N, D), one row a sample.

    Returns:
        live_units: units that are not the same for all samples; of `units` (D).
        effective_rank: exp of the entropy of the shares of variance of the principal components (Roy and Vetterli
            2007, The Effective Rank), 1 to D: how many dimensions are really used.
        spread: standard deviation of a unit, mean over units.
        first_component: share of the variance in the first principal component, 0 to 1.
        correlation: mean absolute correlation of two live units, 0 to 1.
    """
    embedding = embedding.astype(np.float64)
    spread = embedding.std(0)
    live = spread > 1e-6 * max(1.0, float(np.abs(embedding).max()))
    centred = embedding - embedding.mean(0)
    # both products have the same eigenvalues but for zeros; the smaller one costs little where units are many
    product = centred @ centred.T if len(centred) < centred.shape[1] else centred.T @ centred
    variances = np.linalg.eigvalsh(product / max(1, len(centred) - 1)).clip(0)
    shares = variances / max(variances.sum(), 1e-300)
    kept = shares[shares > 0]
    correlation = 0.0
    if live.sum() > 1:
        matrix = np.abs(np.corrcoef(embedding[:, live], rowvar=False))
        correlation = float((matrix.sum() - len(matrix)) / (len(matrix) * (len(matrix) - 1)))
    return {
        "live_units": int(live.sum()),
        "units": embedding.shape[1],
        "effective_rank": float(np.exp(-(kept * np.log(kept)).sum())) if len(kept) else 0.0,
        "spread": float(spread.mean()),
        "first_component": float(shares[-1]),
        "correlation": correlation,
    }


def mean_sample(columns: Columns, name: str) -> torch.Tensor:
    """The mean over all samples of the model's argument `name`, for images (C, H, W) in [0, 1], in bounded memory."""
    total: torch.Tensor | None = None
    for batch in columns.in_order(1024):
        part = batch[name].sum(0, dtype=torch.float64)
        total = part if total is None else total + part
    return total / len(columns)


def mean_sample_error(columns: Columns, name: str, mean: torch.Tensor, where: torch.Tensor | None = None) -> float:
    """Mean squared error, over parts and samples, of answering every sample with `mean`.

    Args:
        columns: the samples.
        name: of the model's argument that is rebuilt, for images (B, C, H, W).
        mean: of one sample's shape.
        where: True for the parts that count, broadcast to one sample; None: all.
    """
    total = 0.0
    for batch in columns.in_order(1024):
        error = (batch[name] - mean.to(batch[name])).square()
        error = error if where is None else error[where.expand_as(error)].view(len(error), -1)
        total += float(error.flatten(1).mean(1).sum())
    return total / len(columns)


def warn_of_collapse(error: float, mean_error: float, mean: str) -> None:
    """Warn if reconstructions are no better than the mean sample, called `mean`."""
    if no_better_than_mean(error, mean_error):
        logger.warning(
            "warning: the reconstruction error, %.4f, is no better than the %s's, %.4f: the network has "
            "collapsed, or has hardly begun to learn. Train longer, or try another --seed or --learning_rate.",
            error,
            mean,
            mean_error,
        )


def warn_of_dead_layers(counts: dict[str, tuple[int, int]]) -> None:
    """Warn of layers with no live unit: nothing passes through them."""
    dead = [name for name, (alive, _) in counts.items() if alive == 0]
    if dead:
        logger.warning(
            "warning: no unit is alive in %s: every sample gets the same output from there on. "
            "Try another --seed, wider layers, or a lower --learning_rate.",
            ", ".join(dead),
        )
