"""A dataset -> the samples of its splits, decoded once, cached and kept as stored rows."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..command.data_arguments import DataArguments
from ..errors import InputError
from ..modalities.modality import Modality, Preprocessing, Read, Reader
from .columns import checked_labels, find_column, is_label, read_labels
from .samples import Samples, split_off
from .sources import Arrays, raw_splits

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
    splits = raw_splits(args, modality)
    if args.train_split not in splits:
        raise InputError(
            f"{args.dataset} has no split {args.train_split!r}: it has {', '.join(splits)}. Pass --train_split."
        )
    reader = modality.reader(wanted or {}, args, preprocessing)
    train = _read_split(splits[args.train_split], args.train_split, args, modality, reader)
    chosen = args.eval_split or next(
        (s for s in ("test", "validation") if s in splits and s != args.train_split), None
    )
    if chosen == "none":
        return train, None
    if chosen is None:
        return _hold_out(train)
    if chosen not in splits:
        raise InputError(f"{args.dataset} has no split {chosen!r}: it has {', '.join(splits)}. Pass --eval_split.")
    evaluation = _read_split(splits[chosen], chosen, args, modality, reader)
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
    splits = raw_splits(args, modality)
    if split not in splits:
        raise InputError(f"{args.dataset} has no split {split!r}: it has {', '.join(splits)}. Pass --{argument}.")
    reader = modality.reader({}, args, preprocessing)
    return _read_split(splits[split], split, args, modality, reader, with_labels)


def _hold_out(data: Samples) -> tuple[Samples, Samples]:
    kept, held = split_off(data, HOLDOUT_SHARE, HOLDOUT_SEED, "Pass --eval_split none.")
    logger.info("%s has no test split: %d of %d samples are held out for evaluation", data.name, len(held), len(data))
    return kept, replace(held, name=f"{data.name} (held out)")


def _read_split(
    raw: Any, split: str, args: DataArguments, modality: Modality, reader: Reader, with_labels: bool = True
) -> Samples:
    """A raw split, arrays or a `datasets` split, as `Samples`."""
    name, words = f"{args.dataset} [{split}]", modality.words
    if isinstance(raw, Arrays):
        read = reader.from_arrays(raw.values, name)
        labels, names = None, None
        if with_labels and raw.labels is not None:
            labels, names = checked_labels(np.asarray(raw.labels), raw.label_names, name)
            if len(labels) != len(read.values):
                raise InputError(
                    f"{name} has {len(read.values)} {words.many} and {len(labels)} labels; expected as many."
                )
        return _samples(read, modality, labels, names, name, 0)
    if len(raw) == 0:
        raise InputError(f"{name} is empty: expected at least one {words.one}.")
    column = find_column(raw.features, args.input_column, modality.fits, "input", name)
    if column is None or not modality.may_hold(raw.features[column]):
        kinds = ", ".join(f"{key} ({type(feature).__name__})" for key, feature in raw.features.items())
        what = f"has no column of {words.many}" if column is None else f"has no {words.many} in column {column!r}"
        raise InputError(f"{name} {what}; its columns are {kinds}. Pass --input_column.")
    label_column = find_column(raw.features, args.label_column, is_label, "label", name) if with_labels else None
    labels, names = read_labels(raw, label_column, name) if label_column else (None, None)
    read = reader.from_column(raw, column, name)
    skipped = len(raw) - len(np.unique(read.rows))
    if skipped:
        logger.warning("%d of %d %s of %s are damaged and left out", skipped, len(raw), words.many, name)
    return _samples(read, modality, None if labels is None else labels[read.rows], names, name, skipped)


def _samples(
    read: Read, modality: Modality, labels: np.ndarray | None, names: list[str] | None, name: str, skipped: int
) -> Samples:
    for fact in read.facts:
        logger.info("%s", fact)
    rest = {"settings": read.settings, "form": read.form, "again": read.again}
    return Samples(modality, read.values, labels, names, name, read.fingerprint, skipped, read.rows, **rest)
