"""What the splits of a dataset are like, as data: classes, values, duplicates, groups, overlap."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import torch

from ..data.batches import Columns, spread
from ..data.labels import REAL
from ..data.same_samples import nearly_twice
from ..data.samples import ALONE, Samples, class_counts, overlap
from ..sources.found import RawSplit

LOOKED = 10_000  # samples whose values are looked at, spread over a split
PARTS = 10  # of the range of values
CPU = torch.device("cpu")
GROUPS = frozenset(
    "patient patient_id subject subject_id speaker speaker_id camera camera_id session group group_id user_id".split()
)  # columns that are called as groups are


def facts_of(data: Samples) -> dict[str, Any]:
    """One split, as a record that JSON can hold.

    Args:
        data: the whole split as it was read.
    """
    labelled = data.labelled
    facts: dict[str, Any] = {
        "samples": len(data),
        "labelled": int(labelled.sum()),
        "unlabelled": int((~labelled).sum()),
        "labels_are": data.problem_type,
        "classes": _classes(data),
        "traits": {name: dict(counts) for name, counts in data.traits.items()},
        "stored_as": list(data.stored.shape[1:]),
        "damaged": _damaged(data),
        "groups": _groups(data),
        **duplicates(data),
    }
    values = values_of(data)
    return {**facts, "values": values} if values is not None else facts


def _classes(data: Samples) -> dict[str, int] | None:
    if data.labels is None or data.problem_type == REAL:
        return None
    return dict(zip(map(str, data.label_names), map(int, class_counts(data)), strict=True))


def _damaged(data: Samples) -> list[dict[str, str]]:
    """Those that could not be read: their files, or their rows, and why."""
    if not data.skipped:
        return []
    there = set(data.rows.tolist())
    missing = [row for row in range(len(there) + data.skipped) if row not in there]
    names = data.files or {}
    return [
        {
            "file": (names[row] if len(names) > row else None) or f"row {row}",
            "why": data.damaged.get(row, "it cannot be decoded"),
        }
        for row in missing
    ]


def _groups(data: Samples) -> dict[str, int] | None:
    if data.groups is None:
        return None
    names, counts = np.unique(data.groups, return_counts=True)
    alone = np.char.startswith(names, ALONE)
    own = counts[~alone]
    if not len(own):  # pages and frames of single files
        return None
    return {"groups": len(own), "largest": int(own.max()), "samples of none": int(counts[alone].sum())}


def duplicates(data: Samples) -> dict[str, int]:
    """How many samples are the same as, or nearly, an earlier one, and how many of these have another label."""
    _, first, which = np.unique(data.digests, return_index=True, return_inverse=True)
    again = np.ones(len(data), dtype=bool)
    again[first] = False
    otherwise = 0
    if data.labels is not None:
        both = again & data.labelled & data.labelled[first[which]]
        differs = (data.labels != data.labels[first[which]]).reshape(len(data), -1).any(1)
        otherwise = int((both & differs).sum())
    near = nearly_twice(data.modality, data.rows_stored[np.sort(first)])
    return {"duplicates": int(again.sum()), "labelled_otherwise": otherwise, "near_duplicates": int(near.sum())}


def values_of(data: Samples) -> dict[str, Any] | None:
    """The numbers that a model is given, of samples spread over the split; None where these are no measurements."""
    name = data.modality.input_name
    if not np.issubdtype(data.stored.dtype, np.number):
        return None
    counts, lowest, highest, total, blank, seen = np.zeros(PARTS, dtype=np.int64), np.inf, -np.inf, 0.0, 0, 0
    columns, rows = Columns.of(data, CPU), spread(len(data), LOOKED)
    for batch in columns.at(rows, 256):
        if not batch[name].is_floating_point():
            return None
        part = batch[name].reshape(len(batch[name]), -1).numpy()
        lowest, highest = min(lowest, float(part.min())), max(highest, float(part.max()))
        total, seen = total + float(part.sum(dtype=np.float64)), seen + part.size
        blank += int((part.min(1) == part.max(1)).sum())
    low, high = (0.0, 1.0) if 0 <= lowest and highest <= 1 else (lowest, highest)
    for batch in columns.at(rows, 256):
        counts += np.histogram(batch[name].numpy(), PARTS, (low, high))[0]
    return {
        "looked_at": len(rows),
        "lowest": lowest,
        "highest": highest,
        "mean": total / seen,
        "histogram": {"from": low, "to": high, "shares": [round(float(c) / seen, 4) for c in counts]},
        "of_one_value": blank,
    }


def overlaps(splits: Mapping[str, Samples]) -> list[dict[str, Any]]:
    """For each two splits what the second has of the first."""
    found = []
    for (one, first), (other, second) in combinations(splits.items(), 2):
        common = overlap(first, second)
        facts = {"of": other, "in": one, "same": common.same, "nearly": common.nearly}
        found.append(facts if common.groups is None else {**facts, "groups": common.groups})
    return found


def group_columns(raw: RawSplit) -> list[str]:
    """Columns that are called as those of groups are."""
    return [] if raw.rows is None else [name for name in raw.rows.features if name.lower() in GROUPS]
