"""Whether evaluation data were learnt from: what a run or report checked, in sentences, and what it did not."""

from typing import Any

from .results import judged_part, words_of


def evaluation_data_lines(record: dict[str, Any]) -> list[str]:
    """Of a run's own evaluation; nothing where training samples were all there was."""
    if judged_part(record) == "train":
        return []
    words, found = words_of(record), record.get("dataset", {}).get("overlap")
    total = record["dataset"]["evaluation"].get("samples", 0)
    if found is None:
        return ["Whether evaluation data were trained on was not checked."]
    lines = _lines(found.get("same", 0), found.get("nearly", 0), found.get("groups"), total, words)
    return [*lines, *_before(record, found, total, words)]


def evaluated_data_lines(evaluation: dict[str, Any], words: dict[str, str]) -> list[str]:
    """Of a report by `pretune evaluate` that stands on the card; nothing where it did not check."""
    dataset, seen = evaluation["dataset"], evaluation.get("test_samples")
    total, lines = dataset["test"].get("samples", 0), []
    if dataset.get("test_samples_in_training"):
        lines.append(f"{dataset['test_samples_in_training']:,} of these {words['many']} are labelled ones too.")
    if seen and seen["seen"]:
        lines.append(f"{seen['seen']:,} of these {total:,} {words['many']} were trained on: numbers are too good.")
    return lines


def _lines(same: int, nearly: int, groups: int | None, total: int, words: dict[str, str]) -> list[str]:
    many, exactly, lines = words["many"], f"{words['part']} for {words['part']}", []
    if same:
        lines.append(
            f"{same:,} of {total:,} evaluation {many} are training {many} too, {exactly}: numbers are too good."
        )
    else:
        lines.append(
            f"No evaluation {words['one']} is among the training {many}, {words['part']} for {words['part']}."
        )
    if nearly:
        lines.append(f"{nearly:,} of {total:,} are nearly the same as a training {words['one']}.")
    if groups is not None:
        lines.append(
            f"{groups:,} of {total:,} are of a group that is in training too." if groups else
            "No group of samples is in both."
        )  # fmt: skip
    return lines


def _before(record: dict[str, Any], found: dict[str, Any], total: int, words: dict[str, str]) -> list[str]:
    """What weights that were not new at the start had learnt from."""
    if not record.get("base_source") or record.get("arguments", {}).get("from_scratch"):
        return []
    seen = found.get("in_pretraining", 0)
    if seen:
        return [f"{seen:,} of {total:,} were learnt from in pretraining: numbers may be too good."]
    if found.get("pretraining_known"):
        return ["Pretraining did not see them either."]
    return ["What the weights it started from were pretrained on is not known here, so that was not checked."]
