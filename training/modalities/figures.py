"""How every picture is made: without pyplot, so that a caller's own figures and backend stay as they are.

Text from outside (labels, names of models and datasets) is drawn as it stands: two $ make no mathematics of it.
"""

from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import LogFormatter, ScalarFormatter

LONGEST = 40  # characters of a name in a picture


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of this size in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def one_word(text: Any, longest: int = LONGEST) -> str:
    """A name for a picture: on one line, not too long, and nothing in it that has no shape."""
    line = " ".join(str(text).split())
    line = "".join(letter if letter.isprintable() else "?" for letter in line)
    return line if len(line) <= longest else f"{line[: longest - 3]}..."


def save_figure(figure: Figure, path: Path, note: str | None = None) -> None:
    """Write it as PNG; `note` says in the file what it is of. Of a link in its place, the link goes."""
    _take_literally(figure)
    if path.is_symlink():
        path.unlink()
    note = note and note.encode(errors="replace").decode()
    figure.savefig(path, dpi=110, metadata={"Software": None, **({"Description": note} if note else {})})


def _take_literally(figure: Figure) -> None:
    """No text is mathematics, but the numbers that matplotlib itself sets on an axis (powers of ten)."""
    own: set[int] = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis) if axes.axison else ():
            if isinstance(axis.get_major_formatter(), (LogFormatter, ScalarFormatter)):
                own |= {id(text) for text in (*axis.get_ticklabels(), *axis.get_ticklabels(minor=True))}
    for part in figure.get_children():
        bare = not getattr(part, "axison", True)  # axes whose ticks are not drawn: making them takes most of the time
        for text in (*part.texts, part.title) if bare else part.findobj(Text):
            if id(text) not in own:
                text.set_parse_math(False)
