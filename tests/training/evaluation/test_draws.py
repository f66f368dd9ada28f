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


# --- several labels at once, short classes, groups -------------------------------------------------------------------

SEVERAL = (np.random.default_rng(1).random((200, 4)) < [0.5, 0.3, 0.1, 0.05]).astype(np.float32)
TAGS = ["a", "b", "c", "d"]


@pytest.mark.parametrize("draw", range(4))
def test_each_label_and_having_none_gets_its_count(draw):
    drawn = {count: draw_rows(SEVERAL, TAGS, count, draw) for count in (1, 3, 6)}
    for count, rows in drawn.items():
        assert SEVERAL[rows].sum(0).min() >= count and (SEVERAL[rows].sum(1) == 0).sum() >= count
        assert len(rows) <= 5 * count and np.array_equal(rows, np.unique(rows))
    assert set(drawn[1]) < set(drawn[3]) < set(drawn[6])
    assert np.array_equal(drawn[3], draw_rows(SEVERAL, TAGS, 3, draw))
    assert not np.array_equal(drawn[3], draw_rows(SEVERAL, TAGS, 3, draw + 1))


def test_too_few_samples_of_a_label_are_named():
    with pytest.raises(InputError, match="class 'd' has only .* --allow_short_classes"):
        draw_rows(SEVERAL, TAGS, 50, 0)
    rows = draw_rows(SEVERAL, TAGS, 50, 0, allow_short=True)
    assert SEVERAL[rows].sum(0)[3] == SEVERAL[:, 3].sum() and SEVERAL[rows].sum(0)[0] >= 50


def test_holding_out_leaves_a_sample_of_each_label():
    rows = draw_rows(SEVERAL, TAGS, 4, 0)
    fit, judged = hold_out(SEVERAL[rows], 0)
    assert sorted([*fit, *judged]) == list(range(len(rows))) and 1 <= len(judged) <= len(rows) / 4
    assert (SEVERAL[rows][fit].sum(0) > 0).all()
    assert hold_out(np.eye(3, dtype=np.float32), 0) is None  # every sample is the only one of its label


def test_a_short_class_gives_all_it_has():
    labels = np.array([0] * 20 + [1] * 3)
    rows = draw_rows(labels, NAMES, 5, 1, allow_short=True)
    assert np.bincount(labels[rows]).tolist() == [5, 3]
    assert np.array_equal(rows[labels[rows] == 0], draw_rows(labels[:20], NAMES, 5, 1))


@pytest.mark.parametrize("labels", [LABELS, SEVERAL[:90]], ids=["one", "several"])
def test_groups_are_drawn_one_after_another_and_never_on_both_sides(labels):
    groups = np.asarray([f"g{k}" for k in np.arange(90) // 6])
    names = NAMES if labels.ndim == 1 else TAGS
    small, large = (draw_rows(labels, names, count, 0, groups, allow_short=True) for count in (4, 8))
    assert set(small) <= set(large)
    alone = draw_rows(labels, names, 4, 0, allow_short=True)
    assert len(np.unique(groups[small])) < len(np.unique(groups[alone]))
    fit, judged = hold_out(labels, 0, groups)
    assert not set(groups[fit]) & set(groups[judged]) and 3 <= len(judged) <= 40
    assert hold_out(labels, 0, np.full(90, "one")) is None
