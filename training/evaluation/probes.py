"""What is fitted to features that stay as they are: nearest neighbour, softmax regression, principal components.

With several labels at once, (N, L) zeros and ones, answers are (M, L) scores, above 0 for a yes: those of the nearest
neighbour, or of one logistic regression a label. How sure an answer is, is known of regression with one label alone.
"""

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..learning.scores import average_precision
from ..protocol import PROTOCOL, default_first
from .draws import hold_out


class Answers(NamedTuple):
    """What a classifier says of M test samples.

    Args:
        given: classes (M,), or scores (M, L) of several labels at once, above 0 for a yes.
        sure: (M,) in [0, 1], the chance that it gives its class; None where it has none.
    """

    given: np.ndarray
    sure: np.ndarray | None = None


def nearest_neighbour(train: np.ndarray, labels: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Classes (M,), or scores (M, L), of the nearest of the labelled rows (N, D) to each test row (M, D)."""
    from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

    if labels.ndim == 2:
        found = NearestNeighbors(n_neighbors=PROTOCOL.neighbours, metric=PROTOCOL.distance).fit(train)
        return labels[found.kneighbors(test, return_distance=False)].mean(1) - 0.5
    with _few_a_class():
        return KNeighborsClassifier(PROTOCOL.neighbours, metric=PROTOCOL.distance).fit(train, labels).predict(test)


def linear_probe(
    train: np.ndarray,
    labels: np.ndarray,
    test: np.ndarray,
    draw: int,
    groups: np.ndarray | None = None,
    penalty: float | None = None,
) -> Answers:
    """What softmax regression on the labelled rows (N, D) says of the test rows (M, D).

    The penalty, if none is given, is chosen on a held-out part of the labelled rows, as the protocol says, which
    splits none of the `groups` (N,).
    """
    return _answers(train, labels, test, best_penalty(train, labels, draw, groups) if penalty is None else penalty)


def self_training(
    train: np.ndarray,
    labels: np.ndarray,
    unlabelled: np.ndarray,
    test: np.ndarray,
    draw: int,
    groups: np.ndarray | None = None,
) -> Answers:
    """Classes (M,) of the test rows by a linear probe that also learns from what it answers itself.

    In each round the surer half of the unlabelled rows of each class, as the probe of the round before sees them,
    joins the labelled ones (Scudder 1965; Yarowsky 1995). The penalty is the one of `linear_probe`.

    Args:
        train, labels: (N, D) rows with (N,) classes.
        unlabelled: (U, D).
        test: (M, D).
        draw, groups: see `linear_probe`.
    """
    penalty = best_penalty(train, labels, draw, groups)
    model = _softmax_regression(train, labels, penalty)
    for _ in range(PROTOCOL.self_training_rounds if len(unlabelled) else 0):
        chances = model.predict_proba(unlabelled)
        guess, surety = chances.argmax(1), chances.max(1)
        half = {k: np.median(surety[guess == k]) for k in np.unique(guess)}
        sure = surety >= np.asarray([half[k] for k in guess])
        rows = np.concatenate([train, unlabelled[sure]])
        model = _softmax_regression(rows, np.concatenate([labels, model.classes_[guess[sure]]]), penalty)
    return _of(model, test)


def best_penalty(train: np.ndarray, labels: np.ndarray, draw: int, groups: np.ndarray | None) -> float:
    """The penalty of the protocol that does best on a held-out part of the labelled rows (N, D)."""
    grid, parts = default_first(PROTOCOL.penalties), hold_out(labels, draw, groups)
    if parts is None:
        return grid[0]
    fit, judged = parts
    right = {p: worth(labels[judged], _answers(train[fit], labels[fit], train[judged], p).given) for p in grid}
    return max(right, key=right.get)  # the first of equals


def worth(labels: np.ndarray, answers: np.ndarray) -> float:
    """What hyper-parameters are chosen by: the share of right classes (N,), or for (N, L) scores of several labels at
    once the mean average precision."""
    if labels.ndim == 2:
        return average_precision(labels, answers)
    return float((answers == labels).mean())


def _answers(train: np.ndarray, labels: np.ndarray, test: np.ndarray, penalty: float) -> Answers:
    if labels.ndim == 1:
        return _of(_softmax_regression(train, labels, penalty), test)
    return Answers(np.column_stack([_scores(train, column, test, penalty) for column in labels.T]))


def _of(model: Any, test: np.ndarray) -> Answers:
    """What scikit-learn's classifier says of rows (M, D)."""
    return Answers(model.predict(test), model.predict_proba(test).max(1))


def _scores(train: np.ndarray, labels: np.ndarray, test: np.ndarray, penalty: float) -> np.ndarray:
    """(M,) scores of one label, which all or none of the rows (N, D) may have."""
    if len(np.unique(labels)) == 1:
        return np.full(len(test), labels[0] - 0.5)
    return _softmax_regression(train, labels > 0, penalty).decision_function(test)


def _softmax_regression(features: np.ndarray, labels: np.ndarray, penalty: float):
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with _few_a_class():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the number of iterations is part of the protocol
        return LogisticRegression(C=1 / penalty, max_iter=PROTOCOL.probe_iterations).fit(features, labels)


@contextlib.contextmanager
def _few_a_class() -> Iterator[None]:
    """Without scikit-learn's guess that labels might be numbers: with one sample a class each occurs once."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The number of unique classes")
        yield


class Standardiser:
    """Mean 0, and one scale for all features: the largest sd among them is 1. Statistics are of unlabelled rows.

    A scale for each feature would blow up those that hardly vary; on pixels and principal components it is 2 to 10
    points worse with few labels.

    Args:
        reference: (R, D).
    """

    def __init__(self, reference: np.ndarray):
        self.mean = reference.mean(0)
        self.scale = max(float(reference.std(0).max()), 1e-12)

    def __call__(self, features: np.ndarray) -> np.ndarray:
        return (features - self.mean) / self.scale


def principal_components(rows: np.ndarray, width: int, seed: int):
    """scikit-learn's PCA of `width` components (as many as there can be), fitted to unlabelled rows (N, D)."""
    from sklearn.decomposition import PCA

    return PCA(min(width, *rows.shape), svd_solver="auto", random_state=seed).fit(rows)
