"""A model card rendered from run.json alone: what is unknown is left out, never invented.

`render_card(record, model_id)` gives the text of README.md; front matter is dumped as YAML and all text from outside
(dataset names, labels, paths) is escaped, so that neither YAML nor HTML can be broken or injected.
"""

import re
from pathlib import Path
from typing import Any

import jinja2
from huggingface_hub import EvalResult, ModelCardData

from pretune.training.evaluation.verdict import labels_in_words, method_in_words

PICTURES = {
    "few_labels.png": "accuracy against number of labels, beside floors",
    "reconstructions.png": "originals, and below each its reconstruction",
    "latents.png": "the code, coloured by label where there is one",
    "confusion_matrix.png": "confusion matrix: true classes down, predictions across",
    "samples.png": "images generated from random codes",
    "loss.png": "loss over epochs",
}
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


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


def card_data(record: dict[str, Any], model_id: str) -> ModelCardData:
    """The front matter: tags, datasets, base model, license and the measured numbers as `model-index`."""
    arguments, dataset = record.get("arguments", {}), record.get("dataset", {})
    classifier = record.get("verb") == "finetune"
    on_hub = dataset.get("source") == "hub" and HUB_ID.fullmatch(dataset.get("name") or "")
    base = arguments.get("model") if not arguments.get("from_scratch") else None
    results = _results(record)
    return ModelCardData(
        model_name=one_line(model_id).rstrip("/").split("/")[-1] if results or record.get("evaluation") else None,
        library_name="transformers",  # another name would keep `pipeline(model=...)` from loading it
        pipeline_tag="image-classification" if classifier else "image-feature-extraction",
        tags=["pretune", record["model"]["model_type"]],
        datasets=[dataset["name"]] if on_hub else None,
        base_model=base if base and record.get("base_source") == "hub" and HUB_ID.fullmatch(base) else None,
        license=one_line(arguments["license"]) if arguments.get("license") else None,
        eval_results=[
            EvalResult(
                task_type="image-classification" if classifier else "image-feature-extraction",
                dataset_type=dataset["name"] if on_hub else dataset.get("source", "local"),
                dataset_name=one_line(_where(record)[0]),
                dataset_split=one_line(_where(record)[1]),
                metric_type=kind,
                metric_value=value,
                metric_name=name,
            )
            for kind, name, value, _ in results
            if kind is not None  # the mean image's error is no merit of the model
        ]
        + _evaluated(record)
        or None,
    )


def one_line(text: Any) -> str:
    """`text` without line breaks, so that no line of the front matter can begin with ---."""
    return " ".join(str(text).split())


def escape(text: Any) -> str:
    """`text` on one line, with every character that Markdown or HTML could act on as an entity."""
    return re.sub(r"[^\w\s.,:;/()%+=@'-]", lambda match: f"&#{ord(match[0])};", one_line(text)).replace(
        "://", "&#58;//"
    )


def _fields(record: dict[str, Any], model_id: str) -> dict[str, Any]:
    """All that the template names; an unknown is empty and its line is left out."""
    model, arguments, dataset = record["model"], record.get("arguments", {}), record.get("dataset", {})
    classifier = record.get("verb") == "finetune"
    hardware, timings = record.get("hardware", {}), record.get("timings", {})
    train, evaluation = dataset.get("train", {}), dataset.get("evaluation")
    few = arguments.get("labels_per_class")
    kind = "image classifier" if classifier else "encoder with its decoder"
    name, split = _where(record)
    command = record.get("command", "")
    processor = hardware.get("gpu") or hardware.get("cpu")
    return {
        "title": escape(model_id.rstrip("/").split("/")[-1]),
        "summary": f"{escape(model['class'])} ({kind}, {model['parameters']:,} parameters), made with pretune: "
        + ("trained on labelled images." if classifier else "pretrained on images without labels."),
        "results": [
            {
                "name": name_of_metric,
                "value": shown,
                "where": f"{escape(name)}, {escape(split)}",
                "samples": f"{evaluation['samples']:,}" if evaluation else f"{train.get('samples', 0):,}",
                "n": "1 draw" if few else "1 run",
            }
            for _, name_of_metric, _, shown in _results(record)
        ],
        "code": _code(model["class"], classifier, model_id),
        "verb": escape(record.get("verb", "")),
        "from_scratch": bool(arguments.get("from_scratch")),
        "recipe": escape(arguments.get("recipe") or ""),
        "trained_on": f"{train['samples']:,} samples of {escape(_short(dataset, 'train'))}"
        + (f", {labels_in_words(few)}" if few else "")
        + (f"; {dataset['damaged_and_skipped']} damaged ones left out" if dataset.get("damaged_and_skipped") else "")
        if train
        else "",
        "network": escape(model["model_type"]) + f", {model['parameters']:,} parameters",
        "started_from": escape(re.sub(r"\S*/", "", record.get("loading_report") or "")),
        "hardware": f"{escape(processor)}, {hardware.get('processes', 1)} process(es)" if processor else "",
        "time": f"{timings['total_seconds']:.0f} s in all, {timings['train_seconds']:.0f} s of training"
        if "total_seconds" in timings
        else "",
        "versions": ", ".join(f"{escape(k)} {escape(v)}" for k, v in record.get("versions", {}).items()),
        "command": command,
        "fence": "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", command)), default=0)),
        "evaluation": _evaluation(record),
        "pictures": [(n, PICTURES[n]) for n in PICTURES if n in record.get("pictures", [])],
        "limits": _limits(record, classifier),
    }


def _results(record: dict[str, Any]) -> list[tuple[str | None, str, float, str]]:
    """(metric type, or None for a floor beside it; its name; its value; as shown) of the final metrics."""
    metrics, few = record.get("metrics", {}), record.get("arguments", {}).get("labels_per_class")
    prefix = "eval_" if "evaluation" in record.get("dataset", {}) else "train_"
    suffix = f" with {labels_in_words(few)}" if few else ""
    shown = []
    for key, kind, name, form in (
        ("accuracy", "accuracy", "accuracy in %", "{:.2f} %"),
        ("macro_f1", "f1", "macro-F1 in %", "{:.2f} %"),
        ("squared_error", "mse", "squared error, summed over an image", "{:.2f}"),
        ("mean_image_loss", None, "for comparison, the mean image's squared error a pixel", "{:.4f}"),
    ):
        value = metrics.get(prefix + key)
        if value is not None:
            shown.append((kind, name + suffix, round(value, 6), form.format(value)))
    if "eval_loss" in metrics and "accuracy" not in str(metrics):
        shown.insert(
            0, ("mse", "squared error a pixel", round(metrics["eval_loss"], 6), f"{metrics['eval_loss']:.4f}")
        )
    return shown


METHODS_OF_THE_MODEL = {"linear": "linear probe", "knn": "1-NN on the code", "finetune": "fine-tuned"}


def _evaluation(record: dict[str, Any]) -> dict[str, Any] | None:
    """What `pretune evaluate --update_card` left in the record, for the template."""
    found = record.get("evaluation")
    if found is None:
        return None
    counts = list(dict.fromkeys(row["labels_per_class"] for row in found["table"]))
    cells = {(row["method"], row["labels_per_class"]): row for row in found["table"]}
    return {
        "sentence": escape(found["verdict"]["sentence"]),
        "rule": found["verdict"]["rule"],
        "version": found["protocol_version"],
        "where": escape(found["dataset"]["name"].rstrip("/").split("/")[-1]),
        "samples": f"{found['dataset']['test']['samples']:,}",
        "counts": ["all labels" if c == "all" else f"{c} per class" for c in counts],
        "rows": [
            (method_in_words(method), [_mean_and_sd(cells.get((method, count))) for count in counts])
            for method in dict.fromkeys(row["method"] for row in found["table"])
        ],
    }


def _mean_and_sd(row: dict[str, Any] | None) -> str:
    if row is None:
        return ""
    return f"{row['mean']:.1f}" + (f" +- {row['sd']:.1f}" if row["sd"] is not None else "")


def _evaluated(record: dict[str, Any]) -> list[EvalResult]:
    """The evaluation's means as entries of the model-index, each with its number of labels and draws."""
    found = record.get("evaluation")
    if found is None:
        return []
    dataset, on_hub = found["dataset"], found["dataset"]["source"] == "hub"
    name, _, split = dataset["test"]["name"].partition(" [")
    return [
        EvalResult(
            task_type="image-classification",
            dataset_type=dataset["name"] if on_hub else dataset["source"],
            dataset_name=one_line(name if on_hub else name.rstrip("/").split("/")[-1]),
            dataset_split=one_line(split.replace("]", "")) or "test",
            metric_type="accuracy",
            metric_value=round(row["mean"], 2),
            metric_name=f"accuracy in %, {METHODS_OF_THE_MODEL[row['method']]}, "
            + f"{labels_in_words(row['labels_per_class'])} ("
            + f"mean of {row['draws']} draws, " * (row["draws"] > 1)
            + f"protocol {found['protocol_version']})",
        )
        for row in found["table"]
        if row["method"] in METHODS_OF_THE_MODEL
    ]


def _where(record: dict[str, Any]) -> tuple[str, str]:
    """(dataset, split) the metrics were measured on; a local path only by its last part."""
    dataset = record.get("dataset", {})
    part = "evaluation" if "evaluation" in dataset else "train"
    name, _, split = _short(dataset, part).partition(" [")
    return name, split.replace("]", "") or part


def _short(dataset: dict[str, Any], part: str) -> str:
    name = dataset.get(part, {}).get("name", "")
    return name if dataset.get("source") == "hub" else name.rstrip("/").split("/")[-1]


def _code(class_name: str, classifier: bool, model_id: str) -> str:
    model_id = repr(model_id).replace("`", "")
    if classifier:
        return (
            "import pretune.auto\nfrom transformers import pipeline\n\n"
            f'classify = pipeline("image-classification", model={model_id})\nprint(classify("picture.png"))'
        )
    return (
        "import pretune.auto\nfrom PIL import Image\nfrom transformers import AutoImageProcessor, AutoModel\n\n"
        f"model, processor = (kind.from_pretrained({model_id}) for kind in (AutoModel, AutoImageProcessor))\n"
        'pixel_values = processor(Image.open("picture.png"), return_tensors="pt")["pixel_values"]\n'
        "latents = model.encode(pixel_values)"
    )


def _limits(record: dict[str, Any], classifier: bool) -> list[str]:
    lines = ["Measured only on the data named above; images from another source can fare much worse."]
    if classifier:
        lines.append("Not examined for bias between groups of people or things, nor for adversarial images.")
    else:
        lines.append("The code keeps what rebuilds pixels, which need not be what tells classes apart.")
    if "evaluation" not in record.get("dataset", {}):
        lines.append("There was no evaluation split: all numbers are of training images.")
    return lines
