"""Where decoded, converted and unpacked samples are kept."""

import contextlib
import errno
import hashlib
import json
import logging
import os
import platform
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, one_line
from .faults import UNREADABLE
from .modality import Preprocessing

logger = logging.getLogger(__name__)
CHECK = "sha256"  # of the other facts in a file
NOT_TAKEN = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EFBIG,
    errno.ENOTDIR,
    errno.EEXIST,
}


class CacheNotWritten(InputError):
    """The disk did not take what was to be kept; the message says the way round."""


def cache_folder() -> Path:
    """`$PRETUNE_CACHE`, or `pretune` under `$HF_HOME`."""
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(os.environ.get("PRETUNE_CACHE") or Path(home) / "pretune").expanduser()


def cached_path(key: list[Any], ending: str) -> Path:
    """The file there of this key, whether or not it is there yet."""
    return cache_folder() / f"{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:32]}{ending}"


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A file to write that takes the place of `path` at the end, whole or not at all.

    Raises:
        CacheNotWritten: the disk is full, or the cache may not be written.
    """
    with writing_to_cache():
        part = begun(path)
        try:
            yield part
            os.replace(part, path)
        finally:
            with contextlib.suppress(OSError):
                part.unlink()


@contextlib.contextmanager
def writing_to_cache() -> Iterator[None]:
    """Say the way round where the disk does not take what is written to the cache meanwhile.

    Raises:
        CacheNotWritten: the disk is full, or the cache may not be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in NOT_TAKEN:
            raise
        raise CacheNotWritten(
            f"the cache {cache_folder()} cannot be written: {one_line(error)}. Make room there, or set PRETUNE_CACHE "
            f"to a folder on another disk."
        ) from None


def allocate(path: Path) -> None:
    """Give the file its disk blocks before it is mapped and filled: on a full disk that is an error here, while a
    write to a mapped file without blocks kills the process (SIGBUS).

    Raises:
        OSError: there is not so much room.
    """
    if hasattr(os, "posix_fallocate"):
        with open(path, "r+b") as file:
            os.posix_fallocate(file.fileno(), 0, os.fstat(file.fileno()).st_size)


def kept_facts(path: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `make` gives, kept as JSON; made anew where that is missing or damaged."""
    found = _read_facts(path)
    if found is None:
        if path.exists():
            logger.warning("%s is damaged and is made anew", path)
        made = make()
        with whole_file(path) as part:
            _write_facts(part, made)
        found = json.loads(json.dumps(made))
    return found


def kept_rows(
    path: Path, shape: tuple[int, ...], dtype: Any, fill: Callable[[Path], dict[str, Any]], survey: Path
) -> tuple[np.ndarray, dict[str, Any]]:
    """(rows (N, ...), mapped from `path`, and the facts beside them), made where they are missing or damaged.

    Args:
        path: of the rows, .npy; the facts lie in .json beside it.
        shape, dtype: of one row.
        fill: writes the rows to the file it is given; the facts that it returns name their "fingerprint".
        survey: what is kept for these rows besides; it is removed from a disk that does not take them.

    Raises:
        InputError: the cache cannot be written.
    """
    beside = path.with_suffix(".json")
    found = _read_rows(path, beside, shape, dtype)
    if found is None:
        if path.exists():
            logger.warning("%s is damaged and is made anew", path)
        try:
            with whole_file(path) as part:
                facts = fill(part)
                with whole_file(beside) as part_beside:
                    _write_facts(part_beside, facts)
        except CacheNotWritten:
            with contextlib.suppress(OSError):
                survey.unlink()
            raise
        found = _read_rows(path, beside, shape, dtype)
    if found is None:
        raise InputError(
            f"{path} does not hold what was just written to it. Set PRETUNE_CACHE to a folder on another disk."
        )
    return found


def fingerprint_of(rows: np.ndarray) -> str:
    """Of rows (N, ...), their type and order of bytes aside."""
    return hashlib.sha256(np.ascontiguousarray(rows)).hexdigest()[:16]


def _read_rows(
    path: Path, beside: Path, shape: tuple[int, ...], dtype: Any
) -> tuple[np.ndarray, dict[str, Any]] | None:
    facts = _read_facts(beside)
    if facts is None or not path.is_file():
        return None
    try:
        rows = np.load(path, mmap_mode="c", allow_pickle=False)
    except UNREADABLE:
        return None
    fits = isinstance(rows, np.ndarray) and rows.shape[1:] == tuple(shape) and rows.dtype == dtype and len(rows) > 0
    return (rows, facts) if fits and fingerprint_of(rows) == facts.get("fingerprint") else None


def _write_facts(path: Path, facts: dict[str, Any]) -> None:
    path.write_text(json.dumps({**facts, CHECK: _digest(facts)}))


def _read_facts(path: Path) -> dict[str, Any] | None:
    """The facts, if they are those that were written."""
    try:
        facts = json.loads(path.read_bytes())
        return facts if isinstance(facts, dict) and facts.pop(CHECK, None) == _digest(facts) else None
    except UNREADABLE:
        return None


def _digest(facts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(json.loads(json.dumps(facts)), sort_keys=True).encode()).hexdigest()[:16]


def _machine() -> str:
    return platform.node() or "here"


def begun(path: Path) -> Path:
    """A name for what is to become `path`, a file or a folder. Beside it, what processes of this machine began to
    write and were gone before they had done it is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    name = re.compile(rf"\..+\.{re.escape(_machine())}-(\d+)")
    for entry in os.scandir(path.parent):
        found = name.fullmatch(entry.name)
        if found and not _lives(int(found[1])):
            with contextlib.suppress(OSError):
                shutil.rmtree(entry.path) if entry.is_dir(follow_symlinks=False) else os.unlink(entry.path)
    return path.with_name(f".{path.name}.{_machine()}-{os.getpid()}")


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # another user's, or no number of a process
        pass
    return True


def remembered(read: Callable[[Preprocessing], np.ndarray]) -> Callable[[Preprocessing], np.ndarray]:
    """`read`, which gives rows (N, ...), once for each way of preprocessing."""
    known: dict[str, np.ndarray] = {}

    def again(preprocessing: Preprocessing) -> np.ndarray:
        if preprocessing.key not in known:
            known[preprocessing.key] = read(preprocessing)
        return known[preprocessing.key]

    return again
