"""From a picture to numbers: shape, channels, range, alpha."""

import numpy as np
import PIL.Image
import pytest

from pretune.modeling.processors.pictures import Reading, fit, is_first, numbers_of

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (6, 9, 3), dtype=np.uint8)


@pytest.mark.parametrize(("height", "width"), [(6, 9), (9, 6), (4, 4)])
def test_what_is_not_square_is_cropped_padded_or_stretched(height, width):
    values = np.zeros((1, height, width), np.uint8)
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    values[:, top : top + side, left : left + side] = 200
    assert (fit(values, 4, 4, "crop") == 200).all()
    white = np.full((2, height, width), 255, np.uint8)
    padded = fit(white, 12, 12, "pad")
    lit = (padded == 255).sum((1, 2)) / 144
    assert np.allclose(lit, side / max(height, width), atol=0.05) and set(np.unique(padded)) <= {0, 255}
    assert (fit(white, 12, 5, "stretch") == 255).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_resizing_keeps_the_mean_of_every_channel(channels, dtype):
    values = RNG.integers(0, np.iinfo(dtype).max, (channels, 32, 32)).astype(dtype)
    small = fit(values, 8, 8, "crop")
    assert small.shape == (channels, 8, 8) and small.dtype == dtype
    means = small.mean((1, 2)) / values.mean((1, 2))
    assert np.allclose(means, 1, atol=0.03)
    assert fit(values, 32, 32, "crop") is values


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.int32, np.int64, np.float32, np.float64])
def test_a_range_of_any_type_becomes_all_numbers_in_order(dtype):
    values = np.linspace(-1000, 3000, 64).reshape(8, 8).astype(dtype)
    if dtype == np.uint16:
        values = np.linspace(0, 4000, 64).reshape(8, 8).astype(dtype)
    low, high = float(values.min()), float(values.max())
    for bits, top in ((8, 255), (16, 65535)):
        numbers = numbers_of(values, Reading(1, bits, (low, high)))
        assert numbers[0, 0, 0] == 0 and numbers[0, -1, -1] == top and (np.diff(numbers.ravel().astype(int)) > 0).all()
    inner = numbers_of(values, Reading(1, 16, (low + 500, high - 500)))
    assert inner[0, 0, 0] == 0 and inner[0, -1, -1] == 65535  # what lies outside is its end, and never wraps


@pytest.mark.parametrize("alpha", ["drop", "keep", "white", "#000"])
@pytest.mark.parametrize("channels", [1, 3])
def test_alpha_is_left_out_kept_or_shows_a_colour(alpha, channels):
    cover = np.zeros((6, 9), np.uint8)
    cover[:, :4] = 255
    image = PIL.Image.fromarray(np.dstack([COLOUR, cover]))
    reading = Reading(channels + (alpha == "keep"), alpha=alpha)
    numbers = numbers_of(image, reading)
    colours = numbers_of(image.convert("RGB"), Reading(channels))
    assert np.array_equal(numbers[:channels, :, :4], colours[:, :, :4])
    hidden = numbers[:channels, :, 4:]
    if alpha in ("drop", "keep"):
        assert np.array_equal(hidden, colours[:, :, 4:])
        assert alpha == "drop" or np.array_equal(numbers[channels], cover)
    else:
        assert (hidden == (255 if alpha == "white" else 0)).all()


@pytest.mark.parametrize(
    ("first", "last", "channels", "expected"),
    [(3, 28, None, True), (28, 3, None, False), (5, 64, None, True), (64, 5, None, False), (4, 20, None, True),
     (20, 2, None, False), (12, 8, 12, True), (8, 12, 12, False), (3, 3, None, True), (7, 7, None, True)],
)  # fmt: skip
def test_where_the_channels_of_an_array_are(first, last, channels, expected):
    assert is_first(first, last, channels) is expected


@pytest.mark.parametrize(
    ("picture", "reading", "words"),
    [
        (np.zeros((5, 8, 8), np.uint8), Reading(3), "5 channels does not fit a model of 3"),
        (PIL.Image.fromarray(COLOUR), Reading(5), "does not fit a model of 5 channels"),
        (PIL.Image.fromarray(COLOUR), Reading(1, 16, (0, 4095)), "trained on values from 0 to 4095"),
        (np.full((8, 8), -3, np.int16), Reading(1), "from -3 to -3, expected 0 to 255"),
        (PIL.Image.fromarray(np.full((8, 8), 1e6, np.float32)), Reading(1), "expected 0 to 1"),
        (np.zeros((2, 2, 8, 8)), Reading(1), "expected"),
    ],
)
def test_what_does_not_fit_is_said(picture, reading, words):
    with pytest.raises(ValueError, match=words):
        numbers_of(picture, reading)
