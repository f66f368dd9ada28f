"""Self-training: what the probe is sure of helps it, and nothing of the test labels is looked at."""

import numpy as np

from pretune.training.evaluation.probes import linear_probe, self_training


def two_clouds(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two round clouds (N, 8) apart in one direction, and their classes."""
    labels = np.arange(count) % 2
    points = rng.normal(size=(count, 8))
    points[:, 0] += 4 * labels
    return points, labels


def test_self_training_is_better_than_the_probe_it_starts_from_on_average():
    rng, gains = np.random.default_rng(0), []
    for draw in range(12):
        train, labels = two_clouds(400, rng)
        test, truth = two_clouds(400, rng)
        rows = np.array([rng.choice(np.flatnonzero(labels == k)) for k in (0, 1)])
        rest = np.setdiff1d(np.arange(400), rows)
        alone = linear_probe(train[rows], labels[rows], test, draw).given
        more = self_training(train[rows], labels[rows], train[rest], test, draw).given
        gains.append((more == truth).mean() - (alone == truth).mean())
    assert np.mean(gains) > 0


def test_without_unlabelled_samples_it_is_the_linear_probe():
    rng = np.random.default_rng(1)
    train, labels = two_clouds(40, rng)
    test, _ = two_clouds(60, rng)
    again = self_training(train, labels, train[:0], test, 0)
    alone = linear_probe(train, labels, test, 0)
    assert (again.given == alone.given).all() and (again.sure == alone.sure).all()


def test_classes_keep_their_numbers():
    rng = np.random.default_rng(2)
    train, labels = two_clouds(60, rng)
    answers = self_training(train[:20], labels[:20] * 3 + 4, train[20:], train, 0)
    assert answers.sure.min() >= 0.5 and set(answers.given) <= {4, 7}
