"""What is fitted to features that stay as they are: nearest neighbour, softmax regression, principal components."""

import warnings

import numpy as np

from ..protocol import PROTOCOL, default_first
from .draws import hold_out


def nearest_neighbour(train: np.ndarray, labels: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Classes (M,) of the nearest of the labelled rows (N, D) to each test row (M, D), by Euclidean distance."""
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(PROTOCOL.neighbours, metric=PROTOCOL.distance).fit(train, labels).predict(test)


def linear_probe(train: np.ndarray, labels: np.ndarray, test: np.ndarray, draw: int) -> np.ndarray:
    """Classes (M,) of the test rows by softmax regression on the labelled rows.

    The penalty is chosen on a held-out part of the labelled rows, as the protocol says.
    """
    grid, parts = default_first(PROTOCOL.penalties), hold_out(labels, draw)
    penalty = grid[0]
    if parts is not None:
        fit, judged = parts
        right = {
            p: float((_softmax_regression(train[fit], labels[fit], p).predict(train[judged]) == labels[judged]).mean())
            for p in grid
        }
        penalty = max(right, key=right.get)  # the first of equals
    return _softmax_regression(train, labels, penalty).predict(test)


def _softmax_regression(features: np.ndarray, labels: np.ndarray, penalty: float):
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the number of iterations is part of the protocol
        return LogisticRegression(C=1 / penalty, max_iter=PROTOCOL.probe_iterations).fit(features, labels)


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
