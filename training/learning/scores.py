"""How good answers are: per cent for classes and labels, errors in their own unit for real numbers."""

import numpy as np


def classes_of(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """What (N, L) logits say, in the form of the labels: (N,) class numbers, or (N, L) zeros and ones."""
    return (logits > 0).astype(np.int64) if labels.ndim == 2 else logits.argmax(1)


def accuracy_of(labels: np.ndarray, predicted: np.ndarray) -> float:
    """In per cent, both (N,) or (N, L); with several labels at once the share of samples with every label right."""
    right = predicted == labels
    return 100 * float((right.all(1) if right.ndim == 2 else right).mean())


def macro_f1(labels: np.ndarray, predicted: np.ndarray) -> float:
    """Mean over classes of F1 in per cent, both (N,) or (N, L); classes that neither has do not count."""
    from sklearn.metrics import f1_score

    if labels.ndim == 2:
        occur = (labels.any(0)) | (predicted.any(0))
        if not occur.any():
            return 0.0
        labels, predicted = labels[:, occur], predicted[:, occur]
    return 100 * float(f1_score(labels, predicted, average="macro", zero_division=0))


def class_scores(labels: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """(N,) true and predicted class numbers -> accuracy, its mean over the true classes, and macro-F1."""
    right = predicted == labels
    samples = np.bincount(labels)
    recall = np.bincount(labels, weights=right)[samples > 0] / samples[samples > 0]
    return {
        "accuracy": accuracy_of(labels, predicted),
        "balanced_accuracy": 100 * float(recall.mean()),
        "macro_f1": macro_f1(labels, predicted),
    }


def calibration_error(right: np.ndarray, sure: np.ndarray, bins: int) -> float:
    """How far a classifier's chances are from how often it is right, in points: the expected calibration error (Naeini
    et al. 2015, Obtaining Well Calibrated Probabilities Using Bayesian Binning).

    Args:
        right: (N,) bool, whether its answer is right.
        sure: (N,) in [0, 1], the chance that it gives its answer.
        bins: of equal width over the chances.
    """
    place = np.minimum((sure * bins).astype(np.int64), bins - 1)
    gap = np.bincount(place, weights=right, minlength=bins) - np.bincount(place, weights=sure, minlength=bins)
    return 100 * float(np.abs(gap).sum() / len(right))


def average_precision(labels: np.ndarray, scores: np.ndarray) -> float:
    """Mean over labels of average precision in per cent; those that no sample has do not count.

    Args:
        labels: (N, L) zeros and ones.
        scores: (N, L), the larger the surer.
    """
    from sklearn.metrics import average_precision_score

    occur = np.flatnonzero(labels.any(0))
    found = [average_precision_score(labels[:, k], scores[:, k]) for k in occur]
    return 100 * float(np.mean(found)) if found else 0.0


def label_scores(labels: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """(N, L) zeros and ones, and as many scores, above 0 for a yes -> mean average precision, macro-F1, accuracy."""
    predicted = classes_of(scores, labels)
    return {
        "accuracy": accuracy_of(labels, predicted),
        "mean_average_precision": average_precision(labels, scores),
        "macro_f1": macro_f1(labels, predicted),
    }


def number_scores(targets: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """(N, D) targets and predictions -> mean squared and absolute error, and R2, the mean over targets.

    R2 is 0 where the mean of the targets would do as well; a target that does not vary counts as 0.
    """
    error = predicted - targets
    spread = ((targets - targets.mean(0)) ** 2).sum(0)
    share = np.divide((error**2).sum(0), spread, out=np.ones_like(spread), where=spread > 0)
    return {
        "mse": float((error**2).mean()),
        "mae": float(np.abs(error).mean()),
        "r2": float((1 - share).mean()),
    }
