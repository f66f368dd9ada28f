"""The tables of a report: methods down, numbers of labels across."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ....model_cards.words import METRICS
from ...protocol import FLOORS, METHODS, OF_THE_MODEL, name_in_table
from ..embedders import kind_of
from ..evidence.intervals import Accuracies

ERROR = "calibration error in points"
# Floors that are the same whatever the model is: principal components are as many as the embedding has numbers.
SHARED_FLOORS = tuple(name for name in FLOORS if kind_of(name) not in ("pca", "untrained"))


def accuracies_of(results: list[dict[str, Any]], model: str, metric: str = "accuracy") -> Accuracies:
    """{(method, labels per class): scores by draw} of one model, from a report's results; of all that have it."""
    found: dict[tuple[str, int | str], list[float]] = {}
    for row in sorted(results, key=lambda row: row["draw"]):
        if row["model"] == model and metric in row:
            found.setdefault((row["method"], row["labels_per_class"]), []).append(row[metric])
    return found


def table(found: Accuracies, counts: list[int | str], words: Mapping[str, str]) -> list[dict[str, Any]]:
    """Mean, sd and number of draws of every method and count, and how a table names the method."""
    return [
        {
            "method": method,
            "labels_per_class": count,
            "mean": float(np.mean(found[method, count])),
            "sd": float(np.std(found[method, count], ddof=1)) if len(found[method, count]) > 1 else None,
            "draws": len(found[method, count]),
            "words": name_in_table(method, words),
            "own": method in OF_THE_MODEL,
        }
        for method in METHODS + FLOORS
        for count in counts
        if (method, count) in found
    ]


def words_in_tables(words: Mapping[str, str], augmentation: Sequence[str]) -> dict[str, str]:
    """`words_of_methods`, where from scratch says whether it was augmented: it always is as fine-tuning is."""
    told = "same augmentation" if augmentation else "neither augmented"
    return {**words, "scratch": f"{words['scratch']}, {told}"}


def together_rows(models: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows of all models for one table; floors that do not depend on a model stand there once."""
    rows, own = [], [row for facts in models.values() for row in facts["table"] if row["method"] in SHARED_FLOORS]
    for model, facts in models.items():
        for row in facts["table"]:
            if row["method"] not in SHARED_FLOORS:
                rows.append({**row, "words": f"{model}: {row['words']}", "method": f"{model}/{row['method']}"})
    seen: set[tuple[str, Any]] = set()
    for row in own:
        if (row["method"], row["labels_per_class"]) not in seen:
            seen.add((row["method"], row["labels_per_class"]))
            rows.append(row)
    return rows


def markdown_table(rows: list[dict[str, Any]], metric: str = "accuracy") -> str:
    """`table` as Markdown: methods down, numbers of labels across; the best mean of each column is bold."""
    name, best_of = (f"{METRICS[metric]} in %", max) if metric in METRICS else (ERROR, min)
    counts = list(dict.fromkeys(row["labels_per_class"] for row in rows))
    best = {c: best_of(row["mean"] for row in rows if row["labels_per_class"] == c) for c in counts}
    lines = [f"| {name} | {' | '.join(map(column_of, counts))} |", "|---" * (1 + len(counts)) + "|"]
    for method in dict.fromkeys(row["method"] for row in rows):
        cells = {row["labels_per_class"]: row for row in rows if row["method"] == method}
        shown = [_cell(cells.get(count), best[count]) for count in counts]
        lines.append(f"| {next(iter(cells.values()))['words']} | {' | '.join(shown)} |")
    return "\n".join(lines)


def difference_in_words(paired: Mapping[str, Any], words: Mapping[str, str]) -> str:
    """A paired difference, as a report records it, on one line."""
    mean, half = paired["mean"], paired["half_width"]
    return (
        f"{column_of(paired['labels_per_class'])}: {words[paired['first']]} against {words[paired['second']]}: "
        f"{mean:+.2f} (interval {mean - half:+.2f} to {mean + half:+.2f}, {paired['draws']} draws)"
    )


def column_of(count: int | str) -> str:
    """A number of labels as the head of a column."""
    return "all labels" if count == "all" else f"{count} per class"


def _cell(row: dict[str, Any] | None, best: float) -> str:
    if row is None:
        return ""
    text = f"{row['mean']:.1f}" + (f" +- {row['sd']:.1f}" if row["sd"] is not None else "")
    return f"**{text}**" if row["mean"] == best else text
