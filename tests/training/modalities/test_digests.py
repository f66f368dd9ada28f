"""Digests decide for ever what is held out: they never change, and tell different samples apart."""

import numpy as np
import PIL.Image
import pytest

from pretune.training.modalities.digests import digests_of
from pretune.training.modalities.images.digests import difference_hashes, image_digests, picture_digest

DIGESTS = ["0x21ceacac0d3254c", "0x948779311bbad0fe"]
SHORT = ["0x242a8847047e7859", "0x50db903953d6e635"]


def test_they_are_the_same_for_ever():
    rows = np.arange(2 * 3 * 4 * 4, dtype=np.uint8).reshape(2, 3, 4, 4)
    assert [hex(own) for own in digests_of(rows)] == DIGESTS
    assert [hex(own) for own in digests_of(rows[:, 0, 0, :3])] == SHORT


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_one_changed_number_changes_a_digest(dtype):
    rows = np.zeros((513, 512), dtype)
    rows[np.arange(512), np.arange(512)] = 1
    assert len(np.unique(digests_of(rows))) == 513


def test_they_do_not_depend_on_how_rows_lie_in_memory():
    rows = np.random.default_rng(0).integers(0, 256, (9000, 2, 3), dtype=np.uint8)
    expected = digests_of(rows)
    assert np.array_equal(digests_of(np.asfortranarray(rows)), expected)
    assert np.array_equal(digests_of(rows[::3]), expected[::3]) and len(digests_of(rows[:0])) == 0


def test_grey_is_grey_in_any_number_of_channels():
    grey = np.random.default_rng(0).integers(0, 256, (5, 1, 4, 4), dtype=np.uint8)
    colour = grey.repeat(3, 1)
    assert np.array_equal(image_digests(grey), image_digests(colour))
    colour[0, 2, 0, 0] ^= 1
    assert (image_digests(grey) == image_digests(colour)).tolist() == [False, True, True, True, True]


def test_difference_hashes_bear_a_change_of_brightness_and_size():
    coarse = np.random.default_rng(0).integers(0, 200, (10, 1, 8, 9), dtype=np.uint8)
    small, large = (coarse.repeat(k, 2).repeat(k, 3) for k in (2, 4))
    hashes = difference_hashes(small)
    assert np.array_equal(hashes, difference_hashes(large)) and np.array_equal(hashes, difference_hashes(small + 50))
    assert np.bitwise_count(hashes[:, None] ^ hashes)[~np.eye(10, dtype=bool)].min() > 10
    assert difference_hashes(coarse) is None


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "F"])
def test_a_picture_has_the_digest_of_its_pixels(mode):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    picture = PIL.Image.fromarray(pixels)
    if mode in ("I;16", "F"):
        array = pixels[:, :, 0].astype(np.uint16 if mode == "I;16" else np.float32) * 7
        picture, stored = PIL.Image.fromarray(array), array[None]
    else:
        picture = picture.convert(mode)
        stored = np.atleast_3d(np.asarray(picture.convert("L" if mode in ("1", "L", "LA") else "RGB"))).transpose(
            2, 0, 1
        )
    assert picture_digest(picture) == image_digests(stored[None])[0]


def test_large_pictures_are_told_apart_by_a_part_of_them():
    rng = np.random.default_rng(0)
    large = rng.integers(0, 256, (3, 3, 1100, 700), dtype=np.uint8)
    assert len(np.unique(image_digests(large))) == 3
    assert picture_digest(PIL.Image.fromarray(large[0].transpose(1, 2, 0))) == image_digests(large)[0]


@pytest.mark.parametrize("dtype", [">u2", np.int16, np.int32, np.uint32, np.int64])
def test_a_type_says_nothing_of_a_picture(dtype):
    values = np.random.default_rng(0).integers(0, 30000, (5, 1, 6, 6)).astype(np.uint16)
    values[1] //= 200  # by itself it would fit 8 bits
    assert np.array_equal(image_digests(values.astype(dtype)), digests_of(values))


def test_a_turned_picture_has_the_digest_of_the_upright_one(tmp_path):
    values = np.random.default_rng(0).integers(0, 30000, (6, 9)).astype(np.uint16)
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    PIL.Image.fromarray(values).save(tmp_path / "a.png", exif=exif)
    with PIL.Image.open(tmp_path / "a.png") as picture:
        assert picture_digest(picture) == image_digests(np.rot90(values, -1)[None, None])[0]
