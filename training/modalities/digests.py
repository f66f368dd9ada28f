"""What tells one sample from another: a number made of its content alone, whatever file or order it came in.

Which samples are held out is decided by these numbers, so they must never change (`tests/.../test_digests.py` holds
them), with no version of any library.
"""

import functools
import hashlib

import numpy as np

ROWS = 4096  # at once, since rows may be mapped from a file


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
