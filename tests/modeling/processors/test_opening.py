"""Which files are opened, and what is known before they are decoded."""

import io

import numpy as np
import PIL.Image
import pytest

from pretune.modeling.processors import opening
from pretune.modeling.processors.opening import Refused, header_of, open_picture

RNG = np.random.default_rng(0)
GREY = PIL.Image.fromarray(RNG.integers(0, 256, (5, 7), dtype=np.uint8))


def written(image: PIL.Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "TGA", "JPEG2000"])
def test_raster_formats_are_opened(kind):
    header = header_of(written(GREY, kind))
    assert (header.height, header.width, header.frames, header.wide) == (5, 7, 1, False)


@pytest.mark.parametrize("kind", ["EPS", "PDF"])
def test_what_other_programs_would_be_asked_for_is_not(kind):
    with pytest.raises(PIL.UnidentifiedImageError):
        open_picture(written(GREY.convert("RGB"), kind))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_the_header_knows_how_a_picture_is_shown(kind):
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    header = header_of(written(GREY, kind, exif=exif))
    assert (header.height, header.width) == (7, 5)


def test_bombs_are_refused_in_one_line(monkeypatch):
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(Refused, match="pixels, which may be meant to fill memory: shrink it"):
        open_picture(written(GREY, "PNG"))


def test_frames_are_counted_and_opened():
    shades = [PIL.Image.new("L", (6, 4), shade) for shade in (10, 120, 250)]
    for kind in ("GIF", "TIFF", "WEBP"):
        data = written(shades[0], kind, save_all=True, append_images=shades[1:])
        assert header_of(data).frames == 3
        seen = [np.asarray(open_picture(data, frame).convert("L")).mean() for frame in range(3)]
        assert np.allclose(seen, [10, 120, 250], atol=3)


@pytest.mark.parametrize("shape", [(9, 8, 5), (9, 8, 2), (9, 8, 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
def test_bands_of_a_tiff_are_all_there(shape, dtype, tmp_path):
    tifffile = pytest.importorskip("tifffile")
    values = RNG.integers(0, 100, shape).astype(dtype)
    for planar in ("contig", "separate"):
        written = values if planar == "contig" else values.transpose(2, 0, 1)
        tifffile.imwrite(tmp_path / "b.tif", written, photometric="minisblack", planarconfig=planar)
        found = open_picture(tmp_path / "b.tif")
        assert np.array_equal(found, values.transpose(2, 0, 1))
        header = header_of(tmp_path / "b.tif")
        assert (header.channels, header.wide) == (shape[2], dtype != np.uint8)


def test_colour_of_sixteen_bits_keeps_them(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    values = RNG.integers(0, 65536, (9, 8, 3)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "c.tif", values, photometric="rgb")
    assert np.array_equal(open_picture(tmp_path / "c.tif"), values.transpose(2, 0, 1))


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(
        tmp_path / "b.tif", np.zeros((9, 8, 5), np.uint8), photometric="minisblack", planarconfig="contig"
    )
    monkeypatch.setitem(__import__("sys").modules, "tifffile", None)
    with pytest.raises(Refused, match=r"pip install 'pretune\[formats\]'"):
        open_picture(tmp_path / "b.tif")
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    with pytest.raises(Refused, match=r"it is HEIC, which needs a package: pip install 'pretune\[formats\]'"):
        open_picture(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200))


def test_heic_by_its_package(tmp_path):
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    PIL.Image.fromarray(np.full((32, 48, 3), 90, np.uint8)).save(tmp_path / "p.heic")
    header = header_of(tmp_path / "p.heic")
    assert (header.height, header.width, header.channels) == (32, 48, 3)


def test_colour_cut_to_eight_bits_is_noticed():
    deep, plain = (b"P6\n1 1\n%d\n" % top + bytes(6) for top in (4095, 255))
    assert header_of(deep).narrowed and not header_of(plain).narrowed
    assert not header_of(written(GREY, "PNG")).narrowed and opening.channels_of(open_picture(deep)) == 3
