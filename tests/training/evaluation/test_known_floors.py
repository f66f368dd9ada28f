"""Floors of the report against numbers that were measured independently of it, on whole datasets."""

from pathlib import Path

import numpy as np
import pytest

from pretune.training.command.arguments.evaluate import EvaluateArguments
from pretune.training.data.loading import load_data
from pretune.training.evaluation.features import FloorFeatures
from pretune.training.evaluation.probes import nearest_neighbour
from pretune.training.modalities.image import IMAGE

DATA = Path(__file__).resolve().parents[4] / "shared/data"  # beside the repository


@pytest.mark.slow
@pytest.mark.skipif(not (DATA / "mnist").is_dir(), reason=f"needs MNIST in {DATA / 'mnist'}")
def test_nearest_neighbours_on_all_of_mnist():
    args = EvaluateArguments(model=["none"], dataset=str(DATA / "mnist"), output_dir="unused")
    train, test = load_data(args, IMAGE)
    pixels = FloorFeatures(train, test)
    for kind, width, expected in (("raw", 0, 96.91), ("pca", 50, 97.34)):
        rows, others, _ = pixels(kind, width)
        right = nearest_neighbour(rows, train.labels, others) == test.labels
        assert 100 * np.mean(right) == pytest.approx(expected, abs=0.1)
