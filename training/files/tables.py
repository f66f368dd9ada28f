"""Tables as people keep them beside samples: .csv, .tsv, .jsonl, .json, COCO. Columns of plain Python values."""

import csv
import itertools
import json
import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import InputError, one_line
from .tree import ending_of

Columns = dict[str, list[Any]]
DELIMITERS = ",;\t|"
# What programs write for no value; "none" is what people call a class (no defect, no tumour).
EMPTY = frozenset(("", "nan", "NaN", "NA", "N/A", "n/a", "null", "NULL", "None", "<NA>"))
MAX_CELL = 2**31 - 1  # a cell may hold a whole mask or text


def read_table(path: str, is_sample: Callable[[str], bool], limit: int | None = None) -> Columns:
    """The columns of a table; a cell without a value is None.

    Args:
        path: a file.
        is_sample: whether a cell reads like the name of a sample's file: if a heading does, there are no headings.
        limit: rows to read; None for all.

    Raises:
        InputError: it cannot be read, with the cause.
    """
    columns = _read(path, is_sample, limit)
    if any("\0" in name for name in columns):
        raise InputError(
            f"table {path} has a zero byte in the name of a column: it is damaged. Save it again as UTF-8."
        )
    return columns


def _read(path: str, is_sample: Callable[[str], bool], limit: int | None) -> Columns:
    try:
        if ending_of(path) in (".csv", ".tsv"):
            return _read_separated(path, is_sample, limit)
        if ending_of(path) == ".parquet":
            return _read_parquet(path, limit)
        with open(path, encoding="utf-8-sig") as file:
            if ending_of(path) == ".json":
                return _of_json(json.load(file), path)
            numbered = ((number, line) for number, line in enumerate(file, 1) if line.strip())
            lines = list(itertools.islice(numbered, limit))
    except InputError:
        raise
    except (OSError, ValueError, csv.Error, RecursionError) as error:  # no UTF-8, no JSON, too long a number
        raise InputError(f"table {path} cannot be read: {one_line(error)}.") from None
    rows = []
    for number, line in lines:
        try:
            rows.append(json.loads(line))
        except (ValueError, RecursionError) as error:
            raise InputError(f"line {number} of {path} is no JSON: {one_line(error)}. Mend or remove it.") from None
    return _of_rows(rows, path)


def _read_parquet(path: str, limit: int | None) -> Columns:
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.ParquetFile(path)
        batches = table.iter_batches(limit) if limit else [table.read()]
        return next(iter(batches)).to_pydict() if table.metadata.num_rows else {}
    except pyarrow.ArrowInvalid as error:
        raise InputError(f"table {path} cannot be read: {one_line(error)}.") from None


def _read_separated(path: str, is_sample: Callable[[str], bool], limit: int | None) -> Columns:
    csv.field_size_limit(MAX_CELL)
    encoding, delimiter = written_as(path)
    with open(path, encoding=encoding, newline="") as file:
        full = (row for row in csv.reader(file, delimiter=delimiter) if any(cell.strip() for cell in row))
        rows = list(itertools.islice(full, limit and limit + 1))
    if not rows:
        return {}
    names = [name.strip() for name in rows[0]]
    headings = not any(is_sample(name) for name in names)
    if not headings:
        names = [f"column_{number}" for number in range(len(names))]
    else:
        rows = rows[1:]
    names = [name or f"column_{number}" for number, name in enumerate(names)]
    width = len(names)
    wrong = next((number for number, row in enumerate(rows) if len(row) > width), None)
    if wrong is not None:
        raise InputError(
            f"row {wrong + 1 + headings} of {path} has {len(rows[wrong])} cells, expected {width} as in its first "
            f"line. Mend it."
        )
    padded = [row + [""] * (width - len(row)) for row in rows]
    return {name: [row[k].strip() for row in padded] for k, name in enumerate(names)}


def written_as(path: str) -> tuple[str, str]:
    """(encoding, what stands between the cells) of a separated table, the latter by its ending or its first line."""
    encoding = _encoding(path)
    with open(path, encoding=encoding, errors="replace") as file:
        head = file.readline()
    return encoding, "\t" if ending_of(path) == ".tsv" else max(DELIMITERS, key=head.count)


def _encoding(path: str) -> str:
    """UTF-8, UTF-16 if it says so, else as old programs write."""
    with open(path, "rb") as file:
        start = file.read(65536)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        with open(path, encoding="utf-8-sig") as file:
            while file.read(1 << 20):
                pass
    except UnicodeDecodeError:
        return "cp1252" if b"\x81" not in start else "latin-1"
    return "utf-8-sig"


def _of_rows(rows: Sequence[Any], path: str) -> Columns:
    """A list of objects as columns."""
    if not all(isinstance(row, dict) for row in rows):
        raise InputError(f'{path} is no table: expected an object such as {{"file_name": ..., "label": ...}} a row.')
    names = list(dict.fromkeys(str(name) for row in rows for name in row))
    return {name: [row.get(name) for row in rows] for name in names}


def _of_json(value: Any, path: str) -> Columns:
    """A list of objects or of pairs [file, label], columns, {file: label}, {file: object}, {class: files}, or COCO."""
    if isinstance(value, dict) and isinstance(value.get("images"), list) and "annotations" in value:
        return _of_coco(value, path)
    if isinstance(value, list):
        pairs = all(isinstance(row, list) and len(row) == 2 and isinstance(row[0], str) for row in value)
        return _of_rows([{"file_name": a, "label": b} for a, b in value] if pairs else value, path)
    if isinstance(value, dict) and value and all(isinstance(cell, dict) for cell in value.values()):
        return _of_rows([{"file_name": name, **cell} for name, cell in value.items()], path)
    if isinstance(value, dict) and value and not any(isinstance(cell, (dict, list)) for cell in value.values()):
        return {"file_name": list(value), "label": list(value.values())}
    if isinstance(value, dict) and value and all(isinstance(cell, list) for cell in value.values()):
        if all(_looks_like_a_file(cell) for cells in value.values() for cell in cells):  # {class: its files}
            pairs = [(file, label) for label, files in value.items() for file in files]
            return {"file_name": [file for file, _ in pairs], "label": [label for _, label in pairs]}
        if len({len(cell) for cell in value.values()}) == 1:
            return {str(name): cell for name, cell in value.items()}
    return {}


def _looks_like_a_file(cell: Any) -> bool:
    """Whether it reads like a file's name: with a folder or an ending, and without blanks."""
    return isinstance(cell, str) and ("/" in cell or ending_of(cell) not in ("", cell)) and not cell.count(" ") > 2


def _of_coco(value: dict[str, Any], path: str) -> Columns:
    """COCO's images with the names of their annotations' categories: one each, or a list of them."""
    try:
        names = {one["id"]: one.get("name", str(one["id"])) for one in value.get("categories") or ()}
        of_image: dict[Any, set[str]] = defaultdict(set)
        for one in value["annotations"] or ():
            if one.get("category_id") in names:
                of_image[one["image_id"]].add(names[one["category_id"]])
        files = [image["file_name"] for image in value["images"]]
        found = [sorted(of_image[image["id"]]) for image in value["images"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} looks like COCO annotations, but cannot be read as such: {one_line(error)}."
        ) from None
    if not names:
        return {"file_name": files}
    alone = all(len(labels) <= 1 for labels in found)
    return {"file_name": files, "label": [(labels or [None])[0] for labels in found] if alone else found}


def typed(values: Sequence[Any]) -> list[Any]:
    """Cells of text as numbers where all of them are; those without a value as None. Other values as they are."""
    cells = [None if isinstance(value, str) and value in EMPTY else value for value in values]
    texts = [cell for cell in cells if cell is not None]
    if not texts or not all(isinstance(cell, str) for cell in texts):
        return cells
    for kind in (int, float):
        try:
            known = {cell: kind(cell) for cell in set(texts)}
        except ValueError:
            continue
        if kind is int and any(str(number) != cell.lstrip("+") for cell, number in known.items()):
            return cells  # numbers that begin with zeros are names
        return [None if cell is None else known[cell] for cell in cells]
    return cells


def merged_rows(columns: Columns, rows_of: Sequence[Sequence[int]]) -> Columns:
    """Columns with one row for each sample, of tables that have several rows for some: values that differ as a list.

    Args:
        columns: of equal length.
        rows_of: the rows of each sample, at least one.
    """
    if all(len(rows) == 1 for rows in rows_of):
        return {name: [values[rows[0]] for rows in rows_of] for name, values in columns.items()}
    merged: Columns = {}
    for name, values in columns.items():
        found = [list({repr(values[row]): values[row] for row in rows}.values()) for rows in rows_of]
        if all(len(cells) == 1 for cells in found):
            merged[name] = [cells[0] for cells in found]
        else:
            merged[name] = [[cell for cell in cells if cell is not None] for cells in found]
    return merged


def is_submission(path: str) -> bool:
    """Whether a table is Kaggle's example of an answer, whose labels are none."""
    return "submission" in os.path.basename(path).lower()
