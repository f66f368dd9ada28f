"""The first minute: pretrain on scikit-learn's digits without labels, fine-tune with 10 of each class, compare.

python -m pretune.training.quickstart [OUTPUT_DIR]
"""

import logging
import sys
import time
from pathlib import Path

import numpy as np

from pretune.training.command.running import log_to_stderr
from pretune.training.evaluation.evidence.intervals import paired_difference
from pretune.training.finetune import finetune
from pretune.training.pretrain import pretrain
from pretune.training.protocol import PROTOCOL

LABELS_PER_CLASS, DRAWS = 10, 10


def main(folder: Path, draws: int = DRAWS) -> None:
    """Run everything in one process and print what came out, whichever way it went; `draws` are at least 2."""
    began = time.perf_counter()
    log_to_stderr(logging.WARNING)
    common = {"overwrite_output_dir": True, "disable_tqdm": True}
    print("1. pretraining an autoencoder on 1,437 digits without their labels ...")
    base = folder / "autoencoder"
    metrics = pretrain("digits", output_dir=base, **common).metrics
    print(
        f"   error on 360 unseen digits: {metrics['eval_loss']:.4f} a pixel "
        f"(answering with the mean image: {metrics['eval_mean_image_loss']:.4f})"
    )
    print(f"2. training a classifier on {LABELS_PER_CLASS} labels per class, {draws} draws of them, two ways ...")
    accuracy: dict[str, list[float]] = {"pretrained": [], "scratch": []}
    for draw in range(draws):
        for name, scores in accuracy.items():
            result = finetune(
                model=base, from_scratch=name == "scratch", dataset="digits", labels_per_class=LABELS_PER_CLASS,
                per_device_train_batch_size=10, num_train_epochs=100, checkpointing_steps="no", seed=draw,
                output_dir=folder / f"{name}-{draw}", **common,
            )  # fmt: skip
            scores.append(result.metrics["eval_accuracy"])
    print(f"\naccuracy on 360 unseen digits, mean and sd of {draws} draws")
    for name, label in (("pretrained", "pretrained, then fine-tuned"), ("scratch", "same network from scratch")):
        print(f"   {label:<30}{np.mean(accuracy[name]):5.1f} +- {np.std(accuracy[name], ddof=1):.1f} %")
    print(f"   {difference(accuracy['pretrained'], accuracy['scratch'])}")
    print("\nwhat pretraining is worth, beside raw pixels, PCA and an untrained encoder, and by a stated rule:\n")
    print(f"   pretune evaluate --model {base} --dataset digits --labels_per_class {LABELS_PER_CLASS}")
    print(
        f"\npictures: {base}/reconstructions.png, latents.png, loss.png and {folder}/pretrained-0/confusion_matrix.png"
    )
    print("load the encoder in Python:\n")
    print("   from pretune import AutoencoderModel")
    print(f'   model = AutoencoderModel.from_pretrained("{base}")')
    print("   embedding = model.encode(pixel_values)        # (B, 1, 8, 8) in [0, 1] -> (B, 2)")
    print(f"\n{time.perf_counter() - began:.0f} s after the imports")


def difference(pretrained: list[float], scratch: list[float]) -> str:
    """The paired difference of two lists of accuracies in per cent, by draw, with the interval of its mean."""
    d = paired_difference("finetune", "scratch", LABELS_PER_CLASS, pretrained, scratch, comparisons=1)
    interval = f"{100 * PROTOCOL.confidence:g} % interval {d.low:+.1f} to {d.high:+.1f}"
    return f"difference, draw by draw: {d.mean:+.1f} points, {interval} (n = {d.draws})"


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/quickstart"))
