"""Whole networks trained on one draw of labels: from the pretrained weights, and from scratch with the same budget."""

import itertools
import math

import numpy as np

from ..data.batches import Batches, Columns
from ..data.samples import Samples
from ..networks.encoders import Encoder
from ..protocol import PROTOCOL, default_first
from ..randomness import seed_for
from .draws import draw_rows, hold_out
from .side_by_side import Job, can_stack, fit

Network = tuple[str, int]  # (method, draw)
Chosen = dict[Network, float]  # learning rates


def groups_of(encoder: Encoder, draws: range) -> list[range]:
    """Which draws are trained together: all where networks can be stacked, else one after another."""
    return [draws] if can_stack(encoder.classifier(True, 0)) else [range(draw, draw + 1) for draw in draws]


def predictions_of_networks(
    encoder: Encoder, train: Samples, test: Samples, count: int | str, networks: list[Network]
) -> dict[Network, np.ndarray]:
    """Train "finetune" and "scratch" networks, each on its draw, and classify the test samples.

    Those of one draw see the same batches of the same samples for the same number of steps; for each the learning
    rate is chosen on a held-out part of the draw. No network's training depends on which others are asked for.

    Returns:
        {(method, draw): classes (N,) of the test samples}.
    """
    drawn = {}
    for draw in dict.fromkeys(draw for _, draw in networks):
        part = train.select(draw_rows(train.labels, train.label_names, count, draw)) if count != "all" else train
        drawn[draw] = (encoder.rows(part)[:], part.labels)
    rates = _choose_rates(encoder, drawn, count, networks)
    trained = _train(encoder, drawn, count, rates)
    return {key: encoder.classes(model, encoder.rows(test)) for key, model in trained.items()}


def _choose_rates(encoder: Encoder, drawn: dict[int, tuple], count: int | str, networks: list[Network]) -> Chosen:
    grid = default_first(PROTOCOL.learning_rates)
    chosen = dict.fromkeys(networks, grid[0])
    parts = {draw: hold_out(labels, draw) for draw, (_, labels) in drawn.items()}
    if any(part is None for part in parts.values()):
        return chosen
    best = dict.fromkeys(chosen, -1.0)
    kept = {draw: (values[parts[draw][0]], labels[parts[draw][0]]) for draw, (values, labels) in drawn.items()}
    for rate in grid:
        for key, model in _train(encoder, kept, count, dict.fromkeys(chosen, rate)).items():
            values, labels = drawn[key[1]]
            judged = parts[key[1]][1]
            right = float((encoder.classes(model, values[judged]) == labels[judged]).mean())
            if right > best[key]:
                best[key], chosen[key] = right, rate
    return chosen


def _train(encoder: Encoder, drawn: dict[int, tuple], count: int | str, rates: Chosen) -> dict[Network, object]:
    size = PROTOCOL.batch_size_all if count == "all" else PROTOCOL.batch_size
    batches = {
        draw: Batches(
            Columns(values, encoder.modality.to_model, encoder.device, labels),
            size,
            seed=seed_for(PROTOCOL.seed, draw),
        )
        for draw, (values, labels) in drawn.items()
    }
    steps = max(PROTOCOL.steps, math.ceil(PROTOCOL.epochs * next(iter(batches.values())).steps_per_epoch))
    models = {
        (method, draw): encoder.classifier(method == "finetune", seed_for(PROTOCOL.seed, "network", draw))
        for method, draw in rates
    }
    for rate, keys in itertools.groupby(sorted(rates, key=rates.get), key=rates.get):
        fit([Job(models[key], batches[key[1]]) for key in keys], rate, steps)
    return models
