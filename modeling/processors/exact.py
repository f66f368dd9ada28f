"""Numbers of files that PIL would change: 16 bits a colour of a PNG, of which it keeps 8; types that it mistakes."""

import io
from typing import Any

import numpy as np
import PIL.Image
import PIL.PngImagePlugin
import PIL.TiffImagePlugin

ORIENTATION = 0x0112  # of EXIF
BITS, NUMBERS = 258, 339  # tags of a TIFF
UNSIGNED, SIGNED = 1, 2  # of NUMBERS
DEEP = ("RGB;16B", "RGBA;16B")  # how PIL names colours of 16 bits while they are not read yet


def is_deep(image: PIL.Image.Image) -> bool:
    """Whether a picture that is open and not yet decoded is a PNG of 16 bits a colour."""
    return isinstance(image, PIL.PngImagePlugin.PngImageFile) and any(part.args in DEEP for part in image.tile)


def exact_numbers(image: PIL.Image.Image) -> np.ndarray | None:
    """(C, H, W) upright numbers of a file that PIL would read as others; None where its own are right.

    Args:
        image: as it was opened, of one of its pages.
    """
    if is_deep(image):
        values = _both_halves(image)
    else:
        values = _of_its_type(image)
    return None if values is None else turned(values, image.getexif().get(ORIENTATION, 1))


def turned(values: np.ndarray, orientation: int) -> np.ndarray:
    """(C, H, W) numbers as they lie in a file -> as an EXIF orientation shows them."""
    if orientation in (5, 6, 7, 8):
        values = values.swapaxes(1, 2)
    if orientation in (2, 3, 6, 7):
        values = values[:, :, ::-1]
    return values[:, ::-1] if orientation in (3, 4, 7, 8) else values


def _both_halves(image: Any) -> np.ndarray:
    """Two readings: PIL keeps the upper byte of each number, and the lower one if it takes them for little-endian."""
    place = image.fp.tell()
    image.fp.seek(0)
    source = image.fp.read()
    image.fp.seek(place)
    halves = []
    for order in "BL":
        with PIL.Image.open(io.BytesIO(source), formats=["PNG"]) as half:
            half.tile = [part._replace(args=part.args[:-1] + order) for part in half.tile]
            half.load()
            halves.append(np.asarray(half).astype(np.uint16))
    return ((halves[0] << np.uint16(8)) | halves[1]).transpose(2, 0, 1)


def is_signed(image: PIL.Image.Image) -> bool:
    """Whether a picture is a TIFF of signed bytes, which PIL takes for unsigned ones."""
    return image.mode == "L" and _kind(image) == ((8,), (SIGNED,))


def _of_its_type(image: PIL.Image.Image) -> np.ndarray | None:
    if is_signed(image):
        return np.asarray(image).view(np.int8).astype(np.int16)[None]
    if image.mode == "I" and _kind(image) == ((32,), (UNSIGNED,)):  # PIL takes large ones for signed
        return np.asarray(image).view(np.uint32)[None]
    return None


def _kind(image: PIL.Image.Image) -> Any:
    """(bits, kind of numbers) of a TIFF; None of any other picture."""
    if not isinstance(image, PIL.TiffImagePlugin.TiffImageFile):
        return None
    return image.tag_v2.get(BITS), image.tag_v2.get(NUMBERS, (UNSIGNED,))
