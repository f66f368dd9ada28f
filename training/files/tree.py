"""The files below a folder, by what they may be to us: one quick walk that opens no file of samples."""

import contextlib
import functools
import json
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import InputError
from .left_out import LeftOut, counted, shortened

TABLES = frozenset((".csv", ".tsv", ".jsonl", ".ndjson", ".json"))
MANY_TABLES = 10  # in one folder: annotations of single samples
ARRAYS = frozenset((".npy", ".npz", ".h5", ".hdf5", ".idx"))
ARCHIVES = frozenset((".zip", ".tar", ".tgz"))
COMPRESSED = (".gz", ".xz", ".bz2")
# What is known not to be read, and what may be done about it.
VIDEO = frozenset(".mp4 .avi .mov .mkv .webm .mpg .mpeg .wmv .m4v".split())
CAMERA_RAW = frozenset(".cr2 .cr3 .nef .nrw .arw .dng .orf .raf .rw2 .pef .srw".split())
SPREADSHEETS = frozenset((".xlsx", ".xls", ".ods"))
PICKLES = frozenset((".pkl", ".pickle", ".pt", ".pth", ".joblib"))
DOCUMENTS = frozenset(".pdf .doc .docx .odt .rtf".split())
SOUND = frozenset(".m4a .aac .wma .amr .3gp".split())
UNREAD = (
    (frozenset((".heic", ".heif")), 'HEIC pictures are read with pillow-heif: pip install "pretune[formats]"'),
    (CAMERA_RAW, "camera raw is not read; export it as .tif or .jpg"),
    (VIDEO, "video is not read; cut it into pictures, for example with ffmpeg"),
    (SPREADSHEETS, "spreadsheets are not read; save them as .csv"),
    (PICKLES, "pickles are not opened, since they could run code; save arrays as .npz"),
    (frozenset((".mat",)), "MATLAB files are not read; save arrays as .npz"),
    (frozenset((".tfrecord", ".tfrecords")), "TensorFlow records are not read; save them as files or as .npz"),
    (frozenset((".svg", ".eps", ".ai")), "drawings are not read; save them as .png"),
    (DOCUMENTS, "documents are not read; save their text as .txt, or their pages as .png"),
    (SOUND, "sound of these kinds is not read; save it as .wav or .flac, for example with ffmpeg"),
)
OUTPUT_MARKS = frozenset(("run.json", "report.json", "inspect.json"))  # of folders that verbs write
NO_FOLDERS = frozenset(
    ("__MACOSX", "__pycache__", "@eaDir", "$RECYCLE.BIN", "lost+found", "node_modules", "_background_noise_")
)
NO_FILES = frozenset(("Thumbs.db", "desktop.ini", "contact_sheet.png", "inspect.json"))
MARKS = {".dcm": (128, b"DICM")}  # what stands where in files that often have no ending
NO_SAMPLES = frozenset(("DICOMDIR",))  # a table of contents that begins as the files do
POINTER, POINTER_SIZE = b"version https://git-lfs.github.com/spec/", 200


@dataclass(frozen=True)
class File:
    """One plain file.

    Args:
        folders: the folders it lies in, from below the dataset's folder.
        name: its own.
        path: where it is on disk.
        size, changed: its bytes, and when they were changed (nanoseconds).
        kind: its ending, where that is known by what stands in it.
    """

    folders: tuple[str, ...]
    name: str
    path: str
    size: int
    changed: int
    kind: str = ""

    @functools.cached_property
    def relative(self) -> str:
        """Its name below the dataset's folder, with slashes."""
        return "/".join((*self.folders, self.name))

    @functools.cached_property
    def stem(self) -> str:
        """Its name without the ending."""
        return self.name if self.kind else self.name[: len(self.name) - len(self.ending)]

    @functools.cached_property
    def ending(self) -> str:
        """In lower case, with the dot; of "x.nii.gz" both."""
        return self.kind or ending_of(self.name)


def ending_of(name: str) -> str:
    """The ending of a file's name in lower case; with what it is compressed by."""
    stem, last = os.path.splitext(name)
    if last.lower() in COMPRESSED:
        inner = os.path.splitext(stem)[1]
        return (inner + last).lower() if 1 < len(inner) < 6 else last.lower()
    return last.lower()


@dataclass
class Tree:
    """What lies in a folder.

    Args:
        root: the folder.
        samples, tables, parquet, arrays, archives: files by kind, sorted by name.
        others: how many further files there are, by ending.
        left_out: folders and files that were not gone into.
        notes: links that were followed.
        seen: all files.
    """

    root: Path
    samples: list[File] = field(default_factory=list)
    tables: list[File] = field(default_factory=list)
    parquet: list[File] = field(default_factory=list)
    arrays: list[File] = field(default_factory=list)
    archives: list[File] = field(default_factory=list)
    others: Counter = field(default_factory=Counter)
    left_out: list[LeftOut] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seen: int = 0

    def unread(self) -> list[LeftOut]:
        """The files of no use here, by kind, with what may be done about them."""
        rest, parts = Counter(self.others), []
        for endings, why in UNREAD:
            found = Counter({ending: rest.pop(ending) for ending in sorted(endings & rest.keys())})
            if found:
                parts.append(LeftOut(f"{counted(found)} file{'s' * (found.total() > 1)}", why))
        if rest:
            parts.append(LeftOut(f"{counted(rest)} file{'s' * (rest.total() > 1)}", "of no kind that is read here"))
        return parts


def is_array_file(name: str) -> bool:
    """Whether a file's name is that of arrays: .npy, .npz, HDF5, or IDX as MNIST has it."""
    stem = name.lower().removesuffix(".gz")
    return os.path.splitext(name)[1].lower() in ARRAYS or stem.endswith("ubyte") or ".idx" in stem


def is_archive(name: str) -> bool:
    """Whether a file's name is that of an archive that can be unpacked."""
    ending = ending_of(name)
    return ending in ARCHIVES or ending.startswith(".tar.")


def walk(root: Path, endings: frozenset[str], prefix: tuple[str, ...] = ()) -> Tree:
    """The files below `root`. Links to folders are followed, each folder once; hidden files and runs are left out.

    Args:
        endings: of files that are samples.
        prefix: folders that the files are said to lie in, above their own.

    Raises:
        InputError: the folder cannot be opened.
    """
    tree, hidden, links, no_plain, linked = Tree(root), 0, [], [], 0
    visited: set[tuple[int, int]] = set()
    waiting = [(str(root), prefix)]
    while waiting or links:
        if not waiting:  # what is really here comes first, so that a link never takes its name
            links.sort(key=lambda link: (len(link[1]), link[1]))
            waiting.append(links.pop(0))
        folder, above = waiting.pop()
        entries = _entries(tree, folder, above, visited, len(above) == len(prefix))
        for entry in entries:
            if entry.name.startswith(".") or entry.name in NO_FOLDERS or entry.name in NO_FILES:
                hidden += 1
            elif entry.is_dir():
                (links if entry.is_symlink() else waiting).append((entry.path, (*above, entry.name)))
            elif not entry.is_file():
                no_plain.append("/".join((*above, entry.name)))
            else:
                linked += entry.is_symlink()
                _sort_in(tree, entry, above, endings)
    if linked:
        tree.notes.append(f"{linked:,} files are links and are followed")
    if hidden:
        tree.left_out.append(LeftOut(f"{hidden} hidden files and folders", "their names say that they are no data"))
    if no_plain:
        tree.left_out.append(LeftOut(shortened(no_plain), "no plain file, or a link to nothing"))
    per_folder = Counter((file.folders, file.ending) for file in tree.tables)
    many = [file for file in tree.tables if per_folder[file.folders, file.ending] > MANY_TABLES]
    tree.tables = [file for file in tree.tables if per_folder[file.folders, file.ending] <= MANY_TABLES]
    tree.others.update(file.ending for file in many)
    for files in (tree.samples, tree.tables, tree.parquet, tree.arrays, tree.archives):
        files.sort(key=lambda file: (file.folders, file.name))
    return tree


def _entries(
    tree: Tree, folder: str, above: tuple[str, ...], visited: set[tuple[int, int]], top: bool
) -> list[os.DirEntry]:
    """What lies in a folder; nothing if it is not to be read, which is told."""
    name = "/".join(above)
    try:
        here = os.stat(folder)
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        if top:
            raise InputError(f"dataset {folder} cannot be opened: {error.strerror}. Check its permissions.") from None
        tree.left_out.append(LeftOut(f"folder {name}", f"it cannot be opened ({error.strerror})"))
        return []
    if (here.st_dev, here.st_ino) in visited:
        tree.left_out.append(LeftOut(f"linked folder {name}", "it leads to a folder that is read already"))
        return []
    visited.add((here.st_dev, here.st_ino))
    if not top and any(entry.name in OUTPUT_MARKS and is_ours(entry.path) for entry in entries):
        tree.left_out.append(LeftOut(f"folder {name}", "pretune wrote it"))
        return []
    if not top and os.path.islink(folder):
        tree.notes.append(f"linked folder {name} is followed to {os.path.realpath(folder)}")
    return entries


def _sort_in(tree: Tree, entry: os.DirEntry, folders: tuple[str, ...], endings: frozenset[str]) -> None:
    tree.seen += 1
    ending = ending_of(entry.name)
    files, kind = _files_of_kind(tree, entry.name, ending, endings), ""
    if files is None and not ending.strip(".0123456789") and entry.name not in NO_SAMPLES:
        kind = _kind_by_mark(entry.path, endings)
        files = tree.samples if kind else None
    if files is None:
        tree.others[ending] += 1
        return
    facts = entry.stat()
    files.append(File(folders, entry.name, entry.path, facts.st_size, facts.st_mtime_ns, kind))


def _kind_by_mark(path: str, endings: frozenset[str]) -> str:
    """The ending of samples that a file without one should have, or ""."""
    for ending, (place, mark) in MARKS.items():
        if ending in endings:
            with contextlib.suppress(OSError), open(path, "rb") as file:
                file.seek(place)
                if file.read(len(mark)) == mark:
                    return ending
    return ""


def _files_of_kind(tree: Tree, name: str, ending: str, endings: frozenset[str]) -> list[File] | None:
    if ending in endings:
        return tree.samples
    if ending == ".parquet":
        return tree.parquet
    if ending in TABLES:
        return tree.tables
    if is_array_file(name):
        return tree.arrays
    return tree.archives if is_archive(name) else None


def is_ours(path: str | Path) -> bool:
    """Whether a JSON file is a record that pretune wrote: it holds the command that did."""
    try:
        with open(path, encoding="utf-8") as file:
            record = json.load(file)
    except (OSError, ValueError):
        return False
    return isinstance(record, dict) and str(record.get("command", "")).startswith("pretune ")


def is_pointer(path: str, size: int) -> bool:
    """Whether a file is what Git leaves in place of a large one that was not fetched."""
    if size > POINTER_SIZE:
        return False
    with open(path, "rb") as file:
        return file.read(len(POINTER)) == POINTER


def without_pointers(files: list[File], tree: Tree, needed: bool = True) -> list[File]:
    """`files` less those that Git LFS did not fetch, which are told.

    Raises:
        InputError: none is left, and some are needed.
    """
    kept = [file for file in files if not is_pointer(file.path, file.size)]
    missing = len(files) - len(kept)
    repair = f"run `git lfs pull` in {tree.root}"
    if missing and not kept and needed:
        raise InputError(f"all {missing} data files in {tree.root} are Git LFS pointers, not the files: {repair}.")
    if missing:
        tree.left_out.append(LeftOut(f"{missing} files", f"they are Git LFS pointers, not the files: {repair}"))
    return kept
