"""What is said when a run cannot go on for no fault of its own: disk, memory, another of its processes."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from safetensors import SafetensorError

from ..command.paths import FULL, LOST, not_written, written_to
from ..errors import InputError, memory_told, one_line
from .checkpoints import list_checkpoints

NUMBER = re.compile(r"os error (\d+)")  # as safetensors writes it
# As gloo, NCCL and the store of torch say it
GONE = re.compile(
    r"connection (closed|reset|refused)|broken pipe|socket timeout|timed out|nccl|gloo|peer|unreachable", re.I
)


@contextlib.contextmanager
def troubles_told(folder: Path, processes: int) -> Iterator[None]:
    """What stops a run of several `processes` or one becomes one line meanwhile; see `disk_told` and the others.

    Raises:
        InputError: the folder cannot be written, the memory is too small, or another process is gone.
    """
    with disk_told(folder), memory_told(), peers_told(folder, processes):
        yield


@contextlib.contextmanager
def peers_told(folder: Path, processes: int) -> Iterator[None]:
    """What the others say when one of several `processes` of a run is gone becomes one line meanwhile.

    Raises:
        InputError: one is gone; it names the checkpoint to go on from.
    """
    try:
        yield
    except RuntimeError as error:
        if processes == 1 or not GONE.search(str(error)):
            raise
        raise InputError(
            f"another of the {processes} processes of this run has ended, and none goes on alone "
            f"({one_line(error)[:200]}). Look at what that one said; {kept_checkpoint(folder, 'start all again')}."
        ) from None


@contextlib.contextmanager
def disk_told(folder: Path) -> Iterator[None]:
    """A full or read-only disk, or a run's folder that is gone, becomes one line meanwhile.

    Raises:
        InputError: `folder` cannot be written; it names the checkpoint to go on from.
    """

    def repair(full: bool) -> str:
        return kept_checkpoint(folder, "make room" if full else "mend that")

    try:
        with written_to(folder, "output_dir", repair):
            yield
    except SafetensorError as error:
        found = NUMBER.search(str(error))
        if found is None or int(found[1]) not in (*FULL, *LOST):
            raise
        raise InputError(not_written(folder, "output_dir", error, int(found[1]) in FULL, repair)) from None


def kept_checkpoint(folder: Path, repair: str) -> str:
    """What is left of a run that ends, and how it goes on.

    Args:
        folder: of the run.
        repair: what is to be done first.
    """
    try:
        kept = list_checkpoints(folder)
    except OSError:
        kept = []
    if kept:
        return f"{kept[-1]} is kept: {repair}, and go on with --resume_from_checkpoint"
    return f"no checkpoint was there yet: {repair}, or choose another --output_dir, and start again"
