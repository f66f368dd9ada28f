"""Which samples of one set are in another: number for number, or nearly."""

import numpy as np

from ..modalities.modality import Modality

BITS = 10  # of 64 in which the hashes of two near duplicates may differ
LIKENESS = 0.99  # correlation of two near duplicates, as the modality's raw rows
PAIRS = 100_000_000  # of hashes that are compared at most


def also_in(digests: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(N,) and (M,) digests of samples -> (N,) bool: which of the first are among the others."""
    return np.isin(digests, others)


def nearly_in(modality: Modality, values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(N, ...) and (M, ...) stored rows of one shape -> (N,) bool: which of the first are nearly one of the others.

    The nearest by the modality's hash is compared as it is. Of very large sets a part is looked at: an evenly spread
    one of `values`, the rest of which counts as no near duplicate.
    """
    found = np.zeros(len(values), dtype=bool)
    if modality.near_hash is None or not len(values) or not len(others):
        return found
    step = -(-len(values) * len(others) // PAIRS)
    rows = np.arange(0, len(values), step)
    mine, theirs = modality.near_hash(values[rows]), modality.near_hash(others)
    if mine is None or theirs is None:
        return found
    for start in range(0, len(rows), 64):
        part = rows[start : start + 64]
        apart = np.bitwise_count(mine[start : start + 64, None] ^ theirs[None])  # (n, M)
        nearest = apart.argmin(1)
        close = apart[np.arange(len(part)), nearest] <= BITS
        if close.any():
            found[part[close]] = _alike(modality.raw(values[part[close]]), modality.raw(others[nearest[close]]))
    return found


def nearly_twice(modality: Modality, values: np.ndarray) -> np.ndarray:
    """(N, ...) stored rows, no two equal -> (N,) bool: which are nearly an earlier one; compared as by `nearly_in`."""
    found = np.zeros(len(values), dtype=bool)
    if modality.near_hash is None or len(values) < 2:
        return found
    rows = np.arange(0, len(values), -(-(len(values) ** 2) // (2 * PAIRS)))
    hashes = modality.near_hash(values)
    if hashes is None:
        return found
    for start in range(0, len(rows), 64):
        part = rows[start : start + 64]
        apart = np.bitwise_count(hashes[part, None] ^ hashes[None, : part[-1] + 1])  # (n, M)
        apart[np.arange(part[-1] + 1) >= part[:, None]] = 64
        nearest = apart.argmin(1)
        close = apart[np.arange(len(part)), nearest] <= BITS
        if close.any():
            found[part[close]] = _alike(modality.raw(values[part[close]]), modality.raw(values[nearest[close]]))
    return found


def _alike(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(n, D) twice -> (n,) bool: by their correlation; constant rows are like none."""
    a, b = (part.reshape(len(part), -1).astype(np.float64) for part in (first, second))
    a, b = a - a.mean(1, keepdims=True), b - b.mean(1, keepdims=True)
    scale = np.sqrt((a * a).sum(1) * (b * b).sum(1))
    return (a * b).sum(1) > LIKENESS * np.maximum(scale, 1e-9)
