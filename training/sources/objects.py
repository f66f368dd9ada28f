"""Datasets that are objects in Python: of `datasets`, arrays, torch's, lists of pictures, pandas frames."""

import dataclasses
import os
import stat
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..command.arguments.data import DataArguments, InMemory
from ..errors import InputError
from ..files.left_out import LeftOut, shortened
from ..files.metadata import LABEL_COLUMNS
from ..files.path_cells import AS_TEXT, is_encoded
from ..files.split_names import TRAIN, split_of_folder
from ..files.tree import ending_of
from ..modalities.modality import Modality
from .found import Found, RawSplit
from .in_cells import rows_of_columns, with_rows
from .named_arrays import splits_of_arrays
from .numbers_in_memory import arrays_of, as_numbers, nested_numbers

EXPECTED = (
    "a datasets.Dataset or DatasetDict, an array, (array, labels), a torch Dataset, a list of samples, a pandas "
    "frame, {column: values}, or {split: one of these}"
)
SPLITS = 20  # in a mapping of them


def object_splits(held: InMemory, args: DataArguments, modality: Modality) -> Found:
    """The splits of an object.

    Raises:
        InputError: it is of no kind that can be read.
    """
    value = held.value
    if isinstance(value, tuple) and len(value) == 2 and all(isinstance(p, tuple) and len(p) == 2 for p in value):
        value = {TRAIN: value[0], "test": value[1]}  # as Keras gives them: ((x, y), (x, y))
    arrays = None if not isinstance(value, Mapping) or _is_table(value, modality) else arrays_of(value, modality)
    if arrays is not None:
        splits, left_out, notes = splits_of_arrays(arrays, args, modality, "dataset")
        rest = [str(key) for key in value if key not in {one.key for one in arrays}]
        left_out += [LeftOut(shortened(rest), "no arrays")] if rest else []
        return Found("arrays in memory", splits, left_out, notes)
    parts = value if isinstance(value, Mapping) and not _are_columns(value, modality) else {TRAIN: value}
    if not 0 < len(parts) <= SPLITS:
        raise InputError(f"dataset is a mapping of {len(parts)} parts, expected {EXPECTED}.")
    return Found("in memory", {str(name): _split(part, str(name), modality) for name, part in parts.items()})


def _split(value: Any, name: str, modality: Modality) -> RawSplit:
    import datasets

    if isinstance(value, datasets.Dataset):
        return RawSplit(rows=value)
    if isinstance(value, Mapping):
        return _columns({str(key): _listed(cells) for key, cells in value.items()}, name, modality)
    if type(value).__module__.partition(".")[0] == "pandas" and hasattr(value, "columns"):
        return _columns({str(column): list(value[column]) for column in value.columns}, name, modality)
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
    raise InputError(f"dataset [{name}] is of type {type(value).__name__}, expected {EXPECTED}.{_instead(value)}")


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
    numbers = [nested_numbers(value) if isinstance(value, list) else as_numbers(value) for value in values]
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
    rows = all(isinstance(value, Mapping) and not _is_cell(value) for value in values)
    if rows and modality.cell(values[0]) is None:
        return _columns({str(key): [_plain(v.get(key)) for v in values] for key in values[0]}, name, modality)
    cells = [_cell(value, modality) for value in values]
    bad = next((k for k, cell in enumerate(cells) if cell is None), None)
    if bad is not None:
        kind, one = type(values[bad]).__name__, modality.words.one
        if isinstance(values[bad], (tuple, list)):
            inside = ", ".join(type(part).__name__ for part in values[bad][:4])
            kind = f"{kind} of {len(values[bad])} ({inside}), expected the {one} alone or ({one}, label), or"
            raise InputError(f"item {bad} of dataset [{name}] is of type {kind} a picture as rows of numbers.")
        raise InputError(f"item {bad} of dataset [{name}] is of type {kind}, expected {modality.words.many}.")
    return _of_cells(cells, {}, modality)


def _cell(value: Any, modality: Modality) -> dict[str, Any] | None:
    """A sample as a file's cell, or as it is; names of files are the caller's own, so they may lie anywhere."""
    if modality.in_cells:
        return modality.cell(value)
    if is_encoded(value):
        raise InputError(f"a column or list of the dataset {AS_TEXT}")
    if isinstance(value, (str, os.PathLike)):
        path = os.fspath(value)
        if os.path.isdir(path):
            raise InputError(
                f"{path} is a folder, expected a file: give one folder as the dataset, or a list of files."
            )
        if not (os.path.isfile(path) and stat.S_ISREG(os.stat(path).st_mode)):
            raise InputError(f"{path} was not found: expected a file.")
        return {"bytes": None, "path": os.path.abspath(path)}
    if isinstance(value, bytes):
        return {"bytes": value, "path": None}
    if _is_cell(value):
        return value
    if hasattr(value, "read") and modality.cell(value) is None:  # a file that is open
        return {"bytes": value.read(), "path": None}
    return modality.cell(value)


def _is_cell(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"bytes", "path"}


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


def _columns(columns: Mapping[str, Sequence[Any]], name: str, modality: Modality) -> RawSplit:
    """A pandas frame, or a mapping, with a column of pictures, bytes, arrays or files' names."""
    sizes = {key: len(values) for key, values in columns.items()}
    if not columns or not min(sizes.values()):
        raise InputError(f"dataset [{name}] is empty: expected {modality.words.many}.")
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"{key} {size}" for key, size in sizes.items())
        raise InputError(f"dataset [{name}] has columns of several lengths, {told}: expected one.")
    if modality.in_cells:
        return RawSplit(rows=rows_of_columns(columns, modality))
    numbers = []
    if modality.number_columns is not None:
        numbers = modality.number_columns(list(columns), {key: values[0] for key, values in columns.items()})
    if numbers:
        values = modality.of_number_columns({key: np.asarray(columns[key]) for key in numbers}, f"dataset [{name}]")
        return with_rows(values, _others(columns, numbers), modality)
    for column, values in columns.items():
        first = next((value for value in values if value is not None), None)
        if nested_numbers(first) is not None:
            return _of_lists(values, _others(columns, [column]), name, modality)
        is_file = isinstance(first, (str, os.PathLike)) and ending_of(os.fspath(first)) in modality.endings
        usual = column.lower() in (modality.array_name, modality.input_name, *modality.column_names)
        if as_numbers(first) is not None and as_numbers(first).ndim > 1 - usual:
            arrays = values if isinstance(values, np.ndarray) else _samples(values, name, modality).values
            if arrays is not None:  # all of one shape
                return with_rows(arrays, _others(columns, [column]), modality)
        if is_file or isinstance(first, (bytes, dict)) or modality.cell(first) is not None:
            return _of_cells([_cell(value, modality) for value in values], _others(columns, [column]), modality)
    raise InputError(
        f"dataset [{name}] has the columns {shortened(list(columns), 8)}, and none holds {modality.words.many} or "
        f"names of their files."
    )


def _of_lists(values: Sequence[Any], others: dict[str, list[Any]], name: str, modality: Modality) -> RawSplit:
    """Pictures as nested lists, and the columns beside them."""
    arrays = [nested_numbers(value) for value in values]
    bad = next((row for row, array in enumerate(arrays) if array is None), None)
    if bad is not None:
        raise InputError(f"row {bad} of dataset [{name}] holds no rows of numbers of one length, as others do.")
    if len({array.shape for array in arrays}) == 1:
        return with_rows(np.stack(arrays), others, modality)
    inner = _samples(arrays, name, modality)
    cells = inner.rows[:][inner.column]
    return _of_cells(cells, others, modality)


def _others(columns: Mapping[str, Sequence[Any]], taken: Sequence[str]) -> dict[str, list[Any]]:
    """All columns but some, as plain values."""
    return {key: [_in_python(cell) for cell in cells] for key, cells in columns.items() if key not in taken}


def _is_table(value: Mapping[Any, Any], modality: Modality) -> bool:
    """Whether a mapping is of columns of one length."""
    return _are_columns(value, modality) and len({len(cells) for cells in value.values()}) == 1


def _are_columns(value: Mapping[Any, Any], modality: Modality) -> bool:
    """Whether a mapping is a table, {"image": ..., "label": ...}, and not one of splits."""
    if any(split_of_folder(str(key)) for key in value) or not all(
        hasattr(cells, "__len__") for cells in value.values()
    ):
        return False
    tables = any(isinstance(cells, (tuple, Mapping)) or hasattr(cells, "columns") for cells in value.values())
    usual = (*LABEL_COLUMNS, modality.array_name, modality.input_name, *modality.column_names)
    return not tables and any(str(key).lower() in usual for key in value)


def _instead(value: Any) -> str:
    """What to pass in place of what can only be gone through."""
    if hasattr(value, "dataset") and hasattr(value, "batch_size"):
        return " Pass the loader's .dataset."
    if type(value).__name__ == "IterableDataset" and hasattr(value, "features"):
        return " Load it without streaming=True, or take a part: datasets.Dataset.from_list(list(it.take(10_000)))."
    return " Pass list(...) of it." if hasattr(value, "__iter__") else ""


def _items(value: Any, name: str, modality: Modality) -> RawSplit:
    """A dataset of torch: what it gives for each number, a sample or (sample, label)."""
    samples, labels = [], []
    for k in range(len(value)):
        item = value[k]
        pair = isinstance(item, (tuple, list)) and len(item) == 2
        alone = isinstance(item, tuple) and len(item) == 1  # of a TensorDataset of one tensor
        samples.append(item[0] if pair or alone else item)
        labels.append(item[1] if pair else None)
    inner = _samples(samples, name, modality)
    known = [label for label in labels if label is not None]
    if not known:
        return inner
    made = _with_labels(inner, np.asarray([_in_python(label) for label in labels]), name, modality)
    return _with_names(made, _classes_of(value))


def _classes_of(value: Any) -> list[str] | None:
    """The names of classes that a dataset of torch, or the one that it is a part of, has as torchvision's do."""
    for _ in range(4):
        names = getattr(value, "classes", None)
        if isinstance(names, (list, tuple)) and names and all(isinstance(name, str) for name in names):
            return list(names)
        value = getattr(value, "dataset", None)
    return None


def _with_names(split: RawSplit, names: list[str] | None) -> RawSplit:
    """With names for its class numbers, if they are numbers of these."""
    import datasets

    labels = split.labels if split.values is not None else np.asarray(split.rows["label"][:])
    if names is None or len(set(names)) < len(names) or labels.ndim != 1 or labels.dtype.kind not in "iu":
        return split
    if labels.min(initial=0) < -1 or labels.max(initial=0) >= len(names):
        return split
    if split.values is not None:
        return dataclasses.replace(split, label_names=names)
    kind = datasets.ClassLabel(names=names)
    return dataclasses.replace(split, rows=split.rows.cast_column("label", kind))


def _in_python(value: Any) -> Any:
    """Arrays and tensors as lists and numbers."""
    numbers = as_numbers(value)
    return value if numbers is None else numbers.tolist()


def _plain(value: Any) -> Any:
    """A tensor as an array, one number as itself."""
    numbers = as_numbers(value)
    return value if numbers is None else numbers.item() if numbers.ndim == 0 else numbers
