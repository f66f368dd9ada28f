"""One block at the start of each verb: what a dataset turned out to hold, what is used and what is left out."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from ..command.arguments.data import DataArguments
from ..errors import InputError
from ..files.left_out import shortened
from ..files.split_names import words_of
from ..modalities.modality import Modality
from ..sources.found import Found
from .labels import REAL, has_label
from .samples import Samples


def block(found: Found, dataset: str, used: Iterable[Samples] = (), facts: Sequence[str] = ()) -> str:
    """The source, its splits, the samples that are used, the reader's facts, what was decided and left out.

    Args:
        found: what a dataset holds.
        dataset: as the user named it.
        used: the splits that were read.
        facts: what the reader says of sizes and kinds.
    """
    sizes = ", ".join(f"{name} {len(split):,}" for name, split in found.splits.items())
    lines = [f"{dataset}: {found.what}; split{'s' * (len(found.splits) > 1)} {sizes}"]
    lines += [f"  {described(samples)}" for samples in used]
    lines += [f"  {line}" for line in (*facts, *found.notes)]
    return "\n".join(lines + [f"  left out: {part}" for part in found.left_out])


def described(data: Samples) -> str:
    """A split that was read, in one line: how many samples, classes with counts, labelled and unlabelled ones."""
    text = f"{data.name}: {len(data):,} {data.modality.words.many}"
    labels, names = data.labels, data.label_names
    if labels is None:
        return f"{text}, no labels"
    if labels.ndim == 2 and data.problem_type == REAL:
        return f"{text}, {int(has_label(labels).sum()):,} with {labels.shape[1]} numbers as label"
    if labels.ndim == 2:
        known = ~np.isnan(labels).any(1)
        counts = [int(count) for count in (labels[known] > 0).sum(0)]
        text += f", {labels.shape[1]} labels, several at once ("
    elif np.issubdtype(labels.dtype, np.floating):
        known = ~np.isnan(labels)
        return f"{text}, {int(known.sum()):,} with a number as label"
    else:
        known = labels >= 0
        counts = [int(count) for count in np.bincount(labels[known], minlength=len(names or ()))]
        text += f", {sum(count > 0 for count in counts)} classes ("
    pairs = list(zip(names or map(str, range(len(counts))), counts, strict=False))
    occur = [pair for pair in pairs if pair[1]] or pairs
    text += shortened([f"{name} {count:,}" for name, count in occur]) + ")"
    missing = len(labels) - int(known.sum())
    return f"{text}, {int(known.sum()):,} labelled, {missing:,} unlabelled" if missing else text


def no_labels(found: Found, split: str, args: DataArguments, modality: Modality) -> InputError:
    """Why the training split has no labels, and what gives it some.

    Args:
        found: what the dataset holds.
        split: the training split.
        args: the user's options.
        modality: of the samples.
    """
    raw, repair = found.splits[split], "Pass --label_column."
    features = {} if raw.rows is None else raw.rows.features
    columns = [name for name, kind in features.items() if name != raw.column and not modality.fits(kind)]
    wanted = args.label_column or raw.label_column
    if wanted in columns or len(columns) == 1:
        name = wanted if wanted in columns else columns[0]
        why = f"column {name!r} has no name or number in any row"
    elif columns:
        why = f"its columns are {shortened(columns, 8)}, and none is called as labels are"
    elif raw.files is None:
        why = "there is no array or column of them"
    else:
        why = "there are no folders of classes, and no table that names these files"
        repair = "Put the files of each class into a folder of its own, or a table of names and labels beside them."
        begin = [next(iter(words_of(os.path.basename(name or ""))), "") for name in raw.files]
        if 1 < len(set(begin)) <= len(begin) // 2 and "" not in begin:
            why += f" (their names begin with {shortened([word for word, _ in Counter(begin).most_common()], 4)})"
    tables = [str(part) for part in found.left_out if "table" in str(part) or "rows of" in str(part)]
    left = f"; left out: {shortened(tables, 3)}" if tables else ""
    return InputError(f"{args.dataset} [{split}] has no labels, and they are needed: {why}{left}. {repair}")
