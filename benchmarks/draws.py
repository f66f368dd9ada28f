"""One way to fine-tune, over several draws of labelled samples: mean and sd of its test accuracy.

python benchmarks/draws.py --model runs/conv --dataset ylecun/mnist --labels_per_class 10 --augmentation affine

All arguments but --draws are those of `pretune finetune`; the seed of draw k is k.
"""

import argparse
import dataclasses
import tempfile
import time

import numpy as np

from pretune.training.arguments import FinetuneArguments
from pretune.training.finetune import run
from pretune.training.parsing import parse_arguments


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=5)
    known, rest = parser.parse_known_args()
    scores: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        args = parse_arguments(FinetuneArguments, [*rest, "--output_dir", f"{folder}/run"])
        for draw in range(known.draws):
            began = time.perf_counter()
            own = {"seed": draw, "output_dir": f"{folder}/{draw}", "checkpointing_steps": "no"}
            scores.append(run(dataclasses.replace(args, **own)).metrics["eval_accuracy"])
            print(f"draw {draw}: {scores[-1]:.2f} % ({time.perf_counter() - began:.0f} s)", flush=True)
    print(f"{np.mean(scores):.2f} +- {np.std(scores, ddof=1) if len(scores) > 1 else 0:.2f} % ({len(scores)} draws)")


if __name__ == "__main__":
    main()
