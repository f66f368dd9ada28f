"""Numbers that PIL would change come out as they stand in the file, from its path and from a picture that is open."""

import struct
import zlib

import numpy as np
import PIL.Image
import pytest

from pretune.modeling.processors.exact import turned
from pretune.modeling.processors.opening import header_of, open_picture
from pretune.modeling.processors.pictures import Reading, numbers_of

tifffile = pytest.importorskip("tifffile")
RNG = np.random.default_rng(0)


def deep_png(values: np.ndarray) -> bytes:
    """(H, W, 3 or 4) uint16 as a PNG; each row by another of its filters."""
    height, width, channels = values.shape
    rows = values.astype(">u2").reshape(height, -1).view(np.uint8).astype(int)
    apart, above, packed = 2 * channels, np.zeros(rows.shape[1], int), b""
    for number, row in enumerate(rows):
        left, corner = (np.concatenate([np.zeros(apart, int), one[:-apart]]) for one in (row, above))
        near = np.abs(np.stack([above - corner, left - corner, left + above - 2 * corner]))  # to left, above, corner
        paeth = np.choose(near.argmin(0), [left, above, corner])
        guess = (0, left, above, (left + above) // 2, paeth)[number % 5]
        packed += bytes([number % 5]) + (row - guess).astype(np.uint8).tobytes()
        above = row

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 16, {3: 2, 4: 6}[channels], 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(packed)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [("png", 0, 2**16), ("png with alpha", 0, 2**16), ("int8", -128, 128), ("uint32", 0, 2**32)],
)
def test_from_a_path_and_from_an_open_picture(tmp_path, kind, low, high):
    shape = (9, 8, 4 if "alpha" in kind else 3) if "png" in kind else (9, 8)
    values = RNG.integers(low, high, shape)
    path = tmp_path / ("a.png" if "png" in kind else "a.tif")
    if "png" in kind:
        path.write_bytes(deep_png(values))
        expected = values.transpose(2, 0, 1)
    else:
        tifffile.imwrite(path, values.astype(kind))
        expected = values[None]
    found, header = open_picture(path), header_of(path)
    assert np.array_equal(found, expected) and header.wide and (header.height, header.width) == (9, 8)
    assert header.alpha == ("alpha" in kind) and not header.narrowed
    reading = Reading(header.channels, 16, (low, high - 1))
    stored = [numbers_of(picture, reading, True) for picture in (found, PIL.Image.open(path))]
    wanted = np.rint((expected[: header.channels] - low) / (high - 1 - low) * 65535)
    assert np.array_equal(stored[0], wanted) and np.array_equal(stored[0], stored[1])
    with PIL.Image.open(path) as picture:  # it can still be used
        numbers_of(picture, reading)
        assert picture.convert("RGB").size == (8, 9)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_bands_are_turned_as_pictures_are(tmp_path, orientation):
    values = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    tags = [(274, "H", 1, orientation, True)]
    tifffile.imwrite(tmp_path / "8.tif", values, photometric="rgb", extratags=tags)
    tifffile.imwrite(tmp_path / "16.tif", values.astype(np.uint16) * 257, photometric="rgb", extratags=tags)
    few, many = (numbers_of(open_picture(tmp_path / name), Reading(3, 16), True) for name in ("8.tif", "16.tif"))
    assert np.array_equal(few, many) and header_of(tmp_path / "16.tif").height == few.shape[1]
    assert np.array_equal(turned(values.transpose(2, 0, 1), orientation) * np.uint16(257), many)


@pytest.mark.parametrize(("alpha", "expected"), [("drop", 65535), ("white", 65535), ("black", 21845)])
def test_transparency_of_sixteen_bits(tmp_path, alpha, expected):
    values = np.full((4, 4, 4), 65535, np.uint16)
    values[..., 3] = 21845  # a third
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb", extrasamples=["unassalpha"])
    header = header_of(tmp_path / "a.tif")
    assert (header.channels, header.alpha) == (3, True)
    found = numbers_of(open_picture(tmp_path / "a.tif"), Reading(3, 16, (0, 65535), alpha), True)
    assert found.shape == (3, 4, 4) and (found == expected).all()
