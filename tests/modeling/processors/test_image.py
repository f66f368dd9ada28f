import numpy as np
import PIL.Image
import pytest
import torch

from pretune import AutoencoderConfig, AutoencoderImageProcessor

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (8, 8, 3), dtype=np.uint8)
GREY = np.asarray(PIL.Image.fromarray(COLOUR).convert("L"))


def pixels(image, channels=1, size=8):
    processor = AutoencoderImageProcessor.for_config(AutoencoderConfig(image_size=size, num_channels=channels))
    values = processor(image, return_tensors="pt")["pixel_values"]
    assert values.dtype == torch.float32 and 0 <= values.min() and values.max() <= 1
    return values


@pytest.mark.parametrize(
    "image",
    [
        PIL.Image.fromarray(GREY),
        PIL.Image.fromarray(COLOUR),
        PIL.Image.fromarray(COLOUR).convert("RGBA"),
        GREY,
        GREY[..., None],
        GREY[None],
        COLOUR,
        torch.tensor(GREY),
        torch.from_numpy(COLOUR.transpose(2, 0, 1).copy()),
        GREY.astype(np.float32) / 255,
        COLOUR.astype(np.float64) / 255,
    ],
)
def test_every_kind_of_picture_becomes_the_same_grey_pixels(image):
    expected = torch.from_numpy(GREY / 255).float()[None, None]
    torch.testing.assert_close(pixels(image), expected, rtol=0, atol=1.01 / 255)  # PIL rounds down in its "L"


def test_grey_becomes_rgb_for_a_colour_model():
    values = pixels(PIL.Image.fromarray(GREY), channels=3)
    assert values.shape == (1, 3, 8, 8) and torch.equal(values[:, 0], values[:, 2])
    assert torch.equal(pixels(GREY, channels=3), values)


def test_lists_and_batches_and_other_sizes():
    assert pixels([PIL.Image.fromarray(COLOUR), GREY]).shape == (2, 1, 8, 8)
    assert pixels(np.stack([GREY[None]] * 5)).shape == (5, 1, 8, 8)
    assert pixels(PIL.Image.fromarray(COLOUR).resize((30, 17)), channels=3, size=12).shape == (1, 3, 12, 12)


def test_as_training_reads_them():
    """The processor gives a picture of the model's size exactly the pixels training saw: 8 bits over 255."""
    torch.testing.assert_close(pixels(PIL.Image.fromarray(GREY))[0, 0], torch.tensor(GREY).float() / 255)


@pytest.mark.parametrize("value", [1.5, -0.1, np.nan])
def test_floats_outside_zero_to_one_are_refused(value):
    with pytest.raises(
        ValueError, match="NaN or infinity" if value != value else "expected 0 to 1. Divide by its max"
    ):
        pixels(np.full((8, 8), value))


def test_a_misspelt_argument_is_refused():
    processor = AutoencoderImageProcessor()
    with pytest.raises(Exception, match="num_chanels"):
        processor(PIL.Image.fromarray(GREY), num_chanels=3)


def test_save_and_load(tmp_path):
    processor = AutoencoderImageProcessor.for_config(AutoencoderConfig(image_size=8, num_channels=3))
    processor.save_pretrained(tmp_path)
    loaded = AutoencoderImageProcessor.from_pretrained(tmp_path)
    assert loaded.to_dict() == processor.to_dict() and loaded.num_channels == 3
