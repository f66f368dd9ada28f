"""What pretraining is worth in labels: how many a floor needs to be as good."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...protocol import FLOORS, OF_THE_MODEL, PROTOCOL
from .intervals import Accuracies

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


def equal_labels(base: np.ndarray, other: np.ndarray, counts: list[int]) -> tuple[float, float, float]:
    """Numbers of labels at which a paired t test cannot tell the curve of `base` from `other`.

    Inverting the test covers the true number in 94 to 97 of 100 times with five draws, where a bootstrap over draws
    has 79 to 86 (measured on photographs of hands). Between counts the curve is straight over the log of labels.

    Args:
        base: (N, C), scores of the floor by draw and count.
        other: (N,), scores of the model on the same draws.
        counts: labels per class, ascending.

    Returns:
        (estimate, low, high); infinite is beyond the last count, 0 before the first.
    """
    from scipy.stats import t

    logs = np.log(counts)
    grid = np.linspace(logs[0], logs[-1], GRID)
    gain = other[:, None] - np.stack([np.interp(grid, logs, curve) for curve in base])  # (draws, GRID)
    mean = gain.mean(0)
    half = t.ppf(0.5 + PROTOCOL.confidence / 2, len(gain) - 1) * gain.std(0, ddof=1) / len(gain) ** 0.5

    def first(where: np.ndarray) -> float:
        return float(np.exp(grid[np.argmax(where)])) if where.any() else np.inf

    last = np.flatnonzero(mean + half >= 0)
    low = 0.0 if mean[0] + half[0] < 0 else first(mean - half <= 0)
    high = 0.0 if not len(last) else np.inf if last[-1] == GRID - 1 else float(np.exp(grid[last[-1]]))
    estimate = 0.0 if mean[0] < 0 else first(np.minimum.accumulate(mean) <= 0)
    return estimate, min(low, estimate), max(high, estimate)  # they lie on a grid


def worth_in_labels(found: Accuracies, counts: list[int | str]) -> list[Worth]:
    """The model's best method at each number of labels against the floor that is best there, both linear or whichever
    leads; where there are two draws and two numbers of labels at least.

    Args:
        found: scores of one model by method and number of labels, by draw.
        counts: numbers of labels; "all" has one draw and is left out.
    """
    numbers = [count for count in counts if count != "all" and len(found.get(("linear", count), [])) != 1]
    if len(numbers) < 2:
        return []
    worths = []
    for count in numbers:
        own = [m for m in OF_THE_MODEL if len(found.get((m, count), [])) > 1]
        draws = {m: len(found[m, count]) for m in own}
        floors = [
            floor
            for floor in (*FLOORS, "scratch")
            if own and all(len(found.get((floor, c), [])) == max(draws.values()) for c in numbers)
        ]
        if not own or not floors:
            continue
        method = max(own, key=lambda m: np.mean(found[m, count]))
        floor = max(floors, key=lambda f: np.mean([np.mean(found[f, c]) for c in numbers]))
        base = np.array([found[floor, c] for c in numbers]).T
        range_of = equal_labels(base, np.array(found[method, count]), numbers)
        worths.append(Worth(method, count, floor, *range_of, (numbers[0], numbers[-1])))
    return worths
