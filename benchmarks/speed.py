"""Training speed beside what a user would write today: one network, one batch size, one process, the same threads.

    python benchmarks/speed.py --dataset ylecun/mnist

784-128-64-32-16-8-4-2 and back, batch 128, samples a second. Rows are interleaved and repeated, since machines are
noisy; read the ratios.
"""

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import PIL.Image
import torch
from accelerate import Accelerator
from torch.utils.data import DataLoader, Dataset
from transformers import Trainer, TrainingArguments

import pretune
from pretune.training.command.arguments.pretrain import PretrainArguments
from pretune.training.data.loading import load_data

BATCH = 128


class Pictures(Dataset):
    """A user's dataset: PIL images held in memory, converted one at a time."""

    def __init__(self, images: np.ndarray):
        self.images = [PIL.Image.fromarray(image[0]) for image in images]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int) -> dict[str, torch.Tensor]:
        return {"pixel_values": to_tensor(self.images[row])}


class Arrays(Dataset):
    """The images as one uint8 array: what a careful user holds in memory."""

    def __init__(self, images: np.ndarray):
        self.images = torch.from_numpy(images)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int) -> dict[str, torch.Tensor]:
        return {"pixel_values": self.images[row].float() / 255}


def to_tensor(picture: PIL.Image.Image) -> torch.Tensor:
    """(1, H, W) in [0, 1]."""
    return torch.from_numpy(np.asarray(picture, dtype=np.float32)[None] / 255)


def transformed(dataset: str) -> Any:
    """The dataset as `datasets` gives it, each image decoded when it is asked for."""
    import datasets

    rows = datasets.load_dataset(dataset, split="train")
    column = next(name for name, feature in rows.features.items() if isinstance(feature, datasets.Image))
    return rows.with_transform(lambda batch: {"pixel_values": [to_tensor(picture) for picture in batch[column]]})


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


def own_loop(rows: Dataset, count: int) -> float:
    network = model()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    batches = iter(DataLoader(rows, batch_size=BATCH, shuffle=True, drop_last=True))

    def step() -> None:
        loss = network(**next(batches)).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return steps(count, step)


def accelerate_loop(rows: Any, count: int) -> float:
    accelerator, network = Accelerator(), model()
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


def trainer(rows: Any, count: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        settings = TrainingArguments(
            folder,
            per_device_train_batch_size=BATCH,
            max_steps=count,
            learning_rate=1e-3,
            lr_scheduler_type="constant",
            logging_steps=50,
            save_strategy="no",
            report_to="none",
            remove_unused_columns=False,
            dataloader_drop_last=True,
        )
        result = Trainer(model=model(), args=settings, train_dataset=rows).train()
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
    pictures, arrays, decoded_on_request = Pictures(images), Arrays(images), transformed(args.dataset)
    rows: dict[str, Callable[[], float]] = {
        "(a) own loop, one picture at a time": lambda: own_loop(pictures, 100),
        "(b) accelerate, datasets.with_transform": lambda: accelerate_loop(decoded_on_request, 100),
        "(c) transformers.Trainer, with_transform": lambda: trainer(decoded_on_request, 120),
        "    Trainer, uint8 array in memory": lambda: trainer(arrays, 240),
        "(d) pretune, whole script": lambda: pretune_script(args.dataset, 8, False),
        "(e) arithmetic alone": lambda: arithmetic(images, 1872, False),
    }
    if args.compile:
        rows["(d) compiled"] = lambda: pretune_script(args.dataset, 8, True)
        rows["(e) compiled"] = lambda: arithmetic(images, 1872, True)
    rates: dict[str, list[float]] = {name: [] for name in rows}
    for repeat in range(args.repeats):
        print(f"repeat {repeat + 1} of {args.repeats} ...", flush=True)
        for name, measure in rows.items():
            rates[name].append(measure())
    cores = f"{torch.get_num_threads()} threads, {os.cpu_count()} cores"
    print(f"\ntorch {torch.__version__}, {cores}, {platform.machine()}")
    print(f"{'samples a second':<42}{'median':>10}{'lowest':>10}{'highest':>10}   ({args.repeats} repeats)")
    for name, values in rates.items():
        print(f"{name:<42}{np.median(values):>10,.0f}{min(values):>10,.0f}{max(values):>10,.0f}")

    def ratio(over: str, under: str) -> None:
        pairs = np.divide(rates[over], rates[under])
        print(f"{over} / {under}: median {np.median(pairs):.2f} of pairs {pairs.min():.2f} to {pairs.max():.2f}")

    print()
    ratio("(d) pretune, whole script", "(c) transformers.Trainer, with_transform")
    ratio("(d) pretune, whole script", "(e) arithmetic alone")
    if args.compile:
        ratio("(d) compiled", "(e) compiled")


if __name__ == "__main__":
    main()
