"""Columns of a raw split: which one holds the samples, which one the labels, and what the labels are."""

import difflib
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import InputError


def is_label(feature: Any) -> bool:
    """Whether a `datasets` feature says itself that it holds classes."""
    import datasets

    inner = getattr(feature, "feature", None)
    return isinstance(feature, datasets.ClassLabel) or isinstance(inner, datasets.ClassLabel)


def find_column(features: Any, wanted: str | None, fits: Callable[[Any], bool], role: str, name: str) -> str | None:
    """The column for `role` ("input" or "label"): the one `wanted`, else the only one whose type fits.

    Raises:
        InputError: there is no such column, or several fit.
    """
    if wanted is not None:
        if wanted not in features:
            near = "".join(f" {column}" for column in difflib.get_close_matches(wanted, features, n=1))
            known = ", ".join(features)
            raise InputError(f"{name} has no column {wanted!r}: it has {known}. Pass --{role}_column{near}.")
        return wanted
    found = [column for column, feature in features.items() if fits(feature)]
    if not found and role == "label":
        found = [c for c in ("label", "labels") if c in features and getattr(features[c], "dtype", "")[:3] == "int"]
    if len(found) > 1:
        raise InputError(f"{name} has several {role} columns: {', '.join(found)}. Pass --{role}_column.")
    return found[0] if found else None


def read_labels(rows: Any, column: str, name: str) -> tuple[np.ndarray, list[str]]:
    """Labels (N,) or (N, L) of a datasets split and their names; see `checked_labels`."""
    feature, values = rows.features[column], rows.with_format(None)[column][:]
    inner = getattr(feature, "feature", None)
    if hasattr(inner, "names"):  # several labels at once
        hot = np.zeros((len(values), len(inner.names)), dtype=np.float32)
        for row, chosen in enumerate(values):
            hot[row, chosen] = 1
        return hot, list(inner.names)
    if any(value is None for value in values):
        raise InputError(f"{values.count(None)} of {len(values)} labels in column {column!r} of {name} are missing.")
    if hasattr(feature, "names"):
        return checked_labels(np.asarray(values), list(feature.names), name)
    if isinstance(values[0], str):
        names = sorted(set(values))
        return np.asarray([names.index(value) for value in values], dtype=np.int64), names
    return checked_labels(np.asarray(values), None, name)


def checked_labels(labels: np.ndarray, names: list[str] | None, name: str) -> tuple[np.ndarray, list[str]]:
    """Labels as int64 (N,) or, several at once, float32 (N, L) of zeros and ones, with names.

    Raises:
        InputError: they are of another kind.
    """
    if labels.ndim == 2 and np.isin(labels, (0, 1)).all():
        return labels.astype(np.float32), names or [str(i) for i in range(labels.shape[1])]
    whole = labels.ndim == 1 and np.issubdtype(labels.dtype, np.integer)
    if not whole or labels.min() < 0 or (names and labels.max() >= len(names)):
        raise InputError(
            f"labels of {name} are {labels.dtype} of shape {labels.shape}"
            + (f" from {labels.min()} to {labels.max()}" if whole else "")
            + ", expected class numbers from 0 (one for each sample), or a row of zeros and ones for each sample."
        )
    return labels.astype(np.int64), names or [str(i) for i in range(int(labels.max()) + 1)]
