"""What keeps a BiGAN stable? The default beside the same with one thing changed, from several seeds.

    python benchmarks/gan_stability.py --dataset ylecun/mnist
    python benchmarks/gan_stability.py --dataset ylecun/mnist --recipe mnist_bigan_warped --variants default "R1 of 1"

Each row: the discriminator's loss (1.39 when it can only guess, 0 when it has won), the spread of generated images
over that of real ones (near 0 when they are all alike), both at the end of training, the squared error of a test
image's reconstruction, and 1-NN on the embedding of 1,000 training images; mean and range over seeds.
"""

import argparse
import json
import logging
import tempfile
from pathlib import Path

import numpy as np

import pretune

VARIANTS = {
    "default": {},
    "no spectral norm": {"config": {"spectral_norm": False}},
    "no spectral norm, R1 of 1": {"config": {"spectral_norm": False, "r1_weight": 1.0}},
    "R1 of 1": {"config": {"r1_weight": 1.0}},
    "discriminator as fast as the others": {"config": {"discriminator_learning_rate_ratio": 1.0}},
    "learning rate 1e-3": {"learning_rate": 1e-3},
}
SHOWN = ("discriminator_loss", "diversity", "eval_squared_error", "embedding.knn_accuracy")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--recipe", default="mnist_bigan")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=[*VARIANTS])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--num_train_epochs", type=float, default=3)
    args = parser.parse_args()
    logging.getLogger("pretune.training").setLevel(logging.ERROR)
    for name in args.variants:
        rows = [measure(args, seed, VARIANTS[name]) for seed in range(args.seeds)]
        cells = [f"{np.mean(c):.2f} ({min(c):.2f} to {max(c):.2f})" for c in zip(*rows, strict=True)]
        print(f"{name}: discriminator {cells[0]}, diversity {cells[1]}, error {cells[2]}, 1-NN {cells[3]}", flush=True)


def measure(args: argparse.Namespace, seed: int, changes: dict) -> list[float]:
    """The numbers SHOWN after one run."""
    with tempfile.TemporaryDirectory() as folder:
        run = pretune.pretrain(
            args.recipe,
            dataset=args.dataset,
            output_dir=folder,
            seed=seed,
            num_train_epochs=args.num_train_epochs,
            eval_knn=True,
            checkpointing_steps="no",
            disable_tqdm=True,
            **changes,
        )
        lines = [json.loads(line) for line in (Path(folder) / "metrics.jsonl").read_text().splitlines()]
    last = {key: value for line in lines for key, value in line.items()} | run.metrics
    return [last[name] for name in SHOWN]


if __name__ == "__main__":
    main()
