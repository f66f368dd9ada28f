"""The sentence follows from the numbers by the stated rule."""

import pytest

from pretune.training.verdict import differences, paired_difference, ranking, verdict


def accuracies(**by_method):
    return {(method, count): values for method, cells in by_method.items() for count, values in cells.items()}


BASE = {
    "finetune": {10: [70, 71, 69, 70, 72]}, "scratch": {10: [60, 61, 60, 59, 62]},
    "linear": {10: [65, 66, 64, 65, 66]}, "untrained_linear": {10: [50, 52, 49, 51, 50]},
    "raw_knn": {10: [55, 56, 54, 55, 55]},
}  # fmt: skip


def test_a_gain_that_no_floor_beats_is_help():
    found = verdict(accuracies(**BASE), [10])
    assert found["helped"] is True
    assert found["sentence"].startswith("With 10 labels per class pretraining adds 10.0 +-")
    only_probes = {k: v for k, v in BASE.items() if k not in ("finetune", "scratch")}
    sentence = verdict(accuracies(**only_probes), [10])["sentence"]
    assert "adds 14.8 +- 1.0 points to a linear probe over an untrained encoder" in sentence


@pytest.mark.parametrize("floor", ["raw_knn", "raw_linear", "pca_knn", "pca_linear", "untrained_knn", "scratch"])
def test_a_floor_above_the_models_best_takes_it_back(floor):
    worse = {**BASE, floor: {10: [80, 81, 79, 80, 80]}}
    found = verdict(accuracies(**worse), [10])
    assert found["helped"] is False and found["sentence"].startswith("Pretraining did not help here: ")
    if floor == "raw_knn":
        assert "1-NN on raw pixels reaches 80.0 %" in found["sentence"]


def test_one_draw_or_nothing_to_compare_with_is_no_verdict():
    for found in ({"finetune": {10: [70]}, "scratch": {10: [60]}}, {"knn": {10: [70, 71]}}):
        told = verdict(accuracies(**found), [10])
        assert told["helped"] is False and told["sentence"].startswith("Whether pretraining helped was not measured")


def test_a_gain_within_chance_is_none_and_a_loss_is_named():
    noisy = {"finetune": {10: [70, 60, 75, 58, 66]}, "scratch": {10: [66, 62, 68, 61, 60]}}
    assert "has an interval from -" in verdict(accuracies(**noisy), [10])["sentence"]
    harmed = {"finetune": {10: [50, 51, 50, 49, 50]}, "scratch": {10: [60, 61, 60, 60, 60]}}
    found = verdict(accuracies(**harmed), [10])
    assert found["helped"] is False and "10.2 +- " in found["sentence"] and "worse than" in found["sentence"]


def test_one_draw_shows_nothing():
    found = verdict(accuracies(finetune={"all": [99.0]}, scratch={"all": [50.0]}), ["all"])
    assert found["helped"] is False and "at least two draws" in found["sentence"]


def test_counts_where_it_is_not_shown_are_named():
    both = {
        "finetune": {1: [50, 40, 60, 45, 52], 10: [70, 71, 69, 70, 72]},
        "scratch": {1: [48, 44, 55, 47, 50], 10: [60, 61, 60, 59, 62]},
    }
    assert verdict(accuracies(**both), [1, 10])["sentence"].endswith("With 1 label per class it is not shown to help.")


def test_intervals_are_students_t_and_widen_with_the_number_of_comparisons():
    one = paired_difference("a", "b", 1, [2.0, 4.0, 6.0], [1.0, 2.0, 3.0], 1)
    assert one.mean == 2 and one.half_width == pytest.approx(4.302653 / 3**0.5, rel=1e-5)  # t(0.975, 2), sd 1
    assert paired_difference("a", "b", 1, [2.0, 4.0, 6.0], [1.0, 2.0, 3.0], 8).half_width > 2 * one.half_width
    assert [d.half_width for d in differences(accuracies(**BASE), [10])][0] > 0


def test_models_are_ranked_only_where_the_interval_excludes_zero():
    a = {("knn", 10): [80.0, 81, 80, 79, 80], ("linear", 10): [80.0, 70, 75, 72, 78]}
    b = {("knn", 10): [70.0, 71, 70, 70, 70], ("linear", 10): [79.0, 72, 74, 73, 76]}
    rows = {row["method"]: row for row in ranking({"a": a, "b": b}, [10])}
    assert rows["knn"]["better"] == "a" and rows["knn"]["worse"] == "b"
    assert rows["linear"]["better"] is None
