"""What tells one image from another, in whatever format; and what nearly equal images nearly share."""

import numpy as np

from ....modeling.processors.opening import Picture, is_wide, upright
from ....modeling.processors.pictures import Reading, numbers_of
from ..digests import ROWS, digests_of

LARGE = 512  # pixels a side
GREY = ("1", "L", "LA", "La")  # modes of 8 bits a pixel
SMALL = 16  # pixels a side, below which different pictures look alike to `difference_hashes`


def image_digests(values: np.ndarray) -> np.ndarray:
    """(N, C, H, W) pixels -> (N,) uint64; a grey image has the same in one channel and in three.

    Of images of more than `LARGE` pixels a side every second, third ... row and column counts.
    """
    every = -(-max(values.shape[2:]) // LARGE) if values.ndim == 4 else 1
    values = values if every == 1 else values[:, :, ::every, ::every]
    if values.dtype != np.uint8 and values.dtype.kind in "iuf":
        return _of_any_type(values)
    return _of_one_type(values)


def _of_any_type(values: np.ndarray) -> np.ndarray:
    """Numbers of the same values have the same digest in whatever type they came: each image in the smallest one that
    holds it, from 16 bits on."""
    found = np.empty(len(values), dtype="<u8")
    for start in range(0, len(values), ROWS):
        part = np.asarray(values[start : start + ROWS])
        own = found[start : start + ROWS]
        if part.dtype.kind == "f":
            own[:] = _of_one_type(part.astype("<f4"))
            continue
        flat = part.reshape(len(part), -1)
        low, high = flat.min(1), flat.max(1)
        small = (low >= 0) & (high < 2**16)
        fits = ~small & (low >= -(2**31)) & (high < 2**31)
        for rows, kind in ((small, "<u2"), (fits, "<i4"), (~small & ~fits, "<i8")):
            own[rows] = _of_one_type(part[rows].astype(kind))
    return found


def _of_one_type(values: np.ndarray) -> np.ndarray:
    if values.ndim != 4 or values.shape[1] != 3:
        return digests_of(values)
    found = np.empty(len(values), dtype="<u8")
    for start in range(0, len(values), ROWS):
        part = np.asarray(values[start : start + ROWS])
        grey = (part[:, :1] == part).all(axis=(1, 2, 3))
        own = found[start : start + ROWS]
        own[~grey], own[grey] = digests_of(part[~grey]), digests_of(part[grey, :1])
    return found


def picture_digest(picture: Picture) -> int:
    """The digest of a picture, or of an array (C, H, W), as it is before anything is done to it."""
    if isinstance(picture, np.ndarray):
        numbers = picture
    elif is_wide(picture):
        numbers = np.asarray(upright(picture))[None]
    else:
        numbers = numbers_of(picture, Reading(1 if picture.mode in GREY else 3))
    return int(image_digests(numbers[None])[0])


def difference_hashes(values: np.ndarray) -> np.ndarray | None:
    """(N, C, H, W) pixels -> (N,) uint64: which of 9 x 8 grey cells are brighter than their left neighbours.

    Copies of a picture that were resized, brightened or saved with loss differ in few of the 64 bits. None for
    pictures below `SMALL` pixels a side, where different ones do too.
    """
    if values.ndim != 4 or min(values.shape[2:]) < SMALL:
        return None
    down, across = _cells(values.shape[2], 8), _cells(values.shape[3], 9)
    bits = np.empty((len(values), 64), dtype=bool)
    for start in range(0, len(values), 1024):
        part = np.asarray(values[start : start + 1024])
        grey = part[:, 0].astype(np.float32) if part.shape[1] == 1 else part.mean(1, dtype=np.float32)
        cells = np.matmul(down, grey @ across.T)  # (n, 8, 9)
        bits[start : start + 1024] = (cells[:, :, 1:] > cells[:, :, :-1]).reshape(len(part), 64)
    return np.packbits(bits, axis=1).view("<u8")[:, 0]


def _cells(size: int, cells: int) -> np.ndarray:
    """(cells, size): the share that each pixel of a side has in the mean of each cell."""
    edges, pixels = np.linspace(0, size, cells + 1), np.arange(size)
    inside = np.minimum(pixels + 1, edges[1:, None]) - np.maximum(pixels, edges[:-1, None])
    return (np.clip(inside, 0, None) * cells / size).astype(np.float32)
