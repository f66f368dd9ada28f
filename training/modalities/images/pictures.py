"""Pictures of images: originals over reconstructions, and samples with what is said of each."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..figures import new_figure, one_word, save_figure

HIDDEN = 0.5  # grey: what a hidden pixel is drawn as


def draw_reconstructions(
    path: Path, originals: np.ndarray, reconstructions: np.ndarray, hidden: np.ndarray | None = None
) -> None:
    """Originals over reconstructions, both (N, C, H, W) in [0, 1], in bands of up to 12.

    Args:
        hidden: (N, 1, H, W), or what is broadcast to it, True for pixels that were hidden: the row between shows what
            was left.
    """
    columns = min(12, len(originals))
    bands = len(originals) // columns
    rows, words = [originals, reconstructions], "originals, and below each its reconstruction"
    if hidden is not None:
        rows.insert(1, np.where(hidden, np.float32(HIDDEN), originals))
        words = "originals, what was left of each (grey: hidden), and its reconstruction"
    figure = new_figure(columns, 1.075 * len(rows) * bands)
    for k in range(bands * columns):
        for row, images in enumerate(rows):
            place = (len(rows) * (k // columns) + row) * columns + k % columns + 1
            axes = figure.add_subplot(len(rows) * bands, columns, place)
            axes.imshow(_shown(images[k]), cmap="gray", vmin=0, vmax=1)
            axes.set_axis_off()
    figure.suptitle(words, fontsize=9)
    save_figure(figure, path)


def draw_images(path: Path, images: np.ndarray, captions: Sequence[str] | None = None, columns: int = 12) -> None:
    """Images (N, C, H, W) in [0, 1], in rows of up to `columns`.

    Args:
        captions: (N,) what stands above each.
    """
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    figure = new_figure(max(columns, 2), (1.05 if captions is None else 1.25) * rows)
    for k, image in enumerate(images):
        axes = figure.add_subplot(rows, columns, k + 1)
        axes.imshow(_shown(image), cmap="gray", vmin=0, vmax=1)
        axes.set_axis_off()
        if captions is not None:
            axes.set_title(one_word(captions[k], 14), fontsize=7, pad=2)
    save_figure(figure, path)


def _shown(image: np.ndarray) -> np.ndarray:
    """(C, H, W) -> what is drawn of it: (H, W) of the first channel, or (H, W, 3) of the first three."""
    image = np.clip(image, 0, 1)
    return image[0] if len(image) < 3 else image[:3].transpose(1, 2, 0)
