"""Archives of samples: unpacked once into the cache, plain files only, nothing outside of their own folder."""

import hashlib
import json
import os
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import InputError, one_line
from ..modalities.cache import begun, cache_folder
from .path_cells import normal
from .tree import TABLES, File, ending_of, is_array_file

UNPACKED = "unpacked"  # folder of the cache
SMALL = 1 << 20  # bytes that what stands beside a sample of a webdataset may have
SHARD_TABLE = "webdataset.jsonl"
DAMAGED = (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile, NotImplementedError, RuntimeError)


def unpack(archive: File, endings: frozenset[str]) -> Path | None:
    """The folder that holds an archive's samples, tables and arrays; None if it has none.

    Args:
        endings: of samples.

    Raises:
        InputError: the archive cannot be read, or the disk is too small for what is in it.
    """
    key = hashlib.sha256(json.dumps([archive.path, archive.size, archive.changed, sorted(endings)]).encode())
    folder = cache_folder() / UNPACKED / key.hexdigest()[:32]
    if folder.is_dir():
        return folder if any(folder.iterdir()) else None
    part = begun(folder)
    shutil.rmtree(part, ignore_errors=True)  # of an earlier process of this number
    part.mkdir()
    try:
        _fill(part, archive, endings)
        os.replace(part, folder)
    except DAMAGED as error:
        encrypted = "encrypted" in str(error)
        cause = "it is encrypted; unpack it yourself" if encrypted else one_line(error)
        raise InputError(f"archive {archive.path} cannot be unpacked: {cause}.") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder if any(folder.iterdir()) else None


def members_of(archive: File) -> set[tuple[str, int]]:
    """(name without folders, size) of an archive's files.

    Raises:
        InputError: the archive cannot be read.
    """
    try:
        return {(name.rpartition("/")[2], size) for name, size, _ in _members(archive.path)}
    except DAMAGED as error:
        raise InputError(f"archive {archive.path} cannot be read: {one_line(error)}.") from None


def _fill(folder: Path, archive: File, endings: frozenset[str]) -> None:
    wanted = endings | TABLES | {".parquet"}
    classes: dict[str, str] = {}
    free = shutil.disk_usage(folder).free
    for name, size, opened in _members(archive.path):
        path = normal(name.replace("\\", "/").lstrip("/"))
        if path is None or any(part.startswith((".", "__MACOSX")) for part in path.split("/")):
            continue
        ending = ending_of(path)
        if ending == ".cls" and size < SMALL:
            classes[path[: -len(ending)]] = opened().read().decode("utf-8", "replace").strip()
            continue
        if ending not in wanted and not is_array_file(path):
            continue
        if size > free - (1 << 28):
            raise InputError(f"archive {archive.path} holds more than the {free >> 20} MB that are free in {folder}.")
        free -= size
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with opened() as source, open(target, "wb") as file:
            shutil.copyfileobj(source, file, 1 << 20)
    _keep_labels(folder, classes, endings)


def _members(path: str) -> Iterator[tuple[str, int, Any]]:
    """(name, size, function that opens it) of each plain file in an archive."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if not member.is_dir():
                    yield member.filename, member.file_size, lambda member=member: archive.open(member)
        return
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isfile():
                yield member.name, member.size, lambda member=member: _opened(archive, member)


def _opened(archive: tarfile.TarFile, member: tarfile.TarInfo) -> BinaryIO:
    file = archive.extractfile(member)
    if file is None:
        raise tarfile.TarError(f"{member.name} cannot be opened")
    return file


def _keep_labels(folder: Path, classes: dict[str, str], endings: frozenset[str]) -> None:
    """What stood beside the samples of a webdataset, x.cls and x.json beside x.jpg, as one table.

    Args:
        classes: {path without ending: class}.
    """
    rows: dict[str, dict[str, Any]] = {}
    beside = {}
    for path in folder.rglob("*.*"):
        relative = path.relative_to(folder).as_posix()
        ending = ending_of(relative)
        if ending in endings:
            rows[relative[: -len(ending)]] = {"file_name": relative}
        elif ending == ".json" and path.stat().st_size < SMALL:
            beside[relative[: -len(ending)]] = path
    for stem in beside.keys() & rows.keys():
        try:
            values = json.loads(beside[stem].read_text(errors="replace"))
        except json.JSONDecodeError:
            continue
        if isinstance(values, dict):
            rows[stem] |= {key: value for key, value in values.items() if isinstance(value, (str, int, float))}
        beside[stem].unlink()
    for stem in classes.keys() & rows.keys():
        rows[stem]["label"] = classes[stem]
    if any(len(row) > 1 for row in rows.values()):
        lines = [json.dumps(rows[stem]) for stem in sorted(rows)]
        (folder / SHARD_TABLE).write_text("\n".join(lines) + "\n")
