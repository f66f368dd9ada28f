"""A table of texts as a picture: what stands in for contact sheets."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..figures import new_figure, one_word, save_figure

SHOWN = 110  # letters of a text
INCHES = 0.17  # a line


def draw_texts(path: Path, texts: np.ndarray, captions: Sequence[str] | None = None, columns: int = 12) -> None:
    """(N,) texts, one a line and cut off, under each other.

    Args:
        captions: (N,) what stands before each.
        columns: so many lines belong together.
    """
    figure = new_figure(11, INCHES * (len(texts) + 2))
    axes = figure.add_subplot()
    axes.set_axis_off()
    axes.set_ylim(len(texts), 0)
    for line, text in enumerate(texts):
        if line and line % columns == 0:
            axes.axhline(line, color="0.7", linewidth=0.5)
        if captions is not None:
            axes.text(0, line + 0.5, one_word(captions[line]), fontsize=7, va="center", color="#0b3c8c")
        axes.text(0.14 if captions is not None else 0, line + 0.5, shortened(text), fontsize=7, va="center")
    save_figure(figure, path)


def shortened(text: str) -> str:
    """A text on one line, cut off, with nothing in it that has no shape."""
    line = "".join(letter if letter.isprintable() else "?" for letter in " ".join(str(text).split()))
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 3]}..."
