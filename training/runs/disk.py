"""What is said when a disk does not take what a run writes: what is kept, and how to go on."""

import contextlib
import errno
import re
from collections.abc import Iterator
from pathlib import Path

from safetensors import SafetensorError

from ..errors import InputError, one_line
from .checkpoints import list_checkpoints

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
LOST = (errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ENOENT, errno.ENOTDIR, errno.ESTALE)
NUMBER = re.compile(r"os error (\d+)")  # as safetensors writes it


@contextlib.contextmanager
def disk_told(folder: Path) -> Iterator[None]:
    """A full or read-only disk, or a run's folder that is gone, becomes one line meanwhile.

    Raises:
        InputError: `folder` cannot be written; it names the checkpoint to go on from.
    """
    try:
        yield
    except OSError as error:
        if not _is_about(error, folder):
            raise
        raise InputError(_message(folder, error, error.errno in FULL)) from None
    except SafetensorError as error:
        found = NUMBER.search(str(error))
        if found is None or int(found[1]) not in (*FULL, *LOST):
            raise
        raise InputError(_message(folder, error, int(found[1]) in FULL)) from None


def _is_about(error: OSError, folder: Path) -> bool:
    """Whether it is the disk of the run's folder that did not take something."""
    if error.errno in FULL:
        return True
    names = [name for name in (error.filename, error.filename2) if isinstance(name, (str, bytes, Path))]
    home = str(folder.absolute())
    inside = any(str(Path(_text(name)).absolute()).startswith(home) for name in names)
    return error.errno in LOST and (inside or (not names and error.errno in (errno.EROFS, errno.EIO)))


def _text(name: str | bytes | Path) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name)


def _message(folder: Path, error: Exception, full: bool) -> str:
    repair = "Make room" if full else "Mend that"
    try:
        kept = list_checkpoints(folder)
    except OSError:
        kept = []
    rest = (
        f"{kept[-1]} is kept: {repair.lower()}, and go on with --resume_from_checkpoint"
        if kept
        else f"no checkpoint was there yet: {repair.lower()}, or choose another --output_dir, and start again"
    )
    return f"output_dir {folder} cannot be written: {one_line(error)}; {rest}."
