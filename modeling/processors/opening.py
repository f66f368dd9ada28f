"""Files, bytes and PIL pictures opened: which formats, how turned, which of them hold bands and not colours."""

import functools
import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageOps
import PIL.TiffImagePlugin

from .exact import ORIENTATION, exact_numbers, is_deep, is_signed, turned

# Raster formats alone: PIL would also hand PostScript and its like to other programs. TGA has no mark, so it is last.
FORMATS = (
    "PNG", "JPEG", "MPO", "GIF", "BMP", "DIB", "TIFF", "WEBP", "AVIF", "JPEG2000", "PPM", "QOI", "PCX", "SGI",
    "ICO", "TGA",
)  # fmt: skip
ANIMATED = ("GIF", "WEBP", "PNG", "TIFF", "AVIF")  # whose further frames are pictures of their own
MOST_PIXELS = 178_956_970  # 512 MB in colour, where PIL too refuses a picture
TIFF_MARKS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
HEIC_MARKS = (b"ftyphei", b"ftyphev", b"ftypmif1", b"ftypmsf1")
LYING = (5, 6, 7, 8)  # EXIF: turned by a quarter
ALPHA = (1, 2)  # of TIFF's ExtraSamples: the channel beside the colours is alpha
WIDTH, HEIGHT, BITS, PHOTOMETRIC, SAMPLES, EXTRA, NUMBERS = 256, 257, 258, 262, 277, 338, 339
RGB = 2
DESCRIPTION, VOLUME = 270, "slices of a volume"  # the tag of a TIFF that says so
Picture = PIL.Image.Image | np.ndarray


class Refused(ValueError):
    """A picture is whole, but is not read as things are; the message says why and the repair."""


@dataclass(frozen=True)
class Header:
    """What is known of a picture before it is decoded.

    Args:
        height, width: as it is shown, turned by its EXIF orientation.
        channels: 1 for grey, 3 for colour, alpha not counted; of bands, all.
        kind: for people: "RGB", "I;16", "5 bands".
        wide: it holds more than 8 bits a number.
        alpha: it has an alpha channel or a transparent colour.
        frames: pages or frames.
        narrowed: it has 16 bits a colour, of which PIL reads 8.
        volume: its pages are slices of one body, the outermost of which are often empty.
    """

    height: int
    width: int
    channels: int
    kind: str
    wide: bool = False
    alpha: bool = False
    frames: int = 1
    narrowed: bool = False
    volume: bool = False


def open_picture(source: str | Path | bytes, frame: int = 0) -> Picture:
    """The picture in a file or in its bytes, opened and not yet decoded; bands of a TIFF, and what PIL would read as
    other numbers, as an upright array (C, H, W).

    Args:
        source: a path, or what stands in the file.
        frame: which page or frame.

    Raises:
        Refused: a kind of file that is not read, too many pixels, or a package is missing.
        OSError, SyntaxError, ValueError: what PIL says of damaged files.
    """
    opened = _opened(source, frame)
    exact = None if isinstance(opened, np.ndarray) else exact_numbers(opened)
    return opened if exact is None else exact


def _opened(source: str | Path | bytes, frame: int) -> Picture:
    """What PIL makes of it, or its bands."""
    mark = _first_bytes(source)
    if not mark:
        raise Refused("it is empty (0 bytes)")
    if mark.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise Refused("it is a web page or XML, as a download that failed leaves it")
    try:
        image = PIL.Image.open(_file(source), formats=_formats(mark))
    except PIL.Image.DecompressionBombError:
        raise Refused(
            f"it has more than {MOST_PIXELS:,} pixels, which may be meant to fill memory: shrink it"
        ) from None
    except (PIL.UnidentifiedImageError, SyntaxError):
        if mark[:4] in TIFF_MARKS:
            return _bands(source, frame)
        raise
    if has_bands(image):
        return _bands(source, frame)
    if frame:
        image.seek(frame)
    return image


def header_of(source: str | Path | bytes) -> Header:
    """The header of the first picture in a file or in its bytes. Raises what `open_picture` does."""
    picture = _opened(source, 0)
    if isinstance(picture, np.ndarray):
        frames, alpha = _pages_and_alpha(source)
        found = replace(header_of_array(picture), frames=frames, alpha=alpha)
        return replace(found, channels=found.channels - alpha)
    height, width = picture.height, picture.width
    # asked of the base class, since a PNG would be decoded for it; PIL says how a TIFF is shown
    if (
        "exif" in picture.info
        and PIL.Image.Image.getexif(picture).get(ORIENTATION) in LYING
        and picture.format != "TIFF"
    ):
        height, width = width, height
    frames = getattr(picture, "n_frames", 1) if picture.format in ANIMATED else 1
    deep = is_deep(picture)
    wide = deep or is_wide(picture) or is_signed(picture)
    volume = picture.format == "TIFF" and str(picture.tag_v2.get(DESCRIPTION, "")).strip("\0 ") == VOLUME
    return Header(
        height, width, channels_of(picture), picture.mode + " of 16 bits" * deep, wide, has_alpha(picture), frames,
        not wide and _is_narrowed(picture), volume,
    )  # fmt: skip


def _is_narrowed(image: PIL.Image.Image) -> bool:
    """Whether PIL keeps 8 bits of the 16 that a colour has, as of a PNG of grey with alpha, or of a PPM."""
    deep = (str(part.args).endswith("16B") or (part.codec_name == "ppm" and part.args[1] > 255) for part in image.tile)
    return any(deep)


def header_of_array(bands: np.ndarray) -> Header:
    """Of numbers (C, H, W)."""
    channels, height, width = bands.shape
    return Header(height, width, channels, f"{channels} bands", is_wide(bands))


def upright(image: PIL.Image.Image) -> PIL.Image.Image:
    """The picture turned as its EXIF orientation says, in whatever format; turning it again changes nothing."""
    image.load()  # a PNG may say it after its pixels
    return image if image.getexif().get(ORIENTATION, 1) == 1 else PIL.ImageOps.exif_transpose(image)


def channels_of(image: PIL.Image.Image) -> int:
    """1 for a grey picture of 1, 8, 16 or 32 bits, 3 for any other; alpha is not counted."""
    return 1 if image.mode in ("1", "L", "LA", "La") or is_wide(image) else 3


def is_wide(picture: Picture) -> bool:
    """Whether it holds more than 8 bits a number."""
    return picture.dtype.itemsize > 1 if isinstance(picture, np.ndarray) else picture.mode[0] in "IF"


def has_alpha(image: PIL.Image.Image) -> bool:
    """Whether it has an alpha channel, or a colour that is transparent."""
    return image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info


def has_bands(image: PIL.Image.Image) -> bool:
    """Whether a TIFF holds what PIL would take for colour and is not, or more bits than PIL keeps of a colour."""
    if not isinstance(image, PIL.TiffImagePlugin.TiffImageFile):
        return False
    tags = image.tag_v2
    samples, bits = tags.get(SAMPLES, 1), max(tags.get(BITS, (1,)))
    beside = samples - (3 if tags.get(PHOTOMETRIC) == RGB else 1)
    other = beside > 0 and tags.get(PHOTOMETRIC) in (0, 1, RGB) and tags.get(EXTRA, (0,))[0] not in ALPHA
    return samples > 4 or other or (samples > 1 and bits > 8)


def _first_bytes(source: str | Path | bytes) -> bytes:
    if isinstance(source, bytes):
        return source[:16]
    with open(source, "rb") as file:
        return file.read(16)


def _file(source: str | Path | bytes) -> Any:
    return io.BytesIO(source) if isinstance(source, bytes) else source


def _formats(mark: bytes) -> tuple[str, ...]:
    """Those that can be opened here."""
    if not mark[4:].startswith(HEIC_MARKS):
        return _registered()
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        raise Refused("it is HEIC, which needs a package: pip install 'pretune[formats]'") from None
    register_heif_opener()
    return ("HEIF",)


@functools.cache
def _registered() -> tuple[str, ...]:
    PIL.Image.init()
    return tuple(name for name in FORMATS if name in PIL.Image.OPEN)


def _tifffile() -> Any:
    """The package for TIFFs of many channels; the `try` tells transformers that loading does not need it."""
    try:
        import tifffile
    except ImportError:
        raise Refused(
            "it is a TIFF of bands or of more than 8 bits a colour, whose channels need a package: "
            "pip install 'pretune[formats]'"
        ) from None
    return tifffile


def _bands(source: str | Path | bytes, frame: int) -> np.ndarray:
    """All channels of a TIFF as numbers (C, H, W)."""
    tifffile = _tifffile()
    try:
        with tifffile.TiffFile(_file(source)) as tiff:
            page = tiff.pages[frame]
            if page.imagewidth * page.imagelength > MOST_PIXELS:
                raise Refused(f"it has more than {MOST_PIXELS:,} pixels: cut it into parts")
            values, orientation = page.asarray(), int(page.tags.valueof(ORIENTATION, 1))
    except tifffile.TiffFileError as error:
        raise ValueError(str(error)) from None
    except ValueError as error:
        if "imagecodecs" in str(error):
            raise Refused("its compression needs a package: pip install imagecodecs") from None
        raise
    if values.ndim == 2:
        values = values[None]
    elif page.planarconfig != tifffile.PLANARCONFIG.SEPARATE:
        values = np.moveaxis(values, -1, 0)
    return turned(values, orientation)


def _pages_and_alpha(source: str | Path | bytes) -> tuple[int, bool]:
    """Of a TIFF of bands: how many pages are like the first, and whether the last channel is transparency."""
    with _tifffile().TiffFile(_file(source)) as tiff:
        first = tiff.pages[0]
        pages = sum(page.shape == first.shape and page.dtype == first.dtype for page in tiff.pages)
        return pages, first.samplesperpixel in (2, 4) and tuple(first.extrasamples)[-1:] in ((1,), (2,))
