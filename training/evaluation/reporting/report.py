"""The report of an evaluation: report.json, report.md and the pictures."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ....model_cards.words import METRICS, labels_in_words
from ...learning.scores import class_scores, label_scores
from ...protocol import MUST_BE_BEATEN, PROTOCOL, TRAINED, words_of_methods
from ...runs.folder import write_whole
from ...runs.local_paths import without_local_paths
from ...runs.pictures import draw_confusions
from ..evidence.advice import against_its_base, best_in_words, floors_are_best, next_step
from ..evidence.intervals import Accuracies, Hits, differences, ranking
from ..evidence.verdict import NOT_MEASURED, verdict
from ..evidence.worth import worth_in_labels
from .costs_table import costs_table
from .figure import draw_few_labels
from .most_wrong import MOST_WRONG
from .other_scores import other_scores, section_of
from .page import as_page
from .tables import (
    accuracies_of,
    column_of,
    difference_in_words,
    markdown_table,
    table,
    together_rows,
    words_in_tables,
)

FIGURE, CONFUSION = "few_labels.png", "confusion.png"
GLOSSARY = {
    "embedding": "the list of numbers that a pretrained network makes of a sample",
    "linear probe": "a linear classifier fitted to embeddings that stay as they are",
    "1-NN": "a sample gets the label of the labelled sample whose embedding is nearest",
    "fine-tuning": "training the whole network further, with labels",
    "from scratch": "the same training of the same network with random first weights",
    "floor": "what is reached without any pretraining; what is not above it is worth nothing",
    "draw": "a random choice of labelled samples; all methods get the same ones",
    "principal components": "the directions along which raw samples vary most",
    "effective rank": "how many dimensions an embedding really uses",
    "augmentation": "random changes of training samples that keep what they mean",
    "balanced accuracy": "the mean over classes of the share of their samples that is right",
    "macro-F1": "the mean over classes of F1, which punishes what is missed and what is wrongly named",
    "calibration error": (
        f"how far a classifier's own chances are from how often it is right, over {PROTOCOL.calibration_bins}"
        " steps of chance: with 5 points, of the answers that it is 90 % sure of some 85 or 95 % are right"
    ),
    "paired difference": "of two methods on the same draws, with the range that chance leaves it",
}
OF_SIZES = {
    "input size": "a side of what a network gets; published ones see more in samples enlarged towards their own size"
}
DEFAULTS = {"labels_per_class": "labels_per_class, if not chosen", "draws": "draws, if not chosen"}


def chance_of(metric: str, labels: np.ndarray) -> float:
    """What an answer that looks at no sample comes to, in per cent: the most frequent class, or a random order.

    Args:
        metric: one of `METRICS`.
        labels: of the test samples, (N,) class numbers or (N, L) zeros and ones.
    """
    if labels.ndim == 1:
        return class_scores(labels, np.full(len(labels), np.bincount(labels).argmax()))[metric]
    if metric == "mean_average_precision":
        return 100 * float(labels.mean(0)[labels.any(0)].mean())
    frequent = np.broadcast_to(labels.mean(0) - 0.5, labels.shape)
    return label_scores(labels, frequent)[metric]


def renamed(report: dict[str, Any], called: Mapping[str, str]) -> dict[str, Any]:
    """A report, not yet written, whose models are called otherwise; each keeps its "folder"."""

    def of(name: str) -> str:
        return called.get(name, name)

    models = {}
    for name, facts in report["models"].items():
        cost = dict(facts.get("cost", {}))
        if "went_on_from" in cost:
            cost["went_on_from"] = of(cost["went_on_from"])
        models[of(name)] = {**facts, "cost": cost, **({"folder": name} if name in called else {})}
    confusion = report["confusion"]
    if confusion is not None:
        confusion = {**confusion, "matrices": {of(name): matrix for name, matrix in confusion["matrices"].items()}}
    results = [{**row, "model": of(row["model"])} for row in report["results"]]
    return {**report, "models": models, "results": results, "confusion": confusion}


def write_report(
    folder: Path,
    report: dict[str, Any],
    chance: float,
    needed: Sequence[str] = MUST_BE_BEATEN,
    hits: Mapping[str, Hits] | None = None,
) -> dict[str, Any]:
    """Add verdict, comparisons and ranking to a report and write report.json, report.md and the pictures.

    Args:
        folder: where to.
        report: "protocol", "dataset", "models" ({name: {"latent_size", "health", "cost"}}), "results", "metric",
            "confusion", "warnings", "left_out", "input_sizes", "views", "timings", "command".
        chance: see `chance_of`.
        needed, hits: see `verdict`; hits by model.

    Returns:
        The whole report.
    """
    words = words_of_methods(report["dataset"]["words"]["raw"])
    in_tables = words_in_tables(words, report["protocol"]["augmentation"])
    counts = list(dict.fromkeys(row["labels_per_class"] for row in report["results"]))
    found = {model: accuracies_of(report["results"], model, report["metric"]) for model in report["models"]}
    hits, many = hits or {}, report["dataset"]["words"]["many"]
    verdicts = {
        model: verdict(of_model, counts, words, len(found), needed, hits.get(model), many)
        for model, of_model in found.items()
    }
    measured = {m: differences(of_model, counts, len(found), hits.get(m)) for m, of_model in found.items()}
    for model, of_model in verdicts.items():
        base = report["models"][model].get("cost", {}).get("went_on_from")
        against = against_its_base(found, model, base, counts, words)
        if against is not None:
            of_model["against_its_base"] = against
            # where its network untrained is not measured there is nothing else to say
            of_model["sentence"] = f"{of_model['sentence']} {against}" if measured[model] else against
    report["verdict"] = _of_all(verdicts)
    for model, of_model in found.items():
        report["models"][model]["verdict"] = verdicts[model]
        report["models"][model]["differences"] = [d.record() for d in measured[model]]
        report["models"][model]["table"] = table(of_model, counts, in_tables)
        worths = worth_in_labels(of_model, counts, hits.get(model))
        report["models"][model]["worth"] = [{**w.record(), "sentence": w.sentence(words)} for w in worths]
        report["models"][model]["next_step"] = next_step(
            report["models"][model]["health"], verdicts[model]["outcome"], floors_are_best(of_model, counts)
        )
    report["best"] = best_in_words(found, counts, words)
    report["ranking"] = ranking(found, counts)
    report["other_scores"] = other_scores(report, counts, in_tables)
    _draw(folder, report, found, counts, chance)
    text = render(report, counts)
    write_whole(folder / "report.md", text.encode(errors="replace"))
    write_whole(folder / "report.html", as_page(text, folder).encode(errors="replace"))
    write_whole(folder / "report.json", (json.dumps(report, indent=1) + "\n").encode())
    return report


def _of_all(verdicts: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """The verdict of a report: that of its model, or of several what each comes to."""
    first = next(iter(verdicts.values()))
    if len(verdicts) == 1:
        return first
    told = {model: v for model, v in verdicts.items() if v["outcome"] != NOT_MEASURED or "against_its_base" in v}
    told = told or verdicts
    return {
        "outcome": {model: v["outcome"] for model, v in verdicts.items()},
        "helped": any(v["helped"] for v in verdicts.values()),
        "sentence": " ".join(f"{model}: {v['sentence']}" for model, v in told.items()),
        "sentences": {model: v["sentence"] for model, v in told.items()},
        "rule": first["rule"],
        "rule_version": first["rule_version"],
    }


def _draw(folder: Path, report: dict[str, Any], found: dict[str, Accuracies], counts: list, chance: float) -> None:
    """Both pictures; that they are of this protocol stands in their titles and in their files."""
    data, version = report["dataset"], version_in_words(report)
    title = f"{Path(data['name']).name}, {data['test']['samples']:,} test {data['words']['many']}; {version}"
    note = without_local_paths(f"pretune evaluate, {version}: {report['command']}")
    metric = METRICS[report["metric"]]
    several = data["problem_type"] == "multi_label_classification"
    floor = (chance, "by chance" if several else "most frequent class")
    draw_few_labels(
        folder / FIGURE, found, counts, floor, data["labels_all"], title, data["words"]["raw"], metric, note
    )
    shown = report["confusion"]
    if shown is None:
        return
    matrices = {model: np.array(matrix) for model, matrix in shown["matrices"].items()}
    title = f"{_confusion_in_words(shown)}; {version}"
    draw_confusions(folder / CONFUSION, matrices, shown["label_names"], title, note)


def version_in_words(report: dict[str, Any]) -> str:
    """The protocol's version and, where test samples had to be held out, that of how."""
    held_out = report["dataset"]["held_out_version"]
    return f"protocol {report['protocol']['version']}" + f", held out by version {held_out}" * (held_out is not None)


def _confusion_in_words(shown: dict[str, Any]) -> str:
    return f"{shown['method']}, {labels_in_words(shown['labels_per_class'])}, draw {shown['draw']}"


def _trained_in_words(report: dict[str, Any]) -> str:
    """How whole networks were trained, where some were."""
    if not any(row["method"] in TRAINED for row in report["results"]):
        return ""
    kinds = ", ".join(report["protocol"]["augmentation"]) or "none"
    return f" Fine-tuned and from scratch have the same batches, steps and augmentation ({kinds})."


def _sizes_in_words(tried: Mapping[str, Mapping[str, Any]], many: str, parts: str) -> list[str]:
    """Which input sizes were tried for networks that are not ours, and which was taken."""
    lines = ["", f"Input sizes, by a linear probe on labelled training {many} held out, never on test ones:", ""]
    for name, facts in tried.items():
        told = ", ".join(f"{size} {parts} {score:.1f} %" for size, score in facts["tried"].items())
        lines.append(
            f"- {name}: {told} ({facts['samples']:,} {many}); {facts['taken']} is taken, its own is {facts['own']}"
        )
    return lines if tried else []


def _views_in_words(tried: Mapping[str, Mapping[str, Any]], many: str) -> list[str]:
    """Which sets of views were tried for models that went on, and which was taken."""
    lines = ["", f"Views, by a linear probe on labelled training {many} held out, never on test ones:", ""]
    for name, facts in tried.items():
        told = ", ".join(f"{views} {score:.1f} %" for views, score in facts["tried"].items())
        seen = f"{facts['steps']} steps each, {facts['samples']:,} {many}"
        lines.append(f"- {name}: {told} ({seen}); {facts['taken']} is taken")
    return lines if tried else []


def _held_out_in_words(data: dict[str, Any]) -> str:
    if data["held_out_version"] is None:
        return ""
    return (
        f" There is no test split, so these {data['words']['many']} are held out of training by their content "
        f"(version {data['held_out_version']} of how)."
    )


def render(report: dict[str, Any], counts: list[int | str]) -> str:
    """The text of report.md."""
    data, draws, many = report["dataset"], report["protocol"]["draws_used"], report["dataset"]["words"]["many"]
    words = words_of_methods(data["words"]["raw"])
    one_run = "; with all labels one run" if "all" in counts else ""
    lines = [
        f"# What pretraining is worth on {Path(data['name']).name}",
        "",
        *_verdict_in_words(report["verdict"]),
        "",
        report["best"],
        "",
        f"![{METRICS[report['metric']]} against number of labels]({FIGURE})",
        "",
        f"Mean +- sd over {draws} draws of labelled samples, the same for every method{one_run}. "
        f"Test: {data['test']['samples']:,} {many} of {data['test']['name']}; labelled samples are drawn from "
        f"{data['train']['samples']:,} of {data['train']['name']}. Every method and draw has a new head: a classifier "
        f"that came with a model is not used." + _trained_in_words(report) + _held_out_in_words(data),
    ]
    lines += [line for warning in report["warnings"] for line in ("", f"Warning: {warning}.")]
    if report["left_out"]:
        lines += ["", "What could not be measured, and why:", ""]
        lines += [f"- {name}: {why}" for name, why in report["left_out"].items()]
    if len(report["models"]) > 1:
        together = together_rows(report["models"])
        lines += ["", "## Everything beside each other", "", markdown_table(together, report["metric"])]
    lines += costs_table(report["models"], many)
    lines += _sizes_in_words(report["input_sizes"], many, data["words"]["parts"])
    lines += _views_in_words(report["views"], many)
    for model, facts in report["models"].items():
        lines += _of_model(model, facts, report["metric"], words)
    lines += section_of(report, words)
    if report["ranking"]:
        lines += ["", "## The models beside each other", ""]
        lines += ["Intervals of the mean over draws: of these very models, not of how they were pretrained.", ""]
        told = [row for row in report["ranking"] if row["better"]]
        lines += [
            f"- {words[row['method']]}, {column_of(row['labels_per_class'])}: {row['better']} is better than "
            f"{row['worse']} by {abs(row['mean']):.2f} +- {row['half_width']:.2f} points"
            for row in told
        ]
        if len(told) < len(report["ranking"]):
            lines.append(f"- {len(report['ranking']) - len(told)} other comparisons do not tell them apart.")
    if report["confusion"] is not None:
        shown = _confusion_in_words(report["confusion"])
        lines += ["", f"![confusion matrix: {shown}]({CONFUSION})", "", f"Confusion matrix: {shown}."]
    if report.get("most_wrong"):
        shown = f"most often wrong: {report['most_wrong']} test {many}"
        lines += ["", f"![{shown}]({MOST_WRONG})", "", f"The {shown}, with their labels."]
    protocol = {k: v for k, v in report["protocol"].items() if k != "version"}
    lines += ["", f"## Protocol, version {report['protocol']['version']}", ""]
    lines += [f"Rule of the verdict, version {report['verdict']['rule_version']}: {report['verdict']['rule']}", ""]
    lines += [f"- {DEFAULTS.get(name, name)}: {value}" for name, value in protocol.items()]
    lines += ["", "```sh", report["command"], "```", "", "## Words", ""]
    glossary = {**GLOSSARY, **(OF_SIZES if report["input_sizes"] else {})}
    lines += [f"- **{word}**: {meaning}" for word, meaning in glossary.items()]
    return "\n".join(lines) + "\n"


def _verdict_in_words(told: Mapping[str, Any]) -> list[str]:
    """The sentence; of several models a line each."""
    lines = [f"- **{model}**: {sentence}" for model, sentence in told.get("sentences", {}).items()]
    return lines or [f"**{told['sentence']}**"]


def _of_model(model: str, facts: Mapping[str, Any], metric: str, words: Mapping[str, str]) -> list[str]:
    """The section of one model."""
    health = facts["health"]
    lines = [
        "",
        f"## {model}",
        *(["", f"In {facts['folder']}."] if "folder" in facts else []),
        "",
        markdown_table(facts["table"], metric),
        "",
        "Paired differences in points:",
        "",
    ]
    lines += [f"- {difference_in_words(d, words)}" for d in facts["differences"]] or [
        "- none: they need at least two draws of both methods."
    ]
    lines += [
        "",
        f"The embedding: {health['live_units']} of {health['units']} units live, effective rank "
        f"{health['effective_rank']:.1f}, sd of a unit {health['spread']:.3g} on average, first component "
        f"{100 * health['first_component']:.0f} % of the variance, mean correlation of two units "
        f"{health['correlation']:.2f}." + (f" {facts['next_step']}" if facts["next_step"] else ""),
    ]
    if facts["worth"]:
        lines += ["", "What pretraining is worth in labels, by the inverted paired test:", ""]
        lines += [f"- {worth['sentence']}" for worth in facts["worth"]]
    return lines
