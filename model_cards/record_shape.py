"""What a card, a push and a run that goes on expect of run.json: somebody may have changed it, or another program."""

from typing import Any

from .words import METRICS

NUMBER = (int, float)
NEEDED = "model", "model.class", "model.model_type", "model.parameters"
PART = {"name": str, "samples": int}
ROW = {"labels_per_class": (int, str), "method": str, "draws": int, "mean": NUMBER, "sd": (*NUMBER, type(None))}
EVALUATION = {
    "table": [ROW],
    "verdict": {"sentence": str},
    "dataset": {"name": str, "source": str, "test": PART},
    "protocol_version": (int, str),
}
# {key: type, types, {key: ...} of a mapping, [kind of each] of a list, or {str: kind of each} of any keys}
SHAPE: dict[str, Any] = {
    "verb": str,
    "status": str,
    "command": str,
    "base_source": (str, type(None)),
    "loading_report": (str, type(None)),
    "global_step": int,
    "pictures": [str],
    "versions": {str: str},
    "metrics": {str: object},
    "arguments": {
        "recipe": (str, type(None)), "model": (str, type(None)), "license": (str, type(None)),
        "init_from": (str, type(None)), "backbone": (str, type(None)),
        "labels_per_class": (int, type(None)), "from_scratch": (bool, type(None)),
    },
    "modality": {
        "name": str, "words": {str: str}, "tasks": {str: str}, "example": {str: str},
    },
    "model": {
        "class": str, "model_type": str, "parameters": int, "input": (str, type(None)), "fitting": (str, type(None)),
        "labels": (list, type(None)), "loss_name": (str, type(None)), "keeps": (str, type(None)),
        "parts": (int, type(None)), "problem_type": (str, type(None)), "reconstructs": (bool, type(None)),
    },
    "dataset": {
        "name": str, "source": str, "train": PART, "evaluation": PART, "damaged_and_skipped": int,
        "overlap": {"same": int, "nearly": int, "groups": (int, type(None)), "in_pretraining": int},
    },
    "timings": {"total_seconds": NUMBER, "train_seconds": NUMBER},
    "hardware": {"gpu": (str, type(None)), "cpu": (str, type(None)), "processes": int},
}  # fmt: skip
# Of a mapping that is there, these must be too.
TOGETHER = {
    "dataset.train": tuple(PART), "dataset.evaluation": tuple(PART),
    "timings": ("total_seconds", "train_seconds"), "model": ("class", "model_type", "parameters"),
    "evaluation": tuple(EVALUATION), "evaluation.verdict": ("sentence",), "evaluation.table": tuple(ROW),
    "evaluation.dataset": ("name", "source", "test"), "evaluation.dataset.test": tuple(PART),
}  # fmt: skip
CALLED = {
    str: "a text",
    int: "a whole number",
    NUMBER: "a number",
    bool: "true or false",
    list: "a list",
    dict: "a mapping",
}


def misfit(record: dict[str, Any]) -> str | None:
    """What of a finished run's record is not as a card expects it, in words; None if all of it is."""
    if "model" not in record:
        return "model is missing"
    found = _misfit(record, SHAPE, "")
    if found is None and record.get("evaluation") is not None:
        found = _misfit(record["evaluation"], EVALUATION, "evaluation")
        found = found or _misfit_of_numbers(record["evaluation"])
    return found or _misfit_of_metrics(record.get("metrics", {}))


def _misfit(value: Any, shape: Any, path: str) -> str | None:
    """The first thing that is amiss in `value`, below `path`."""
    if isinstance(shape, list):
        if not isinstance(value, list):
            return _wrong(path, value, list)
        return next((f for inner in value if (f := _misfit(inner, shape[0], path)) is not None), None)
    if not isinstance(shape, dict):
        return None if _fits(value, shape) else _wrong(path, value, shape)
    if not isinstance(value, dict):
        return _wrong(path, value, dict)
    lacks = next((name for name in TOGETHER.get(path, ()) if name not in value), None)
    if lacks is not None:
        return f"{path}.{lacks} is missing"
    for name, inner in value.items():
        kind = shape.get(name, shape.get(str))
        found = None if kind is None else _misfit(inner, kind, f"{path}.{name}".lstrip("."))
        if found is not None:
            return found
    return None


def _fits(value: Any, kinds: Any) -> bool:
    kinds = kinds if isinstance(kinds, tuple) else (kinds,)
    return isinstance(value, kinds) and (not isinstance(value, bool) or bool in kinds or object in kinds)


def _misfit_of_numbers(evaluation: dict[str, Any]) -> str | None:
    """Of a report on the card: rows that are there, in one kind of score."""
    if not evaluation["table"]:
        return "evaluation.table is empty"
    if evaluation.get("metric", "accuracy") not in METRICS:
        return f"evaluation.metric is {_short(evaluation['metric'])}, expected one of {', '.join(METRICS)}"
    seen = evaluation.get("test_samples")
    if seen is not None and not (isinstance(seen, dict) and _fits(seen.get("seen", 0), int)):
        return _wrong("evaluation.test_samples", seen, dict)
    return None


def _misfit_of_metrics(metrics: dict[str, Any]) -> str | None:
    """All that a card writes as a number is one."""
    for name, value in metrics.items():
        if not isinstance(value, (*NUMBER, type(None), dict, list)) or isinstance(value, bool):
            return _wrong(f"metrics.{name}", value, NUMBER)
    return None


def _wrong(path: str, value: Any, kinds: Any) -> str:
    kinds = tuple(kind for kind in kinds if kind is not type(None)) if isinstance(kinds, tuple) else kinds
    kinds = kinds[0] if isinstance(kinds, tuple) and len(kinds) == 1 else kinds
    expected = CALLED.get(kinds, "a number or a text")
    return f"{path or 'it'} is {_short(value)}, expected {expected}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
