"""Arrays mean the same in every split and to the saved processor, whatever type they came in."""

import logging

import numpy as np
import pytest

from pretune.configuration.autoencoder import AutoencoderConfig
from pretune.modeling.processors.image import AutoencoderImageProcessor
from pretune.training.command.arguments.data import DataArguments
from pretune.training.data.loading import load_data
from pretune.training.errors import InputError
from pretune.training.modalities.image import IMAGE

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (6, 8, 8)).astype(np.uint8)
TWELVE = RNG.integers(0, 4096, (6, 8, 8)).astype(np.uint16)
TWELVE[0, 0, 0] = 4095
SHARES = RNG.random((6, 8, 8))


@pytest.fixture
def said(caplog):
    caplog.set_level(logging.INFO, "pretune")
    return lambda: caplog.text


def loaded(tmp_path, arrays, **more):
    np.savez(tmp_path / "d.npz", **arrays)
    return load_data(DataArguments(dataset=str(tmp_path / "d.npz"), **{"eval_split": "none", **more}), IMAGE)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.int64, np.float32, np.float64])
def test_the_saved_processor_gives_the_trained_pixels_of_an_array(tmp_path, dtype):
    data, _ = loaded(tmp_path, {"image": BYTES.astype(dtype)})
    processor = AutoencoderImageProcessor.for_config(AutoencoderConfig(image_size=8), **data.settings)
    assert np.array_equal(data.values[:, 0], BYTES) and data.form == "plain"
    for image in (BYTES[3].astype(dtype), BYTES[3]):
        assert np.array_equal(processor(image, return_tensors="np")["pixel_values"][0, 0] * 255, BYTES[3])


@pytest.mark.parametrize(
    ("train", "test", "low", "high"),
    [
        (TWELVE, BYTES.astype(np.uint16), 0, 4095),
        (TWELVE.astype(np.int64), BYTES.astype(np.int16), 0, 4095),
        (SHARES * 2 - 1, BYTES / 255, SHARES.min() * 2 - 1, SHARES.max() * 2 - 1),
        (BYTES.astype(np.float32), (BYTES > 99).astype(np.float32), 0, 255),
        (BYTES.astype(np.uint16), TWELVE, 0, 255),
    ],
)
def test_a_test_split_of_few_numbers_keeps_the_scale_of_training(tmp_path, train, test, low, high):
    data, judged = loaded(tmp_path, {"x_train": train, "x_test": test}, eval_split=None)
    top = 255 if data.values.dtype == np.uint8 else 65535
    for split, values in ((data, train), (judged, test)):
        assert np.array_equal(split.values[:, 0], np.rint(((values - low) / (high - low)).clip(0, 1) * top))


@pytest.mark.parametrize(("alpha", "channels"), [(None, 4), ("keep", 4), ("drop", 3), ("white", 3)])
def test_the_last_of_four_channels(tmp_path, said, alpha, channels):
    values = RNG.integers(0, 256, (6, 8, 8, 4), dtype=np.uint8)
    values[..., 3] = 255
    data, _ = loaded(tmp_path, {"image": values}, alpha=alpha)
    assert np.array_equal(data.values, values[..., :channels].transpose(0, 3, 1, 2))
    assert ("images of 4 channels" in said()) == (alpha is None)


@pytest.mark.parametrize("more", [{}, {"value_range": [-5, 5]}])
def test_a_number_that_is_none_is_named_wherever_it_is(tmp_path, more):
    values = np.zeros((1500, 2, 2)) - 1
    values[1200, 1, 1] = np.nan
    with pytest.raises(InputError, match="image 1200 of .* holds NaN"):
        loaded(tmp_path, {"image": values}, **more)
