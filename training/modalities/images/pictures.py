"""Pictures of images: originals over reconstructions, and samples of a generator."""

from pathlib import Path

import numpy as np

from ..figures import new_figure, save_figure


def draw_reconstructions(path: Path, originals: np.ndarray, reconstructions: np.ndarray) -> None:
    """Originals over reconstructions, both (N, C, H, W) in [0, 1], in rows of up to 12."""
    columns = min(12, len(originals))
    bands = len(originals) // columns
    figure = new_figure(columns, 2.15 * bands)
    for k in range(bands * columns):
        for row, image in enumerate((originals[k], reconstructions[k])):
            axes = figure.add_subplot(2 * bands, columns, (2 * (k // columns) + row) * columns + k % columns + 1)
            axes.imshow(_shown(image), cmap="gray", vmin=0, vmax=1)
            axes.set_axis_off()
    figure.suptitle("originals, and below each its reconstruction", fontsize=9)
    save_figure(figure, path)


def draw_images(path: Path, images: np.ndarray) -> None:
    """Images (N, C, H, W) in [0, 1], in rows of up to 12."""
    columns = min(12, len(images))
    rows = len(images) // columns
    figure = new_figure(columns, 1.05 * rows)
    for k in range(rows * columns):
        axes = figure.add_subplot(rows, columns, k + 1)
        axes.imshow(_shown(images[k]), cmap="gray", vmin=0, vmax=1)
        axes.set_axis_off()
    save_figure(figure, path)


def _shown(image: np.ndarray) -> np.ndarray:
    """(C, H, W) -> what is drawn of it: (H, W) of the first channel, or (H, W, 3) of the first three."""
    image = np.clip(image, 0, 1)
    return image[0] if len(image) < 3 else image[:3].transpose(1, 2, 0)
