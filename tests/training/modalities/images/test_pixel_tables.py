"""Pictures that stand in tables as numbers."""

import numpy as np
import pytest

from pretune import InputError
from pretune.training.modalities.images.pixel_tables import pictures_of, pixel_columns


@pytest.mark.parametrize(
    ("names", "cell", "expected"),
    [
        (["label", *(f"pixel{i}" for i in range(64))], "7", 64),
        (["label", *(f"px_{i:04d}" for i in range(48))], "7", 48),
        (["label", *(f"{r}x{c}" for r in range(1, 5) for c in range(1, 7))], "7", 24),
        (["emotion", "pixels", "Usage"], " ".join(["7"] * 16), 1),
        (["emotion", "pixels"], "seven", 0),
        (["label", *(f"pixel{i}" for i in range(9))], "7", 0),  # a few measurements, no picture
        (["file", "width", "height"], "7", 0),
    ],
)
def test_columns_that_hold_pictures_as_numbers(names, cell, expected):
    assert len(pixel_columns(names, dict.fromkeys(names, cell))) == expected


def columns_of(rows, names):
    return {name: rows[:, k] for k, name in enumerate(names)}


@pytest.mark.parametrize(
    ("names", "shape"),
    [
        ([f"pixel{i}" for i in range(64)], (8, 8)),
        ([f"pixel{i}" for i in range(48)], (4, 4, 3)),
        ([f"{r}x{c}" for r in range(1, 5) for c in range(1, 7)], (4, 6)),
        ([f"{r}x{c}" for r in range(4) for c in range(6)], (4, 6)),
    ],
)
def test_rows_become_pictures_by_names_or_as_squares(names, shape):
    rows = np.random.default_rng(0).integers(0, 256, (5, len(names)))
    found = pictures_of(columns_of(rows, names), "t.csv")
    assert found.shape == (5, *shape) and found.dtype == np.uint8 and (found.reshape(5, -1) == rows).all()


def test_larger_numbers_and_fractions_are_kept():
    names, rows = [f"pixel{i}" for i in range(16)], np.arange(32).reshape(2, 16)
    assert pictures_of(columns_of(rows * 100, names), "t.csv").max() == 3100
    assert pictures_of(columns_of(rows / 31, names), "t.csv").dtype == np.float32


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (columns_of(np.zeros((2, 20), int), [f"pixel{i}" for i in range(20)]), "20 pixels a row, which is no square"),
        ({"pixels": [" ".join(["1"] * 16), " ".join(["1"] * 25)]}, "row 1 of t.csv has 25 pixels and the first 16"),
        ({"pixels": [" ".join(["1"] * 16), "none"]}, "row 1 of t.csv holds 'none', expected pixels"),
        (
            {**columns_of(np.zeros((1, 15), int), [f"pixel{i}" for i in range(15)]), "pixel15": np.array(["x"])},
            "column 'pixel15' of t.csv holds 'x'",
        ),
    ],
)
def test_what_is_no_picture_is_told(columns, message):
    with pytest.raises(InputError, match=message):
        pictures_of(columns, "t.csv")
