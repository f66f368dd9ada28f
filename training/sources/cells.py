"""Files and what is known of each -> the rows of a `datasets.Dataset` whose first column is the samples' files."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files.tree import File
from ..modalities.cache import cache_folder
from ..modalities.modality import Modality

CONVERTED = "converted"  # folder of the cache
CONVERTED_AS = 3  # raised with any change of what a converted file holds


def rows_of_files(
    files: Sequence[File],
    columns: Mapping[str, Sequence[Any]],
    modality: Modality,
    column: str,
    class_names: Sequence[str] | None = None,
    skip_damaged: bool = False,
) -> Any:
    """A `datasets.Dataset` of the files, which are not opened, and the columns beside them.

    Args:
        files: one a row.
        columns: a value, or None, for each file; columns without any value are left out.
        modality: whose files they are.
        column: the name of the samples' column.
        class_names: of the column "label", if that holds names of classes.
        skip_damaged: a file that must be brought to another format and cannot be is left for the reader to skip.
    """
    import datasets
    import pyarrow as pa

    cells = [_cell(file, modality, skip_damaged) for file in files]
    arrays, features = {}, {column: modality.feature()}
    arrays[column] = pa.array(cells, datasets.Features(features).arrow_schema.field(column).type)
    for name, values in columns.items():
        if name == column or all(value is None for value in values):
            continue
        if name == "label" and class_names is not None:
            number = {text: k for k, text in enumerate(class_names)}
            arrays[name] = pa.array([None if value is None else number[value] for value in values], pa.int64())
            features[name] = datasets.ClassLabel(names=list(class_names))
        else:
            arrays[name] = plain_array(values)
            features[name] = datasets.features.features.generate_from_arrow_type(arrays[name].type)
    facts = [[file.relative, file.size, file.changed] for file in files]
    digest = hashlib.sha256(json.dumps([facts, list(columns)]).encode("utf-8", "surrogateescape"))
    table = datasets.table.InMemoryTable(pa.table(arrays))
    info = datasets.DatasetInfo(features=datasets.Features(features))
    return datasets.Dataset(table, info=info, fingerprint=digest.hexdigest()[:16])


def _cell(file: File, modality: Modality, skip_damaged: bool) -> dict[str, Any]:
    path = file.path
    convert = modality.foreign.get(file.ending)
    if convert is not None:
        path = _converted(file, convert, skip_damaged)
    try:
        path.encode()
    except UnicodeEncodeError:  # a name that is no text in any encoding: the table cannot hold it
        return {"bytes": Path(path).read_bytes(), "path": path.encode("utf-8", "replace").decode()}
    return {"bytes": None, "path": path}


def _converted(file: File, convert: Any, skip_damaged: bool) -> str:
    """The path of a file's copy in a format that the reader takes, made once and kept in the cache."""
    key = hashlib.sha256(
        json.dumps([CONVERTED_AS, file.path, file.size, file.changed]).encode("utf-8", "surrogateescape")
    )
    target = cache_folder() / CONVERTED / f"{key.hexdigest()[:32]}.tif"
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            convert(file.path, target)
        except (OSError, ValueError, KeyError, AttributeError, NotImplementedError) as error:
            if isinstance(error, InputError) or not skip_damaged:
                if isinstance(error, InputError):
                    raise
                cause = " ".join(str(error).split())
                raise InputError(
                    f"{file.path} cannot be read as {file.ending}: {cause}. Remove it, or pass --skip_damaged."
                ) from None
            return file.path
    return str(target)


def plain_array(values: Sequence[Any]) -> Any:
    """Values of one kind as an arrow array; of several kinds, as text."""
    import pyarrow as pa

    if not any(isinstance(value, dict) for value in values):
        try:
            found = pa.array(values)
            if not (pa.types.is_decimal(found.type) or pa.types.is_null(found.type)):
                return found
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            pass
    return pa.array([None if value is None else _text(value) for value in values], pa.string())


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text.encode("utf-8", "replace").decode()
