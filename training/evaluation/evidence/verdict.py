"""From accuracies to a sentence: did pretraining help? By a stated rule, with intervals, whichever way it went."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ....model_cards.words import labels_in_words
from ...protocol import FLOORS, MUST_BE_BEATEN, OF_THE_MODEL, PROTOCOL
from .intervals import Accuracies, Difference, Hits, both_hits, differences, paired_difference

HELPED, DID_NOT_HELP, CANNOT_BE_TOLD, NOT_MEASURED = "helped", "did not help", "cannot be told", "not measured"
WORTH_HAVING = 2.0  # points: a smaller gain is none for the rule
MORE_DRAWS = (10, 20, 50)  # what is tried for advice
# Raised with any change of RULE; accuracies do not depend on it, they have the protocol's version. 5 knows floors of
# each kind of input, 6 three verdicts and the chance of the test samples, 7 floors of texts.
RULE_VERSION = 7
RULE = (
    "Pretraining helped if, at some number of labels, fine-tuning beats the same network from scratch, or a linear "
    "probe on the embedding beats one on an untrained encoder, and no floor, nor the network from scratch, has a "
    "higher mean there than the model's best; the floors without a network that there are for this kind of input must "
    "all be measured there. It did not "
    f"help if that is ruled out at every number of labels: no interval leaves room for a gain of {WORTH_HAVING:g} "
    "points, or a floor or the network from scratch beats the model's best. Otherwise it cannot be told. The model is "
    "one run of pretraining, and what it is compared with has new initial weights in each draw: it must lie outside "
    "what one more such network would reach by chance, however many draws there are. So the interval of the n paired "
    "differences is Student's for one more such network: their mean +- sqrt(t^2 (sd^2 / n + s^2) + z^2 v), where s is "
    "the smaller one of their sd and the sd of what the model is compared with, since new initial weights can be the "
    "cause of no more than either, and v is the variance of the mean over test samples, which all draws share (known "
    "where a sample is right or wrong). It must exclude zero after correction for all comparisons of the report, "
    "those of all models and numbers of labels together (Bonferroni)."
)

UNMEASURED = "Whether pretraining helped was not measured: "
TOO_LITTLE = (
    "it takes at least two draws of fine-tuning and from scratch, or of a linear probe on the embedding and on an "
    "untrained encoder."
)


@dataclass
class Evidence:
    """What a model's numbers say, by number of labels.

    Args:
        found, hits: scores by draw, and which test samples were right.
        words: how a sentence names each method.
        measured: the comparisons of the rule.
        needed: floors that must be measured.
        samples: what test samples are called.
    """

    found: Accuracies
    hits: Hits | None
    words: Mapping[str, str]
    measured: list[Difference]
    needed: Sequence[str]
    samples: str

    def best(self, count: int | str, methods: tuple[str, ...]) -> tuple[float, str]:
        """The highest mean there and whose it is; ("-inf", "") of none."""
        means = [(float(np.mean(self.found[m, count])), m) for m in methods if self.found.get((m, count))]
        return max(means, default=(float("-inf"), ""))

    def own(self, count: int | str) -> tuple[float, str]:
        """The model's best."""
        return self.best(count, OF_THE_MODEL)

    def rival(self, count: int | str) -> tuple[float, str]:
        """The best of floors and from scratch."""
        return self.best(count, (*FLOORS, "scratch"))

    def missing(self, count: int | str) -> list[str]:
        """Floors that were not measured there."""
        return [method for method in self.needed if not self.found.get((method, count))]

    def lead_of_rival(self, count: int | str, comparisons: int) -> Difference | None:
        """How far floors and from scratch are ahead of the model's best."""
        (_, own), (_, rival) = self.own(count), self.rival(count)
        if not own or not rival:
            return None
        a, b = self.found[rival, count], self.found[own, count]
        return paired_difference(rival, own, count, a, b, comparisons, False, both_hits(self.hits, rival, own, count))


def verdict(
    found: Accuracies,
    counts: list[int | str],
    words: Mapping[str, str],
    models: int = 1,
    needed: Sequence[str] = MUST_BE_BEATEN,
    hits: Hits | None = None,
    samples: str = "samples",
) -> dict[str, Any]:
    """`outcome`, `helped` and a sentence, by RULE.

    Args:
        found: accuracies, or other scores, in per cent by method and number of labels; lists run over draws.
        counts: numbers of labels, ascending.
        words: how a sentence names each method; see `words_of_methods`.
        models: how many are judged in the same report, this one included.
        needed: floors of this kind of input without which no count says that pretraining helped.
        hits: which test samples each method got right, by draw; None where that is not known.
        samples: what they are called.

    Returns:
        {"outcome": one of the four above, "helped": bool, "sentence": str, "rule": RULE, "rule_version": int}.
    """
    measured = differences(found, counts, models, hits)
    outcome, sentence = _judge(Evidence(found, hits, words, measured, needed, samples))
    helped = outcome == HELPED
    return {"outcome": outcome, "helped": helped, "sentence": sentence, "rule": RULE, "rule_version": RULE_VERSION}


def _judge(seen: Evidence) -> tuple[str, str]:
    measured = seen.measured
    if not measured:
        return NOT_MEASURED, UNMEASURED + TOO_LITTLE
    gains = [d for d in measured if d.low > 0]
    unbeaten = [d for d in gains if seen.rival(d.labels_per_class)[0] <= seen.own(d.labels_per_class)[0]]
    fair = [d for d in unbeaten if not seen.missing(d.labels_per_class)]
    if fair:
        return HELPED, _helped(seen, fair)
    if unbeaten:
        best = max(unbeaten, key=_weight)
        missing = seen.missing(best.labels_per_class)
        return NOT_MEASURED, (
            f"{UNMEASURED}with {labels_in_words(best.labels_per_class)} it adds {_points(best, seen.words)}, but of "
            f"the floors {', '.join(seen.words[m] for m in missing)} {'is' if len(missing) == 1 else 'are'} missing "
            f"there. Add {' '.join(missing)} to --methods."
        )
    still_open = [d for d in measured if d.high >= WORTH_HAVING and not _beaten(seen, d)]
    if not still_open:
        return DID_NOT_HELP, f"Pretraining did not help here: {_why(seen, gains)}"
    best = max(still_open, key=lambda d: d.mean)
    return CANNOT_BE_TOLD, f"Whether pretraining helps here cannot be told: {_open(seen, best)}"


def _beaten(seen: Evidence, d: Difference) -> bool:
    """Whether a floor or the network from scratch is better than the model's best, and not by chance."""
    lead = seen.lead_of_rival(d.labels_per_class, len(seen.measured))
    return lead is not None and lead.low > 0


def _helped(seen: Evidence, fair: list[Difference]) -> str:
    best = max(fair, key=_weight)
    (own, method), (floor, rival) = seen.own(best.labels_per_class), seen.rival(best.labels_per_class)
    sentence = f"With {labels_in_words(best.labels_per_class)} pretraining adds {_points(best, seen.words)}."
    if rival not in ("", best.second):
        sentence += (
            f" Its best there, {seen.words[method]} with {own:.1f} %, stands beside {seen.words[rival]} with "
            f"{floor:.1f} %."
        )
    shown = {d.labels_per_class for d in fair}
    elsewhere = [c for c in dict.fromkeys(d.labels_per_class for d in seen.measured) if c not in shown]
    return sentence + (f" With {_list(elsewhere)} it is not shown to help." if elsewhere else "")


def _why(seen: Evidence, gains: list[Difference]) -> str:
    if gains:
        best = max(gains, key=_weight)
        (accuracy, method), (own, own_method) = seen.rival(best.labels_per_class), seen.own(best.labels_per_class)
        return (
            f"with {labels_in_words(best.labels_per_class)} it adds {_points(best, seen.words)}, but "
            f"{seen.words[method]} reaches {accuracy:.1f} %, more than the model's best ({seen.words[own_method]}, "
            f"{own:.1f} %)."
        )
    harmed = [d for d in seen.measured if d.high < 0]
    if harmed:
        worst = min(harmed, key=lambda d: d.mean)
        return (
            f"with {labels_in_words(worst.labels_per_class)} {seen.words[worst.first]} is {-worst.mean:.1f} +- "
            f"{worst.half_width:.1f} points worse than {seen.words[worst.second]} ({_how(worst)})."
        )
    beaten = [d for d in seen.measured if _beaten(seen, d)]
    if beaten:
        count = beaten[-1].labels_per_class
        (accuracy, method), (own, own_method) = seen.rival(count), seen.own(count)
        return (
            f"with {labels_in_words(count)} {seen.words[method]} reaches {accuracy:.1f} %, more than the model's best "
            f"({seen.words[own_method]}, {own:.1f} %)."
        )
    best = max(seen.measured, key=lambda d: d.high)
    return (
        f"no number of labels leaves room for a gain of {WORTH_HAVING:g} points; the best is {best.mean:+.1f} over "
        f"{seen.words[best.second]} with {labels_in_words(best.labels_per_class)}, with an interval from "
        f"{best.low:+.1f} to {best.high:+.1f} ({_how(best)})."
    )


def _open(seen: Evidence, best: Difference) -> str:
    gain = "the largest gain" if best.mean > 0 else "nothing gained, but the best difference"
    told = (
        f"{gain}, {best.mean:+.1f} points over {seen.words[best.second]} with "
        f"{labels_in_words(best.labels_per_class)}, has an interval from {best.low:+.1f} to {best.high:+.1f} "
        f"({_how(best)}). "
    )
    rival, own = seen.rival(best.labels_per_class), seen.own(best.labels_per_class)
    if best.low > 0:
        return told + (
            f"{seen.words[rival[1]]} with {rival[0]:.1f} % and the model's best, {seen.words[own[1]]} with "
            f"{own[0]:.1f} %, are not told apart. {_what_would_tell(seen, best)}"
        )
    return told + _what_would_tell(seen, best)


def _what_would_tell(seen: Evidence, d: Difference) -> str:
    """More test samples, more draws, or neither: what the interval is wide from."""
    from scipy.stats import t

    wanted = max(abs(d.mean), WORTH_HAVING) ** 2
    tests = next((h.shape[1] for h in (seen.hits or {}).values()), 0)
    if d.of_test > d.of_draws and wanted > d.of_draws:
        more = tests * d.of_test / (wanted - d.of_draws) - tests
        return f"There are {tests} test {seen.samples}: about {_round(more)} more with labels would tell."
    tail = 1 - (1 - PROTOCOL.confidence) / (2 * len(seen.measured))
    now = t.ppf(tail, d.draws - 1) ** 2
    for draws in MORE_DRAWS:
        if draws > d.draws and d.labels_per_class != "all":
            # of_draws is t^2 (sd^2 / n + s^2) with s at most sd: what of it more draws take away
            least = d.of_draws / now / (1 / d.draws + 1) * (1 / draws + 1) * t.ppf(tail, draws - 1) ** 2
            if least + d.of_test <= wanted:
                return f"--draws {draws} would tell."
    if d.of_test > wanted:
        return f"More draws alone would not tell: there are only {tests} test {seen.samples}."
    return "Other initial weights change as much: a longer or another pretraining would tell, more draws would not."


def _round(number: float) -> int:
    """To two digits, upwards."""
    unit = 10 ** max(0, len(str(int(number))) - 2)
    return int(-(-number // unit) * unit)


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


def _list(counts: list[int | str]) -> str:
    return ", ".join(map(str, counts[:-1])) + " and " * (len(counts) > 1) + f"{labels_in_words(counts[-1])}"
