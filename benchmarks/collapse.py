"""Does the deep and narrow default network always start to learn? Prints every seed.

    python benchmarks/collapse.py --dataset ylecun/mnist

Trains 784-128-64-32-16-8-4-2 and back for 4 epochs from 20 seeds at batch 128 and 256, each through
`pretune.pretrain`. A run has collapsed if its test error is that of the mean image (0.0675 on MNIST).
"""

import argparse
import logging
import tempfile

import numpy as np

import pretune


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--num_train_epochs", type=float, default=4)
    parser.add_argument("--batch_sizes", type=int, nargs="+", default=[128, 256])
    args = parser.parse_args()
    logging.getLogger("pretune.training").setLevel(logging.ERROR)
    for batch_size in args.batch_sizes:
        errors = []
        for seed in range(args.seeds):
            with tempfile.TemporaryDirectory() as folder:
                metrics = pretune.pretrain(
                    "mnist",
                    dataset=args.dataset,
                    output_dir=folder,
                    seed=seed,
                    per_device_train_batch_size=batch_size,
                    num_train_epochs=args.num_train_epochs,
                    checkpointing_steps="no",
                    disable_tqdm=True,
                ).metrics
            errors.append(metrics["eval_loss"])
            print(f"batch {batch_size} seed {seed:2}: test error {errors[-1]:.4f}", flush=True)
        floor = metrics["eval_mean_image_loss"]
        collapsed = sum(error > 0.98 * floor for error in errors)
        print(
            f"batch {batch_size}: {collapsed} of {len(errors)} collapsed, test error {min(errors):.4f} to "
            f"{max(errors):.4f}, median {np.median(errors):.4f} (mean image {floor:.4f})",
            flush=True,
        )


if __name__ == "__main__":
    main()
