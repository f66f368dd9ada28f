"""What a card says of evaluation data is what was checked, pretraining included."""

import pytest

from pretune.model_cards.card import render_card
from pretune.model_cards.evaluation_data import evaluated_data_lines, evaluation_data_lines

CHECKED = {"same": 0, "nearly": 0, "pretraining_known": True, "in_pretraining": 0}


def lines(make_record, base="local", evaluated=True, **overlap):
    record = make_record("classifier", evaluated=evaluated)
    record["base_source"] = base
    if evaluated:
        record["dataset"]["overlap"] = {**CHECKED, **overlap}
    return evaluation_data_lines(record)


NONE = "No evaluation image is among the training images, pixel for pixel."


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, [NONE, "Pretraining did not see them either."]),
        ({"base": None}, [NONE]),
        (
            {"pretraining_known": False, "base": "hub"},
            [NONE, "What the weights it started from were pretrained on is not known here, so that was not checked."],
        ),
        ({"in_pretraining": 7}, [NONE, "7 of 1,200 were learnt from in pretraining: numbers may be too good."]),
        (
            {"same": 3, "nearly": 2, "base": None},
            [
                "3 of 1,200 evaluation images are training images too, pixel for pixel: numbers are too good.",
                "2 of 1,200 are nearly the same as a training image.",
            ],
        ),
        ({"groups": 0, "base": None}, [NONE, "No group of samples is in both."]),
        ({"groups": 5, "base": None}, [NONE, "5 of 1,200 are of a group that is in training too."]),
        ({"evaluated": False}, []),
    ],
)
def test_a_line_for_each_thing_that_was_checked(make_record, given, expected):
    assert lines(make_record, **given) == expected


def test_what_was_not_checked_is_said_as_that(make_record):
    record = make_record("classifier")
    assert evaluation_data_lines(record) == ["Whether evaluation data were trained on was not checked."]
    assert "never trained on" not in render_card(record, "me/model")


def test_of_a_report(make_record, evaluation):
    words = make_record("classifier")["modality"]["words"]
    assert evaluated_data_lines(evaluation, words) == []
    dataset = {**evaluation["dataset"], "test_samples_in_training": 4}
    found = {**evaluation, "dataset": dataset, "test_samples": {"seen": 9, "all_known": True}}
    told = [
        "4 of these images are labelled ones too.",
        "9 of these 1,200 images were trained on: numbers are too good.",
    ]
    assert evaluated_data_lines(found, words) == told
    card = render_card({**make_record("autoencoder"), "evaluation": found}, "me/model")
    assert all(line in card for line in told)


def test_a_report_of_another_metric_and_of_held_out_samples_says_so(make_record, evaluation):
    dataset = {**evaluation["dataset"], "held_out_version": 2}
    found = {**evaluation, "metric": "macro_f1", "dataset": dataset}
    card = render_card({**make_record("autoencoder"), "evaluation": found}, "me/model")
    assert "| macro-F1 in % |" in card and "protocol version 1, held out by version 2" in card
    assert "type: f1" in card


@pytest.mark.parametrize(
    ("kind", "metrics", "shown"),
    [
        (
            "single_label_classification",
            {"accuracy": 90, "balanced_accuracy": 60, "macro_f1": 55},
            ["| accuracy in % | 90.00 %", "| balanced accuracy in % | 60.00 %", "| macro-F1 in % | 55.00 %"],
        ),
        (
            "multi_label_classification",
            {"accuracy": 40, "mean_average_precision": 71, "macro_f1": 55},
            ["(every label of an image right) | 40.00 %", "| mean average precision in % | 71.00 %"],
        ),
        (
            "regression",
            {"mse": 4.5, "mae": 1.25, "r2": 0.75},
            ["| R2 | 0.75 |", "| mean absolute error | 1.25 |", "| mean squared error | 4.5 |"],
        ),
    ],
)
def test_scores_of_every_kind_of_label(make_record, kind, metrics, shown):
    record = make_record("classifier", model={"problem_type": kind})
    record["metrics"] = {f"eval_{name}": value for name, value in metrics.items()}
    card = render_card(record, "me/model")
    assert all(text in card for text in shown)
