"""The first minute: pretrain on scikit-learn's digits without labels, fine-tune with 10 of each class, compare.

python -m pretune.training.quickstart [OUTPUT_DIR]
"""

import logging
import sys
import time
from pathlib import Path

import numpy as np
from scipy.stats import t as student

from pretune.training.command.running import log_to_stderr
from pretune.training.finetune import finetune
from pretune.training.pretrain import pretrain

LABELS_PER_CLASS, DRAWS = 10, 10


def main(folder: Path) -> None:
    """Run everything in one process and print what came out, whichever way it went."""
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
    print(f"2. training a classifier on {LABELS_PER_CLASS} labels per class, {DRAWS} draws of them, two ways ...")
    accuracy: dict[str, list[float]] = {"pretrained": [], "scratch": []}
    for draw in range(DRAWS):
        for name, scores in accuracy.items():
            result = finetune(
                model=base, from_scratch=name == "scratch", dataset="digits", labels_per_class=LABELS_PER_CLASS,
                per_device_train_batch_size=10, num_train_epochs=100, checkpointing_steps="no", seed=draw,
                output_dir=folder / f"{name}-{draw}", **common,
            )  # fmt: skip
            scores.append(result.metrics["eval_accuracy"])
    print(f"\naccuracy on 360 unseen digits, mean and sd of {DRAWS} draws")
    for name, label in (("pretrained", "pretrained, then fine-tuned"), ("scratch", "same network from scratch")):
        print(f"   {label:<30}{np.mean(accuracy[name]):5.1f} +- {np.std(accuracy[name], ddof=1):.1f} %")
    print(f"\n{verdict(np.subtract(accuracy['pretrained'], accuracy['scratch']))}")
    print(
        f"\npictures: {base}/reconstructions.png, latents.png, loss.png and {folder}/pretrained-0/confusion_matrix.png"
    )
    print("load the encoder in Python:\n")
    print("   from pretune import AutoencoderModel")
    print(f'   model = AutoencoderModel.from_pretrained("{base}")')
    print("   latents = model.encode(pixel_values)          # (B, 1, 8, 8) in [0, 1] -> (B, 2)")
    print(f"\n{time.perf_counter() - began:.0f} s after the imports")


def verdict(gains: np.ndarray) -> str:
    """What the paired differences (points of accuracy) say, by their 95 % interval."""
    half = student.ppf(0.975, len(gains) - 1) * gains.std(ddof=1) / len(gains) ** 0.5
    figures = f"{gains.mean():+.1f} points, 95 % interval {gains.mean() - half:+.1f} to {gains.mean() + half:+.1f}"
    if gains.mean() - half > 0:
        return f"Pretraining helped here: {figures}, over {len(gains)} paired draws."
    if gains.mean() + half < 0:
        return f"Pretraining did harm here: {figures}, over {len(gains)} paired draws."
    return f"Pretraining made no difference that {len(gains)} paired draws can show: {figures}."


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/quickstart"))
