"""A column of files as `datasets` stores them, {"bytes", "path"}, whatever they hold."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Cell:
    """One cell of a column.

    Args:
        row: where it stands.
        source: a path, or the bytes of a file; None if there is nothing.
        where: what an error calls it.
    """

    row: int
    source: str | bytes | None
    where: str

    def required(self, one: str) -> str | bytes:
        """The source. Raises ValueError where there is none; `one` is what it would hold."""
        if self.source is None:
            raise ValueError(f"there is no {one}")
        return self.source


def cells_of(rows: Any, column: str, at_once: int = 1024) -> Iterator[Cell]:
    """The cells of a column of files, {"bytes", "path"} each, in order."""
    row = 0
    for batch in rows.with_format("arrow").iter(at_once):
        for cell in batch[column].to_pylist():
            path, content = (cell or {}).get("path"), (cell or {}).get("bytes")
            source = path if content is None else content
            if content is None and path and "::" in path:  # inside an archive, as `datasets` names it
                source = _inside_archive(path)
            yield Cell(row, source or None, path or f"row {row}")
            row += 1


def cell_at(rows: Any, column: str, row: int) -> Cell:
    """The name of one cell of the column, by its row, without what it holds."""
    where = next(cells_of(rows.select([row]), column)).where
    return Cell(row, None, where if where != "row 0" else f"row {row}")


def _inside_archive(path: str) -> bytes:
    from datasets.utils.file_utils import xopen

    with xopen(path, "rb") as file:
        return file.read()
