"""Pictures of any kind -> uint8 (N, C, H, W) arrays: checked, decoded once, cached on disk."""

import hashlib
import io
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageOps
from numpy.lib.format import open_memmap

from ..errors import InputError, Misfit, one_line

CACHE_VERSION = 1
UNREADABLE = (OSError, ValueError, SyntaxError, TypeError, PIL.Image.DecompressionBombError)


@dataclass
class ImageDecoder:
    """Decodes every split of a dataset to one size and number of channels.

    Args:
        size, channels: None takes them from the first image.
        fit: resize and convert images that differ; otherwise they are an error.
        skip_damaged: leave out images that cannot be decoded; otherwise they are an error.
    """

    size: int | None = None
    channels: int | None = None
    fit: bool = False
    skip_damaged: bool = False

    def from_arrays(self, images: np.ndarray, name: str) -> tuple[np.ndarray, str]:
        """Arrays as they stand in a file -> (uint8 (N, C, H, W), fingerprint)."""
        images = _to_uint8(images, name)
        self.channels, self.size = self.channels or images.shape[1], self.size or images.shape[2]
        shape = (self.channels, self.size, self.size)
        if images.shape[1:] != shape:
            if not self.fit:
                raise Misfit(_misfit(name, "images", images.shape[1:], shape))
            pictures = (PIL.Image.fromarray(i[0] if len(i) == 1 else i.transpose(1, 2, 0)) for i in images)
            images = np.ascontiguousarray(np.stack([_pixels(picture, shape) for picture in pictures]))
        return images, hashlib.sha256(images).hexdigest()[:16]

    def from_column(self, rows: Any, column: str, name: str) -> tuple[np.ndarray, list[int], str]:
        """A column of a `datasets` split -> (uint8 (N, C, H, W), rows left out, fingerprint of the pixels).

        The array is mapped from the cache, which the first call fills.
        """
        import datasets

        rows = rows.select_columns([column]).cast_column(column, datasets.Image(decode=False))
        if self.size is None or self.channels is None:
            first = self._first_readable(rows, column, name)
            self.channels = self.channels or _channels(first)
            if self.size is None and first.width != first.height:
                raise Misfit(
                    f"{name} has images of {first.height}x{first.width} pixels (height x width), expected square "
                    f"ones. Pass --config.image_size N --fit_images to resize all to N x N."
                )
            self.size = self.size or first.height
        shape = (self.channels, self.size, self.size)
        key = [rows._fingerprint, column, len(rows), shape, self.fit, self.skip_damaged, CACHE_VERSION]
        path = cache_folder() / f"{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:32]}.npy"
        if not path.is_file():
            self._fill_cache(rows, column, name, shape, path)
        facts = json.loads(path.with_suffix(".json").read_text())
        return np.load(path, mmap_mode="c"), facts["skipped"], facts["fingerprint"]

    def _fill_cache(self, rows: Any, column: str, name: str, shape: tuple[int, int, int], path: Path) -> None:
        """Decode all rows into `path`, whole or not at all. One thread: with small images more only cost."""
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{os.getpid()}")
        skipped, row = [], -1
        try:
            out = open_memmap(part, mode="w+", dtype=np.uint8, shape=(len(rows), *shape))
            for batch in rows.with_format("arrow").iter(1024):
                for cell in batch[column].to_pylist():
                    row += 1
                    image = self._read(cell, row, name)
                    if image is None:
                        skipped.append(row)
                        continue
                    found = (_channels(image), image.height, image.width)
                    if found != shape and not self.fit:
                        raise Misfit(_misfit(name, f"image {row}", found, shape))
                    out[row - len(skipped)] = _pixels(image, shape)
            kept = out[: len(rows) - len(skipped)]
            fingerprint = hashlib.sha256(kept).hexdigest()[:16]
            if skipped:  # the file must hold exactly the images that are left
                kept = np.array(kept)
                with open(part, "wb") as file:
                    np.save(file, kept)
            del out, kept
            path.with_suffix(".json").write_text(json.dumps({"skipped": skipped, "fingerprint": fingerprint}))
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)

    def _first_readable(self, rows: Any, column: str, name: str) -> PIL.Image.Image:
        for row in range(len(rows)):
            image = self._read(rows[row][column], row, name)
            if image is not None:
                return image
        raise InputError(f"{name} is empty: none of its {len(rows)} images could be decoded.")

    def _read(self, cell: Any, row: int, name: str) -> PIL.Image.Image | None:
        """The picture in one cell; None if it is damaged and may be left out."""
        try:
            if not cell or (cell.get("bytes") is None and not cell.get("path")):
                raise ValueError("there is no image")
            image = PIL.Image.open(io.BytesIO(cell["bytes"]) if cell.get("bytes") is not None else cell["path"])
            image.load()
            return image if image.format == "PNG" else PIL.ImageOps.exif_transpose(image)
        except UNREADABLE as error:
            if self.skip_damaged:
                return None
            where = (cell or {}).get("path") or f"row {row}"
            raise InputError(
                f"image {row} of {name} ({where}) is damaged: {one_line(error)}. Mend or remove it, or pass "
                f"--skip_damaged to leave such images out."
            ) from None


def cache_folder() -> Path:
    """Where decoded images are kept: `$PRETUNE_CACHE`, or `pretune` under `$HF_HOME`."""
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(os.environ.get("PRETUNE_CACHE") or Path(home) / "pretune").expanduser()


def _channels(image: PIL.Image.Image) -> int:
    """1 for a grey picture of 1, 8, 16 or 32 bits, 3 for any other."""
    return 1 if image.mode in ("1", "L", "LA") or image.mode[0] in "IF" else 3


def _pixels(image: PIL.Image.Image, shape: tuple[int, int, int]) -> np.ndarray:
    """A picture as uint8 of `shape` (C, H, W); 16-bit grey keeps its upper 8 bits."""
    channels, height, width = shape
    if image.mode[0] == "I":
        image = PIL.Image.fromarray((np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8))
    mode = "L" if channels == 1 else "RGB"
    image = image if image.mode == mode else image.convert(mode)
    if image.size != (width, height):
        image = image.resize((width, height), PIL.Image.Resampling.BILINEAR)
    pixels = np.asarray(image)
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def _misfit(name: str, what: str, found: tuple[int, ...], expected: tuple[int, ...]) -> str:
    return (
        f"{what} of {name}: {'x'.join(map(str, found))} (channels x height x width), expected "
        f"{'x'.join(map(str, expected))}. Pass --fit_images to resize and convert, or for a new network "
        f"--config.image_size and --config.num_channels."
    )


def _to_uint8(images: np.ndarray, name: str) -> np.ndarray:
    """(N, H, W), (N, H, W, C) or (N, C, H, W), 8-bit or float in [0, 1] -> (N, C, H, W) uint8."""
    if images.ndim not in (3, 4):
        raise InputError(
            f"images of {name} have shape {images.shape}, expected (N, H, W), (N, H, W, C) or (N, C, H, W)."
        )
    if len(images) == 0:
        raise InputError(f"{name} is empty: expected at least one image.")
    images = images[:, None] if images.ndim == 3 else images
    if images.shape[1] not in (1, 3) and images.shape[3] in (1, 3):
        images = images.transpose(0, 3, 1, 2)
    if images.shape[1] not in (1, 3) or images.shape[2] != images.shape[3]:
        raise InputError(f"images of {name} have shape {images.shape[1:]}, expected 1 or 3 channels and a square.")
    if images.dtype == np.uint8:
        return np.ascontiguousarray(images)
    if images.dtype == bool:
        return images.astype(np.uint8) * np.uint8(255)
    top = 255 if np.issubdtype(images.dtype, np.integer) else 1 if np.issubdtype(images.dtype, np.floating) else None
    if top is None:
        raise InputError(f"images of {name} are of type {images.dtype}, expected 8-bit integers or floats in [0, 1].")
    result = np.empty(images.shape, dtype=np.uint8)
    for start in range(0, len(images), 1024):  # in parts, so that floats are never in memory twice
        part = images[start : start + 1024]
        if top == 1 and not np.isfinite(part).all():
            bad = start + int(np.argmax(~np.isfinite(part).reshape(len(part), -1).all(1)))
            raise InputError(f"image {bad} of {name} holds NaN or infinity, expected floats in [0, 1]. Remove it.")
        if part.min() < 0 or part.max() > top:
            raise InputError(
                f"images of {name} ({images.dtype}) hold values from {part.min():g} to {part.max():g}, expected "
                f"{'floats from 0 to 1' if top == 1 else 'integers from 0 to 255'}. Scale them and save them again."
            )
        result[start : start + 1024] = np.rint(part * 255) if top == 1 else part
    return result
