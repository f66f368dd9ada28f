"""Pictures of clips: log-mel frames over their reconstructions, and samples with what is said of each."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from ..figures import new_figure, one_word, save_figure

COLUMNS = 6  # in a row: a clip is wider than an image


def draw_reconstructions(
    path: Path, originals: np.ndarray, reconstructions: np.ndarray, hidden: np.ndarray | None = None
) -> None:
    """Originals over reconstructions, both (N, T, M) in [-1, 1]: time to the right, low bands below.

    Args:
        hidden: (N, T, M), or what is broadcast to it, True for cells that were hidden: the row between shows what was
            left.
    """
    columns = min(COLUMNS, len(originals))
    bands = len(originals) // columns
    rows, words = [originals, reconstructions], "log-mel frames of clips, and below each its reconstruction"
    if hidden is not None:
        rows.insert(1, np.where(hidden, np.float32(-1), originals))
        words = "log-mel frames of clips, what was left of each, and its reconstruction"
    figure = new_figure(1.6 * columns, 1.1 * len(rows) * bands)
    for k in range(bands * columns):
        for row, clips in enumerate(rows):
            place = (len(rows) * (k // columns) + row) * columns + k % columns + 1
            _draw(figure.add_subplot(len(rows) * bands, columns, place), clips[k])
    figure.suptitle(words, fontsize=9)
    save_figure(figure, path)


def draw_clips(path: Path, clips: np.ndarray, captions: Sequence[str] | None = None, columns: int = COLUMNS) -> None:
    """Clips in rows of up to `columns`, as (N, T, M) frames or as (N, samples) windows, in [-1, 1].

    Args:
        captions: (N,) what stands above each.
    """
    columns = min(columns, COLUMNS, len(clips))
    rows = -(-len(clips) // columns)
    figure = new_figure(1.6 * max(columns, 2), (1.1 if captions is None else 1.3) * rows)
    for k, clip in enumerate(clips):
        axes = figure.add_subplot(rows, columns, k + 1)
        _draw(axes, clip)
        if captions is not None:
            axes.set_title(one_word(captions[k], 20), fontsize=7, pad=2)
    save_figure(figure, path)


def _draw(axes: Axes, clip: np.ndarray) -> None:
    """(T, M) frames as a picture, (samples,) as a line."""
    if clip.ndim == 1:
        axes.plot(clip, linewidth=0.4, color="#1f77d0")
        axes.set_ylim(-1, 1)
    else:
        axes.imshow(np.clip(clip, -1, 1).T, cmap="magma", vmin=-1, vmax=1, origin="lower", aspect="auto")
    axes.set_axis_off()
