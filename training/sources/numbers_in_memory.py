"""Objects in Python as arrays of numbers: arrays, tensors, nested lists, mappings of them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..files.split_names import split_of_folder
from ..modalities.modality import Modality
from .named_arrays import NamedArray, role_of


def as_numbers(value: Any) -> np.ndarray | None:
    """An array (N, ...), or a tensor as one; None for anything else."""
    if isinstance(value, np.ndarray):
        return value if value.dtype != object else None
    if hasattr(value, "detach") and hasattr(value, "numpy"):
        return value.detach().cpu().numpy()
    return None


def nested_numbers(value: Any) -> np.ndarray | None:
    """A picture (H, W) or (H, W, C) that is written as lists of lists of numbers, or as pandas reads such a cell; None
    for anything else. Whole numbers from 0 to 255 become bytes, as those of pictures are.
    """
    deep, depth = value, 0
    while isinstance(deep, (list, np.ndarray)) and len(deep):
        deep, depth = deep[0], depth + 1
    if depth < 2 or not isinstance(deep, (int, float, np.number)):
        return None
    try:
        found = np.asarray(_plain_lists(value))
    except ValueError:  # rows of several lengths
        return None
    if found.dtype.kind not in "biuf" or found.ndim < 2:
        return None
    bytes_ = found.dtype.kind in "iu" and found.size and 0 <= found.min() and found.max() <= 255
    return found.astype(np.uint8) if bytes_ else found


def _plain_lists(value: Any) -> Any:
    """Arrays of arrays as lists of them."""
    if isinstance(value, np.ndarray) and value.dtype == object:
        return [_plain_lists(part) for part in value]
    return value


def arrays_of(value: Mapping[Any, Any], modality: Modality) -> list[NamedArray] | None:
    """The arrays in a mapping whose names say what they are, x_train and y_train, x and y; None where none does, or
    all are called as splits are."""
    found = []
    for key, cells in value.items():
        names = isinstance(cells, (list, tuple)) and all(isinstance(cell, str) for cell in cells)
        numbers = np.asarray(cells) if names and cells else as_numbers(cells)
        if numbers is None and isinstance(cells, list):
            numbers = nested_numbers(cells)
        if numbers is None and hasattr(cells, "to_numpy"):
            numbers = as_numbers(cells.to_numpy())
        if numbers is not None and numbers.ndim:
            found.append(NamedArray(str(key), numbers))
    roles = {role_of(one.key, modality) for one in found if one.array.dtype.kind in "biuf"}
    splits_alone = all(split_of_folder(one.key) for one in found)
    return found if "samples" in roles and not splits_alone else None
