"""Paths that users name: where scripts may write, and what is meant to be here and is not."""

import contextlib
import difflib
import errno
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ..errors import InputError, one_line

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
LOST = (errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ENOENT, errno.ENOTDIR, errno.ESTALE)


@contextlib.contextmanager
def written_to(place: str | Path, argument: str, repair: Callable[[bool], str] | None = None) -> Iterator[None]:
    """A full or read-only disk, or a folder that is gone, becomes one line meanwhile.

    Args:
        place: what is written to, a file or folder.
        argument: that names it.
        repair: says what to do, of a full disk or of another trouble; None: room, or another place.

    Raises:
        InputError: `place` cannot be written.
    """
    try:
        yield
    except OSError as error:
        if not _is_about(error, Path(place)):
            raise
        raise InputError(not_written(place, argument, error, error.errno in FULL, repair)) from None


def not_written(
    place: str | Path, argument: str, error: Exception, full: bool, repair: Callable[[bool], str] | None = None
) -> str:
    """The line that says so; arguments as of `written_to`, `full` for a full disk."""
    first = "make room" if full else "mend that"
    todo = f"{first}, or choose another --{argument}" if repair is None else repair(full)
    return f"{argument} {place} cannot be written: {one_line(error)}; {todo}."


def _is_about(error: OSError, place: Path) -> bool:
    """Whether it is the disk of this place that did not take something."""
    if error.errno in FULL:
        return True
    names = [name for name in (error.filename, error.filename2) if isinstance(name, (str, bytes, Path))]
    whole = place.absolute()
    homes = (str(whole), str(whole.with_name(f".{whole.name}")))  # the second of a file that is not whole yet
    paths = [Path(_text(name)).absolute() for name in names]
    inside = any(str(path).startswith(homes) or path in whole.parents for path in paths)
    return error.errno in LOST and (inside or (not names and error.errno in (errno.EROFS, errno.EIO)))


def _text(name: str | bytes | Path) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name)


def named_path(name: str | Path, argument: str) -> Path:
    """Where a name that a user gave would be here, whether or not anything is.

    Raises:
        InputError: no disk takes such a name (too long, of a home that there is none of), or it may not be looked at.
    """
    try:
        path = Path(name).expanduser()
        path.exists()
    except (OSError, ValueError, RuntimeError) as error:
        start = one_line(ValueError(name))
        cause = error.strerror if isinstance(error, OSError) else one_line(error)
        raise InputError(
            f"{argument} {start[:60]}{'...' * (len(start) > 60)} cannot be looked for: {cause}. Pass another name."
        ) from None
    return path


def require_folders(folder: Path, argument: str) -> None:
    """Raise InputError if `folder` cannot be written, or be made: it, or one above it, is a file, or forbids it."""
    named_path(folder, argument)
    repair = f"Choose another --{argument}."
    try:
        for part in (folder, *folder.parents):
            if part.exists() and not part.is_dir():
                raise InputError(f"{argument} {folder}: {part} is a file, expected a folder. {repair}")
            if part.is_symlink() and not part.exists():
                raise InputError(f"{argument} {folder}: {part} is a link to nothing. {repair}")
        above = next(part for part in (folder, *folder.parents) if part.is_dir())
        if above != folder:  # what says that it can be made is making one
            os.rmdir(tempfile.mkdtemp(prefix=".", dir=above))
        elif not os.access(folder, os.W_OK | os.X_OK):
            raise InputError(f"{argument} {folder} cannot be written: its permissions forbid it. {repair}")
    except OSError as error:
        raise InputError(f"{argument} {folder} cannot be made: {error.strerror}. {repair}") from None


def require_room(
    folder: Path, argument: str, files: Iterable[str], folders: Iterable[str] = (), writer: str = "a run"
) -> None:
    """Raise InputError where something else is in the place of what is to be written, before any work is done.

    Args:
        folder, argument: where, and which argument named it.
        files, folders: names of what is written there.
        writer: who writes, in words.
    """
    wrong = [(name, "a folder", "a file") for name in files if (folder / name).is_dir()]
    wrong += [
        (name, "no folder", "a folder")
        for name in folders
        if os.path.lexists(folder / name) and not (folder / name).is_dir()
    ]
    if wrong:
        name, found, wanted = wrong[0]
        raise InputError(
            f"{argument} {folder}: {name} is {found}, and {writer} writes {wanted} of that name. Move it away, "
            f"or choose another --{argument}."
        )


def require_outside(path: Path, dataset: str, argument: str) -> None:
    """Raise InputError if a picture that is written to `path`, or below it, would be one more sample of `dataset`."""
    source = os.path.expanduser(dataset)
    if os.path.isdir(source) and path.resolve().is_relative_to(os.path.realpath(source)):
        raise InputError(
            f"{argument} {path} lies inside the dataset, where its picture would be one more sample. Choose another "
            f"--{argument}."
        )


def folder_name(text: str, otherwise: str) -> str:
    """`text` as the name of a folder: what is no letter, digit, dot or dash becomes "_"; `otherwise` of nothing."""
    return re.sub(r"[^\w.-]+", "_", text).strip("._") or otherwise


def missing_here(name: str, argument: str) -> str | None:
    """Why `name` can be no Hub id though nothing of that name is here; None if it is here or may be on the Hub.

    A name that is absolute, begins with `.` or `~`, has several slashes, or whose parent folder is here means a path.
    """
    path = named_path(name, argument)
    if path.exists():
        return None
    parent = path.parent
    looks_local = path.is_absolute() or name.startswith((".", "~")) or name.rstrip("/").count("/") > 1
    if not looks_local and ("/" not in name or not parent.exists()):
        return None
    above = next((folder for folder in (parent, *parent.parents) if folder.exists()), None)
    text = f"{argument} {name} was not found: there is no such file or folder"
    if above is None or not above.is_dir():
        return f"{text}."
    if str(parent) == ".":
        return f"{text}.{near_here(path)}"
    if above != parent:
        return f"{text} ({above} is there)."
    return f"{text} in {above}.{near_here(path)}"


def near_here(path: Path) -> str:
    """ " Did you mean ...?" with what is called nearly like a missing file or folder; nothing where there is none."""
    try:
        names = [inner.name for inner in path.parent.iterdir() if not inner.name.startswith(".")]
    except OSError:
        return ""
    near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.6)
    return f" Did you mean {path.parent / near[0]}?" if near else ""
