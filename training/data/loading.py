"""A dataset -> the samples of its splits, decoded once, cached and kept as stored rows."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..command.data_arguments import DataArguments
from ..errors import InputError
from ..files.split_names import default_evaluation, named_split
from ..modalities.modality import Modality, Preprocessing, Read, Reader
from ..sources.dataset import raw_splits
from ..sources.found import RawSplit
from .columns import checked_labels, find_column, is_label, read_labels
from .sample_column import with_sample_column
from .samples import Samples, split_off
from .telling import block

logger = logging.getLogger(__name__)
HOLDOUT_SHARE, HOLDOUT_SEED = 0.2, 0  # which samples are held out depends on no run's seed: none ever trains on them


def load_data(
    args: DataArguments,
    modality: Modality,
    wanted: Mapping[str, Any] | None = None,
    preprocessing: Preprocessing | None = None,
) -> tuple[Samples, Samples | None]:
    """The training and the evaluation split that `args` name.

    Args:
        args: `dataset` and the arguments that say which splits and columns.
        modality: what kind of input the samples are.
        wanted: what a new network is to take, by `modality.shape_fields`; what is left out or None the data decide.
        preprocessing: of the model that they are for, if there is one already. Samples that it takes as they are, or
            that are small, may be left to it; see `Samples.taken_by`.

    Returns:
        (train, evaluation); evaluation is None where `eval_split` is "none".

    Raises:
        InputError: no such dataset, split or column, no samples, a damaged one, shapes or values that do not fit.
    """
    found = raw_splits(args, modality)
    splits = found.splits
    own = named_split(splits, args.train_split, args.dataset, "train_split")
    chosen = args.eval_split or default_evaluation(splits, own)
    if chosen not in (None, "none"):
        chosen = named_split(splits, chosen, args.dataset, "eval_split")
    reader = modality.reader(wanted or {}, args, preprocessing)
    train, facts = _read_split(splits[own], own, args, modality, reader)
    if chosen in (None, "none"):
        logger.info("%s", block(found, args.dataset, [train], facts))
        return (train, None) if chosen == "none" else _hold_out(train)
    evaluation, more = _read_split(splits[chosen], chosen, args, modality, reader)
    logger.info("%s", block(found, args.dataset, [train, evaluation], [*facts, *more]))
    if train.label_names and evaluation.label_names and train.label_names != evaluation.label_names:
        raise InputError(
            f"the splits {args.train_split!r} and {chosen!r} of {args.dataset} have different labels: "
            f"{train.label_names} and {evaluation.label_names}. Pass --eval_split."
        )
    return train, evaluation


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
        with_labels: False does not look at labels: they may be missing, or -1 as is usual where there are none.
        argument: the one that names the split, for the error.
    """
    found = raw_splits(args, modality)
    split = named_split(found.splits, split, args.dataset, argument)
    reader = modality.reader({}, args, preprocessing)
    data, facts = _read_split(found.splits[split], split, args, modality, reader, with_labels)
    logger.info("%s", block(found, args.dataset, [data], facts))
    return data


def _hold_out(data: Samples) -> tuple[Samples, Samples]:
    kept, held = split_off(data, HOLDOUT_SHARE, HOLDOUT_SEED, "Pass --eval_split none.")
    logger.info("%s has no test split: %d of %d samples are held out for evaluation", data.name, len(held), len(data))
    return kept, replace(held, name=f"{data.name} (held out)")


def _read_split(
    raw: RawSplit, split: str, args: DataArguments, modality: Modality, reader: Reader, with_labels: bool = True
) -> tuple[Samples, Sequence[str]]:
    """A raw split, decoded, and what is to be said of how that was done."""
    name, words = f"{args.dataset} [{split}]", modality.words
    labels, names = None, None
    if raw.values is not None:
        read = reader.from_arrays(raw.values, name)
        if with_labels and raw.labels is not None:
            labels, names = checked_labels(np.asarray(raw.labels), raw.label_names, name)
            if len(labels) != len(read.values):
                raise InputError(
                    f"{name} has {len(read.values)} {words.many} and {len(labels)} labels; expected as many."
                )
        return _samples(read, raw, modality, labels, names, name, 0), read.facts
    if len(raw) == 0:
        raise InputError(f"{name} is empty: expected at least one {words.one}.")
    raw = with_sample_column(raw, args, modality, name)
    if with_labels:
        wanted = args.label_column or raw.label_column
        label_column = find_column(raw.rows.features, wanted, is_label, "label", name)
        labels, names = read_labels(raw.rows, label_column, name) if label_column else (None, None)
    read = reader.from_column(raw.rows, raw.column, name)
    skipped = len(raw) - len(np.unique(read.rows))
    if skipped:
        logger.warning("%d of %d %s of %s are damaged and left out", skipped, len(raw), words.many, name)
    labels = None if labels is None else labels[read.rows]
    return _samples(read, raw, modality, labels, names, name, skipped), read.facts


def _samples(
    read: Read, raw: RawSplit, modality: Modality, labels: np.ndarray | None, names: list[str] | None, name: str,
    skipped: int,
) -> Samples:  # fmt: skip
    rest = {"settings": read.settings, "form": read.form, "again": read.again, "files": raw.files}
    return Samples(modality, read.values, labels, names, name, read.fingerprint, skipped, read.rows, **rest)
