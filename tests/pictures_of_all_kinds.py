"""Pictures of every mode that people have, as PIL pictures and as files, for tests alone."""

from pathlib import Path

import numpy as np
import PIL.Image

RNG = np.random.default_rng(7)
HEIGHT, WIDTH = 14, 20
COLOUR = PIL.Image.fromarray(RNG.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8))
WIDE = RNG.integers(0, 4096, (HEIGHT, WIDTH))
ORIENTATION = 0x0112


def with_alpha(mode: str) -> PIL.Image.Image:
    """A picture of half transparent and opaque pixels."""
    image = COLOUR.convert("RGBA")
    image.putalpha(PIL.Image.fromarray(RNG.integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)))
    return image.convert(mode)


def pictures() -> dict[str, PIL.Image.Image]:
    """{mode: a picture}."""
    palette = COLOUR.quantize(40)
    return {
        "1": COLOUR.convert("1"), "L": COLOUR.convert("L"), "LA": with_alpha("LA"), "P": palette,
        "PA": palette.convert("PA"), "RGB": COLOUR, "RGBA": with_alpha("RGBA"), "CMYK": COLOUR.convert("CMYK"),
        "I;16": PIL.Image.fromarray(WIDE.astype(np.uint16)), "I": PIL.Image.fromarray((WIDE - 1024).astype(np.int32)),
        "F": PIL.Image.fromarray((WIDE / 7 - 100).astype(np.float32)),
    }  # fmt: skip


FORMATS = {"CMYK": ["tiff", "jpg"], "PA": ["tiff"], "I": ["tiff"], "F": ["tiff"], "I;16": ["png", "tiff"]}
TURNED = {"png": "RGB", "jpg": "RGB", "tiff": "L", "webp": "RGB"}  # with an EXIF orientation
KINDS = [f"{mode} {ending}" for mode in pictures() for ending in FORMATS.get(mode, ["png"])]
KINDS += [f"turned {ending}" for ending in TURNED]


def save(kind: str, folder: Path, count: int = 3) -> list[Path]:
    """Files of one of `KINDS`, each another part of the picture, so that their sizes differ."""
    first, ending = kind.split()
    image = COLOUR.convert(TURNED[ending]) if first == "turned" else pictures()[first]
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(count):
        exif = PIL.Image.Exif()
        if first == "turned":
            exif[ORIENTATION] = (6, 3, 5)[number % 3]
        part = image.crop((0, 0, WIDTH - 2 * number, HEIGHT - number))
        paths.append(folder / f"{first.replace(';', '')} {number}.{ending}")
        part.save(paths[-1], exif=exif)
    return paths
