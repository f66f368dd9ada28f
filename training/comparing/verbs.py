"""Verbs in processes of their own, so that what they hold in memory is given back."""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import IO, Any

from ..command.recipes import words_of
from ..errors import InputError
from ..runs.folder import STARTED_BY

KEPT = 4096  # bytes of what a process said last
PATIENCE = 5.0  # seconds until a process that was stopped is told so


def run_verb(verb: str, given: dict[str, Any], show: bool = False, tick: Callable[[], None] | None = None) -> None:
    """`pretune VERB` with these arguments, in a process of its own, so that its memory is its own too. If this one is
    killed, the other saves a checkpoint and stops.

    Args:
        verb, given: what is run.
        show: what it says, its progress bar too, is seen while it runs.
        tick: called once a second.

    Raises:
        InputError: it failed; what it said last is repeated.
    """
    words = [sys.executable, "-m", __package__.split(".")[0], *words_of(verb, given)]
    environment = {**os.environ, STARTED_BY: str(os.getpid())}
    process, said = subprocess.Popen(words, stderr=subprocess.PIPE, env=environment), bytearray()
    listener = threading.Thread(target=_listen, args=(process.stderr, said, show), daemon=True)
    listener.start()
    try:
        while process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(1.0)
            if tick is not None:
                tick()
    except KeyboardInterrupt:
        _stop(process)
        raise
    listener.join()
    if process.returncode:
        lines = [line for line in said.decode(errors="replace").replace("\r", "\n").splitlines() if line.strip()]
        last = lines[-1].strip().removeprefix("error: ") if lines else f"status {process.returncode}"
        raise InputError(f"pretune {verb} in {given.get('output_dir')} failed: {last}")


def _listen(stream: IO[bytes], said: bytearray, show: bool) -> None:
    """Keep the end of what a process says, and let it be seen."""
    while chunk := stream.read1():
        said += chunk
        del said[:-KEPT]
        if show:
            sys.stderr.write(chunk.decode(errors="replace"))
            sys.stderr.flush()


def _stop(process: subprocess.Popen) -> None:
    """It saves a checkpoint when it is stopped; at a terminal Ctrl-C has reached it already."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE)
        return
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(10 * PATIENCE)
        return
    process.kill()
