"""Cells of a table that name files: followed only inside the dataset's own folder, and only to plain files."""

import os
import stat
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from .split_names import split_of_folder
from .tree import File

# Columns that name files, the likeliest first; then any other.
USUAL = tuple(
    "file_name filename file filepath file_path path image_path img_path image_name image img image_file image_id "
    "id_code img_id id name audio audio_path".split()
)
ENCODED = ("data:image/", "iVBORw0KGgo", "/9j/", "R0lGOD", "UklGR")  # how base64 text of pictures begins
AS_TEXT = "holds pictures as base64 text: save their bytes (base64.b64decode) as files, or as a column of bytes."
PROBE = 200  # cells looked at to tell whether a column names files


class Names:
    """Files by the names that tables give them.

    Args:
        files: those that may be meant. A name means the file of this path, from the table's folder or from the
            dataset's; else the only one whose path ends so, with or without its ending, in capitals or not; 7 means
            00007.png, if nothing is called 7.
    """

    def __init__(self, files: Iterable[File]):
        self.by_path: dict[str, File] = {}
        self.by_name: dict[str, list[File]] = defaultdict(list)
        self.by_number: dict[str, list[File]] = defaultdict(list)
        for file in files:
            self.by_path[file.relative] = file
            for name in {file.name, file.name.lower(), *((file.stem, file.stem.lower()) if file.ending else ())}:
                self.by_name[name].append(file)
            if file.stem.isdecimal() and file.stem.isascii() and file.stem.startswith("0"):
                self.by_number[file.stem.lstrip("0") or "0"].append(file)

    def find(self, cell: Any, folders: tuple[str, ...], prefer: frozenset[str] = frozenset()) -> File | None:
        """The file that a cell means, or None.

        Args:
            cell: a name, perhaps with folders before it.
            folders: those of the table.
            prefer: top-level folders to choose among several files of one name.
        """
        name = clean(cell)
        if name is None:
            return None
        for start in dict.fromkeys(("/".join(folders), "")):
            inside = normal(f"{start}/{name}" if start else name)
            if inside is not None and inside in self.by_path:
                return self.by_path[inside]
        if name.startswith("../") or "/../" in name:
            return None
        parts = tuple(name.split("/"))
        named = self.by_name.get(parts[-1]) or self.by_name.get(parts[-1].lower()) or self.by_number.get(parts[-1], ())
        found = [file for file in named if (*file.folders, "")[-len(parts) : -1] == parts[:-1]]
        if not found and is_absolute(name):  # as on the machine where the table was made
            splits = {part for part in parts[:-1] if split_of_folder(part)}
            found = [file for file in named if splits <= set(file.folders)]
        if len(found) > 1 and prefer:
            found = [file for file in found if prefer & set(file.folders)] or found
        return found[0] if len(found) == 1 else None


class InFolder:
    """Files by their path below one folder, looked up one by one: for a table whose folder may hold anything.

    Args:
        root: the folder; names that lead out of it, by whatever way, are no files of the dataset.
    """

    def __init__(self, root: str):
        self.root, self.real = os.path.abspath(root), os.path.realpath(root)
        self._folders: dict[str, bool] = {}

    def find(self, cell: Any, folders: tuple[str, ...] = (), prefer: frozenset[str] = frozenset()) -> File | None:
        """The plain file that a cell means, or None."""
        name = clean(cell)
        if name is None or "\0" in name:
            return None
        inside = below(self.root, name) or below(self.real, name)
        if inside is None:
            return None
        path = os.path.join(self.root, inside)
        try:
            facts = os.lstat(path)
            if stat.S_ISLNK(facts.st_mode):
                if not _within(os.path.realpath(path), self.real):
                    return None
                facts = os.stat(path)
        except (OSError, ValueError):
            return None
        if not stat.S_ISREG(facts.st_mode) or not self._folder_inside(os.path.dirname(path)):
            return None
        *above, last = inside.split("/")
        return File(tuple(above), last, path, facts.st_size, facts.st_mtime_ns)

    def holds(self, path: str) -> bool:
        """Whether a file really lies in the folder, whatever links lead to it."""
        return _within(os.path.realpath(path), self.real)

    def _folder_inside(self, folder: str) -> bool:
        if folder not in self._folders:
            self._folders[folder] = _within(os.path.realpath(folder), self.real)
        return self._folders[folder]


def _within(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")


def clean(cell: Any) -> str | None:
    """A cell as a path with slashes, or None if it can be none."""
    if isinstance(cell, bool) or not isinstance(cell, (str, int)):
        return None
    text = str(cell).strip().replace("\\", "/").removeprefix("file://")
    while text.startswith("./"):
        text = text[2:]
    return text or None


def is_encoded(cell: Any) -> bool:
    """Whether a cell is a picture as base64 text."""
    return isinstance(cell, str) and len(cell) > 60 and cell.startswith(ENCODED)


def normal(path: str) -> str | None:
    """A relative path without `.` and `..`; None if it leads out, or is absolute."""
    found = os.path.normpath(path)
    return None if found.startswith(("/", "..")) and not found.startswith("...") else found


def is_absolute(name: str) -> bool:
    """Whether a path begins at the root of a machine: /data/x.jpg, C:/data/x.jpg."""
    return name.startswith("/") or name[1:3] == ":/"


def below(root: str, name: str) -> str | None:
    """A name, absolute or relative to `root`, as a path below `root`; None if it is none."""
    found = os.path.relpath(os.path.normpath(os.path.join(root, name)), root)
    return None if found == "." else normal(found)


def path_column(
    columns: dict[str, Sequence[Any]],
    names: Names | InFolder,
    folders: tuple[str, ...],
    wanted: str | None,
    prefer: frozenset[str] = frozenset(),
) -> str | None:
    """The column that names files that are there, or None: the one `wanted`, else the first with the most of them.

    Class numbers can look like names too: of a column that is not called as names usually are, most cells must be
    different files, unless they have an ending.
    """
    if wanted in columns:
        return wanted
    order = [name for usual in USUAL for name in columns if name.lower() == usual]
    best, share = None, 0.0
    for name in dict.fromkeys([*order, *columns]):
        cells = [cell for cell in columns[name][: 20 * PROBE] if clean(cell)]
        cells = cells[:: max(1, len(cells) // PROBE)]
        hits = {file.path for cell in cells if (file := names.find(cell, folders, prefer)) is not None}
        plain = name.lower() in USUAL or any("." in str(cell) for cell in cells)
        if cells and len(hits) / len(cells) > max(share + 0.1, 0.0 if plain else 0.5):
            best, share = name, len(hits) / len(cells)
    return best
