"""Scores against those of scikit-learn, and on cases whose answer is known."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, balanced_accuracy_score, f1_score, r2_score

from pretune.training.learning.scores import average_precision, class_scores, label_scores, number_scores


def test_classes():
    rng = np.random.default_rng(0)
    labels, predicted = rng.integers(0, 4, 200), rng.integers(0, 4, 200)
    found = class_scores(labels, predicted)
    assert found["balanced_accuracy"] == pytest.approx(100 * balanced_accuracy_score(labels, predicted))
    assert found["macro_f1"] == pytest.approx(100 * f1_score(labels, predicted, average="macro"))
    assert found["accuracy"] == pytest.approx(100 * (labels == predicted).mean())


def test_whoever_always_names_the_frequent_class_has_a_low_balanced_accuracy():
    found = class_scores(np.array([0] * 95 + [1] * 5), np.zeros(100, int))
    assert (found["accuracy"], found["balanced_accuracy"]) == (95, 50) and found["macro_f1"] < 50


def test_classes_that_the_labels_lack_do_not_count_for_the_balance():
    assert class_scores(np.array([0, 2, 2]), np.array([0, 2, 5]))["balanced_accuracy"] == 75


def test_several_labels():
    rng = np.random.default_rng(0)
    labels, scores = (rng.random((100, 3)) < 0.3).astype(np.float32), rng.normal(size=(100, 3))
    found = label_scores(labels, scores)
    assert found["mean_average_precision"] == pytest.approx(100 * average_precision_score(labels, scores))
    assert found["macro_f1"] == pytest.approx(100 * f1_score(labels, scores > 0, average="macro"))
    assert found["accuracy"] == pytest.approx(100 * ((scores > 0) == labels).all(1).mean())
    assert label_scores(labels, labels - 0.5) == {"accuracy": 100, "mean_average_precision": 100, "macro_f1": 100}


def test_a_label_that_no_sample_has_does_not_count():
    labels, scores = np.array([[1, 0], [0, 0]]), np.array([[0.3, -1], [-0.2, -1]])
    assert average_precision(labels, scores) == 100 and label_scores(labels, scores)["macro_f1"] == 100
    assert label_scores(labels * 0, scores * 0)["mean_average_precision"] == 0


def test_real_numbers():
    rng = np.random.default_rng(0)
    targets = rng.normal(size=(50, 2))
    predicted = targets + rng.normal(size=(50, 2)) / 3
    found = number_scores(targets, predicted)
    assert found["r2"] == pytest.approx(r2_score(targets, predicted))
    assert found["mse"] == pytest.approx(((targets - predicted) ** 2).mean())
    assert found["mae"] == pytest.approx(abs(targets - predicted).mean())
    assert number_scores(targets, np.broadcast_to(targets.mean(0), targets.shape))["r2"] == pytest.approx(0)
    assert number_scores(np.ones((4, 1)), np.ones((4, 1)))["r2"] == 0
