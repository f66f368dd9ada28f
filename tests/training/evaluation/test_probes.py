import numpy as np
from sklearn.datasets import load_digits

from pretune.training.evaluation.draws import draw_rows
from pretune.training.evaluation.probes import (
    Standardiser,
    linear_probe,
    nearest_neighbour,
    principal_components,
)
from pretune.training.learning.scores import calibration_error
from pretune.training.modalities.image import raw_rows

DIGITS = load_digits()
ROWS, LABELS = DIGITS.data / 16, DIGITS.target
NAMES = [str(n) for n in DIGITS.target_names]


def test_nearest_neighbour_is_the_nearest():
    answers = nearest_neighbour(ROWS[:200], LABELS[:200], ROWS[200:230])
    distances = ((ROWS[200:230, None] - ROWS[None, :200]) ** 2).sum(-1)
    assert np.array_equal(answers, LABELS[:200][distances.argmin(1)])


def test_linear_probe_learns_from_few_labels_and_chooses_its_penalty_from_them_alone():
    drawn = draw_rows(LABELS[:1400], NAMES, 20, 0)
    scale = Standardiser(ROWS[:1400])
    answers = linear_probe(scale(ROWS[drawn]), LABELS[drawn], scale(ROWS[1400:]), 0).given
    assert (answers == LABELS[1400:]).mean() > 0.85
    few = np.r_[0:10]  # one of each class: nothing to hold out
    assert len(linear_probe(ROWS[few], LABELS[few], ROWS[1400:], 0).given) == 397


def test_one_scale_for_all_features():
    scaled = Standardiser(ROWS)(ROWS)
    np.testing.assert_allclose(scaled.mean(0), 0, atol=1e-9)
    assert abs(scaled.std(0).max() - 1) < 1e-6
    assert np.isfinite(Standardiser(np.ones((5, 3)))(np.ones((5, 3)))).all()


def test_components_are_as_many_as_there_can_be():
    assert principal_components(ROWS, 2, 0).transform(ROWS).shape == (1797, 2)
    assert principal_components(ROWS, 500, 0).transform(ROWS).shape == (1797, 64)


def test_raw_rows_are_pixels_and_large_images_are_averaged_down():
    images = np.random.default_rng(0).integers(0, 256, (3, 1, 8, 8), dtype=np.uint8)
    np.testing.assert_allclose(raw_rows(images), images.reshape(3, -1) / 255, rtol=1e-6)
    large = images.repeat(16, 2).repeat(16, 3)  # 128 x 128, halved again to 64 x 64
    expected = images.repeat(8, 2).repeat(8, 3).reshape(3, -1) / 255
    np.testing.assert_allclose(raw_rows(large), expected, rtol=1e-5)


def test_calibration_is_how_far_chances_are_from_how_often_they_are_right():
    right, sure = np.array([1, 1, 0, 0], bool), np.array([0.99, 0.97, 0.5, 0.5])
    expected = 100 * (abs(2 - 1.96) + abs(0 - 1)) / 4
    assert abs(calibration_error(right, sure, 15) - expected) < 1e-9
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.1, 1, 40_000)
    assert calibration_error(rng.uniform(size=40_000) < sure, sure, 15) < 1.5
    assert calibration_error(np.ones(3, bool), np.ones(3), 15) == 0


def test_a_probe_says_how_sure_it_is():
    drawn = draw_rows(LABELS[:1400], NAMES, 20, 0)
    answers = linear_probe(ROWS[drawn], LABELS[drawn], ROWS[1400:], 0)
    assert ((answers.sure > 0.1) & (answers.sure <= 1)).all()
    assert calibration_error(answers.given == LABELS[1400:], answers.sure, 15) < 50


def test_one_sample_a_class_is_no_reason_to_warn(recwarn):
    """scikit-learn takes labels that occur once for numbers of a regression."""
    rows = np.random.default_rng(0).random((30, 4)).astype(np.float32)
    labels = np.arange(30)
    assert (nearest_neighbour(rows, labels, rows) == labels).all()
    assert len(linear_probe(rows, labels, rows, 0).given) == 30
    assert not [str(warning.message) for warning in recwarn if "classes" in str(warning.message)]
