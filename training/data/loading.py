"""A dataset -> the samples of its splits, decoded once, cached and kept as stored rows."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..command.arguments.data import DataArguments
from ..errors import InputError
from ..files.split_names import find_split, named_split
from ..modalities.modality import Modality, Preprocessing, Read, Reader
from ..sources.dataset import raw_splits
from ..sources.found import Found, RawSplit
from .columns import groups_of_split, labels_of_splits, read_groups
from .holding_out import hold_out
from .labels import Labels, share_classes
from .sample_column import with_sample_column
from .samples import Samples
from .telling import block, no_labels

logger = logging.getLogger(__name__)
JUDGING = ("test", "validation")  # splits to evaluate on, the first that there is


def load_data(
    args: DataArguments,
    modality: Modality,
    wanted: Mapping[str, Any] | None = None,
    preprocessing: Preprocessing | None = None,
    need_labels: bool = False,
    problem_type: str | None = None,
    found: Found | None = None,
) -> tuple[Samples, Samples | None]:
    """The training and the evaluation split that `args` name, with labelled and unlabelled samples.

    Without an evaluation split, or with one that has no labels where the training split has some, a part is held out
    of the training split; see `hold_out`.

    Args:
        args: `dataset` and the arguments that say which splits and columns.
        modality: what kind of input the samples are.
        wanted: what a new network is to take, by `modality.shape_fields`; what is left out or None the data decide.
        preprocessing: of the model that they are for, if there is one already. Samples that it takes as they are, or
            that are small, may be left to it; see `Samples.taken_by`.
        need_labels: labels that are missing from the training split or cannot be read are an error; else there are
            none, and a warning says why.
        problem_type: what labels are read as; None: what they look like.
        found: the dataset, where it was looked for already; see `raw_splits`.

    Returns:
        (train, evaluation); evaluation is None where `eval_split` is "none".

    Raises:
        InputError: no such dataset, split or column, no samples, a damaged one, shapes or values that do not fit.
    """
    found = raw_splits(args, modality) if found is None else found
    splits = found.splits
    own = named_split(splits, args.train_split, args.dataset, "train_split")
    judging = _judging(args, splits, own)
    used = [own, *judging]
    read = labels_of_splits(
        [splits[split] for split in used], args.dataset, args.label_column, need_labels, problem_type
    )
    labels = dict(zip(used, read, strict=True))
    if need_labels and labels[own] is None:
        raise no_labels(found, own, args, modality)
    for split in judging:
        if not share_classes(labels[own], labels[split], f"{args.dataset} [{split}]"):
            labels[split] = None
    reader = modality.reader(wanted or {}, args, preprocessing)
    train, facts = _read_split(splits[own], own, args, modality, reader, labels[own], own)
    chosen = _with_labels(judging, labels, own) if args.eval_split is None else next(iter(judging), None)
    if chosen is not None:
        evaluation, more = _read_split(splits[chosen], chosen, args, modality, reader, labels[chosen], own)
        logger.info("%s", block(found, args.dataset, [train, evaluation], [*facts, *more]))
        return train, evaluation
    logger.info("%s", block(found, args.dataset, [train], facts))
    if args.eval_split == "none":
        return train, None
    return _part_held_out(train, modality, need_labels, bool(judging))


def _part_held_out(
    train: Samples, modality: Modality, need_labels: bool, unlabelled: bool
) -> tuple[Samples, Samples | None]:
    """(the rest, a part to evaluate on) of a dataset without a test split, or with an `unlabelled` one."""
    try:
        kept, held = hold_out(train)
    except InputError as error:  # of one sample, for example
        if need_labels:
            raise
        logger.warning("warning: nothing is evaluated: %s", error)
        return train, None
    logger.info(
        "%s has no test split%s: %d of its %d samples are held out for evaluation, by their content",
        train.name, " with labels" * unlabelled, len(held), len(train),
    )  # fmt: skip
    if need_labels and not kept.labelled.any():
        known = int(train.labelled.sum())
        raise InputError(
            f"all {known} labelled {modality.words.many} of {train.name} are in the part held out for evaluation, so "
            f"none is left to learn from: label more, or pass --eval_split none."
        )
    return kept, held


def _judging(args: DataArguments, splits: Mapping[str, RawSplit], own: str) -> list[str]:
    """Splits that may be evaluated on, the best first."""
    if args.eval_split is None:
        found = (find_split(splits, wanted) for wanted in JUDGING)
        return [split for split in found if split not in (None, own)]
    return [] if args.eval_split == "none" else [named_split(splits, args.eval_split, args.dataset, "eval_split")]


def _with_labels(judging: Sequence[str], labels: Mapping[str, Labels | None], own: str) -> str | None:
    """The first split with labels, if the training split has some; None: a part must be held out."""
    return next((split for split in judging if labels[own] is None or labels[split] is not None), None)


def load_split(
    args: DataArguments,
    split: str,
    modality: Modality,
    preprocessing: Preprocessing | None = None,
    with_labels: bool = True,
    argument: str = "split",
) -> Samples:
    """One whole split, nothing held out of it. Arguments and errors are those of `load_data`.

    Args:
        with_labels: False does not look at labels. True reads those that there are, with the class numbers of the
            training split; labels that cannot be read are a warning.
        argument: the one that names the split, for the error.
    """
    found = raw_splits(args, modality)
    split = named_split(found.splits, split, args.dataset, argument)
    labels = None
    if with_labels:
        own = find_split(found.splits, args.train_split)
        used = [found.splits[name] for name in dict.fromkeys((own or split, split))]
        labels = labels_of_splits(used, args.dataset, args.label_column)[-1]
    reader = modality.reader({}, args, preprocessing)
    data, facts = _read_split(found.splits[split], split, args, modality, reader, labels, split)
    logger.info("%s", block(found, args.dataset, [data], facts))
    return data


def load_every_split(found: Found, args: DataArguments, modality: Modality) -> tuple[dict[str, Samples], list[str]]:
    """All splits of a dataset, the training split (else the first one) first, nothing held out.

    Args:
        found: the dataset, as `raw_splits` finds it.
        args, modality: see `load_data`.

    Returns:
        (the splits by name, what the reader says of sizes and kinds). Labels that cannot be read are a warning.

    Raises:
        InputError: no samples, shapes or values that do not fit.
    """
    own = find_split(found.splits, args.train_split) or next(iter(found.splits))
    names = [own, *(name for name in found.splits if name != own)]
    labels = labels_of_splits([found.splits[name] for name in names], args.dataset, args.label_column)
    reader, read, told = modality.reader({}, args, None), {}, []
    for name, of_split in zip(names, labels, strict=True):
        read[name], facts = _read_split(found.splits[name], name, args, modality, reader, of_split, own)
        told += facts
    return read, told


def _read_split(
    raw: RawSplit, split: str, args: DataArguments, modality: Modality, reader: Reader, labels: Labels | None, own: str
) -> tuple[Samples, Sequence[str]]:
    """A raw split, decoded, and what is to be said of how that was done; another than `own` may lack the groups."""
    name, words = f"{args.dataset} [{split}]", modality.words
    groups = groups_of_split(raw, args.group_column, name, needed=split == own)
    if raw.values is None:
        if len(raw) == 0:
            raise InputError(f"{name} is empty: expected at least one {words.one}.")
        raw = with_sample_column(raw, args, modality, name)
    if raw.values is not None:
        read = reader.from_arrays(raw.values, name)
        return _samples(read, raw, modality, labels, groups, name, 0), read.facts
    read = reader.from_column(raw.rows, raw.column, name)
    skipped = len(raw) - len(np.unique(read.rows))
    if skipped:
        logger.warning("%d of %d %s of %s are damaged and left out", skipped, len(raw), words.many, name)
    labels = labels and replace(labels, values=labels.values[read.rows])
    several = len(read.rows) + skipped > len(raw)  # pages, frames or windows of one file
    groups = read_groups([None] * len(raw), name) if groups is None and several else groups
    groups = None if groups is None else groups[read.rows]
    return _samples(read, raw, modality, labels, groups, name, skipped), read.facts


def _samples(
    read: Read, raw: RawSplit, modality: Modality, labels: Labels | None, groups: np.ndarray | None, name: str,
    skipped: int,
) -> Samples:  # fmt: skip
    if labels is not None and not labels.labelled.any():
        labels = None
    values, names, kind = (labels.values, labels.names, labels.problem_type) if labels else (None, None, None)
    return Samples(
        modality, read.values, values, names, name, read.fingerprint, skipped, read.rows,
        settings=read.settings, form=read.form, again=read.again, files=raw.files, problem_type=kind, groups=groups,
        content=read.content, traits=read.traits, damaged=read.damaged,
    )  # fmt: skip
