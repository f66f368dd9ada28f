"""What pretraining is worth in labels: how many a floor needs to be as good."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...protocol import FLOORS, OF_THE_MODEL, PROTOCOL
from .intervals import Accuracies, Hits

GRID = 200  # points of the floor's curve


@dataclass(frozen=True)
class Worth:
    """
    Args:
        method, labels_per_class: of the model.
        floor: whose curve it is held against.
        equal, low, high: labels per class that the floor needs to be as good, and the interval; infinite beyond the
            largest number that was measured, 0 below the smallest.
        measured: the smallest and largest number of labels of the floor's curve.
    """

    method: str
    labels_per_class: int
    floor: str
    equal: float
    low: float
    high: float
    measured: tuple[int, int]

    def record(self) -> dict[str, Any]:
        """For report.json; None is more than was measured."""
        return {name: None if value == np.inf else value for name, value in dataclasses.asdict(self).items()}

    def sentence(self, words: Mapping[str, str]) -> str:
        """In words, with numbers no finer than the interval."""
        first, last = self.measured
        told = f"with {self.labels_per_class} per class {words[self.method]} is as good as {words[self.floor]}"
        if self.low == np.inf:
            return f"{told} with more than {last}"
        if self.high == 0:
            return f"{told} with less than {first}"
        equal = f"more than {last}" if self.equal == np.inf else f"less than {first}" if self.equal == 0 else None
        low = f"less than {first}" if self.low == 0 else f"{self.low:.0f}"
        high = f"more than {last}" if self.high == np.inf else f"{self.high:.0f}"
        return f"{told} with {equal or f'{self.equal:.0f}'} ({low} to {high})"


def equal_labels(
    base: np.ndarray, other: np.ndarray, counts: list[int], samples: tuple[np.ndarray, np.ndarray] | None = None
) -> tuple[float, float, float]:
    """Numbers of labels at which a paired t test cannot tell the curve of `base` from `other`.

    Inverting the test covers the true number in 94 to 97 of 100 times with five draws, where a bootstrap over draws
    has 79 to 86 (measured on photographs of hands). Between counts the curve is straight over the log of labels.

    Args:
        base: (N, C), scores of the floor by draw and count.
        other: (N,), scores of the model on the same draws.
        counts: labels per class, ascending.
        samples: (C, M) and (M,), how often each of M test samples was right, of both, where that is known: draws share
            them, so their choice is a chance of its own.

    Returns:
        (estimate, low, high); infinite is beyond the last count, 0 before the first.
    """
    from scipy.stats import t

    logs = np.log(counts)
    grid = np.linspace(logs[0], logs[-1], GRID)
    gain = other[:, None] - np.stack([np.interp(grid, logs, curve) for curve in base])  # (draws, GRID)
    mean = gain.mean(0)
    tail = 0.5 + PROTOCOL.confidence / 2
    half = t.ppf(tail, len(gain) - 1) ** 2 * gain.var(0, ddof=1) / len(gain)
    if samples is not None and samples[0].shape[1] > 1:
        places = np.interp(grid, logs, np.arange(len(counts)))
        below = np.minimum(places.astype(np.int64), len(counts) - 2)
        share = (places - below)[:, None]
        of_floor = samples[0][below] * (1 - share) + samples[0][below + 1] * share  # (GRID, M)
        each = 100 * (samples[1] - of_floor)
        half = half + t.ppf(tail, each.shape[1] - 1) ** 2 * each.var(1, ddof=1) / each.shape[1]
    half = np.sqrt(half)

    def first(where: np.ndarray) -> float:
        return float(np.exp(grid[np.argmax(where)])) if where.any() else np.inf

    last = np.flatnonzero(mean + half >= 0)
    low = 0.0 if mean[0] + half[0] < 0 else first(mean - half <= 0)
    high = 0.0 if not len(last) else np.inf if last[-1] == GRID - 1 else float(np.exp(grid[last[-1]]))
    estimate = 0.0 if mean[0] < 0 else first(np.minimum.accumulate(mean) <= 0)
    return estimate, min(low, estimate), max(high, estimate)  # they lie on a grid


def worth_in_labels(found: Accuracies, counts: list[int | str], hits: Hits | None = None) -> list[Worth]:
    """The model's best method at each number of labels against the floor that is best there, both linear or whichever
    leads; where there are two draws and two numbers of labels at least.

    Args:
        found: scores of one model by method and number of labels, by draw.
        counts: numbers of labels; "all" has one draw and is left out.
        hits: which test samples each method got right, if that is known.
    """
    numbers = [count for count in counts if count != "all" and len(found.get(("linear", count), [])) != 1]
    if len(numbers) < 2:
        return []
    worths = []
    for count in numbers:
        draws = max(len(found.get((m, count), [])) for m in OF_THE_MODEL)
        own = [m for m in OF_THE_MODEL if len(found.get((m, count), [])) == draws > 1]
        floors = [
            floor
            for floor in (*FLOORS, "scratch")
            if own and all(len(found.get((floor, c), [])) == draws for c in numbers)
        ]
        if not own or not floors:
            continue
        method = max(own, key=lambda m: np.mean(found[m, count]))
        floor = max(floors, key=lambda f: np.mean([np.mean(found[f, c]) for c in numbers]))
        base = np.array([found[floor, c] for c in numbers]).T
        samples = None
        if hits is not None and all(key in hits for key in ((method, count), *((floor, c) for c in numbers))):
            samples = np.stack([hits[floor, c].mean(0) for c in numbers]), hits[method, count].mean(0)
        range_of = equal_labels(base, np.array(found[method, count]), numbers, samples)
        worths.append(Worth(method, count, floor, *range_of, (numbers[0], numbers[-1])))
    return worths
