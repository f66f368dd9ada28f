"""Training speed beside what a user would write today: one network, one batch size, one process, the same threads.

    python benchmarks/speed.py --dataset ylecun/mnist

784-128-64-32-16-8-4-2 and back, batch 128, samples a second. Rows are interleaved and repeated, since machines are
noisy; read the ratios. Rows (a) to (c) get the images decoded already, which favours them.
"""

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable

import numpy as np
import torch
from accelerate import Accelerator
from torch.utils.data import DataLoader, Dataset
from transformers import Trainer, TrainingArguments

import pretune
from pretune.training.arguments import PretrainArguments
from pretune.training.data import load_data

BATCH = 128


class OneAtATime(Dataset):
    """Images converted one by one, as most code does."""

    def __init__(self, images: np.ndarray):
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int) -> dict[str, torch.Tensor]:
        return {"pixel_values": torch.from_numpy(self.images[row]).float() / 255}


def model() -> pretune.AutoencoderModel:
    return pretune.AutoencoderModel(pretune.AutoencoderConfig())


def steps(count: int, step: Callable[[], None]) -> float:
    """Samples a second of `count` steps, after 20 that are not counted."""
    for _ in range(20):
        step()
    began = time.perf_counter()
    for _ in range(count):
        step()
    return count * BATCH / (time.perf_counter() - began)


def own_loop(images: np.ndarray, count: int) -> float:
    network = model()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    batches = iter(DataLoader(OneAtATime(images), batch_size=BATCH, shuffle=True, drop_last=True))

    def step() -> None:
        loss = network(**next(batches)).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return steps(count, step)


def accelerate_loop(images: np.ndarray, count: int) -> float:
    import datasets

    accelerator, network = Accelerator(), model()
    rows = datasets.Dataset.from_dict({"row": range(len(images))}).with_transform(
        lambda batch: {"pixel_values": [torch.from_numpy(images[row]).float() / 255 for row in batch["row"]]}
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    loader = DataLoader(rows, batch_size=BATCH, shuffle=True, drop_last=True)
    network, optimizer, loader = accelerator.prepare(network, optimizer, loader)
    batches = iter(loader)

    def step() -> None:
        loss = network(**next(batches)).loss
        accelerator.backward(loss)
        optimizer.step()
        optimizer.zero_grad()

    return steps(count, step)


def trainer(images: np.ndarray, count: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        settings = TrainingArguments(
            folder, per_device_train_batch_size=BATCH, max_steps=count, learning_rate=1e-3, logging_steps=50,
            save_strategy="no", report_to="none", lr_scheduler_type="constant", dataloader_drop_last=True,
        )  # fmt: skip
        result = Trainer(model=model(), args=settings, train_dataset=OneAtATime(images)).train()
    return result.metrics["train_samples_per_second"]


def pretune_script(dataset: str, epochs: int, compiled: bool) -> float:
    torch.compiler.reset()
    with tempfile.TemporaryDirectory() as folder:
        run = pretune.pretrain(
            "mnist", dataset=dataset, output_dir=folder, num_train_epochs=epochs, per_device_train_batch_size=BATCH,
            torch_compile=compiled,
        ).record  # fmt: skip
    seconds, first = run["timings"]["train_seconds"], run["timings"]["first_step_seconds"] if compiled else 0
    return (run["global_step"] - bool(compiled)) * BATCH / (seconds - first)


def arithmetic(images: np.ndarray, count: int, compiled: bool) -> float:
    torch.compiler.reset()
    network = model()
    forward = torch.compile(network) if compiled else network
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    batch = torch.from_numpy(images[:BATCH]).float() / 255

    def step() -> None:
        forward(pixel_values=batch).loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return steps(count, step)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="ylecun/mnist")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True)
    args = parser.parse_args()
    data, _ = load_data(PretrainArguments(dataset=args.dataset, output_dir="unused"))
    images = np.ascontiguousarray(data.images)
    rows: dict[str, Callable[[], float]] = {
        "(a) own loop, one image at a time": lambda: own_loop(images, 100),
        "(b) accelerate, datasets.with_transform": lambda: accelerate_loop(images, 100),
        "(c) transformers.Trainer": lambda: trainer(images, 120),
        "(d) pretune, whole script": lambda: pretune_script(args.dataset, 2, False),
        "(e) arithmetic alone": lambda: arithmetic(images, 936, False),
    }
    if args.compile:
        rows["(d) compiled"] = lambda: pretune_script(args.dataset, 2, True)
        rows["(e) compiled"] = lambda: arithmetic(images, 936, True)
    rates: dict[str, list[float]] = {name: [] for name in rows}
    for repeat in range(args.repeats):
        print(f"repeat {repeat + 1} of {args.repeats} ...", flush=True)
        for name, measure in rows.items():
            rates[name].append(measure())
    print(
        f"\ntorch {torch.__version__}, {torch.get_num_threads()} threads, {os.cpu_count()} cores, {platform.machine()}"
    )
    print(f"{'samples a second':<42}{'median':>10}{'lowest':>10}{'highest':>10}   ({args.repeats} repeats)")
    for name, values in rates.items():
        print(f"{name:<42}{np.median(values):>10,.0f}{min(values):>10,.0f}{max(values):>10,.0f}")

    def ratio(over: str, under: str) -> None:
        pairs = np.divide(rates[over], rates[under])
        print(f"{over} / {under}: median {np.median(pairs):.2f} of pairs {pairs.min():.2f} to {pairs.max():.2f}")

    print()
    ratio("(d) pretune, whole script", "(c) transformers.Trainer")
    ratio("(d) pretune, whole script", "(e) arithmetic alone")
    if args.compile:
        ratio("(d) compiled", "(e) compiled")


if __name__ == "__main__":
    main()
