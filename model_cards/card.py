"""A model card rendered from run.json alone: what is unknown is left out, never invented.

`render_card(record, model_id)` gives the text of README.md. The front matter is dumped as YAML, and all text from
outside (dataset names, labels, paths) is escaped, so that neither YAML nor HTML can be broken or injected. What a
number is called, and of what kind the samples are, stands in the record: the family and the modality say it.
"""

import re
from pathlib import Path
from typing import Any

import jinja2

from .evaluation_data import evaluated_data_lines, evaluation_data_lines
from .front_matter import card_data
from .results import collapse_sentence, is_classifier, judged_part, result_rows, short_name, where, words_of
from .words import METRICS, PICTURES, escape, fence, labels_in_words, names_in_words, protocol_in_words


def render_card(record: dict[str, Any], model_id: str) -> str:
    """The text of a model card.

    Args:
        record: the contents of a run's run.json.
        model_id: what `from_pretrained` in the code block is given: a Hub id, or the run folder.
    """
    template = jinja2.Template(
        Path(__file__).with_name("template.md").read_text(),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    body = template.render(_fields(record, model_id))
    body = re.sub(r"\n{3,}", "\n\n", body).strip()
    return f"---\n{card_data(record, model_id).to_yaml()}\n---\n\n{body}\n"


def _fields(record: dict[str, Any], model_id: str) -> dict[str, Any]:
    """All that the template names; an unknown is empty and its line is left out."""
    w = words_of(record)
    command, code = record.get("command", ""), _code(record, model_id)
    return {
        "title": escape(model_id.rstrip("/").split("/")[-1]),
        "summary": _summary(record),
        "results": _results(record),
        "checked": [escape(line) for line in evaluation_data_lines(record)],
        "collapsed": escape(collapse_sentence(record)),
        "evaluation": _evaluation(record),
        "code": code,
        "code_fence": fence(code),
        "training": _training(record),
        "command": command,
        "command_fence": fence(command),
        "pictures": [(n, PICTURES[n].format_map(w)) for n in PICTURES if n in record.get("pictures", [])],
        "limits": _limits(record),
    }


def _summary(record: dict[str, Any]) -> str:
    """What it is, in a line."""
    model, w = record["model"], words_of(record)
    kind, how = f"{w['one']} classifier", f"trained on labelled {w['many']}"
    if not is_classifier(record):
        kind, how = (
            "encoder" + " with its decoder" * bool(model.get("reconstructs")),
            f"pretrained on {w['many']} without labels",
        )
    return escape(f"{model['class']} ({kind}, {model['parameters']:,} parameters), made with pretune: {how}.")


def _results(record: dict[str, Any]) -> list[dict[str, str]]:
    """Rows of the table of results."""
    dataset = record.get("dataset", {})
    n = "1 draw" if record.get("arguments", {}).get("labels_per_class") else "1 run"
    rows = []
    for row in result_rows(record):
        name, split = where(record, row.part)
        counted = row.part == judged_part(record)  # else it looked at some of them alone
        samples = f"{dataset.get(row.part, {}).get('samples', 0):,}" if counted else "some"
        place = f"{escape(name)}, {escape(split)}"
        rows.append({"name": escape(row.name), "value": row.shown, "where": place, "samples": samples, "n": n})
    return rows


def _evaluation(record: dict[str, Any]) -> dict[str, Any] | None:
    """What `pretune evaluate --update_card` left in the record."""
    found = record.get("evaluation")
    if found is None:
        return None
    counts = list(dict.fromkeys(row["labels_per_class"] for row in found["table"]))
    cells = {(row["method"], row["labels_per_class"]): row for row in found["table"]}
    names = {row["method"]: escape(row.get("words") or row["method"]) for row in found["table"]}
    draws = sorted({row["draws"] for row in found["table"]})
    verdict = found["verdict"]
    return {
        "sentence": escape(verdict["sentence"]),
        "counts": ["all labels" if c == "all" else f"{c} per class" for c in counts],
        "rows": [(name, [_mean_and_sd(cells.get((m, count))) for count in counts]) for m, name in names.items()],
        "samples": f"{found['dataset']['test']['samples']:,}",
        "many": escape(words_of(record)["many"]),
        "where": escape(found["dataset"]["name"].rstrip("/").split("/")[-1]),
        "draws": " to ".join(map(str, dict.fromkeys((draws[0], draws[-1])))) + " draw" + "s" * (draws[-1] != 1),
        "protocol": protocol_in_words(found),
        "metric": METRICS.get(found.get("metric", "accuracy"), "accuracy"),
        "checked": [escape(line) for line in evaluated_data_lines(found, words_of(record))],
        "rule": f"version {verdict['rule_version']} of " if "rule_version" in verdict else "",
    }


def _mean_and_sd(row: dict[str, Any] | None) -> str:
    if row is None:
        return ""
    return f"{row['mean']:.1f}" + (f" +- {row['sd']:.1f}" if row["sd"] is not None else "")


def _code(record: dict[str, Any], model_id: str) -> str:
    """Python that uses the model, as its modality shows it; nothing where the record has none."""
    examples = record.get("modality", {}).get("example", {})
    return examples.get("classifier" if is_classifier(record) else "encoder", "").replace("MODEL_ID", repr(model_id))


def _training(record: dict[str, Any]) -> list[tuple[str, str]]:
    """(what, text) of the section on training; those of which nothing is known are left out."""
    model, arguments, timings = record["model"], record.get("arguments", {}), record.get("timings", {})
    hardware = record.get("hardware", {})
    processor = hardware.get("gpu") or hardware.get("cpu")
    names = model.get("labels") or []
    lines = [
        ("verb", escape(record.get("verb", "")) + ", from scratch" * bool(arguments.get("from_scratch"))),
        ("recipe", escape(arguments.get("recipe") or "")),
        ("data", _trained_on(record)),
        ("input", _input(model)),
        ("classes", f"{len(names):,}: {names_in_words(names)}" if names else ""),
        ("network", escape(f"{model['model_type']}, {model['parameters']:,} parameters")),
        ("start", escape(re.sub(r"\S*/", "", record.get("loading_report") or ""))),
        ("hardware", f"{escape(processor)}, {hardware.get('processes', 1)} process(es)" if processor else ""),
        (
            "time",
            f"{timings['total_seconds']:.0f} s in all, {timings['train_seconds']:.0f} s of training"
            if "total_seconds" in timings
            else "",
        ),
        ("versions", ", ".join(f"{escape(k)} {escape(v)}" for k, v in record.get("versions", {}).items())),
    ]
    return [(what, text) for what, text in lines if text]


def _trained_on(record: dict[str, Any]) -> str:
    dataset, few = record.get("dataset", {}), record.get("arguments", {}).get("labels_per_class")
    if "train" not in dataset:
        return ""
    skipped = dataset.get("damaged_and_skipped")
    return (
        f"{dataset['train']['samples']:,} samples of {escape(short_name(dataset, 'train'))}"
        + (f", {labels_in_words(few)}" if few else "")
        + (f"; {skipped} damaged ones left out" if skipped else "")
    )


def _input(model: dict[str, Any]) -> str:
    """What the network takes, and how samples of another size become that."""
    parts = [escape(model[name]).rstrip(".") for name in ("input", "fitting") if model.get(name)]
    return ". ".join(parts) + "." * (len(parts) > 1)


def _limits(record: dict[str, Any]) -> list[str]:
    model, w = record["model"], words_of(record)
    lines = [f"Measured only on the data named above; {w['many']} from another source can fare much worse."]
    if is_classifier(record):
        lines.append(f"Not examined for bias between groups of people or things, nor for adversarial {w['many']}.")
    elif model.get("keeps"):
        lines.append(model["keeps"])
    if judged_part(record) == "train":
        lines.append(f"There was no evaluation split: all numbers are of training {w['many']}.")
    return [escape(line) for line in lines]
