"""Paired differences of two methods over draws, and their intervals."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...protocol import OF_THE_MODEL, PROTOCOL

Accuracies = Mapping[tuple[str, int | str], list[float]]  # (method, labels per class) -> per cent, by draw
Hits = Mapping[tuple[str, int | str], np.ndarray]  # the same -> (draws, test samples), which were right
COMPARISONS = (("finetune", "scratch"), ("linear", "untrained_linear"))


@dataclass
class Difference:
    """Paired difference of two methods at one number of labels, in points.

    Args:
        first, second, labels_per_class: what is compared.
        mean, half_width: of its interval.
        draws: how many pairs.
        of_draws, of_test: the parts of the half width that draws and the choice of test samples have, squared.
    """

    first: str
    second: str
    labels_per_class: int | str
    mean: float
    half_width: float
    draws: int
    of_draws: float = 0.0
    of_test: float = 0.0

    @property
    def low(self) -> float:
        """Lower end of the interval."""
        return self.mean - self.half_width

    @property
    def high(self) -> float:
        """Upper end of the interval."""
        return self.mean + self.half_width

    def record(self) -> dict[str, Any]:
        """For report.json."""
        names = ("first", "second", "labels_per_class", "mean", "half_width", "draws")
        return {name: getattr(self, name) for name in names}


def paired_difference(
    first: str,
    second: str,
    count: int | str,
    a: list[float],
    b: list[float],
    comparisons: int,
    one_more: bool = False,
    hits: tuple[np.ndarray, np.ndarray] | None = None,
) -> Difference | None:
    """Mean of a - b over draws with the interval of Student's t, corrected for `comparisons` (Bonferroni).

    Args:
        one_more: the interval of one further draw of b's initial weights, not of the mean: see RULE.
        hits: (N, M) and (N, M), which of the M test samples were right in each draw. All draws share them, so their
            choice is a chance of its own, which no number of draws takes away.

    Returns:
        None with fewer than two draws: one pair says nothing of chance.
    """
    from scipy.stats import t

    if len(a) < 2 or len(a) != len(b):
        return None
    gains = np.subtract(a, b)
    quantile = t.ppf(1 - (1 - PROTOCOL.confidence) / (2 * comparisons), len(gains) - 1)
    spread = min(gains.std(ddof=1), np.std(b, ddof=1)) if one_more else 0.0
    of_draws = quantile**2 * (gains.var(ddof=1) / len(gains) + spread**2)
    of_test = 0.0
    if hits is not None and hits[0].shape[1] > 1:  # many samples: a normal distribution
        each = 100 * (hits[0].mean(0) - hits[1].mean(0))
        normal = t.ppf(1 - (1 - PROTOCOL.confidence) / (2 * comparisons), len(each) - 1)
        of_test = normal**2 * each.var(ddof=1) / len(each)
    half = float((of_draws + of_test) ** 0.5)
    return Difference(first, second, count, float(gains.mean()), half, len(gains), float(of_draws), float(of_test))


def differences(
    found: Accuracies, counts: list[int | str], models: int = 1, hits: Hits | None = None
) -> list[Difference]:
    """The two comparisons of the rule at every count that has draws for them, corrected for as many `models`.

    Args:
        hits: which test samples each method got right, if that is known.
    """
    wanted = [
        (a, b, count)
        for count in counts
        for a, b in COMPARISONS
        if len(found.get((a, count), [])) == len(found.get((b, count), [])) > 1  # one that was stopped may have fewer
    ]
    return [
        paired_difference(a, b, c, found[a, c], found[b, c], models * len(wanted), True, both_hits(hits, a, b, c))
        for a, b, c in wanted
    ]


def both_hits(hits: Hits | None, a: str, b: str, count: int | str) -> tuple[np.ndarray, np.ndarray] | None:
    """(N, M) of both methods at that count, if they are known."""
    if hits is None or (a, count) not in hits or (b, count) not in hits:
        return None
    return hits[a, count], hits[b, count]


def ranking(found: Mapping[str, Accuracies], counts: list[int | str]) -> list[dict[str, Any]]:
    """Which of several models is better at what, where an interval says so.

    Args:
        found: accuracies by model.
        counts: numbers of labels.

    Returns:
        One row for each pair of models, method and count: `better` and `worse` are None where the interval of the
        paired difference, corrected for the number of rows, includes zero. They are intervals of the mean over
        draws, for it is these very models that are compared, not how they were pretrained.
    """
    names = list(found)
    wanted = [
        (a, b, method, count)
        for i, a in enumerate(names)
        for b in names[i + 1 :]
        for method in OF_THE_MODEL
        for count in counts
        if len(found[a].get((method, count), [])) == len(found[b].get((method, count), [])) > 1
    ]
    rows = []
    for a, b, method, count in wanted:
        d = paired_difference(a, b, count, found[a][method, count], found[b][method, count], len(wanted))
        told = d.low > 0 or d.high < 0
        better, worse = (a, b) if d.mean > 0 else (b, a)
        rows.append(
            {**d.record(), "method": method, "better": better if told else None, "worse": worse if told else None}
        )
    return rows
