"""Datasets that are objects in Python: of `datasets`, arrays, torch's, lists of pictures, pandas frames."""

import os
import stat
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..command.arguments.data import DataArguments, InMemory
from ..errors import InputError
from ..files.tree import ending_of
from ..modalities.modality import Modality
from .found import Found, RawSplit
from .in_cells import rows_of_columns

EXPECTED = (
    "a datasets.Dataset or DatasetDict, an array, (array, labels), a torch Dataset, a list of samples, a pandas "
    "frame, or {split: one of these}"
)
SPLITS = 20  # in a mapping of them


def object_splits(held: InMemory, args: DataArguments, modality: Modality) -> Found:
    """The splits of an object.

    Raises:
        InputError: it is of no kind that can be read.
    """
    value = held.value
    parts = value if isinstance(value, Mapping) else {args.train_split: value}
    if not 0 < len(parts) <= SPLITS:
        raise InputError(f"dataset is a mapping of {len(parts)} parts, expected {EXPECTED}.")
    return Found("in memory", {str(name): _split(part, str(name), modality) for name, part in parts.items()})


def _split(value: Any, name: str, modality: Modality) -> RawSplit:
    import datasets

    if isinstance(value, datasets.Dataset):
        return RawSplit(rows=value)
    if type(value).__module__.partition(".")[0] == "pandas" and hasattr(value, "columns"):
        return _frame(value, name, modality)
    numbers = as_numbers(value)
    if numbers is not None:
        return RawSplit(values=numbers)
    if isinstance(value, tuple) and len(value) == 2 and _are_labels(value):
        inner = _split(value[0], name, modality)
        return _with_labels(inner, np.asarray(_listed(value[1])), name, modality)
    if isinstance(value, (list, tuple)):
        return _samples(list(value), name, modality)
    if hasattr(value, "__getitem__") and hasattr(value, "__len__"):
        return _items(value, name, modality)
    raise InputError(f"dataset [{name}] is of type {type(value).__name__}, expected {EXPECTED}.")


def as_numbers(value: Any) -> np.ndarray | None:
    """An array (N, ...), or a tensor as one; None for anything else."""
    if isinstance(value, np.ndarray):
        return value if value.dtype != object else None
    if hasattr(value, "detach") and hasattr(value, "numpy"):
        return value.detach().cpu().numpy()
    return None


def _listed(value: Any) -> Any:
    numbers = as_numbers(value)
    return list(value) if numbers is None else numbers


def _are_labels(pair: tuple) -> bool:
    """Whether (samples, labels) is meant, not two samples."""
    numbers = as_numbers(pair[1])
    if numbers is not None:
        return numbers.ndim <= 2 and (numbers.ndim < 2 or as_numbers(pair[0]) is None or as_numbers(pair[0]).ndim > 2)
    return isinstance(pair[1], Sequence) or hasattr(pair[1], "tolist")


def _with_labels(inner: RawSplit, labels: np.ndarray, name: str, modality: Modality) -> RawSplit:
    if len(labels) != len(inner):
        many = modality.words.many
        raise InputError(f"dataset [{name}] has {len(inner)} {many} and {len(labels)} labels; expected as many.")
    if inner.values is not None:
        return RawSplit(values=inner.values, labels=labels)
    return RawSplit(rows=inner.rows.add_column("label", labels.tolist()), column=inner.column, label_column="label")


def _samples(values: list[Any], name: str, modality: Modality) -> RawSplit:
    """A list of arrays of one shape, of objects that the modality makes files of, or of files' names."""
    if not values:
        raise InputError(f"dataset [{name}] is an empty list: expected {modality.words.many}.")
    numbers = [as_numbers(value) for value in values]
    if all(array is not None for array in numbers):
        shapes = {array.shape for array in numbers}
        if len(shapes) == 1:
            return RawSplit(values=np.stack(numbers))
        some = " and ".join(map(str, sorted(shapes)[:2]))
        if modality.cell(numbers[0]) is None:
            raise InputError(f"dataset [{name}] is a list of arrays of several shapes, {some}: expected one shape.")
        values = numbers
    if all(isinstance(value, tuple) and len(value) == 2 for value in values):
        return _with_labels(
            _samples([value[0] for value in values], name, modality),
            np.asarray([v[1] for v in values]),
            name,
            modality,
        )
    cells = [_cell(value, modality) for value in values]
    bad = next((k for k, cell in enumerate(cells) if cell is None), None)
    if bad is not None:
        kind = type(values[bad]).__name__
        raise InputError(f"item {bad} of dataset [{name}] is of type {kind}, expected {modality.words.many}.")
    return _of_cells(cells, {}, modality)


def _cell(value: Any, modality: Modality) -> dict[str, Any] | None:
    """A sample as a file's cell, or as it is; names of files are the caller's own, so they may lie anywhere."""
    if modality.in_cells:
        return modality.cell(value)
    if isinstance(value, (str, os.PathLike)):
        path = os.fspath(value)
        if not (os.path.isfile(path) and stat.S_ISREG(os.stat(path).st_mode)):
            raise InputError(f"{path} was not found: expected a file.")
        return {"bytes": None, "path": os.path.abspath(path)}
    if isinstance(value, bytes):
        return {"bytes": value, "path": None}
    if isinstance(value, dict) and set(value) == {"bytes", "path"}:
        return value
    return modality.cell(value)


def _of_cells(cells: list[dict[str, Any]], columns: Mapping[str, list[Any]], modality: Modality) -> RawSplit:
    import datasets
    import pyarrow as pa

    features = {modality.array_name: datasets.Value("string") if modality.in_cells else modality.feature()}
    arrays = {modality.array_name: pa.array(cells, datasets.Features(features).arrow_schema.field(0).type)}
    for name, values in columns.items():
        if name != modality.array_name:
            arrays[name] = pa.array(values, from_pandas=True)
            features[name] = datasets.features.features.generate_from_arrow_type(arrays[name].type)
    info = datasets.DatasetInfo(features=datasets.Features(features))
    rows = datasets.Dataset(datasets.table.InMemoryTable(pa.table(arrays)), info=info)
    if modality.in_cells:
        return RawSplit(rows=rows, column=modality.array_name)
    names = [cell["path"] and os.path.basename(cell["path"]) for cell in cells]
    return RawSplit(rows=rows, column=modality.array_name, files=names if any(names) else None)


def _frame(frame: Any, name: str, modality: Modality) -> RawSplit:
    """A pandas frame with a column of pictures, bytes, arrays or files' names."""
    columns = {str(column): list(frame[column]) for column in frame.columns}
    if not len(frame):
        raise InputError(f"dataset [{name}] is an empty frame: expected {modality.words.many}.")
    if modality.in_cells:
        return RawSplit(rows=rows_of_columns(columns, modality))
    for column, values in columns.items():
        first = next((value for value in values if value is not None), None)
        is_file = isinstance(first, (str, os.PathLike)) and ending_of(os.fspath(first)) in modality.endings
        if is_file or isinstance(first, (bytes, dict)) or modality.cell(first) is not None:
            rest = {other: cells for other, cells in columns.items() if other != column}
            return _of_cells([_cell(value, modality) for value in values], rest, modality)
        if as_numbers(first) is not None and as_numbers(first).ndim > 1:
            inner = _samples(values, name, modality)
            label = next((rest for rest in columns if rest.lower() in ("label", "labels", "class", "target")), None)
            return inner if label is None else _with_labels(inner, np.asarray(columns[label]), name, modality)
    raise InputError(
        f"dataset [{name}] is a frame with the columns {', '.join(columns)}, and none holds {modality.words.many} or "
        f"names of their files."
    )


def _items(value: Any, name: str, modality: Modality) -> RawSplit:
    """A dataset of torch: what it gives for each number, a sample or (sample, label)."""
    samples, labels = [], []
    for k in range(len(value)):
        item = value[k]
        pair = isinstance(item, (tuple, list)) and len(item) == 2
        samples.append(item[0] if pair else item)
        labels.append(item[1] if pair else None)
    inner = _samples(samples, name, modality)
    known = [label for label in labels if label is not None]
    if not known:
        return inner
    plain = [
        label.item() if hasattr(label, "item") and getattr(label, "ndim", 0) == 0 else _listed_label(label)
        for label in labels
    ]
    return _with_labels(inner, np.asarray(plain), name, modality)


def _listed_label(label: Any) -> Any:
    numbers = as_numbers(label)
    return label if numbers is None else numbers.tolist()
