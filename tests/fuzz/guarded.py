"""What generated input is held to: success or an error of pretune's in one line, in little memory, soon, and not a
file outside of the folders that a run may write to."""

import contextlib
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import HealthCheck, configuration, settings
from hypothesis import strategies as st

from pretune.training.errors import InputError

MEMORY = 3 << 30  # bytes of addresses over what there are already
SECONDS = 40  # of one example; hundreds of times what one takes
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
CHANGES = {"os.mkdir": 0, "os.rename": 1, "os.remove": 0, "os.rmdir": 0, "os.symlink": 1, "os.link": 1}
FAST, SLOW = 1, 9  # of ten parts of all examples
parts = pytest.mark.parametrize("tenths", [FAST, pytest.param(SLOW, marks=pytest.mark.slow)])


class TooLong(BaseException):
    """An example that does not come back."""


class _Watched:
    """Where files are opened to be written, while there is anyone who asks; Python keeps such a hook for good."""

    def __init__(self) -> None:
        self.allowed: tuple[str, ...] | None = None
        self.elsewhere: list[str] = []

    def __call__(self, event: str, args: tuple) -> None:
        if self.allowed is None:
            return
        place = None
        if event == "open" and isinstance(args[0], (str, bytes)) and (args[2] or 0) & WRITES:
            place = args[0]
        elif event in CHANGES and (not isinstance(args[-1], int) or args[-1] < 0):  # no name in a folder held open
            place = args[CHANGES[event]]
        if place is not None and not os.path.abspath(os.fsdecode(place)).startswith(self.allowed):
            self.elsewhere.append(f"{event} {os.fsdecode(place)}")


configuration.set_hypothesis_home_dir(os.environ["HF_HOME"])  # its tables of characters
_watched = _Watched()
sys.addaudithook(_watched)


@contextlib.contextmanager
def guarded(*folders: Path) -> Iterator[None]:
    """Little memory, an end, and no change to a file but in `folders`, the caches of the tests and temporary ones of
    Python's own."""
    places = [*map(str, folders), os.environ["HF_HOME"], os.environ["PRETUNE_CACHE"], os.devnull]
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + MEMORY, hard))
    before = signal.signal(signal.SIGALRM, _give_up)
    bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    _watched.allowed, _watched.elsewhere = tuple(places), []
    try:
        yield
        assert not _watched.elsewhere, _watched.elsewhere[:3]
    finally:
        _watched.allowed, sys.dont_write_bytecode = None, bytecode
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _give_up(*_: Any) -> None:
    raise TooLong


def answered(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The result of `call`, or None after an `InputError` of one short line; whatever else it raises goes on."""
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        return call(*args, **kwargs)
    except InputError as error:
        text = str(error)
        assert text.strip() and "\n" not in text and len(text) < 3000, text
    except SystemExit as stop:
        assert not stop.code
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return None


def examples(count: int) -> settings:
    """Of a test: `count` examples, the same ones each time."""
    return settings(
        max_examples=count, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )


@st.composite
def damaged(draw: Any, data: bytes) -> bytes:
    """`data` cut off, with flipped bytes, with a piece twice or filled with zeros, or as it is."""
    how, changed = draw(st.sampled_from(["cut", "flip", "repeat", "zero", "insert", "whole"])), bytearray(data)
    at = draw(st.integers(0, max(0, len(data) - 1)))
    if how == "cut":
        del changed[at:]
    elif how == "flip":
        for place in [at, *draw(st.lists(st.integers(0, max(0, min(len(data), 200) - 1)), max_size=4))]:
            if place < len(changed):
                changed[place] ^= draw(st.integers(1, 255))
    elif how in ("repeat", "insert"):
        changed[at:at] = changed[:64] if how == "repeat" else draw(st.binary(max_size=16))
    elif how == "zero":
        changed[at : at + 32] = bytes(len(changed[at : at + 32]))
    return bytes(changed)


numbers = st.one_of(
    st.integers(-3, 300),
    st.sampled_from(
        [10**9, 10**12, 2**31, 2**63, -(2**63), 10**40, 10**400, 0.5, 1e-300, 1e308, float("nan"), float("inf")]
    ),
    st.floats(),
)
words = st.one_of(
    st.text(max_size=8),
    st.sampled_from(["", " ", "no", "null", "1e4", "nan", "../..", "a\0b", "~", "hf://x", "*", "x" * 300, "é\u202e"]),
)
plain = st.one_of(st.none(), st.booleans(), numbers, words)
jsons = st.recursive(
    plain,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(words, inner, max_size=4)),
    max_leaves=6,
)


@st.composite
def changed_json(draw: Any, value: Any) -> Any:
    """A JSON value with one to three of its places, at any depth, made something else or taken out."""
    changed = _copy(value)
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(changed))
        if not places:
            return draw(jsons)
        holder, key = draw(st.sampled_from(places))
        if draw(st.integers(0, 4)) == 0:
            del holder[key]
        else:
            holder[key] = draw(jsons)
    return changed


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(inner) for key, inner in value.items()}
    return [_copy(inner) for inner in value] if isinstance(value, list) else value


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """(mapping or list, key) of all that stands anywhere inside."""
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], (dict, list)):
            yield from _places(value[key])
