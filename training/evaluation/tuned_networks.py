"""Whole networks trained on one draw of labels: from the pretrained weights, and from scratch with the same budget."""

import itertools
import math
from collections.abc import Sequence
from functools import partial

import numpy as np
from scipy.special import softmax
from torch import nn

from ..data.batches import Batches, ChangedBatches, Columns
from ..data.samples import Samples
from ..networks.encoders import Encoder, Rows
from ..protocol import PROTOCOL, default_first
from ..randomness import seed_for
from .draws import draw_rows, hold_out
from .probes import Answers, worth
from .side_by_side import Job, can_stack, fit

Network = tuple[str, int]  # (method, draw)
Chosen = dict[Network, float]  # learning rates


def groups_of(encoder: Encoder, draws: range) -> list[range]:
    """Which draws are trained together: all where networks can be stacked, else one after another."""
    return [draws] if _stacked(encoder) else [range(draw, draw + 1) for draw in draws]


def _stacked(encoder: Encoder) -> bool:
    return encoder.modality.lengths is None and can_stack(encoder.classifier(True, 0))


def predictions_of_networks(
    encoder: Encoder,
    train: Samples,
    test: Samples,
    count: int | str,
    networks: list[Network],
    allow_short: bool = False,
    augmentation: Sequence[str] = (),
) -> dict[Network, Answers]:
    """Train "finetune" and "scratch" networks, each on its draw, and classify the test samples.

    Those of one draw see the same batches of the same samples for the same number of steps; for each the learning
    rate is chosen on a held-out part of the draw. No network's training depends on which others are asked for.

    Args:
        train, test: stored rows (N, ...) with their labels.
        count: labels per class, or "all".
        networks: which to train.
        allow_short: see `draw_rows`.
        augmentation: kinds of changes, of both alike.

    Returns:
        {(method, draw): classes (M,) of the test samples and how sure they are, or (M, L) logits of several labels at
        once}.
    """
    drawn, groups = {}, {}
    for draw in dict.fromkeys(draw for _, draw in networks):
        rows = draw_rows(train.labels, train.label_names, count, draw, train.groups, allow_short)
        part = train.select(rows) if count != "all" else train
        drawn[draw], groups[draw] = (encoder.rows(part)[:], part.labels), part.groups
    rates = _choose_rates(encoder, drawn, groups, count, networks, augmentation)
    trained = _train(encoder, drawn, count, rates, augmentation)
    return {key: _answers(encoder, model, encoder.rows(test), test.labels) for key, model in trained.items()}


def _answers(encoder: Encoder, model: nn.Module, values: Rows, labels: np.ndarray) -> Answers:
    """(M, ...) rows as the model takes them -> (M,) classes, or (M, L) logits where labels are several."""
    logits = encoder.logits(model, values)
    return Answers(logits) if labels.ndim == 2 else Answers(logits.argmax(1), softmax(logits, 1).max(1))


def _choose_rates(
    encoder: Encoder,
    drawn: dict[int, tuple],
    groups: dict[int, np.ndarray | None],
    count: int | str,
    networks: list[Network],
    augmentation: Sequence[str],
) -> Chosen:
    grid = default_first(PROTOCOL.learning_rates)
    chosen = dict.fromkeys(networks, grid[0])
    parts = {draw: hold_out(labels, draw, groups[draw]) for draw, (_, labels) in drawn.items()}
    parts = {draw: part for draw, part in parts.items() if part is not None}
    best = {key: -1.0 for key in chosen if key[1] in parts}
    kept = {draw: (drawn[draw][0][fitted], drawn[draw][1][fitted]) for draw, (fitted, _) in parts.items()}
    for rate in grid if best else ():
        for key, model in _train(encoder, kept, count, dict.fromkeys(best, rate), augmentation).items():
            values, labels = drawn[key[1]]
            judged = parts[key[1]][1]
            right = worth(labels[judged], _answers(encoder, model, values[judged], labels).given)
            if right > best[key]:
                best[key], chosen[key] = right, rate
    return chosen


def _train(
    encoder: Encoder, drawn: dict[int, tuple], count: int | str, rates: Chosen, augmentation: Sequence[str]
) -> dict[Network, object]:
    size = PROTOCOL.batch_size_all if count == "all" else PROTOCOL.batch_size
    lengths = encoder.modality.lengths
    batches = {
        draw: Batches(
            Columns(values, encoder.modality.to_model, encoder.device, labels, lengths and lengths(values)),
            size,
            seed=seed_for(PROTOCOL.seed, draw),
        )
        for draw, (values, labels) in drawn.items()
    }
    if augmentation:
        change = partial(encoder.modality.changes.augment, kinds=augmentation)
        batches = {draw: ChangedBatches(own, change) for draw, own in batches.items()}
    models = {
        (method, draw): encoder.classifier(method == "finetune", seed_for(PROTOCOL.seed, "network", draw))
        for method, draw in rates
    }

    def kind(key: Network) -> tuple[float, int]:  # networks of one kind can be trained together
        return rates[key], len(batches[key[1]].columns)

    for (rate, _), keys in itertools.groupby(sorted(rates, key=kind), key=kind):
        jobs = [Job(models[key], batches[key[1]]) for key in keys]
        fit(jobs, rate, max(PROTOCOL.steps, math.ceil(PROTOCOL.epochs * jobs[0].batches.steps_per_epoch)))
    return models
