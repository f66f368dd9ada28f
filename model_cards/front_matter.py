"""The front matter of a card: tags, where it comes from, and the measured numbers as `model-index`."""

import re
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from .results import METRIC_TYPES, result_rows, task_of, where
from .words import METRICS, labels_in_words, one_line, protocol_in_words

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


def card_data(record: dict[str, Any], model_id: str) -> ModelCardData:
    """The front matter.

    Args:
        record: the contents of a run's run.json.
        model_id: a Hub id, or the run folder; the last part names the model in the index.
    """
    arguments, dataset = record.get("arguments", {}), record.get("dataset", {})
    base = _base_on_hub(record)
    measured = _measured(record) + _evaluated(record)
    return ModelCardData(
        model_name=one_line(model_id).rstrip("/").split("/")[-1] if measured else None,
        library_name="transformers",  # another name would keep `pipeline(model=...)` from loading it
        pipeline_tag=task_of(record),
        tags=["pretune", record["model"]["model_type"]],
        datasets=[dataset["name"]] if _on_hub(dataset) else None,
        base_model=base,
        base_model_relation="finetune" if base else None,  # else the Hub guesses, from the files
        license=one_line(arguments["license"]) if arguments.get("license") else None,
        eval_results=measured or None,
    )


def _base_on_hub(record: dict[str, Any]) -> str | None:
    """The Hub id of the weights that the run started from; None where they were new, or lay somewhere else."""
    arguments = record.get("arguments", {})
    base = arguments.get("init_from") or arguments.get("backbone") or arguments.get("model")
    known = base and not arguments.get("from_scratch") and record.get("base_source") == "hub"
    return base if known and HUB_ID.fullmatch(base) else None


def _on_hub(dataset: dict[str, Any]) -> bool:
    return dataset.get("source") == "hub" and bool(HUB_ID.fullmatch(dataset.get("name") or ""))


def _measured(record: dict[str, Any]) -> list[EvalResult]:
    """The run's own final metrics; what is no merit of the model, such as the mean sample's error, stays out."""
    task, dataset = task_of(record), record.get("dataset", {})
    if task is None:  # the index has no entry without one
        return []
    return [
        EvalResult(
            task_type=task,
            dataset_type=dataset["name"] if _on_hub(dataset) else dataset.get("source", "local"),
            dataset_name=one_line(where(record, row.part)[0]),
            dataset_split=one_line(where(record, row.part)[1]),
            metric_type=row.metric_type,
            metric_value=round(row.value, 6),
            metric_name=one_line(row.name),
        )
        for row in result_rows(record)
        if row.metric_type is not None
    ]


def _evaluated(record: dict[str, Any]) -> list[EvalResult]:
    """The evaluation's means of the model's own methods, each with its number of labels and draws."""
    found, task = record.get("evaluation"), task_of(record, "classifier")
    if found is None or task is None:
        return []
    dataset, metric = found["dataset"], found.get("metric", "accuracy")
    name, _, split = dataset["test"]["name"].partition(" [")
    return [
        EvalResult(
            task_type=task,
            dataset_type=dataset["name"] if _on_hub(dataset) else dataset["source"],
            dataset_name=one_line(name if dataset["source"] == "hub" else name.rstrip("/").split("/")[-1]),
            dataset_split=one_line(split.replace("]", "")) or "test",
            metric_type=METRIC_TYPES.get(metric, metric),
            metric_value=round(row["mean"], 2),
            metric_name=f"{METRICS[metric]} in %, {one_line(row.get('words') or row['method'])}, "
            + f"{labels_in_words(row['labels_per_class'])} ("
            + f"mean of {row['draws']} draws, " * (row["draws"] > 1)
            + f"protocol {protocol_in_words(found)})",
        )
        for row in found["table"]
        if row.get("own")
    ]
