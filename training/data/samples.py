"""Samples in memory: one stored row each, with or without labels; parts of them, by a seed."""

import functools
import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..errors import InputError
from ..modalities.modality import PLAIN, Modality, Preprocessing
from ..modalities.picked import Picked, Stored, in_parts
from .labels import REAL, SEVERAL, SINGLE, has_label
from .same_samples import also_in, nearly_in
from .seen import Seen

logger = logging.getLogger(__name__)
ALONE = "\1"  # what the name of a group begins with that is one sample without a group; numpy drops a "\0" at an end


@dataclass
class Samples:
    """One split.

    Args:
        modality: what kind of input they are.
        stored: (M, ...), stored rows, for images (M, C, H, W) uint8; may be mapped from a file and is then read-only.
        labels: (N,) or (N, L), see `Labels`; unlabelled rows are marked by -1 or NaN. None where no row has one.
        label_names: of the classes or targets, or None without labels.
        name: the dataset and split, for people.
        fingerprint: changes whenever the samples do.
        skipped: damaged samples left out.
        rows: (N,) where each sample stands in its split; None: one after another from 0.
        settings, form, again, traits, damaged: see `Read`; the last two are of the whole split.
        files: names of the files of the whole split's samples, to be read by `rows`; None where there are none.
        problem_type: what the labels are, in transformers' words; by their shape unless given.
        groups: (N,) strings, what each sample belongs to (patient, speaker), or None.
        content: (N,) `Modality.digest` of the samples as they were read; None: to be computed from `values`.
        held_out: they were held out of a training split, for want of a split of their own.
        fields: of the config of a new network, learnt from them; see `Learnt`.
        picked: (N,) which of the stored rows they are; None: all. A part of a large set costs no memory.
    """

    modality: Modality
    stored: np.ndarray
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
    problem_type: str | None = None
    groups: np.ndarray | None = None
    content: np.ndarray | None = None
    held_out: bool = False
    traits: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    damaged: Mapping[int, str] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)
    picked: np.ndarray | None = None

    def __post_init__(self):
        if self.labels is not None and self.problem_type is None:
            whole = np.issubdtype(self.labels.dtype, np.integer)
            self.problem_type = SEVERAL if self.labels.ndim == 2 else SINGLE if whole else REAL

    def __len__(self) -> int:
        return len(self.rows_stored)

    @property
    def rows_stored(self) -> Stored:
        """(N, ...) stored rows that are fetched when they are asked for: what large sets are read by."""
        return self.stored if self.picked is None else Picked(self.stored, self.picked)

    @functools.cached_property
    def values(self) -> np.ndarray:
        """(N, ...) stored rows in memory; a copy where they are a part of what is stored."""
        return self.stored if self.picked is None else self.stored[self.picked]

    @property
    def labelled(self) -> np.ndarray:
        """(N,) bool: which samples have a label."""
        return np.zeros(len(self), dtype=bool) if self.labels is None else has_label(self.labels)

    @property
    def digests(self) -> np.ndarray:
        """(N,) uint64: what each sample is, whatever file it came in; see `Modality.digest`."""
        if self.content is None:
            parts = [self.stored] if self.picked is None else in_parts(self.rows_stored)
            self.content = np.concatenate([self.modality.digest(part) for part in parts])
        return self.content

    @property
    def labels_fingerprint(self) -> str | None:
        """Changes whenever a label, a name or what they are does; None without labels."""
        if self.labels is None:
            return None
        names = [str(name) for name in self.label_names]
        digest = hashlib.sha256(json.dumps([names, self.problem_type]).encode())
        digest.update(np.ascontiguousarray(self.labels).tobytes())
        return digest.hexdigest()[:16]

    @property
    def shape(self) -> dict[str, Any]:
        """Fields of a new network's config that these samples decide, by themselves or by how they were read."""
        read = {name: self.settings[name] for name in self.modality.shape_fields if name in self.settings}
        return {**self.modality.shape_of(self.stored), **read, **self.fields}

    @property
    def facts(self) -> dict[str, Any]:
        """What a run's record says of it."""
        facts = {"name": self.name, "samples": len(self), "fingerprint": self.fingerprint}
        return {**facts, "held_out": True} if self.held_out else facts

    def select(self, rows: np.ndarray) -> "Samples":
        """The samples at `rows`, in their order."""
        key = hashlib.sha256(np.ascontiguousarray(rows, dtype=np.int64)).hexdigest()[:16]
        of_rows = {
            name: None if getattr(self, name) is None else getattr(self, name)[rows]
            for name in ("labels", "groups", "content")
        }
        picked, places = (rows if own is None else own[rows] for own in (self.picked, self.rows))
        whole = self.again
        again = None if whole is None else lambda preprocessing: whole(preprocessing)[rows]
        key = f"{self.fingerprint}-{key}"
        return replace(self, picked=picked, fingerprint=key, rows=places, again=again, **of_rows)

    def taken_by(self, preprocessing: Preprocessing) -> "Samples":
        """The same samples as one model takes them: fitted from what is stored, or read once more for it."""
        if self.form == preprocessing.key:
            return self
        if self.form == PLAIN or self.again is None:
            first = self.stored[:1]
            if preprocessing.fitted(first) is first:  # all are as it takes them
                return replace(self, form=preprocessing.key, again=None)
            values = preprocessing.fitted(self.values)
        else:
            values = self.again(preprocessing)
        content = self.digests
        return replace(self, stored=values, picked=None, form=preprocessing.key, again=None, content=content)

    def learnt(self, tokenizer: str, vocab_size: int, revision: str | None) -> "Samples":
        """With what a new network needs of them; see `Modality.learn`."""
        if self.modality.learn is None:
            return self
        found = self.modality.learn(self.values, tokenizer, vocab_size, revision)
        return replace(self, settings={**self.settings, **found.settings}, fields=found.fields)

    def only_labelled(self) -> "Samples":
        """Those that have a label."""
        labelled = self.labelled
        return self if labelled.all() else self.select(np.flatnonzero(labelled))


@dataclass(frozen=True)
class Overlap:
    """What two sets of samples have in common, counted in samples of the second.

    Args:
        same: are in the first too.
        nearly: are nearly one of the first: resized, or saved with loss.
        groups: of the same patient, speaker, camera as one of the first; None where nobody named groups.
    """

    same: int
    nearly: int = 0
    groups: int | None = None

    def record(self, before: Seen, test: Samples) -> dict[str, Any]:
        """For run.json: what was checked, and what the weights had learnt from `before` this run."""
        facts = {"same": self.same, "nearly": self.nearly, "pretraining_known": before.complete}
        if self.groups is not None:
            facts["groups"] = self.groups
        return {**facts, "in_pretraining": before.count(test.digests)}

    def sentences(self, train: Samples, test: Samples) -> list[str]:
        """What a reader of the numbers must know."""
        words, total, found = train.modality.words, len(test), []
        if self.same:
            found.append(
                f"{self.same} of {total} test {words.many} are also training {words.many}, {words.part} for "
                f"{words.part}: numbers are too good"
            )
        if self.nearly:
            found.append(
                f"{self.nearly} of {total} test {words.many} are nearly the same as a training {words.one} (resized, "
                f"saved again or the next of a series): numbers may be too good"
            )
        if self.groups:
            found.append(f"{self.groups} of {total} test {words.many} are of a group that is in training too")
        return found


def overlap(train: Samples, test: Samples, near: bool = True) -> Overlap:
    """How many test samples are also training samples, exactly, nearly (unless `near` is False), or by their group."""
    same, nearly = also_in(test.digests, train.digests), 0
    if near and train.stored.shape[1:] == test.stored.shape[1:]:
        others = np.flatnonzero(~same)
        nearly = int(nearly_in(train.modality, test.rows_stored[others], train.rows_stored).sum())
    groups = None
    if train.groups is not None and test.groups is not None:
        groups = int(np.isin(test.groups, train.groups).sum())
    return Overlap(int(same.sum()), nearly, groups)


def missing_classes(train: Samples, test: Samples) -> list[str]:
    """Names of the classes, or of several labels at once, that `test` has and `train` has no sample of."""
    counts = [class_counts(split) for split in (train, test)]
    return [name for name, mine, theirs in zip(train.label_names, *counts, strict=True) if theirs and not mine]


def class_counts(data: Samples) -> np.ndarray:
    """(L,) labelled samples of each class or label."""
    if data.labels.ndim == 2:
        return np.nan_to_num(data.labels).sum(0).astype(np.int64)
    return np.bincount(data.labels[data.labels >= 0], minlength=len(data.label_names))


def subset(
    data: Samples, max_samples: int | None, labels_per_class: int | None, seed: int, allow_short: bool = False
) -> Samples:
    """A random part of `data`: `max_samples` of all, or `labels_per_class` of every class; the seed decides.

    Groups are drawn whole, one after another, until a class has as many as wanted; the last one is cut.

    Args:
        allow_short: a class with fewer samples gives all that it has.

    Raises:
        InputError: a class has fewer samples, or there are several labels a sample.
    """
    rng = np.random.default_rng([seed, 1])
    if max_samples is not None and max_samples < len(data):
        data = data.select(np.sort(rng.permutation(len(data))[:max_samples]))
    if labels_per_class is None:
        return data
    if data.problem_type != SINGLE:
        one = data.modality.words.one
        raise InputError(f"labels_per_class needs one label for each {one}, and {data.name} has none or several.")
    counts = class_counts(data)
    occur = np.flatnonzero(counts)
    short = [f"{data.label_names[k]!r} ({counts[k]})" for k in occur if counts[k] < labels_per_class]
    if short and not allow_short:
        poorest = int(occur[counts[occur].argmin()])
        raise InputError(
            f"labels_per_class is {labels_per_class}, but class {data.label_names[poorest]!r} of {data.name} has only "
            f"{counts[poorest]} samples. The largest possible number is {counts[poorest]}; with --allow_short_classes "
            f"such a class gives all it has."
        )
    if short:
        logger.warning("warning: fewer than %d samples, so all are taken: %s", labels_per_class, ", ".join(short))
    rows = [
        shuffled(np.flatnonzero(data.labels == c), data.groups, rng)[:labels_per_class] for c in range(len(counts))
    ]
    return data.select(np.sort(np.concatenate(rows)))


def shuffled(rows: np.ndarray, groups: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    """Row numbers in a random order; with groups, (N,) of all rows, those of a group one after another."""
    rows = rng.permutation(rows)
    if groups is None:
        return rows
    _, first, number = np.unique(groups[rows], return_index=True, return_inverse=True)
    return rows[np.argsort(first[number], kind="stable")]


def split_off(data: Samples, share: float, seed: int, repair: str) -> tuple[Samples, Samples]:
    """(the rest, a random `share`), stratified where there is one label for each sample; no group is on both sides.

    Raises:
        InputError: too few samples for both; ends with `repair`.
    """
    rng = np.random.default_rng(seed)
    classes = [np.arange(len(data))]
    if data.problem_type == SINGLE:
        classes = [np.flatnonzero(data.labels == c) for c in np.unique(data.labels)]
    if data.groups is None:
        held = np.sort(np.concatenate([rng.permutation(g)[: round(len(g) * share)] for g in classes]))
    else:
        held = whole_groups(data.groups, classes, share, rng)
    if len(held) == 0 or len(held) == len(data):
        what = "samples" if data.groups is None else "samples in too few groups"
        raise InputError(f"{data.name} has {len(data)} {what}, too few to hold a part out. {repair}")
    return data.select(np.setdiff1d(np.arange(len(data)), held)), data.select(held)


def whole_groups(groups: np.ndarray, classes: list[np.ndarray], share: float, rng: np.random.Generator) -> np.ndarray:
    """Rows of whole groups, drawn until about a `share` of every class is among them; a group that holds the last
    samples of a class outside is passed over.

    Args:
        groups: (N,) strings.
        classes: the rows of each class.
        share: of each class.

    Returns:
        Sorted row numbers, none if no group can be spared.
    """
    class_of = np.empty(len(groups), dtype=np.int64)
    for number, rows in enumerate(classes):
        class_of[rows] = number
    names, number = np.unique(groups, return_inverse=True)
    table = np.zeros((len(names), len(classes)), dtype=np.int64)  # samples of each group in each class
    np.add.at(table, (number, class_of), 1)
    total, taken, held = table.sum(0), np.zeros(len(classes), dtype=np.int64), []
    for group in rng.permutation(len(names)):
        mine = table[group] > 0
        after = taken + table[group]
        wanted = (taken < np.round(total * share))[mine].any()
        if wanted and (after < total)[mine].all() and after.sum() <= max(2 * share * total.sum(), table[group].sum()):
            taken, held = after, [*held, group]
    return np.flatnonzero(np.isin(number, held))
