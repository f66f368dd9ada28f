"""Files of images: which endings they have, the column that holds them, and pictures in memory as such a file."""

import importlib.util
import io
from typing import Any

import numpy as np
import PIL.Image

ENDINGS = frozenset(
    ".jpg .jpeg .jpe .jfif .png .bmp .dib .gif .tif .tiff .webp .avif .ppm .pgm .pbm .pnm .jp2 .j2k .tga .pcx".split()
) | (frozenset((".heic", ".heif")) if importlib.util.find_spec("pillow_heif") else frozenset())
PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")


def feature() -> Any:
    """The type of a `datasets` column of image files, which are not decoded there."""
    import datasets

    return datasets.Image(decode=False)


def cell_of(value: Any) -> dict[str, Any] | None:
    """A picture of Pillow, or an 8-bit array (H, W) or (H, W, 3 or 4), as a file without loss, {"bytes", "path"}.

    None for anything else.
    """
    if isinstance(value, np.ndarray) and value.dtype == np.uint8 and value.shape[2:] in ((), (3,), (4,)):
        value = PIL.Image.fromarray(value)
    if not isinstance(value, PIL.Image.Image):
        return None
    if getattr(value, "filename", "") and getattr(value, "tile", None) and value.tell() == 0:
        return {"bytes": None, "path": str(value.filename)}  # opened and not read yet, so not changed: the file itself
    if value.mode.startswith("I;16") and value.mode != "I;16":
        value = value.convert("I")
    file = io.BytesIO()
    if value.mode in PNG_MODES:
        value.save(file, "PNG", exif=value.getexif())
    elif value.mode in ("I", "F", "CMYK"):
        value.save(file, "TIFF", exif=value.getexif())
    else:  # modes that few formats hold, such as LAB or PA
        value.convert("RGBA" if "A" in value.mode or "a" in value.mode else "RGB").save(file, "PNG")
    return {"bytes": file.getvalue(), "path": None}
