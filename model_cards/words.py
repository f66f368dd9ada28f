"""How cards and reports say things: phrases that several places share, and text from outside made harmless.

Loads nothing heavy and nothing else of pretune, so that training can use the same words and the same thresholds.
"""

import re
from typing import Any

# What a sample and its parts are called where a record does not say of what kind its samples are.
WORDS = {
    "one": "sample", "many": "samples", "part": "value", "parts": "values", "raw": "raw values", "mean": "mean sample",
}  # fmt: skip
# Pictures a run may leave, in the order of the card, and what they show, in the words of the kind of sample.
PICTURES = {
    "few_labels.png": "accuracy against number of labels, beside floors",
    "reconstructions.png": "originals, and below each its reconstruction",
    "latents.png": "the embedding, coloured by label where there is one",
    "confusion_matrix.png": "confusion matrix: true classes down, predictions across",
    "samples.png": "{many} generated from random embeddings",
    "loss.png": "loss over epochs",
}
# What Markdown or HTML acts on: anywhere, beside a word (emphasis), as a link or an address, at the start of a line.
ACTS = re.compile(
    r"[^\w\s.,:;/()%+=@'-]"
    r"|(?<![^\W_])_|_(?![^\W_])|:(?=//)|(?<=\bwww)\.|(?<=\w)@(?=\w)|^[-+=](?=[-+=\s]|$)"
)
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
# Scores in per cent, and how sentences call them.
METRICS = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro-F1",
    "mean_average_precision": "mean average precision",
}
CALIBRATION = "calibration_error"  # in points, beside those of METRICS; the smaller the better
COLLAPSED = 0.98  # of the mean sample's error; a network that learns anything falls well below
NAMES_SHOWN = 20  # class names on a card
NAME_LENGTH = 60  # characters of a class name


def no_better_than_mean(error: float, mean_error: float) -> bool:
    """Whether a network rebuilds samples no better than one that answers each with the mean of them all.

    Args:
        error: of the network, 0 or more.
        mean_error: of always answering with the mean sample, in the same unit; 0 where all samples are the same.
    """
    return mean_error > 0 and error >= COLLAPSED * mean_error


def labels_in_words(count: int | str) -> str:
    """A number of labels, as in "with 1 label per class"; "all" stands for all of them."""
    return "all labels" if count == "all" else f"{count} label{'s' * (count != 1)} per class"


def protocol_in_words(evaluation: dict[str, Any]) -> str:
    """The version that numbers are comparable within and, where test samples had to be held out, that of how."""
    held_out = evaluation["dataset"].get("held_out_version")
    return str(evaluation["protocol_version"]) + (f", held out by version {held_out}" if held_out else "")


def with_article(word: str) -> str:
    """ "a pixel", "an image"."""
    return f"{'an' if word[:1] in 'aeiou' else 'a'} {word}"


def names_in_words(names: list[Any]) -> str:
    """Class names, escaped; of many the first NAMES_SHOWN and how many more there are."""
    lines = [one_line(name) for name in names[:NAMES_SHOWN]]
    shown = [escape(name if len(name) <= NAME_LENGTH else f"{name[: NAME_LENGTH - 3]}...") for name in lines]
    return ", ".join(shown) + (f" and {len(names) - NAMES_SHOWN:,} more" if len(names) > NAMES_SHOWN else "")


def one_line(text: Any) -> str:
    """`text` without line breaks, so that no line of the front matter can begin with ---."""
    return " ".join(str(text).split())


def escape(text: Any) -> str:
    """`text` on one line, with every character that Markdown or HTML could act on as an entity."""
    line = ACTS.sub(_entity, one_line(text))
    number = re.match(r"\d+[.)](?=\s|$)", line)  # a list, at the start of a line
    return f"{line[: number.end() - 1]}&#{ord(number[0][-1])};{line[number.end() :]}" if number else line


def _entity(match: re.Match) -> str:
    return f"&#{ord(match[0])};"


def table_cell(text: Any) -> str:
    """`text` for a table that a spreadsheet may open: it would run a cell that begins like a formula."""
    text = str(text)
    return f"'{text}" if text.startswith(FORMULA) else text


def fence(code: str) -> str:
    """Backticks enough to hold `code`, whatever it holds itself."""
    return "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", code)), default=0))
