"""Columns of a raw split: which one holds the samples, which one the labels or groups, and what stands in them."""

import difflib
import logging
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import InputError
from ..files.metadata import LABEL_COLUMNS
from ..sources.found import RawSplit
from .label_cells import word
from .labels import Labels, RawLabels, read_labels
from .samples import ALONE

logger = logging.getLogger(__name__)
LABEL_NAMES = ("label", "labels", "class", "classes", "target", "targets", "category")  # of columns that say no more


def is_label(feature: Any) -> bool:
    """Whether a `datasets` feature says itself that it holds classes."""
    return bool(names_of(feature))


def names_of(feature: Any) -> list[str] | None:
    """The classes of a `datasets` feature, of one or of lists of them; None if it says of none."""
    import datasets

    for kind in (feature, getattr(feature, "feature", None)):
        if isinstance(kind, datasets.ClassLabel):
            return list(kind.names)
    return None


def _can_be_label(feature: Any) -> bool:
    kind = str(getattr(getattr(feature, "feature", feature), "dtype", ""))
    return is_label(feature) or kind.startswith(("int", "uint", "bool", "float", "string", "large_string", "binary"))


def find_column(features: Any, wanted: str | None, fits: Callable[[Any], bool], role: str, name: str) -> str | None:
    """The column for `role` ("input" or "label"): the one `wanted`, else the only one whose type fits.

    A single column that is called as labels usually are is one of labels, whatever its type; among several of label
    type one of these names decides.

    Raises:
        InputError: there is no such column, or several fit.
    """
    if wanted is not None:
        if wanted not in features:
            near, option = difflib.get_close_matches(wanted, features, n=1), f"--{role}_column"
            repair = f"Pass {option} {near[0]}" if near else f"Pass one of these as {option}"
            raise InputError(f"{name} has no column {wanted!r}: it has {', '.join(features)}. {repair}.")
        return wanted
    found = [column for column, feature in features.items() if fits(feature)]
    if role == "label":
        can_be = [column for column in features if _can_be_label(features[column])]
        named = [c for c in can_be if c.lower() in LABEL_NAMES] or [c for c in can_be if c.lower() in LABEL_COLUMNS]
        both = [c for c in named if c in found]
        found = both if len(both) == 1 else found or named
    if len(found) > 1:
        raise InputError(f"{name} has several {role} columns: {', '.join(found)}. Pass --{role}_column.")
    return found[0] if found else None


def labels_of_splits(
    raws: Sequence[RawSplit],
    dataset: str,
    wanted: str | None = None,
    needed: bool = False,
    problem_type: str | None = None,
) -> list[Labels | None]:
    """Labels of raw splits of a dataset, the training split first, in one numbering.

    Args:
        raws: the splits.
        dataset: for messages.
        wanted: the column of labels; None: the one that says so by its type or name.
        needed: labels that cannot be read, or columns among which none is the obvious one, are an error; else a
            warning, and there are no labels.
        problem_type: see `read_labels`.

    Returns:
        For each split its labels, or None where no row has one.

    Raises:
        InputError: there is no column `wanted`, or labels are needed and cannot be read.
    """
    if wanted is not None and raws[0].rows is not None:
        find_column(raws[0].rows.features, wanted, is_label, "label", dataset)
    try:
        parts = [_raw_labels(raw, dataset, wanted) for raw in raws]
        first = next((part.column for part in parts if part is not None), None)
        none = [RawLabels([None] * len(raw), None, first or "label") for raw in raws]
        return read_labels([p or n for p, n in zip(parts, none, strict=True)], dataset, problem_type)
    except InputError as error:
        if needed:
            raise
        logger.warning("warning: no labels are used, and none are needed here: %s", error)
        return [None for _ in raws]


def _raw_labels(raw: RawSplit, dataset: str, wanted: str | None) -> RawLabels | None:
    """The label column of one split; None if it has none."""
    if raw.rows is None:
        if raw.labels is None:
            return None
        if len(raw.labels) != len(raw):
            raise InputError(f"{dataset} has {len(raw)} samples and {len(raw.labels)} labels; expected as many.")
        return RawLabels(np.asarray(raw.labels), raw.label_names, wanted or "label")
    features = raw.rows.features
    if wanted is not None and wanted not in features:
        return None  # as of a test split that is to be predicted
    column = find_column(features, wanted or raw.label_column, is_label, "label", dataset)
    if column is None:
        return None
    cells = raw.rows.select_columns([column]).with_format("arrow")[:][column]
    whole = cells.null_count == 0 and str(cells.type).startswith(("int", "uint"))
    listed = cells.to_numpy(zero_copy_only=False) if whole else cells.to_pylist()
    return RawLabels(listed, names_of(features[column]), column)


def groups_of_split(raw: RawSplit, column: str | None, name: str, needed: bool = True) -> np.ndarray | None:
    """(N,) strings, what each sample belongs to, by the column or array of that name; see `read_groups`.

    None where no column is named, or where there is none and it is not `needed`, as of a test split without a table.

    Raises:
        InputError: there is no such column.
    """
    there = raw.groups is not None if raw.rows is None else column in raw.rows.features
    if column is None or not (there or needed):
        return None
    if raw.rows is None:
        if raw.groups is None or len(raw.groups) != len(raw):
            raise InputError(f"{name} has no array {column!r} with an entry for each sample. Pass --group_column.")
        return read_groups(raw.groups, name)
    find_column(raw.rows.features, column, is_label, "group", name)
    return read_groups(raw.rows.select_columns([column]).with_format("arrow")[:][column].to_pylist(), name)


def read_groups(cells: Any, name: str) -> np.ndarray:
    """What each sample belongs to (patient, speaker, camera), as words; a sample of none is a group of its own.

    Args:
        cells: of the column, an array or a list.
        name: of the split, for groups of their own.

    Returns:
        (N,) strings.
    """
    values = cells.tolist() if isinstance(cells, np.ndarray) else list(cells)
    own = (f"{ALONE}{name} {row}" for row in range(len(values)))
    return np.asarray([alone if _is_none(v) else word(v) for v, alone in zip(values, own, strict=True)])


def _is_none(value: Any) -> bool:
    return value is None or value != value or (isinstance(value, str) and not value.strip())
