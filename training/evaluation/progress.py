"""A bar that counts seconds: those that passed, of those that it will take as far as is known by now."""

import math
import sys
import time
from collections.abc import Hashable, Sequence
from functools import partial

import numpy as np
from tqdm import tqdm

from ..command.running import redrawn_every
from ..data.batches import Batches, ChangedBatches, Columns
from ..data.samples import Samples
from ..networks.encoders import Encoder
from ..protocol import PROTOCOL
from .side_by_side import Job, fit

GUESS = 0.2  # seconds of a piece of work before any was done
FORM = "{desc}: {percentage:3.0f} %|{bar}| {n:.0f} of about {total:.0f} s{postfix}"


class Progress:
    """What is left, by kind; what one takes follows from those of its kind that were done, else from all.

    Args:
        verb: in front of the bar.
        disable: no bar.
    """

    def __init__(self, verb: str, disable: bool):
        every = redrawn_every()
        self.bar = tqdm(total=1, desc=verb, disable=disable, mininterval=every, bar_format=FORM, leave=False)
        self.left: dict[Hashable, int] = {}
        self.expected: dict[Hashable, float] = {}
        self.took: dict[Hashable, list[float]] = {}
        self._began = self._mark = time.perf_counter()

    def expect(self, kind: Hashable, count: int = 1, seconds: float | None = None) -> None:
        """That many pieces of a kind are to come; `seconds` of one, where that is known."""
        self.left[kind] = self.left.get(kind, 0) + count
        if seconds is not None:
            self.expected[kind] = seconds

    def say(self, what: str) -> None:
        """Name what runs now."""
        self.bar.set_postfix_str(what, refresh=False)
        self._show()

    def write(self, text: str) -> None:
        """A line above the bar."""
        self.bar.write(text, file=sys.stderr)

    def done(self, kind: Hashable, count: int = 1, known: bool = False) -> None:
        """Pieces of a kind are done; `known` ones were there before and took no time."""
        now = time.perf_counter()
        if not known:
            self.took.setdefault(kind, []).append((now - self._mark) / count)
        self._mark = now
        self.left[kind] = max(0, self.left.get(kind, 0) - count)
        self._show()

    def seconds_left(self) -> float:
        """Of all that is expected."""
        every = [seconds for took in self.took.values() for seconds in took]
        usual = sum(every) / len(every) if every else GUESS

        def one(kind: Hashable) -> float:
            took = self.took.get(kind)
            return sum(took) / len(took) if took else self.expected.get(kind, usual)

        return sum(count * one(kind) for kind, count in self.left.items() if count)

    def close(self) -> None:
        """Take the bar away."""
        self.bar.close()

    def _show(self) -> None:
        passed = time.perf_counter() - self._began
        self.bar.total = max(passed + self.seconds_left(), 1.0)
        self.bar.update(passed - self.bar.n)


def in_time(seconds: float) -> str:
    """As people say it: "40 s", "15 minutes", "2.5 hours"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 100 * 60 else f"{seconds / 3600:.1f} hours"


def seconds_a_step(encoder: Encoder, train: Samples, augmentation: Sequence[str], networks: int) -> float:
    """What a training step of so many networks at once takes here, in the batches of the protocol: two are measured.

    Args:
        encoder: whose networks are trained.
        train: samples with (N,) or (N, L) labels.
        augmentation: kinds of changes.
        networks: that are trained together.
    """
    part = train.select(np.arange(min(len(train), PROTOCOL.batch_size)))
    values, lengths = encoder.rows(part)[:], encoder.modality.lengths
    columns = Columns(values, encoder.modality.to_model, encoder.device, part.labels, lengths and lengths(values))
    batches = Batches(columns, min(PROTOCOL.batch_size, len(part)), seed=0)
    if augmentation:
        batches = ChangedBatches(batches, partial(encoder.modality.changes.augment, kinds=augmentation))
    jobs = [Job(encoder.classifier(True, k), batches) for k in range(networks)]
    fit(jobs, PROTOCOL.learning_rates[0], 1)
    began = time.perf_counter()
    fit(jobs, PROTOCOL.learning_rates[0], 2)
    return (time.perf_counter() - began) / 2


def steps_of(count: int | str, samples: int) -> int:
    """Of one network of the report and of the choice of its learning rate, in batches of `PROTOCOL.batch_size`.

    Args:
        count: labels per class, or "all".
        samples: of a draw.
    """
    size = PROTOCOL.batch_size_all if count == "all" else PROTOCOL.batch_size
    steps = max(PROTOCOL.steps, math.ceil(PROTOCOL.epochs * samples / size))
    trainings = 1 if count == 1 else 1 + len(PROTOCOL.learning_rates)
    return steps * trainings * size // PROTOCOL.batch_size
