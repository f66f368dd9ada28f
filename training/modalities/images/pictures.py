"""Pictures of images: originals over reconstructions, and samples with what is said of each."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

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
    ordered = [images[k * columns + n] for k in range(bands) for images in rows for n in range(columns)]
    figure = new_figure(columns, 1.075 * len(rows) * bands)
    _draw(figure, ordered, columns)
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
    _draw(figure, images, columns, captions)
    save_figure(figure, path)


def _draw(figure: Figure, images: Sequence[np.ndarray], columns: int, captions: Sequence[str] | None = None) -> None:
    """Images in rows, as one picture: axes for each would take a hundred times as long."""
    shown = [_shown(image) for image in images]
    high, wide = shown[0].shape[:2]
    gap = max(1, min(high, wide) // 14)
    above = gap if captions is None else max(1, high // 5)
    rows = -(-len(shown) // columns)
    whole = np.ones(
        (rows * (high + above) - above * (captions is None), columns * (wide + gap) - gap, *shown[0].shape[2:])
    )
    top = 0 if captions is None else above
    axes = figure.add_subplot()
    for k, image in enumerate(shown):
        y, x = top + k // columns * (high + above), k % columns * (wide + gap)
        whole[y : y + high, x : x + wide] = image
        if captions is not None:
            place = (x + wide / 2 - 0.5, y - 0.5)
            axes.annotate(
                one_word(captions[k], 14), place, (0, 2), textcoords="offset points", ha="center", fontsize=7
            )
    axes.imshow(whole, cmap="gray", vmin=0, vmax=1)
    axes.set_axis_off()


def _shown(image: np.ndarray) -> np.ndarray:
    """(C, H, W) -> what is drawn of it: (H, W) of the first channel, or (H, W, 3) of the first three."""
    image = np.clip(image, 0, 1)
    return image[0] if len(image) < 3 else image[:3].transpose(1, 2, 0)
