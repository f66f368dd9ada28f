"""One way to fine-tune, over several draws of labelled samples: mean and sd of its test accuracy.

python benchmarks/draws.py mnist_conv_finetune --model runs/conv --dataset ylecun/mnist
python benchmarks/draws.py mnist_conv_finetune --model runs/conv --dataset ylecun/mnist --then mnist_fixmatch

All arguments but --draws and --then are those of `pretune finetune`; the seed of draw k is k. --then goes on from each
draw's result by a second recipe, with the same labelled samples.
"""

import argparse
import dataclasses
import tempfile
import time

import numpy as np

from pretune.training.command.arguments.finetune import FinetuneArguments
from pretune.training.command.parsing import parse_arguments
from pretune.training.finetune import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--then", help="a recipe that goes on from each draw's classifier")
    known, rest = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        args = parse_arguments(FinetuneArguments, [*rest, "--output_dir", f"{folder}/run"])
        stages = [args]
        if known.then:
            what = ["--model", args.model or "", "--dataset", args.dataset, "--output_dir", args.output_dir]
            if args.labels_per_class:
                what += ["--labels_per_class", str(args.labels_per_class)]
            second = parse_arguments(FinetuneArguments, [known.then, *what])
            if second.unlabelled_dataset:
                second = dataclasses.replace(second, unlabelled_dataset=args.dataset)
            stages.append(second)
        scores: list[list[float]] = [[] for _ in stages]
        for draw in range(known.draws):
            model = args.model
            for number, stage in enumerate(stages):
                began, here = time.perf_counter(), f"{folder}/{draw}-{number}"
                own = {"seed": draw, "output_dir": here, "checkpointing_steps": "no", "model": model}
                scores[number].append(run(dataclasses.replace(stage, **own)).metrics["eval_accuracy"])
                model = here
                print(f"draw {draw}: {scores[number][-1]:.2f} % ({time.perf_counter() - began:.0f} s)", flush=True)
    for found in scores:
        sd = np.std(found, ddof=1) if len(found) > 1 else 0
        print(f"{np.mean(found):.2f} +- {sd:.2f} % ({len(found)} draws)")


if __name__ == "__main__":
    main()
