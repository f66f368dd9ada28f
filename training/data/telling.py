"""One block at the start of each verb: what a dataset turned out to hold, what is used and what is left out."""

from collections.abc import Iterable, Sequence

import numpy as np

from ..files.left_out import shortened
from ..sources.found import Found
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
    text += shortened([f"{name} {count:,}" for name, count in pairs]) + ")"
    missing = len(labels) - int(known.sum())
    return f"{text}, {int(known.sum()):,} labelled, {missing:,} unlabelled" if missing else text
