"""How far whitened patches and a linear model go, without a step of training: the floor of the report, made larger.

python benchmarks/patches.py --dataset uoft-cs/cifar10 --filters 2000 --mirrored --labels_per_class 10 100

With all labels by ridge regression in closed form: features are made once, their Gram matrix is added up in blocks,
and the penalty is chosen on held-out training images. With few labels by the protocol's linear probe and draws.
"""

import argparse
import time

import numpy as np
import torch

from pretune.training.command.arguments.evaluate import EvaluateArguments
from pretune.training.data.loading import load_data
from pretune.training.evaluation.draws import draw_rows
from pretune.training.evaluation.features import reference_rows
from pretune.training.evaluation.probes import Standardiser, linear_probe
from pretune.training.modalities.image import IMAGE
from pretune.training.modalities.images.patches import FILTERS, PatchFeatures
from pretune.training.protocol import PROTOCOL

PENALTIES = (1e-3, 3e-3, 1e-2, 3e-2)  # of standardised features, whose Gram matrix has ones on its diagonal
HELD_OUT, ROWS, COLUMNS = 1000, 5000, 2000  # samples; of a block of the Gram matrix


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--filters", type=int, default=FILTERS)
    parser.add_argument("--mirrored", action="store_true")
    parser.add_argument("--labels_per_class", nargs="*", type=int, default=[])
    args = parser.parse_args()
    began, spent = time.perf_counter(), time.process_time()
    train, test = load_data(EvaluateArguments(model=["none"], dataset=args.dataset, output_dir="unused"), IMAGE)
    patches = PatchFeatures(args.filters, args.mirrored)
    patches.fit(train.values)
    seen, unseen = patches.embed(train.values), patches.embed(test.values)
    print(f"{seen.shape[1]:,} features of {len(seen):,} images ({_minutes(began, spent)})", flush=True)
    answers, penalty = ridge(seen, train.labels, unseen, len(train.label_names))
    print(f"all labels: {100 * np.mean(answers == test.labels):.1f} %, penalty {penalty:g} ({_minutes(began, spent)})")
    scale = Standardiser(seen[reference_rows(train)])
    for count in args.labels_per_class:
        scores = []
        for draw in range(PROTOCOL.draws):
            rows = draw_rows(train.labels, train.label_names, count, draw)
            given = linear_probe(scale(seen[rows]), train.labels[rows], scale(unseen), draw).given
            scores.append(100 * np.mean(given == test.labels))
        print(f"{count} labels per class: {np.mean(scores):.1f} +- {np.std(scores, ddof=1):.1f} %", flush=True)


def ridge(seen: np.ndarray, labels: np.ndarray, unseen: np.ndarray, classes: int) -> tuple[np.ndarray, float]:
    """Classes (M,) of `unseen` (M, D) by ridge regression on all of `seen` (N, D), and the penalty that held-out rows
    of `seen` chose."""
    order = np.random.default_rng(PROTOCOL.seed).permutation(len(seen))
    fit, judged = order[HELD_OUT:], order[:HELD_OUT]
    some = seen[fit[:ROWS]].astype(np.float32)
    mean, spread = some.mean(0), np.maximum(some.std(0), 1e-6)

    def standard(rows: np.ndarray) -> torch.Tensor:
        return torch.from_numpy((rows.astype(np.float32) - mean) / spread)

    usual = torch.from_numpy(np.bincount(labels, minlength=classes) / len(labels)).float()
    targets = torch.eye(classes)[torch.from_numpy(labels)] - usual
    gram, right = torch.zeros(seen.shape[1], seen.shape[1]), torch.zeros(seen.shape[1], classes)

    def add(rows: np.ndarray) -> None:
        for block in np.array_split(rows, -(-len(rows) // ROWS)):
            features = standard(seen[block])
            right.addmm_(features.T, targets[block])
            for start in range(0, len(gram), COLUMNS):  # at and below the diagonal, which is all that is looked at
                part = slice(start, start + COLUMNS)
                gram[part, : part.stop].addmm_(features[:, part].T, features[:, : part.stop])

    def answers(rows: np.ndarray, count: int, penalty: float) -> np.ndarray:
        system = gram / count
        system.diagonal().add_(penalty)
        weights = torch.cholesky_solve(right / count, torch.linalg.cholesky(system))
        return np.concatenate([(standard(part) @ weights + usual).argmax(1) for part in np.array_split(rows, 20)])

    add(fit)
    found = {p: np.mean(answers(seen[judged], len(fit), p) == labels[judged]) for p in PENALTIES}
    penalty = max(found, key=found.get)
    add(judged)
    return answers(unseen, len(seen), penalty), penalty


def _minutes(began: float, spent: float) -> str:
    return f"{(time.perf_counter() - began) / 60:.1f} min, {(time.process_time() - spent) / 60:.1f} of CPU"


if __name__ == "__main__":
    main()
