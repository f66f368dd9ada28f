"""How many labels a floor needs: known curves, and how often the interval holds the truth."""

import numpy as np
import pytest

from pretune.training.evaluation.evidence.advice import against_its_base, best_in_words, floors_are_best, next_step
from pretune.training.evaluation.evidence.worth import equal_labels, worth_in_labels
from pretune.training.protocol import words_of_methods

COUNTS = [1, 10, 100]
WORDS = words_of_methods("raw pixels")


def curve(rng, draws=5, noise=0.5):
    """A floor that gains 20 points with every ten times more labels."""
    return 40 + 20 * np.log10(COUNTS) + rng.normal(0, noise, (draws, 3))


def test_the_number_where_the_curves_meet():
    found = equal_labels(curve(np.random.default_rng(0), noise=0.01), np.full(5, 70.0), COUNTS)
    assert found == pytest.approx((10**1.5,) * 3, rel=0.05) and found[1] <= found[0] <= found[2]


@pytest.mark.parametrize(("level", "expected"), [(95.0, (np.inf,) * 3), (20.0, (0.0,) * 3)])
def test_beyond_what_was_measured_nothing_is_guessed(level, expected):
    assert equal_labels(curve(np.random.default_rng(0)), np.full(5, level), COUNTS) == expected


def test_the_interval_holds_the_truth_as_often_as_it_says():
    rng, held = np.random.default_rng(0), 0
    for _ in range(300):
        held += (lambda r: r[1] <= 10**1.5 <= r[2])(
            equal_labels(curve(rng, noise=2), 70 + rng.normal(0, 2, 5), COUNTS)
        )
    assert held > 0.9 * 300


def test_in_words_it_names_method_floor_and_range():
    level = {"linear": 60.0, "raw_linear": None, "raw_knn": None}
    rng = np.random.default_rng(0)
    floor = curve(rng, noise=1)
    found = {("raw_linear", c): list(floor[:, k]) for k, c in enumerate(COUNTS)}
    found |= {("raw_knn", c): list(floor[:, k] - 5) for k, c in enumerate(COUNTS)}
    found |= {("linear", c): list(level["linear"] + 10 * k + rng.normal(0, 1, 5)) for k, c in enumerate(COUNTS)}
    first, second, last = worth_in_labels(found, [*COUNTS, "all"])
    assert first.floor == "raw_linear" and first.low < 10 < first.high and second.labels_per_class == 10
    sentence = first.sentence(WORDS)
    assert sentence.startswith("with 1 per class a linear probe on the embedding is as good as a linear model on raw")
    assert "(" in sentence and last.record()["measured"] == (1, 100)
    assert worth_in_labels({k: v[:1] for k, v in found.items()}, COUNTS) == []


def test_the_best_is_named_also_where_it_is_a_floor():
    found = {
        "a": {("linear", 1): [50.0, 52], ("raw_knn", 1): [60.0, 61], ("linear", 10): [80.0], ("raw_knn", 10): [70.0]}
    }
    told = best_in_words(found, [1, 10], WORDS)
    assert told.startswith("Best here: 1-NN on raw pixels with 1 label per class (60.5 %)")
    assert told.endswith("a linear probe on the embedding with 10 labels per class (80.0 %).")


@pytest.mark.parametrize(("floor_of_ten", "beaten"), [(90.0, True), (70.0, False)])
def test_floors_that_are_best_with_any_number_of_labels_are_told(floor_of_ten, beaten):
    found = {("linear", 1): [50.0], ("raw_knn", 1): [60.0], ("linear", 10): [80.0], ("raw_knn", 10): [floor_of_ten]}
    assert floors_are_best(found, [1, 10]) is beaten


def test_the_next_step_follows_from_the_embedding():
    healthy = {"effective_rank": 30.0, "units": 64, "live_units": 64}
    assert next_step(healthy, "helped") is None and "published model" in next_step(healthy, "did not help")
    assert "Take what is best above" in next_step(healthy, "cannot be told", beaten=True)
    assert "effective rank is 1.4 of 64" in next_step({**healthy, "effective_rank": 1.4}, "cannot be told")
    assert "Only 10 of 64" in next_step({**healthy, "live_units": 10}, "helped")


def test_a_model_that_went_on_is_held_against_the_published_one():
    found = {
        "continued": {("linear", 1): [40.0, 41.0, 42.0], ("linear", 10): [60.0, 61.0, 62.0], ("linear", 100): [80.0]},
        "published": {("linear", 1): [50.0, 51.0, 52.0], ("linear", 10): [59.0, 60.5, 60.0], ("linear", 100): [70.0]},
    }
    said = against_its_base(found, "continued", "published", COUNTS, WORDS)
    assert said.startswith(
        "Against published, from which it went on, a linear probe on the embedding has -10.0 +- 0.0"
    )
    assert "with 1 label per class, +1.2 +- " in said and "100" not in said  # one draw says nothing of chance
    assert against_its_base(found, "continued", "elsewhere", COUNTS, WORDS) is None
    assert against_its_base(found, "continued", None, COUNTS, WORDS) is None
