"""Samples in memory: one stored row each, with or without labels; parts of them, by a seed."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..errors import InputError
from ..modalities.modality import PLAIN, Modality, Preprocessing
from .same_samples import also_in


@dataclass
class Samples:
    """One split.

    Args:
        modality: what kind of input they are.
        values: (N, ...), stored rows, for images (N, C, H, W) uint8; may be mapped from a file and is then read-only.
        labels: (N,) int64, or (N, L) float32 of zeros and ones for several labels at once, or None.
        label_names: one for each label, or None without labels.
        name: the dataset and split, for people.
        fingerprint: changes whenever the samples do.
        skipped: damaged samples left out.
        rows: (N,) where each sample stands in its split; None: one after another from 0.
        settings, form, again: see `Read`.
        files: names of the files of the whole split's samples, to be read by `rows`; None where there are none.
    """

    modality: Modality
    values: np.ndarray
    labels: np.ndarray | None
    label_names: list[str] | None
    name: str
    fingerprint: str
    skipped: int = 0
    rows: np.ndarray | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    form: str = PLAIN
    again: Callable[[Preprocessing], np.ndarray] | None = None
    files: Sequence[str | None] | None = None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def facts(self) -> dict[str, Any]:
        """What a run's record says of it."""
        return {"name": self.name, "samples": len(self), "fingerprint": self.fingerprint}

    def select(self, rows: np.ndarray) -> "Samples":
        """The samples at `rows`, in their order."""
        key = hashlib.sha256(np.ascontiguousarray(rows, dtype=np.int64)).hexdigest()[:16]
        labels = None if self.labels is None else self.labels[rows]
        mine, places, whole = self.values[rows], rows if self.rows is None else self.rows[rows], self.again
        again = None if whole is None else lambda preprocessing: whole(preprocessing)[rows]
        key = f"{self.fingerprint}-{key}"
        return replace(self, values=mine, labels=labels, fingerprint=key, rows=places, again=again)

    def taken_by(self, preprocessing: Preprocessing) -> "Samples":
        """The same samples as one model takes them: fitted from what is stored, or read once more for it."""
        if self.form == preprocessing.key:
            return self
        if self.form == PLAIN or self.again is None:
            values = preprocessing.fitted(self.values)
        else:
            values = self.again(preprocessing)
        return replace(self, values=values, form=preprocessing.key, again=None)


def overlap(train: Samples, test: Samples) -> int:
    """How many test samples are also training samples, number for number."""
    return int(also_in(test.values, train.values).sum())


def subset(data: Samples, max_samples: int | None, labels_per_class: int | None, seed: int) -> Samples:
    """A random part of `data`: `max_samples` of all, or `labels_per_class` of every class; the seed decides.

    Raises:
        InputError: a class has fewer samples, or there are several labels a sample.
    """
    rng = np.random.default_rng([seed, 1])
    if max_samples is not None and max_samples < len(data):
        data = data.select(np.sort(rng.permutation(len(data))[:max_samples]))
    if labels_per_class is None:
        return data
    if data.labels is None or data.labels.ndim != 1:
        one = data.modality.words.one
        raise InputError(f"labels_per_class needs one label for each {one}, and {data.name} has none or several.")
    counts = np.bincount(data.labels, minlength=len(data.label_names))
    if counts.min() < labels_per_class:
        poorest = int(counts.argmin())
        raise InputError(
            f"labels_per_class is {labels_per_class}, but class {data.label_names[poorest]!r} of {data.name} has only "
            f"{counts[poorest]} samples. The largest possible number is {counts[poorest]}."
        )
    rows = [rng.permutation(np.flatnonzero(data.labels == c))[:labels_per_class] for c in range(len(counts))]
    return data.select(np.sort(np.concatenate(rows)))


def split_off(data: Samples, share: float, seed: int, repair: str) -> tuple[Samples, Samples]:
    """(the rest, a random `share`), stratified where there is one label for each sample.

    Raises:
        InputError: too few samples for both; ends with `repair`.
    """
    rng = np.random.default_rng(seed)
    groups = [np.arange(len(data))]
    if data.labels is not None and data.labels.ndim == 1:
        groups = [np.flatnonzero(data.labels == c) for c in np.unique(data.labels)]
    held = np.sort(np.concatenate([rng.permutation(g)[: round(len(g) * share)] for g in groups]))
    if len(held) == 0 or len(held) == len(data):
        raise InputError(f"{data.name} has {len(data)} samples, too few to hold a part out. {repair}")
    return data.select(np.setdiff1d(np.arange(len(data)), held)), data.select(held)
