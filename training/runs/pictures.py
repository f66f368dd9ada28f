"""The pictures a run leaves whatever its samples are: the embedding, the losses, the confusion matrix."""

import contextlib
import logging
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from matplotlib import colormaps

from ..errors import one_line
from ..modalities.figures import new_figure, one_word, save_figure

logger = logging.getLogger(__name__)


class drawing(contextlib.AbstractContextManager):  # noqa: N801 (reads as a function, like contextlib's own)
    """While inside, a picture that cannot be drawn is a warning, whatever was raised: a run is worth more than it.

    Args:
        name: of the picture, for the warning.
    """

    def __init__(self, name: str):
        self.name = name

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """True, so that it goes no further, for all but what ends a process."""
        if not isinstance(error, Exception):
            return False
        logger.warning("warning: %s could not be drawn (%s: %s)", self.name, type(error).__name__, one_line(error))
        return True


def draw_embeddings(path: Path, latents: np.ndarray, labels: np.ndarray | None, names: list[str] | None) -> None:
    """The embedding (N, D) as a scatter: its two units, or its first two principal components; coloured by label.

    Rows without one (-1) are grey.
    """
    share = ""
    if latents.shape[1] > 2:
        latents, kept = first_two_components(latents)
        share = f"first two principal components, {kept:.0%} of the variance"
    elif latents.shape[1] == 1:
        share = "the embedding's only unit"
    if latents.shape[1] == 1:  # or a single sample has no second component
        latents = np.hstack([latents, np.zeros_like(latents)])
    figure = new_figure(6.5, 6)
    axes = figure.add_subplot()
    if labels is None or labels.ndim != 1:
        axes.scatter(*latents.T, s=4, alpha=0.5, linewidths=0)
    else:
        classes = np.unique(labels)
        colours = colormaps["tab10" if len(classes) <= 10 else "gist_ncar"].resampled(max(len(classes), 10))
        for k, label in enumerate(classes):
            colour = colours(k) if label >= 0 else "grey"
            axes.scatter(*latents[labels == label].T, s=4, alpha=0.6, linewidths=0, color=colour)
        if len(classes) <= 20:  # names given apart: one that begins with _ would be left out
            axes.legend(
                axes.collections, [one_word(names[k]) if k >= 0 else "unlabelled" for k in classes],
                markerscale=4, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False,
            )  # fmt: skip
    axes.set_title(share or "the embedding's two units", fontsize=9)
    save_figure(figure, path)


def first_two_components(latents: np.ndarray) -> tuple[np.ndarray, float]:
    """(N, D) -> ((N, 2) principal components, their share of the variance), by the smaller of the two products."""
    centred = (latents - latents.mean(0)).astype(np.float64)
    if len(centred) >= centred.shape[1]:
        squares, axes = np.linalg.eigh(centred.T @ centred)
        found = centred @ axes[:, :-3:-1]
    else:
        squares, places = np.linalg.eigh(centred @ centred.T)
        found = places[:, :-3:-1] * np.sqrt(squares[:-3:-1].clip(0))
    found = np.pad(found, ((0, 0), (0, max(0, 2 - found.shape[1]))))  # of one sample alone
    return found, float(squares[-2:].sum() / max(squares.sum(), 1e-12))


def draw_losses(path: Path, lines: list[dict[str, Any]], floor: tuple[float, str] | None = None) -> None:
    """Training and evaluation loss over epochs, from the lines of metrics.jsonl.

    Args:
        floor: a loss to stand beside them, with its name.
    """
    figure = new_figure(6.5, 4)
    axes = figure.add_subplot()
    for key, style in (("loss", "-"), ("eval_loss", "o--")):
        points = [(line["epoch"], line[key]) for line in lines if key in line]
        style = style if len(points) > 1 else "o"  # a line of one point is none
        if points:
            axes.plot(
                *zip(*points, strict=True), style, markersize=4, label={"loss": "training"}.get(key, "evaluation")
            )
    if floor is not None:
        axes.axhline(floor[0], color="gray", linestyle=":", label=floor[1])
    axes.set(xlabel="epoch", ylabel="loss", yscale="log")
    axes.legend(frameon=False, fontsize=8)
    save_figure(figure, path)


def draw_confusion(path: Path, matrix: np.ndarray, names: list[str]) -> None:
    """Confusion matrix (L, L): true classes down, predictions across; shade is the share of the true class."""
    draw_confusions(path, {"": matrix}, names)


def draw_confusions(
    path: Path, matrices: dict[str, np.ndarray], names: list[str], title: str = "", note: str | None = None
) -> None:
    """Confusion matrices (L, L) of several models beside each other, each under its name; see `draw_confusion`.

    Args:
        title: above them.
        note: what they are of, kept in the file.
    """
    side = min(3 + 0.35 * len(names), 12)
    figure = new_figure((side + 0.8) * len(matrices), side)
    panels = figure.subplots(1, len(matrices), squeeze=False)[0]
    for axes, (model, matrix) in zip(panels, matrices.items(), strict=True):
        share = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
        axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
        if len(names) <= 30:
            shown = [one_word(name) for name in names]
            axes.set_xticks(range(len(names)), shown, rotation=90, fontsize=7)
            axes.set_yticks(range(len(names)), shown, fontsize=7)
            for row, column in np.argwhere(matrix > 0):
                colour = "white" if share[row, column] > 0.5 else "black"
                axes.text(column, row, str(matrix[row, column]), ha="center", va="center", fontsize=6, color=colour)
        axes.set(xlabel="predicted", ylabel="true")
        axes.set_title(model, fontsize=9)
    if title:
        figure.suptitle(title, fontsize=9, wrap=True)
    save_figure(figure, path, note)
