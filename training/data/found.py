"""What a dataset turned out to hold: what is used, what is left out and why. One block at the start of each verb."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .raw import RawSplit
from .samples import Samples

SHOWN = 5  # names in a list that is cut


@dataclass(frozen=True)
class LeftOut:
    """Files or folders that are not used.

    Args:
        what: which, with their number: "3 .heic files", "folder runs/ae".
        why: the cause, and what would help.
    """

    what: str
    why: str

    def __str__(self) -> str:
        return f"{self.what}: {self.why}"


@dataclass
class Found:
    """A dataset before anything of it is decoded.

    Args:
        what: the kind of source, for people: "folder of 120 files".
        splits: by name, in a usual spelling.
        left_out: what is not used.
        notes: what was decided where something else was possible.
    """

    what: str
    splits: dict[str, RawSplit]
    left_out: list[LeftOut] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def block(self, dataset: str, used: Iterable[Samples], facts: Sequence[str] = ()) -> str:
        """The lines of `lines` as one text."""
        return "\n".join(self.lines(dataset, used, facts))

    def lines(self, dataset: str, used: Iterable[Samples], facts: Sequence[str] = ()) -> list[str]:
        """The block: the source, its splits, the samples that are used, the reader's facts, what is left out.

        Args:
            dataset: as the user named it.
            used: the splits that were read.
            facts: what the reader says of sizes and kinds.
        """
        sizes = ", ".join(f"{name} {len(split):,}" for name, split in self.splits.items())
        lines = [f"{dataset}: {self.what}; split{'s' * (len(self.splits) > 1)} {sizes}"]
        lines += [f"  {described(samples)}" for samples in used]
        lines += [f"  {line}" for line in facts]
        lines += [f"  {note}" for note in self.notes]
        return lines + [f"  left out: {part}" for part in self.left_out]


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


def shortened(names: Sequence[Any], shown: int = SHOWN) -> str:
    """The first few of `names`, and how many more there are."""
    text = ", ".join(map(str, names[:shown]))
    return f"{text} and {len(names) - shown:,} more" if len(names) > shown else text


def counted(endings: Counter) -> str:
    """ "12 .txt, 3 .xml" of a count of file endings; most frequent first."""
    return shortened([f"{count:,} {ending or 'without an ending'}" for ending, count in endings.most_common()])
