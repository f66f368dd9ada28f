"""Columns, files and arrays of texts -> (N,) strings: what is missing or no text is told, or left out."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...command.arguments.data import DataArguments
from ...errors import InputError, one_line
from ..modality import Preprocessing, Read
from .words import as_strings, cleaned, decoded, facts_of, fingerprint_of

AT_ONCE = 10_000  # rows of a column looked at together


class TextReader:
    """Reads texts as they are, whatever model they are for.

    Args:
        wanted: nothing is wanted of them.
        args: options of the user.
        preprocessing: takes plain texts.
    """

    def __init__(self, wanted: Mapping[str, Any], args: DataArguments, preprocessing: Preprocessing | None = None):
        self.args = args

    def from_arrays(self, values: np.ndarray, name: str) -> Read:
        """An array (N,) of texts."""
        if values.ndim != 1 or values.dtype.kind not in "UTO":
            raise InputError(
                f"texts of {name} are an array of {values.dtype} of shape {values.shape}, expected (N,) texts. Pass a "
                f"list of str, or an array of strings."
            )
        return self._read(((row, value, f"row {row}") for row, value in enumerate(values.tolist())), len(values), name)

    def from_column(self, rows: Any, column: str, name: str) -> Read:
        """A column of texts, or of files of one text each."""
        rows, feature = rows.select_columns([column]), rows.features[column]
        cells = _files(rows, column, self.args.encoding) if isinstance(feature, dict) else _cells(rows, column)
        return self._read(cells, len(rows), name)

    def _read(self, cells: Iterable[tuple[int, Any, str]], count: int, name: str) -> Read:
        texts, kept = [], []
        for row, value, where in cells:
            if isinstance(value, str):
                texts.append(cleaned(value))
                kept.append(row)
            elif not self.args.skip_damaged:
                why = value if isinstance(value, Unreadable) else f"is {_kind(value)}, expected text"
                raise InputError(
                    f"text {row} of {name} ({where}) {why}. Mend or remove it, or pass --skip_damaged to leave such "
                    f"texts out."
                )
        if not texts:
            raise InputError(f"{name} is empty: none of its {count} texts could be read.")
        values = as_strings(texts)
        return Read(values, np.asarray(kept), fingerprint_of(values), facts_of(values))


class Unreadable(Exception):
    """Why a file holds no text."""


def lines_of(path: Path, args: DataArguments) -> list[str]:
    """The lines of a file that are not empty.

    Raises:
        InputError: it holds no text.
    """
    try:
        text = decoded(path.read_bytes(), args.encoding)
    except UnicodeDecodeError as error:
        raise InputError(f"{path} {not_decoded(error, args.encoding)}.") from None
    except LookupError:
        raise _unknown(args.encoding) from None
    return [line.rstrip("\r") for line in cleaned(text).split("\n") if line.strip()]


def not_decoded(error: UnicodeDecodeError, encoding: str | None) -> str:
    """What is wrong with a file, and the repair."""
    expected = f"in {encoding}" if encoding else "UTF-8"
    hint = "save it as UTF-8, or say by --encoding how it is written (latin-1, cp1252 ...)"
    return f"is not {expected} (byte {error.start}): {hint}"


def _unknown(encoding: str | None) -> InputError:
    return InputError(f"encoding is {encoding!r}, expected one that Python knows (utf-8, latin-1 ...).")


def _kind(value: Any) -> str:
    return "missing" if value is None else f"of type {type(value).__name__}"


def _cells(rows: Any, column: str) -> Iterator[tuple[int, Any, str]]:
    row = 0
    for batch in rows.with_format("arrow").iter(AT_ONCE):
        for value in batch[column].to_pylist():
            yield row, value, f"row {row}"
            row += 1


def _files(rows: Any, column: str, encoding: str | None) -> Iterator[tuple[int, Any, str]]:
    for row, cell, _ in _cells(rows, column):
        where = cell.get("path") or f"row {row}" if cell else f"row {row}"
        if cell is None or (cell["bytes"] is None and cell["path"] is None):
            yield row, None, where
            continue
        try:
            raw = cell["bytes"] if cell["bytes"] is not None else Path(cell["path"]).read_bytes()
            yield row, decoded(raw, encoding).rstrip("\r\n"), where
        except UnicodeDecodeError as error:
            yield row, Unreadable(not_decoded(error, encoding)), where
        except LookupError:
            raise _unknown(encoding) from None
        except OSError as error:
            yield row, Unreadable(f"cannot be read: {one_line(error).rstrip('.')}"), where
