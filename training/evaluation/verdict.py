"""From accuracies to a sentence: did pretraining help? By a stated rule, with intervals, whichever way it went."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...model_cards.words import labels_in_words
from ..protocol import FLOORS, MUST_BE_BEATEN, OF_THE_MODEL, PROTOCOL

Accuracies = Mapping[tuple[str, int | str], list[float]]  # (method, labels per class) -> per cent, by draw
COMPARISONS = (("finetune", "scratch"), ("linear", "untrained_linear"))
# Raised with any change of RULE (4 says for every kind of input what 3 said for images, 5 knows floors of each kind);
# accuracies do not depend on it, they have the protocol's version.
RULE_VERSION = 5
RULE = (
    "Pretraining helped if, at some number of labels, fine-tuning beats the same network from scratch, or a linear "
    "probe on the embedding beats one on an untrained encoder, and no floor, nor the network from scratch, has a "
    "higher mean there than the model's best; the floors without a network that there are for this kind of input "
    "must all be measured there. The model is one run of pretraining, and what it is compared with has new initial "
    "weights in each draw: it must lie outside what one more such network would reach by chance, however many draws "
    "there are. So the interval of the n paired differences is Student's for one more such network: their mean +- t "
    "sqrt(sd^2 / n + s^2), where s is the smaller one of their sd and the sd of what the model is compared with, "
    "since new initial weights can be the cause of no more than either. It must exclude zero after correction for "
    "all comparisons of the report, those of all models and numbers of labels together (Bonferroni)."
)

UNMEASURED = "Whether pretraining helped was not measured: "
TOO_LITTLE = (
    "it takes at least two draws of fine-tuning and from scratch, or of a linear probe on the embedding and on an "
    "untrained encoder."
)


@dataclass
class Difference:
    """Paired difference of two methods at one number of labels, in points.

    Args:
        first, second, labels_per_class: what is compared.
        mean, half_width: of its interval.
        draws: how many pairs.
    """

    first: str
    second: str
    labels_per_class: int | str
    mean: float
    half_width: float
    draws: int

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
) -> Difference | None:
    """Mean of a - b over draws with the interval of Student's t, corrected for `comparisons` (Bonferroni).

    Args:
        one_more: the interval of one further draw of b's initial weights, not of the mean: see RULE.

    Returns:
        None with fewer than two draws: one pair says nothing of chance.
    """
    from scipy.stats import t

    if len(a) < 2 or len(a) != len(b):
        return None
    gains = np.subtract(a, b)
    quantile = t.ppf(1 - (1 - PROTOCOL.confidence) / (2 * comparisons), len(gains) - 1)
    spread = min(gains.std(ddof=1), np.std(b, ddof=1)) if one_more else 0.0
    half = float(quantile * (gains.var(ddof=1) / len(gains) + spread**2) ** 0.5)
    return Difference(first, second, count, float(gains.mean()), half, len(gains))


def differences(found: Accuracies, counts: list[int | str], models: int = 1) -> list[Difference]:
    """The two comparisons of the rule at every count that has draws for them, corrected for as many `models`."""
    wanted = [
        (a, b, count)
        for count in counts
        for a, b in COMPARISONS
        if len(found.get((a, count), [])) > 1 and len(found.get((b, count), [])) > 1
    ]
    return [paired_difference(a, b, c, found[a, c], found[b, c], models * len(wanted), True) for a, b, c in wanted]


def verdict(
    found: Accuracies,
    counts: list[int | str],
    words: Mapping[str, str],
    models: int = 1,
    needed: Sequence[str] = MUST_BE_BEATEN,
) -> dict[str, Any]:
    """`helped` and a sentence, by RULE.

    Args:
        found: accuracies, or other scores, in per cent by method and number of labels; lists run over draws.
        counts: numbers of labels, ascending.
        words: how a sentence names each method; see `words_of_methods`.
        models: how many are judged in the same report, this one included.
        needed: floors of this kind of input without which no count says that pretraining helped.

    Returns:
        {"helped": bool, "sentence": str, "rule": RULE, "rule_version": RULE_VERSION}.
    """
    helped, sentence = _judge(found, counts, words, models, needed)
    return {"helped": helped, "sentence": sentence, "rule": RULE, "rule_version": RULE_VERSION}


def _judge(
    found: Accuracies, counts: list[int | str], words: Mapping[str, str], models: int, needed: Sequence[str]
) -> tuple[bool, str]:
    measured = differences(found, counts, models)
    if not measured:
        return False, UNMEASURED + TOO_LITTLE
    rivals = {d.labels_per_class: _best(found, d.labels_per_class, (*FLOORS, "scratch")) for d in measured}
    own_best = {d.labels_per_class: _best(found, d.labels_per_class, OF_THE_MODEL) for d in measured}
    gains = [d for d in measured if d.low > 0]
    unbeaten = [d for d in gains if rivals[d.labels_per_class][0] <= own_best[d.labels_per_class][0]]
    fair = [d for d in unbeaten if not _missing_floors(found, d.labels_per_class, needed)]
    if fair:
        best = max(fair, key=_weight)
        sentence = f"With {labels_in_words(best.labels_per_class)} pretraining adds {_points(best, words)}."
        (own, method), (floor, rival) = own_best[best.labels_per_class], rivals[best.labels_per_class]
        if rival not in ("", best.second):
            sentence += (
                f" Its best there, {words[method]} with {own:.1f} %, stands beside {words[rival]} with {floor:.1f} %."
            )
        elsewhere = [
            c
            for c in dict.fromkeys(d.labels_per_class for d in measured)
            if c not in {d.labels_per_class for d in fair}
        ]
        if elsewhere:
            sentence += f" With {_list(elsewhere)} it is not shown to help."
        return True, sentence
    if unbeaten:
        best = max(unbeaten, key=_weight)
        missing = _missing_floors(found, best.labels_per_class, needed)
        return False, (
            f"{UNMEASURED}with {labels_in_words(best.labels_per_class)} it adds {_points(best, words)}, but of the "
            f"floors "
            f"{', '.join(words[m] for m in missing)} {'is' if len(missing) == 1 else 'are'} missing there. "
            f"Add {' '.join(missing)} to --methods."
        )
    return False, f"Pretraining did not help here: {_why(measured, gains, rivals, own_best, words)}"


def _why(
    measured: list[Difference], gains: list[Difference], rivals: dict, own_best: dict, words: Mapping[str, str]
) -> str:
    if gains:
        best = max(gains, key=_weight)
        accuracy, method = rivals[best.labels_per_class]
        own, own_method = own_best[best.labels_per_class]
        return (
            f"with {labels_in_words(best.labels_per_class)} it adds {_points(best, words)}, but {words[method]} "
            f"reaches {accuracy:.1f} %, more than the model's best ({words[own_method]}, {own:.1f} %)."
        )
    harmed = [d for d in measured if d.high < 0]
    if harmed:
        worst = min(harmed, key=lambda d: d.mean)
        return (
            f"with {labels_in_words(worst.labels_per_class)} {words[worst.first]} is {-worst.mean:.1f} +- "
            f"{worst.half_width:.1f} points worse than {words[worst.second]} ({_how(worst)})."
        )
    best = max(measured, key=lambda d: d.mean)
    where = f"{best.mean:+.1f} points over {words[best.second]} with {labels_in_words(best.labels_per_class)}"
    interval = f"an interval from {best.low:+.1f} to {best.high:+.1f} ({_how(best)})."
    if best.mean <= 0:
        return f"nothing gained: the best difference is {where}, with {interval}"
    return f"the largest gain, {where}, has {interval}"


def _weight(d: Difference) -> tuple[bool, float]:
    """What the sentence is about: whole networks rather than probes, then the larger gain."""
    return d.first == "finetune", d.mean


def _points(d: Difference, words: Mapping[str, str]) -> str:
    probe = " to a linear probe" if d.first == "linear" else ""
    return f"{d.mean:.1f} +- {d.half_width:.1f} points{probe} over {_other(d, words)} ({_how(d)})"


def _other(d: Difference, words: Mapping[str, str]) -> str:
    return "an untrained encoder" if d.second == "untrained_linear" else words[d.second]


def _how(d: Difference) -> str:
    return f"{d.draws} draws, {100 * PROTOCOL.confidence:g} % interval corrected for the number of comparisons"


def _best(found: Accuracies, count: int | str, methods: tuple[str, ...]) -> tuple[float, str]:
    means = [(float(np.mean(found[m, count])), m) for m in methods if found.get((m, count))]
    return max(means, default=(float("-inf"), ""))


def _missing_floors(found: Accuracies, count: int | str, needed: Sequence[str]) -> list[str]:
    return [method for method in needed if not found.get((method, count))]


def _list(counts: list[int | str]) -> str:
    return ", ".join(map(str, counts[:-1])) + " and " * (len(counts) > 1) + f"{labels_in_words(counts[-1])}"


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
        if min(len(found[a].get((method, count), [])), len(found[b].get((method, count), []))) > 1
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
