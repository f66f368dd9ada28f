"""The sentence follows from the numbers by the stated rule."""

import numpy as np
import pytest

from pretune.training.evaluation.evidence import verdict as rule
from pretune.training.evaluation.evidence.intervals import differences, paired_difference, ranking
from pretune.training.protocol import MUST_BE_BEATEN, words_of_methods


def verdict(found, counts, models=1, **more):
    return rule.verdict(found, counts, words_of_methods("raw pixels"), models, **more)


def accuracies(**by_method):
    return {(method, count): values for method, cells in by_method.items() for count, values in cells.items()}


BASE = {
    "finetune": {10: [70, 71, 69, 70, 72]}, "scratch": {10: [60, 61, 60, 59, 62]},
    "linear": {10: [65, 66, 64, 65, 66]}, "untrained_linear": {10: [50, 52, 49, 51, 50]},
    **{floor: {10: [55, 56, 54, 55, 55]} for floor in MUST_BE_BEATEN},
}  # fmt: skip


def test_a_gain_that_no_floor_beats_is_help():
    found = verdict(accuracies(**BASE), [10])
    assert found["helped"] is True
    assert found["sentence"].startswith("With 10 labels per class pretraining adds 10.0 +-")
    only_probes = {k: v for k, v in BASE.items() if k not in ("finetune", "scratch")}
    sentence = verdict(accuracies(**only_probes), [10])["sentence"]
    assert "adds 14.8 +- 2.5 points to a linear probe over an untrained encoder" in sentence


@pytest.mark.parametrize("draws", [5, 40])
def test_a_lucky_untrained_network_is_none_however_many_draws_there_are(draws):
    rng = np.random.default_rng(0)
    floors = {floor: {5: [30.0] * draws} for floor in MUST_BE_BEATEN}
    helped = old_rule = 0
    for _ in range(200):  # untrained encoders: each one of the initial weights it is compared with
        labels = rng.normal(0, 2, draws)  # what the drawn labels are worth, to everyone
        own, others = 60 + rng.normal(0, 3), 60 + rng.normal(0, 3, draws)
        linear, untrained = (a + labels + rng.normal(0, 1, draws) for a in (own, others))
        found = accuracies(linear={5: list(linear)}, untrained_linear={5: list(untrained)}, **floors)
        helped += verdict(found, [5])["helped"]
        old_rule += paired_difference("linear", "untrained_linear", 5, linear, untrained, 1).low > 0
        better = accuracies(linear={5: list(linear + 30)}, untrained_linear={5: list(untrained)}, **floors)
        assert verdict(better, [5])["helped"]  # and what plainly helps still does
    assert helped <= 0.04 * 200
    assert old_rule > 0.1 * 200 if draws == 5 else old_rule > 0.3 * 200  # the interval of the mean shrinks to nothing


@pytest.mark.parametrize("missing", MUST_BE_BEATEN)
def test_without_a_floor_that_must_be_beaten_nothing_is_said(missing):
    found = verdict(accuracies(**{k: v for k, v in BASE.items() if k != missing}), [10])
    assert found["helped"] is False and found["sentence"].startswith("Whether pretraining helped was not measured")
    assert "with 10 labels per class it adds 10.0 +-" in found["sentence"]
    assert found["sentence"].endswith(f"is missing there. Add {missing} to --methods.")
    beaten = {**{k: v for k, v in BASE.items() if k != missing}, "untrained_knn": {10: [90, 90, 90, 90, 91]}}
    assert verdict(accuracies(**beaten), [10])["outcome"] == rule.DID_NOT_HELP


def test_comparisons_are_counted_over_all_models():
    alone, of_ten = (differences(accuracies(**BASE), [10], models)[0].half_width for models in (1, 10))
    assert of_ten > 1.5 * alone
    close = accuracies(**{**BASE, "finetune": {10: [64, 65, 63, 64, 65]}, "linear": {10: [51, 53, 49, 51, 50]}})
    assert verdict(close, [10])["helped"] is True and verdict(close, [10], 30)["helped"] is False


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
    assert "the largest gain, +2.4 points over the same network" in verdict(accuracies(**noisy), [10])["sentence"]
    assert "has an interval from -" in verdict(accuracies(**noisy), [10])["sentence"]
    worse = {"finetune": noisy["scratch"], "scratch": noisy["finetune"]}
    sentence = verdict(accuracies(**worse), [10])["sentence"]
    assert "nothing gained, but the best difference, -2.4 points over" in sentence and "largest gain" not in sentence
    harmed = {"finetune": {10: [50, 51, 50, 49, 50]}, "scratch": {10: [60, 61, 60, 60, 60]}}
    found = verdict(accuracies(**harmed), [10])
    assert found["helped"] is False and "10.2 +- " in found["sentence"] and "worse than" in found["sentence"]


def test_one_draw_shows_nothing():
    found = verdict(accuracies(finetune={"all": [99.0]}, scratch={"all": [50.0]}), ["all"])
    assert found["helped"] is False and "at least two draws" in found["sentence"]


def test_counts_where_it_is_not_shown_are_named():
    both = {
        **{floor: {1: [30] * 5, 10: [50] * 5} for floor in MUST_BE_BEATEN},
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


def level(mean, spread=0.1):
    return [mean + spread * k for k in (-2, -1, 0, 1, 2)]


def test_three_verdicts_by_what_the_intervals_leave_room_for():
    floors = {floor: {10: level(40)} for floor in MUST_BE_BEATEN}
    flat = accuracies(finetune={10: [60.3, 59.9, 60.1, 60.0, 60.2]}, scratch={10: level(60)}, **floors)
    told = verdict(flat, [10])
    assert told["outcome"] == rule.DID_NOT_HELP and "leaves room for a gain of 2 points" in told["sentence"]
    wide = accuracies(finetune={10: [60, 66, 58, 63, 64]}, scratch={10: [60, 59, 61, 60, 57]}, **floors)
    told = verdict(wide, [10])
    assert told["outcome"] == rule.CANNOT_BE_TOLD and not told["helped"]
    assert told["sentence"].startswith("Whether pretraining helps here cannot be told: the largest gain, +2.8 points")
    beaten = {**wide, ("raw_linear", 10): level(90)}
    told = verdict(beaten, [10])
    assert told["outcome"] == rule.DID_NOT_HELP and "a linear model on raw pixels reaches 90.0 %" in told["sentence"]
    beside = {**accuracies(**BASE), ("raw_linear", 10): [61, 87, 62, 80, 67]}  # higher, but perhaps by chance
    told = verdict(beside, [10])
    assert told["outcome"] == rule.CANNOT_BE_TOLD and "are not told apart" in told["sentence"]


def test_few_test_samples_are_a_chance_that_all_draws_share():
    rng = np.random.default_rng(0)
    floors = {floor: {10: level(40)} for floor in MUST_BE_BEATEN}

    def told(tests):
        right = np.arange(tests) % 4 > 0  # three quarters, and the rival two thirds of others
        rival = rng.permutation(tests) % 3 > 0
        hits = {("finetune", 10): np.stack([right] * 5), ("scratch", 10): np.stack([rival] * 5)}
        found = accuracies(
            finetune={10: list(100 * hits["finetune", 10].mean(1) + level(0))},
            scratch={10: list(100 * hits["scratch", 10].mean(1) + level(0))}, **floors,
        )  # fmt: skip
        return verdict(found, [10], hits=hits, samples="images"), verdict(found, [10])

    few, blind = told(24)
    assert blind["outcome"] == rule.HELPED and few["outcome"] == rule.CANNOT_BE_TOLD
    number = int(few["sentence"].split("There are 24 test images: about ")[1].split(" more with labels")[0])
    assert told(24 + 2 * number)[0]["outcome"] == rule.HELPED


def test_more_draws_are_advised_where_they_would_tell():
    floors = {floor: {10: level(40)} for floor in MUST_BE_BEATEN}
    wide = accuracies(finetune={10: [60, 68, 59, 66, 62]}, scratch={10: [58, 60, 58, 61, 58]}, **floors)
    assert verdict(wide, [10])["outcome"] == rule.CANNOT_BE_TOLD
    assert verdict(wide, [10])["sentence"].endswith(("--draws 10 would tell.", "--draws 20 would tell."))
