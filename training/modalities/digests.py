"""What tells one sample from another: a number made of its content alone, whatever file or order it came in.

Which samples are held out is decided by these numbers, so they must never change (`tests/.../test_digests.py` holds
them), with no version of any library.
"""

import functools
import hashlib

import numpy as np

from ...modeling.processors.opening import Picture, is_wide
from ...modeling.processors.pictures import Reading, numbers_of

ROWS = 4096  # at once, since rows may be mapped from a file
LARGE = 512  # pixels a side
GREY = ("1", "L", "LA", "La")  # modes of 8 bits a pixel
SMALL = 16  # pixels a side, below which different pictures look alike to `difference_hashes`


def digests_of(values: np.ndarray) -> np.ndarray:
    """(N, ...) stored rows -> (N,) uint64: equal for equal rows, and else as good as never.

    Each half is a sum of 32-bit words with random odd weights of 64 bits, of which the upper half is kept: any two
    rows share it with a chance of 2^-31 (multilinear hashing, Carter and Wegman 1979).
    """
    if len(values) == 0:
        return np.empty(0, dtype="<u8")
    rows = values.reshape(len(values), -1)
    words = -(-rows.shape[1] * rows.itemsize // 4)
    constant, weights = _weights(words)
    found = np.empty(len(rows), dtype="<u8")
    for start in range(0, len(rows), ROWS):
        part = np.ascontiguousarray(rows[start : start + ROWS])
        raw = part.view(np.uint8).reshape(len(part), -1)
        if raw.shape[1] % 4:
            raw = np.pad(raw, ((0, 0), (0, -raw.shape[1] % 4)))
        sums = raw.view("<u4").astype("<u8") @ weights + constant  # (n, 2), modulo 2^64
        found[start : start + ROWS] = (sums[:, 0] & np.uint64(0xFFFFFFFF00000000)) | (sums[:, 1] >> np.uint64(32))
    return found


def _weights(words: int) -> tuple[np.ndarray, np.ndarray]:
    """(2,) constants and (words, 2) weights, the same for ever."""
    drawn = _drawn(max(words, 1).bit_length())
    return drawn[0], drawn[1 : words + 1] | np.uint64(1)


@functools.cache
def _drawn(bits: int) -> np.ndarray:
    """(2^bits + 1, 2) random numbers: fewer of them are the first ones of more."""
    drawn = hashlib.shake_128(b"pretune").digest(16 * (2**bits + 1))
    return np.frombuffer(drawn, dtype="<u8").reshape(-1, 2)


def image_digests(values: np.ndarray) -> np.ndarray:
    """(N, C, H, W) pixels -> (N,) uint64; a grey image has the same in one channel and in three.

    Of images of more than `LARGE` pixels a side every second, third ... row and column counts.
    """
    every = -(-max(values.shape[2:]) // LARGE) if values.ndim == 4 else 1
    values = values if every == 1 else values[:, :, ::every, ::every]
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
        numbers = np.asarray(picture)[None]
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
