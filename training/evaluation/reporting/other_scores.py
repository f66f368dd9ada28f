"""The scores that the verdict is not of: of every way that uses labels, with the intervals of the same comparisons."""

from collections.abc import Mapping
from typing import Any

from ....model_cards.words import CALIBRATION, METRICS
from ...protocol import METHODS
from ..evidence.intervals import differences
from .tables import accuracies_of, difference_in_words, markdown_table, table


def other_scores(report: Mapping[str, Any], counts: list[int | str], words: Mapping[str, str]) -> dict[str, Any]:
    """By score and model, what stands in a report's results beside the one that its verdict is of.

    Args:
        report: with "metric", "models" and "results".
        counts: numbers of labels.
        words: how a table names each method.

    Returns:
        {score: {model: {"table": rows of `table` of METHODS, "differences": paired ones in points}}}.
    """
    found: dict[str, Any] = {}
    for metric in (*METRICS, CALIBRATION):
        if metric == report["metric"]:
            continue
        for model in report["models"]:
            known = accuracies_of(report["results"], model, metric)
            rows = [row for row in table(known, counts, words) if row["method"] in METHODS]
            if rows:
                paired = [d.record() for d in differences(known, counts, len(report["models"]))]
                found.setdefault(metric, {})[model] = {"table": rows, "differences": paired}
    return found


def section_of(report: Mapping[str, Any], words: Mapping[str, str]) -> list[str]:
    """Lines of Markdown: a table and its paired differences for each score of `other_scores`; none without any."""
    lines = ["", "## Other scores"] if report["other_scores"] else []
    for metric, of_models in report["other_scores"].items():
        several, rows, paired = len(report["models"]) > 1, [], []
        for model, facts in of_models.items():
            before = f"{model}: " if several else ""
            rows += [
                {**row, "words": before + row["words"], "method": f"{model}/{row['method']}"} for row in facts["table"]
            ]
            paired += [f"- {before}{difference_in_words(d, words)}" for d in facts["differences"]]
        lines += ["", markdown_table(rows, metric)]
        lines += ["", "Paired differences in points:", "", *paired] if paired else []
    return lines
