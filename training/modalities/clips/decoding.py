"""One file of sound -> windows of samples, in blocks: a file of hours never lies in memory whole."""

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ....modeling.processors.speech import as_stored, in_window
from ..digests import digests_of
from .files import sound_libraries

# What soundfile raises at files that are cut off or no sound: its own errors are RuntimeErrors.
UNREADABLE = (OSError, ValueError, RuntimeError, TypeError)
LACKING = 0.1  # seconds that a file may be shorter than it says: MP3s of some encoders are
LACKING_SHARE = 0.02


class Header(NamedTuple):
    """What a file says of itself: samples a second, channels, samples of each, and its kind, for people."""

    rate: int
    channels: int
    frames: int
    kind: str


@dataclass(frozen=True)
class Plan:
    """How clips are stored.

    Args:
        rate: samples a second.
        seconds: of the window.
        every: a file gives as many windows as it has, each half over the one before it; else the one in its middle.
    """

    rate: int
    seconds: float
    every: bool = False

    @property
    def samples(self) -> int:
        """Of a stored row."""
        return round(self.rate * self.seconds)


class Piece(NamedTuple):
    """One window of a file: (S,) int16 as stored, a digest of the sound before it was resampled."""

    stored: np.ndarray
    digest: int


@contextlib.contextmanager
def opened(source: str | bytes) -> Iterator[Any]:
    """A `soundfile.SoundFile` of a path or of a file's bytes."""
    soundfile, _ = sound_libraries()
    with soundfile.SoundFile(io.BytesIO(source) if isinstance(source, bytes) else source) as file:
        yield file


def header_of(source: str | bytes) -> Header:
    """Read the header alone. Raises UNREADABLE."""
    with opened(source) as file:
        return Header(file.samplerate, file.channels, file.frames, f"{file.format} {file.subtype}")


def pieces_of(source: str | bytes, plan: Plan) -> tuple[list[Piece], float]:
    """The windows of a file, and the seconds that it promised and lacks, 0 where it is whole.

    Raises:
        UNREADABLE: it is damaged, empty, or holds NaN.
    """
    with opened(source) as file:
        rate, promised = file.samplerate, file.frames
        length = max(1, round(plan.seconds * rate))
        windows, total = _every(file, length) if plan.every else _middle(file, length, promised)
        lacking = max(0, promised - total) / rate if total is not None else 0.0
    if lacking <= max(LACKING, LACKING_SHARE * promised / rate):
        lacking = 0.0
    if not any(map(len, windows)):
        raise ValueError("it holds no samples")
    return [_piece(window, rate, plan) for window in windows], lacking


def _piece(window: np.ndarray, rate: int, plan: Plan) -> Piece:
    if not np.isfinite(window).all():
        raise ValueError("it holds NaN or infinity")
    digest = int(digests_of(as_stored(window)[None])[0])
    stored = as_stored(resampled(window, rate, plan.rate))
    if len(stored) == 0:
        raise ValueError(f"it has {len(window)} of {rate} samples a second, of which none is left at {plan.rate}")
    return Piece(in_window(stored[: plan.samples], plan.samples), digest)


def resampled(window: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """(N,) float32 at one rate -> (M,) at another."""
    return window if rate == wanted else sound_libraries()[1].resample(window, rate, wanted, quality="HQ")


def _read(file: Any, count: int) -> np.ndarray:
    """Up to `count` samples, (n,) float32, the mean of the channels. Never as int16: floats would not be scaled."""
    return file.read(count, dtype="float32", always_2d=True).mean(1)


def _every(file: Any, length: int) -> tuple[list[np.ndarray], int]:
    """All windows, the last of which ends where the file does; and the samples that there are."""
    step = max(1, length // 2)
    window = _read(file, length)
    windows, total = [window], len(window)
    while len(window) == length:
        more = _read(file, step)
        if len(more) == 0:
            break
        total += len(more)
        window = np.concatenate([window, more])[-length:]
        windows.append(window)
        if len(more) < step:
            break
    return windows, total


def _middle(file: Any, length: int, promised: int) -> tuple[list[np.ndarray], int | None]:
    """The window in the middle; and the samples that there are, None where the end was not looked at."""
    if promised > length and file.seekable():
        file.seek((promised - length) // 2)
        window = _read(file, length)
        if len(window) == length:
            return [window], None
        file.seek(0)  # it is cut off
    blocks = [_read(file, length)]
    while len(blocks[-1]) == length:
        blocks.append(_read(file, length))
    whole = np.concatenate(blocks)
    start = max(0, (len(whole) - length) // 2)
    return [whole[start : start + length]], len(whole)
