"""How every picture is made: without pyplot, so that a caller's own figures and backend stay as they are."""

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of this size in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, path: Path, note: str | None = None) -> None:
    """Write it as PNG; `note` says in the file what it is of."""
    figure.savefig(path, dpi=110, metadata={"Software": None, **({"Description": note} if note else {})})
