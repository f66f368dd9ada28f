"""Pictures of clips: log-mel frames over their reconstructions."""

from pathlib import Path

import numpy as np

from ..figures import new_figure, save_figure


def draw_reconstructions(path: Path, originals: np.ndarray, reconstructions: np.ndarray) -> None:
    """Originals over reconstructions, both (N, T, M) in [-1, 1]: time to the right, low bands below, 6 in a row."""
    columns = min(6, len(originals))
    bands = len(originals) // columns
    figure = new_figure(1.6 * columns, 2.2 * bands)
    for k in range(bands * columns):
        for row, clip in enumerate((originals[k], reconstructions[k])):
            axes = figure.add_subplot(2 * bands, columns, (2 * (k // columns) + row) * columns + k % columns + 1)
            _draw(axes, clip)
    figure.suptitle("log-mel frames of clips, and below each its reconstruction", fontsize=9)
    save_figure(figure, path)


def draw_clips(path: Path, clips: np.ndarray) -> None:
    """Clips (N, T, M) in [-1, 1], 6 in a row."""
    columns = min(6, len(clips))
    rows = len(clips) // columns
    figure = new_figure(1.6 * columns, 1.1 * rows)
    for k in range(rows * columns):
        _draw(figure.add_subplot(rows, columns, k + 1), clips[k])
    save_figure(figure, path)


def _draw(axes, clip: np.ndarray) -> None:
    axes.imshow(np.clip(clip, -1, 1).T, cmap="magma", vmin=-1, vmax=1, origin="lower", aspect="auto")
    axes.set_axis_off()
