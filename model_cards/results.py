"""What a run measured, as rows of a card: every number under the name that its family gives it."""

import re
from dataclasses import dataclass
from typing import Any

from .words import METRICS, WORDS, labels_in_words, no_better_than_mean, with_article

METRIC_TYPES = {"macro_f1": "f1"}  # as the model index calls them, where that is another name
NUMBERS = (
    ("r2", "r_squared", "R2"), ("mae", "mae", "mean absolute error"), ("mse", "mse", "mean squared error"),
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A measured number.

    Args:
        name: what it is.
        value: as measured; accuracies in per cent.
        shown: the value as text.
        part: of the dataset it was measured on: "evaluation" or "train".
        metric_type: in the model index; None for what is no merit of the model.
    """

    name: str
    value: float
    shown: str
    part: str
    metric_type: str | None = None


def is_classifier(record: dict[str, Any]) -> bool:
    """Whether the run's model answers with classes; else it is an encoder."""
    return record.get("verb") == "finetune"


def words_of(record: dict[str, Any]) -> dict[str, str]:
    """How the run's kind of sample is spoken of; neutral words where the record does not say."""
    return {**WORDS, **record.get("modality", {}).get("words", {})}


def task_of(record: dict[str, Any], role: str | None = None) -> str | None:
    """The Hub's name for what the model does, or what one in `role` ("encoder", "classifier") does; None: unknown."""
    role = role or ("classifier" if is_classifier(record) else "encoder")
    return record.get("modality", {}).get("tasks", {}).get(role)


def judged_part(record: dict[str, Any]) -> str:
    """The part of the dataset that the final metrics are of."""
    return "evaluation" if "evaluation" in record.get("dataset", {}) else "train"


def where(record: dict[str, Any], part: str) -> tuple[str, str]:
    """(dataset, split) of a part of the dataset; a local path only by its last part."""
    name, _, split = short_name(record.get("dataset", {}), part).partition(" [")
    return name, split.replace("]", "") or part


def short_name(dataset: dict[str, Any], part: str) -> str:
    """A part of the dataset as "NAME [SPLIT]", without the folders of the machine that it lay on."""
    name = dataset.get(part, {}).get("name", "")
    return name if dataset.get("source") == "hub" else name.rstrip("/").split("/")[-1]


def result_rows(record: dict[str, Any]) -> list[Row]:
    """The final metrics, those of the task first, then what stands beside them for comparison."""
    return _class_rows(record) if is_classifier(record) else _encoder_rows(record)


def collapse_sentence(record: dict[str, Any]) -> str:
    """A sentence if the network is no better than answering every sample with the mean one; else nothing."""
    error, floor = _error_of_a_part(record), _mean_error(record)
    if error is None or floor is None or not no_better_than_mean(error, floor):
        return ""
    w = words_of(record)
    return (
        f"At rebuilding {w['many']} the network is no better than the {w['mean']}: its {_error_name(record)} is "
        f"{error:.4f}, and answering every {w['one']} with the {w['mean']} gives {floor:.4f}."
    )


def _class_rows(record: dict[str, Any]) -> list[Row]:
    metrics, part = record.get("metrics", {}), judged_part(record)
    few = record.get("arguments", {}).get("labels_per_class")
    suffix = f" with {labels_in_words(few)}" if few else ""
    kind = record["model"].get("problem_type")
    if kind == "regression":
        return [
            Row(name, metrics[_prefix(record) + key], f"{metrics[_prefix(record) + key]:.4g}", part, metric_type)
            for key, metric_type, name in NUMBERS
            if metrics.get(_prefix(record) + key) is not None
        ]
    several = kind == "multi_label_classification"
    right = f" (every label of {with_article(words_of(record)['one'])} right)" if several else ""
    rows = []
    for key, name in METRICS.items():
        value = metrics.get(_prefix(record) + key)
        if value is not None:
            of_all = right if key == "accuracy" else ""
            rows.append(Row(f"{name} in %{of_all}{suffix}", value, f"{value:.2f} %", part, METRIC_TYPES.get(key, key)))
    return rows


def _encoder_rows(record: dict[str, Any]) -> list[Row]:
    metrics, part, w = record.get("metrics", {}), judged_part(record), words_of(record)
    loss, summed = metrics.get(f"{_prefix(record)}loss"), metrics.get(f"{_prefix(record)}squared_error")
    error, floor = _error_of_a_part(record), _mean_error(record)
    of_loss = _loss_is_error(record)
    rows = []
    if loss is not None:
        name = record["model"].get("loss_name") or "loss"
        rows.append(Row(name, loss, f"{loss:.4f}", part, "mse" if of_loss else "loss"))
    if error is not None and not of_loss:
        rows.append(Row(_error_name(record), error, f"{error:.4f}", part, "mse"))
    if summed is not None and not (of_loss and of_loss[1]):  # of some parts alone: their sum is not the sample's
        name = f"squared error, summed over {with_article(w['one'])}"
        rows.append(Row(name, summed, f"{summed:.2f}", part, "squared_error"))
    if floor is not None:
        rows.append(Row(f"for comparison, the {w['mean']}'s {_error_name(record)}", floor, f"{floor:.4f}", part))
    knn = metrics.get("embedding.knn_accuracy")
    if knn is not None:  # among training samples: nothing to rank models by
        rows.append(
            Row(f"accuracy in % of 1-NN on the embedding, among training {w['many']}", knn, f"{knn:.2f} %", "train")
        )
    return rows


def _prefix(record: dict[str, Any]) -> str:
    return "eval_" if judged_part(record) == "evaluation" else "train_"


def _mean_error(record: dict[str, Any]) -> float | None:
    """Error a part of always answering with the mean sample; None where the family does not reconstruct."""
    return record.get("metrics", {}).get(f"{_prefix(record)}mean_{words_of(record)['one']}_loss")


def _loss_is_error(record: dict[str, Any]) -> re.Match | None:
    """Whether the family says that its loss is the bare error, as in "squared error a pixel" or "a hidden pixel"."""
    part = re.escape(words_of(record)["part"])
    return re.fullmatch(rf"squared error an? (\w+ )?{part}", record["model"].get("loss_name") or "")


def _error_name(record: dict[str, Any]) -> str:
    """What the error a part is called, the network's and the mean sample's alike."""
    of_loss = _loss_is_error(record)
    return of_loss[0] if of_loss else f"squared error {with_article(words_of(record)['part'])}"


def _error_of_a_part(record: dict[str, Any]) -> float | None:
    """The network's error in the unit of `_mean_error`: from the sum, or the loss where that is the bare error."""
    metrics, parts = record.get("metrics", {}), record["model"].get("parts")
    summed = metrics.get(f"{_prefix(record)}squared_error")
    if parts and summed is not None:
        return summed / parts
    return metrics.get(f"{_prefix(record)}loss") if _loss_is_error(record) else None
