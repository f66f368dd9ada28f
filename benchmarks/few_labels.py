"""Accuracy with few labels, with and without pretraining: the same draws, network, steps and learning rate for both.

Beside them the floor that needs no network at all: the nearest labelled image, pixel by pixel.

python benchmarks/few_labels.py --model runs/mnist --dataset ylecun/mnist --labels_per_class 10 --draws 5
"""

import argparse
import tempfile
from typing import Any

import numpy as np
from sklearn.neighbors import KNeighborsClassifier

import pretune
from pretune.training.arguments import FinetuneArguments
from pretune.training.data import load_data, subset


def nearest_neighbour(args: dict[str, Any], seed: int) -> float:
    """Accuracy in per cent of 1-NN on the pixels of the same labelled draw."""
    data = FinetuneArguments(model="unused", output_dir="unused", dataset=args["dataset"])
    train, test = load_data(data)
    drawn = subset(train, None, args["labels_per_class"], seed)
    rows = [(split.images.reshape(len(split), -1) / np.float32(255), split.labels) for split in (drawn, test)]
    return 100 * KNeighborsClassifier(1).fit(*rows[0]).score(*rows[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="run folder of the pretrained autoencoder")
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--labels_per_class", type=int, default=10)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--num_train_epochs", type=float, default=100)
    parser.add_argument("--per_device_train_batch_size", type=int, default=10)
    parser.add_argument("--learning_rate", type=float, default=1e-3)
    parser.add_argument("--encoder_learning_rate", type=float, default=None)
    args = vars(parser.parse_args())
    draws = args.pop("draws")
    accuracy: dict[str, list[float]] = {"pretrained": [], "from scratch": []}
    floor: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(draws):
            for name, scores in accuracy.items():
                own = {"from_scratch": name == "from scratch"}
                if own["from_scratch"]:
                    own["encoder_learning_rate"] = None
                result = pretune.finetune(
                    **{**args, **own},
                    seed=seed,
                    output_dir=f"{folder}/{seed}-{own['from_scratch']}",
                    checkpointing_steps="no",
                    disable_tqdm=True,
                )
                scores.append(result.metrics["eval_accuracy"])
            floor.append(nearest_neighbour(args, seed))
            print(
                f"draw {seed}: raw 1-NN {floor[-1]:.2f} %, "
                + ", ".join(f"{name} {scores[-1]:.2f} %" for name, scores in accuracy.items())
            )
    for name, scores in {**accuracy, "1-NN on raw pixels": floor}.items():
        print(f"{name}: {np.mean(scores):.2f} +- {np.std(scores, ddof=1):.2f} % (mean and sd of {draws} draws)")
    gain = np.subtract(*accuracy.values())
    print(f"paired difference: {gain.mean():+.2f} +- {gain.std(ddof=1):.2f} points")


if __name__ == "__main__":
    main()
