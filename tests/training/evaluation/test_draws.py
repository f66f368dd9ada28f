import numpy as np
import pytest

from pretune.training.errors import InputError
from pretune.training.evaluation.draws import check_count, draw_rows, draws_of, hold_out

LABELS = np.random.default_rng(0).integers(0, 3, 90)
NAMES = ["cat", "dog", "eel"]


def test_a_draw_is_stratified_repeatable_and_nested():
    small, large = draw_rows(LABELS, NAMES, 5, 2), draw_rows(LABELS, NAMES, 10, 2)
    assert np.bincount(LABELS[small]).tolist() == [5, 5, 5]
    assert np.array_equal(small, draw_rows(LABELS, NAMES, 5, 2)) and set(small) < set(large)
    assert not np.array_equal(small, draw_rows(LABELS, NAMES, 5, 3))
    assert np.array_equal(draw_rows(LABELS, NAMES, "all", 0), np.arange(90))
    assert list(draws_of("all", 5)) == [0] and list(draws_of(10, 5)) == [0, 1, 2, 3, 4]


def test_too_few_samples_are_named_with_the_largest_possible_number():
    labels = np.array([0, 0, 0, 1, 1, 2, 2, 2])
    with pytest.raises(InputError, match="class 'dog' has only 2 training samples. The largest possible number is 2"):
        check_count(labels, NAMES, 3)


def test_hold_out_is_stratified_and_disjoint():
    labels = np.repeat([0, 1, 2], 10)
    fit, judged = hold_out(labels, 0)
    assert np.bincount(labels[judged]).tolist() == [2, 2, 2] and sorted([*fit, *judged]) == list(range(30))
    assert hold_out(np.array([0, 1, 1]), 0) is None
    fit, judged = hold_out(np.array([0, 0, 1, 1]), 0)
    assert len(judged) == 2 and len(fit) == 2
