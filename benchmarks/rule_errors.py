"""How often the rule of the report errs, and its intervals hold the truth: simulated, where the truth is known.

python benchmarks/rule_errors.py
python benchmarks/rule_errors.py --gain 3 --draws 10 --runs 1000

A simulated test sample is right with a chance that depends on how hard it is, on how well it suits a network (the same
in all draws), on the draw of labels (the same for all methods) and on the initial weights: of what the model is
compared with new ones in each draw, of the model one run of pretraining for all. `--gain 0`: the pretrained network is
one more such network. Floors lie far below, so that only the rule's intervals stand between chance and "helped".
"""

import argparse

import numpy as np
from scipy.special import expit

from pretune.training.evaluation.evidence.intervals import paired_difference
from pretune.training.evaluation.evidence.verdict import CANNOT_BE_TOLD, DID_NOT_HELP, HELPED, RULE_VERSION, verdict
from pretune.training.evaluation.evidence.worth import equal_labels
from pretune.training.protocol import MUST_BE_BEATEN, words_of_methods

LABELS = (3, 10, 50)
LEVEL = {3: 0.4, 10: 1.1, 50: 2.2}  # log-odds of a usual sample: accuracies of about 56, 68 and 83 %
OF_DRAWS = {3: 0.35, 10: 0.2, 50: 0.08}  # sd of log-odds: which samples have labels
OF_WEIGHTS = {3: 0.15, 10: 0.1, 50: 0.06}  # which initial weights
HARD, SUITS = 1.5, 0.7  # how samples differ, for all networks alike and for one kind
WORDS = words_of_methods("raw pixels")
POINTS, CHANCES = np.polynomial.hermite_e.hermegauss(80)  # of a normal distribution, by which the truth is known
CHANCES = CHANCES / CHANCES.sum()


class World:
    """One set of test samples, and networks of five kinds on it.

    Args:
        rng: of all chance.
        tests: samples.
        gain: of pretraining, in log-odds.
        draws: of labels.
    """

    def __init__(self, rng: np.random.Generator, tests: int, gain: float, draws: int):
        self.rng, self.draws, self.gain = rng, draws, gain
        self.hard = rng.normal(0, HARD, tests)
        kinds = ("finetune", "scratch", "linear", "untrained_linear")
        self.suits = {kind: rng.normal(0, SUITS, tests) for kind in kinds}
        self.of_labels = {count: rng.normal(0, OF_DRAWS[count], draws) for count in LABELS}
        self.run = rng.normal()
        self.of_weights = {
            (kind, count): (
                np.full(draws, self.run) if kind in ("finetune", "linear") else rng.normal(0, 1, draws)
            ) * OF_WEIGHTS[count]
            for kind in kinds
            for count in LABELS
        }  # fmt: skip

    def hits(self, kind: str, count: int) -> np.ndarray:
        """(draws, tests) bool: which samples are right."""
        level = LEVEL[count] + self.gain * (kind in ("finetune", "linear"))
        of_draw = (self.of_labels[count] + self.of_weights[kind, count])[:, None]
        chances = expit(level + self.hard + self.suits[kind] + of_draw)
        return self.rng.random(chances.shape) < chances

    def found(self) -> tuple[dict, dict]:
        """(accuracies, hits) by method and number of labels, as a report has them."""
        hits = {(kind, count): self.hits(kind, count) for kind in self.suits for count in LABELS}
        found = {key: list(100 * own.mean(1)) for key, own in hits.items()}
        return found | {(floor, count): [5.0] * self.draws for floor in MUST_BE_BEATEN for count in LABELS}, hits


def true_accuracy(count: int, gain: float, run: float | None = None) -> float:
    """Mean accuracy over samples, draws and weights with `count` of LABELS; with `run` that of one run of pretraining,
    so many sd of weights from the usual one."""
    spread = np.sqrt(HARD**2 + SUITS**2 + OF_DRAWS[count] ** 2 + (run is None) * OF_WEIGHTS[count] ** 2)
    level = LEVEL[count] + gain + (run or 0.0) * OF_WEIGHTS[count]
    return float(100 * (CHANCES * expit(level + spread * POINTS)).sum())


def labels_as_good(gain: float, run: float) -> float:
    """Labels per class at which the network without a gain is as good as one run with a gain is with 10; between those
    of LABELS straight over their log, as the estimate has it."""
    curve = [true_accuracy(count, 0.0) for count in LABELS]
    return float(np.exp(np.interp(true_accuracy(10, gain, run), curve, np.log(LABELS))))


def simulate(tests: int, draws: int, gain: float, runs: int) -> dict[str, object]:
    """Shares of `runs`: what was said, and which intervals held the truth."""
    rng = np.random.default_rng([tests, draws, int(1000 * gain)])
    truth = {count: true_accuracy(count, gain) - true_accuracy(count, 0.0) for count in LABELS}
    said: dict[str, int] = {}
    held = {count: 0 for count in LABELS}
    worth = 0
    for _ in range(runs):
        world = World(rng, tests, gain, draws)
        found, hits = world.found()
        outcome = verdict(found, list(LABELS), WORDS, 1, MUST_BE_BEATEN, hits)["outcome"]
        said[outcome] = said.get(outcome, 0) + 1
        for count in LABELS:
            pair = [("finetune", count), ("scratch", count)]
            d = paired_difference(
                "finetune", "scratch", count, *(found[key] for key in pair), 1, True, tuple(hits[key] for key in pair)
            )
            held[count] += d.low <= truth[count] <= d.high
        base = np.array([found["scratch", count] for count in LABELS]).T
        samples = np.stack([hits["scratch", count].mean(0) for count in LABELS]), hits["finetune", 10].mean(0)
        _, low, high = equal_labels(base, np.array(found["finetune", 10]), list(LABELS), samples)
        worth += low <= labels_as_good(gain, world.run) <= high
    return {"said": said, "held": held, "worth": worth}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tests", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--gain", type=float, nargs="+", default=[0.0, 0.5], help="in log-odds")
    parser.add_argument("--runs", type=int, default=1000)
    args = parser.parse_args()
    many = " / ".join(map(str, LABELS))
    print(f"rule {RULE_VERSION}, {args.draws} draws, {many} labels per class, {args.runs} runs a row; per cent")
    print(f"| true gain in points at {many} | test samples | helped | cannot be told | did not help |", end="")
    print(f" interval holds it, at {many} | worth in labels holds it |\n|---|---|---|---|---|---|---|")
    for gain in args.gain:
        points = [true_accuracy(count, gain) - true_accuracy(count, 0.0) for count in LABELS]
        for tests in args.tests:
            row = simulate(tests, args.draws, gain, args.runs)
            share = lambda count: f"{100 * count / args.runs:.1f}"  # noqa: E731
            said = [share(row["said"].get(outcome, 0)) for outcome in (HELPED, CANNOT_BE_TOLD, DID_NOT_HELP)]
            held = " / ".join(map(share, row["held"].values()))
            told = " / ".join(f"{point:.1f}" for point in points)
            print(f"| {told} | {tests:,} | {' | '.join(said)} | {held} | {share(row['worth'])} |", flush=True)


if __name__ == "__main__":
    main()
