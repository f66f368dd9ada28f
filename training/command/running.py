"""From a command line to a run and an exit status: 0 done, 2 wrong input, 3 a failed push, 128 + n a signal."""

import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

from ..errors import InputError, Interrupted, PushFailed, memory_told, one_line
from .parsing import parse_arguments

OF_THE_HUB = ("dataset", "model", "hub_model_id")  # arguments that may be there
SILENCE = 120.0  # seconds, of which a large commit may take a minute until the Hub answers


def run_command(
    arguments_class: type,
    run: Callable[[Any], Any],
    argv: list[str] | None = None,
    verb: str | None = None,
) -> None:
    """Parse `argv` (default: the process's own), call `run(arguments)`, print errors as one line and exit."""
    first_process = os.environ.get("RANK", "0") == "0"
    log_to_stderr(logging.INFO if first_process else logging.ERROR)
    try:
        with memory_told():
            arguments = parse_arguments(arguments_class, argv, prog=verb and f"pretune {verb}")
            if any(hasattr(arguments, name) for name in OF_THE_HUB):  # the others need not load its client
                never_wait_for_ever()
            run(arguments)
        return
    except InputError as error:
        status, message = 2, f"error: {one_line(error)}"
    except PushFailed as error:
        status, message = 3, f"error: {one_line(error)}"
    except Interrupted as error:
        status, message = 128 + error.signal_number, one_line(error)
    except KeyboardInterrupt:  # before or after training; inside it, the loop saves a checkpoint first
        status, message = 130, "interrupted; no step was trained since the last checkpoint"
    if first_process:
        print(message, file=sys.stderr)
    sys.exit(status)


def never_wait_for_ever() -> None:
    """A Hub that falls silent is an error after SILENCE seconds; its client has no limit for most questions."""
    from huggingface_hub import get_session, set_client_factory

    first = get_session()
    kind, hooks, follow = type(first), first.event_hooks, first.follow_redirects
    if _limited not in hooks["request"]:
        hooks["request"] = [*hooks["request"], _limited]
        set_client_factory(lambda: kind(event_hooks=hooks, follow_redirects=follow, timeout=SILENCE))


def _limited(request: Any) -> None:
    given = request.extensions.get("timeout", {})
    limits = {part: given.get(part) or SILENCE for part in ("connect", "read", "write")}
    request.extensions["timeout"] = {**given, **limits}


@contextlib.contextmanager
def like_ctrl_c() -> Iterator[None]:
    """SIGTERM stops as Ctrl-C does, with a report; left alone where signals are not this thread's to take."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda number, frame: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def redrawn_every() -> float:
    """Seconds between two looks of a progress bar: often at a terminal, seldom where it goes to a file."""
    return 0.1 if sys.stderr.isatty() else 10.0


def log_to_stderr(level: int) -> None:
    """Show what the scripts say, from `level` on, above the progress bar."""
    logger = logging.getLogger("pretune.training")
    if not logger.handlers:
        handler = logging.StreamHandler(_AboveTheBar())
        handler.setFormatter(logging.Formatter("%(message)s"))
        logger.addHandler(handler)
        logger.propagate = False
    logger.setLevel(level)


class _AboveTheBar:
    """A stream to stderr that writes above the progress bar instead of into it."""

    def write(self, text: str) -> None:
        """Write `text`, and the bar anew below it."""
        from tqdm import tqdm

        tqdm.write(text, file=sys.stderr, end="")

    def flush(self) -> None:
        """Send what is held back."""
        sys.stderr.flush()
