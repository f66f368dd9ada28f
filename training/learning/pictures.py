"""The pictures a run leaves: originals over reconstructions, the code, the losses, the confusion matrix."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def draw_reconstructions(path: Path, originals: np.ndarray, reconstructions: np.ndarray) -> None:
    """Originals over reconstructions, both (N, C, H, W) in [0, 1], in rows of up to 12."""
    columns = min(12, len(originals))
    bands = len(originals) // columns
    figure = _figure(columns, 2.15 * bands)
    for k in range(bands * columns):
        for row, image in enumerate((originals[k], reconstructions[k])):
            axes = figure.add_subplot(2 * bands, columns, (2 * (k // columns) + row) * columns + k % columns + 1)
            axes.imshow(np.clip(image.transpose(1, 2, 0), 0, 1).squeeze(), cmap="gray", vmin=0, vmax=1)
            axes.set_axis_off()
    figure.suptitle("originals, and below each its reconstruction", fontsize=9)
    _save(figure, path)


def draw_images(path: Path, images: np.ndarray) -> None:
    """Images (N, C, H, W) in [0, 1], in rows of up to 12."""
    columns = min(12, len(images))
    rows = len(images) // columns
    figure = _figure(columns, 1.05 * rows)
    for k in range(rows * columns):
        axes = figure.add_subplot(rows, columns, k + 1)
        axes.imshow(np.clip(images[k].transpose(1, 2, 0), 0, 1).squeeze(), cmap="gray", vmin=0, vmax=1)
        axes.set_axis_off()
    _save(figure, path)


def draw_latents(path: Path, latents: np.ndarray, labels: np.ndarray | None, names: list[str] | None) -> None:
    """The code (N, D) as a scatter: its two units, or its first two principal components; coloured by label."""
    share = ""
    if latents.shape[1] > 2:
        centred = latents - latents.mean(0)
        _, sizes, axes_of_code = np.linalg.svd(centred, full_matrices=False)
        kept = (sizes[:2] ** 2).sum() / max((sizes**2).sum(), 1e-12)
        latents, share = centred @ axes_of_code[:2].T, f"first two principal components, {kept:.0%} of the variance"
    elif latents.shape[1] == 1:
        latents, share = np.hstack([latents, np.zeros_like(latents)]), "the code's only unit"
    figure = _figure(6.5, 6)
    axes = figure.add_subplot()
    if labels is None or labels.ndim != 1:
        axes.scatter(*latents.T, s=4, alpha=0.5, linewidths=0)
    else:
        classes = np.unique(labels)
        colours = colormaps["tab10" if len(classes) <= 10 else "gist_ncar"].resampled(max(len(classes), 10))
        for k, label in enumerate(classes):
            axes.scatter(
                *latents[labels == label].T, s=4, alpha=0.6, linewidths=0, color=colours(k), label=names[label]
            )
        if len(classes) <= 20:
            axes.legend(markerscale=4, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    axes.set_title(share or "the code's two units", fontsize=9)
    _save(figure, path)


def draw_losses(path: Path, lines: list[dict[str, Any]], floor: float | None = None) -> None:
    """Training and evaluation loss over epochs, from the lines of metrics.jsonl; `floor` is the mean image's error."""
    figure = _figure(6.5, 4)
    axes = figure.add_subplot()
    for key, style in (("loss", "-"), ("eval_loss", "o--")):
        points = [(line["epoch"], line[key]) for line in lines if key in line]
        if points:
            axes.plot(
                *zip(*points, strict=True), style, markersize=4, label={"loss": "training"}.get(key, "evaluation")
            )
    if floor is not None:
        axes.axhline(floor, color="gray", linestyle=":", label="mean image")
    axes.set(xlabel="epoch", ylabel="loss", yscale="log")
    axes.legend(frameon=False, fontsize=8)
    _save(figure, path)


def draw_confusion(path: Path, matrix: np.ndarray, names: list[str]) -> None:
    """Confusion matrix (L, L): true classes down, predictions across; shade is the share of the true class."""
    draw_confusions(path, {"": matrix}, names)


def draw_confusions(
    path: Path, matrices: dict[str, np.ndarray], names: list[str], title: str = "", note: str | None = None
) -> None:
    """Confusion matrices of several models beside each other, each under its name; see `draw_confusion`.

    Args:
        title: above them.
        note: what they are of, kept in the file.
    """
    side = min(3 + 0.35 * len(names), 12)
    figure = _figure((side + 0.8) * len(matrices), side)
    panels = figure.subplots(1, len(matrices), squeeze=False)[0]
    for axes, (model, matrix) in zip(panels, matrices.items(), strict=True):
        share = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
        axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
        if len(names) <= 30:
            axes.set_xticks(range(len(names)), names, rotation=90, fontsize=7)
            axes.set_yticks(range(len(names)), names, fontsize=7)
            for row, column in np.argwhere(matrix > 0):
                colour = "white" if share[row, column] > 0.5 else "black"
                axes.text(column, row, str(matrix[row, column]), ha="center", va="center", fontsize=6, color=colour)
        axes.set(xlabel="predicted", ylabel="true")
        axes.set_title(model, fontsize=9)
    if title:
        figure.suptitle(title, fontsize=9, wrap=True)
    _save(figure, path, note)


# Told apart without colour: filled markers and solid lines for the model, open ones and dashes for the floors.
STYLES = {
    "finetune": ("fine-tuned", "#0b3c8c", "-", "o"),
    "linear": ("linear probe on the code", "#1f77d0", "-", "s"),
    "knn": ("1-NN on the code", "#7fb2e5", "-", "^"),
    "scratch": ("same network from scratch", "#c0392b", "-.", "X"),
    "raw_knn": ("floor: 1-NN, raw pixels", "#555555", "--", "^"),
    "raw_linear": ("floor: linear, raw pixels", "#555555", "--", "s"),
    "pca_knn": ("floor: 1-NN, PCA", "#999999", ":", "^"),
    "pca_linear": ("floor: linear, PCA", "#999999", ":", "s"),
    "untrained_knn": ("floor: 1-NN, untrained encoder", "#b8860b", (0, (5, 1, 1, 1)), "^"),
    "untrained_linear": ("floor: linear, untrained encoder", "#b8860b", (0, (5, 1, 1, 1)), "s"),
}


def draw_few_labels(
    path: Path,
    found: dict[str, dict[tuple[str, int | str], list[float]]],
    counts: list[int | str],
    chance: float,
    labels_all: int,
    title: str,
    note: str | None = None,
) -> None:
    """Accuracy against number of labels: a panel for each model, bands of one sd over the draws.

    Args:
        found: by model, accuracies in per cent by (method, labels per class).
        counts: labels per class, ascending, possibly with "all" at the end.
        chance: accuracy of the most frequent class.
        labels_all: labels per class that "all" stands for.
        title: above it.
        note: what it is of, kept in the file.
    """
    figure = _figure(6.2 * len(found) + 2.6, 5)
    places = [labels_all if count == "all" else count for count in counts]
    panels = figure.subplots(1, len(found), sharey=True, squeeze=False)[0]
    for panel, (model, accuracies) in zip(panels, found.items(), strict=True):
        for method, (label, colour, line, marker) in STYLES.items():
            points = [
                (x, accuracies[method, c]) for x, c in zip(places, counts, strict=True) if (method, c) in accuracies
            ]
            if not points:
                continue
            x, means = [p[0] for p in points], np.array([np.mean(p[1]) for p in points])
            sds = np.array([np.std(p[1], ddof=1) if len(p[1]) > 1 else np.nan for p in points])  # NaN: no band there
            floor = "floor" in label
            panel.fill_between(x, means - sds, means + sds, color=colour, alpha=0.08 if floor else 0.18, linewidth=0)
            panel.plot(
                x, means, linestyle=line, marker=marker, color=colour, label=label, markersize=6 - 1.5 * floor,
                markerfacecolor="white" if floor else colour, linewidth=1.1 if floor else 2, zorder=2 if floor else 3,
            )  # fmt: skip
        panel.axhline(chance, color="black", linestyle=(0, (1, 4)), linewidth=1, label="most frequent class")
        panel.set_xscale("log")
        panel.set_xticks(places, ["all" if c == "all" else str(c) for c in counts])
        panel.minorticks_off()
        panel.set_xlabel("labels per class")
        panel.set_title(model if len(found) > 1 else "", fontsize=10)
        panel.grid(alpha=0.25)
    figure.suptitle(title, fontsize=10)
    panels[0].set_ylabel("test accuracy in %")
    panels[-1].legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    _save(figure, path, note)


def _figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)  # no pyplot: a caller's own figures and backend stay as they are
    return figure


def _save(figure: Figure, path: Path, note: str | None = None) -> None:
    figure.savefig(path, dpi=110, metadata={"Software": None, **({"Description": note} if note else {})})
