"""Batches straight from memory: uint8 columns gathered by index, on the device where they fit."""

import contextlib
from collections.abc import Iterator

import numpy as np
import torch

from ..errors import InputError
from ..randomness import generator

AHEAD_BYTES = 4 << 20  # of samples gathered at once: small against any model, large against the cost of a call


class Columns:
    """The columns of a dataset by role, for example {"pixel_values": images, "labels": labels}.

    8-bit columns stand for numbers in [0, 1] and come out as float; all others come out as they are.

    Args:
        arrays: one array of N rows each.
        device: where batches are wanted. Data go there whole if they fill at most half of its free memory.
    """

    def __init__(self, arrays: dict[str, np.ndarray], device: torch.device):
        self.tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        self.device = device
        if device.type == "cuda":
            size = sum(tensor.nbytes for tensor in self.tensors.values())
            if size <= torch.cuda.mem_get_info(device)[0] // 2:
                self.tensors = {name: tensor.to(device) for name, tensor in self.tensors.items()}

    def __len__(self) -> int:
        return len(next(iter(self.tensors.values())))

    def __getitem__(self, rows: torch.Tensor | slice) -> dict[str, torch.Tensor]:
        """The batch at `rows`, on the device."""
        batch = {}
        for name, tensor in self.tensors.items():
            if isinstance(rows, slice):
                part = tensor[rows]
            else:
                part = tensor.index_select(0, rows if rows.device == tensor.device else rows.to(tensor.device))
            part = part if part.device == self.device else part.to(self.device, non_blocking=True)
            batch[name] = part.to(torch.float32).div_(255) if part.dtype == torch.uint8 else part
        return batch

    def in_order(self, batch_size: int, start: int = 0, stop: int | None = None) -> Iterator[dict[str, torch.Tensor]]:
        """Batches of consecutive rows from `start` to `stop`, the last one possibly smaller."""
        stop = len(self) if stop is None else min(stop, len(self))
        for row in range(start, stop, batch_size):
            yield self[row : min(row + batch_size, stop)]


class Batches:
    """Shuffled training batches, a function of the seed and the step alone.

    Every epoch has an order of its own. Batches are all of one size; up to one batch of samples, other ones in each
    epoch, is left over. With fewer samples than a batch, every step takes them all.

    Args:
        columns: the samples.
        batch_size: samples in one forward pass of one process.
        accumulation: forward passes in one optimizer step.
        processes, rank: how many processes share a step, and which one this is.
        seed: of the order.

    Raises:
        InputError: fewer samples than forward passes in a step.
    """

    def __init__(
        self,
        columns: Columns,
        batch_size: int,
        accumulation: int = 1,
        processes: int = 1,
        rank: int = 0,
        seed: int = 0,
    ):
        parts = accumulation * processes
        self.columns, self.accumulation, self.processes, self.rank, self.seed = (
            columns,
            accumulation,
            processes,
            rank,
            seed,
        )
        self.micro_batch = min(batch_size, len(columns) // parts)
        if self.micro_batch == 0:
            raise InputError(
                f"{len(columns)} samples cannot be shared by {processes} processes x {accumulation} accumulation "
                f"steps. Use fewer of them."
            )
        self.samples_per_step = self.micro_batch * parts
        self.steps_per_epoch = len(columns) // self.samples_per_step
        self._epoch, self._order = None, None
        self._first, self._ahead, self._gathered = 0, 0, {}
        one = columns[slice(0, 1)]
        self._bytes_per_step = sum(tensor.nbytes for tensor in one.values()) * self.micro_batch * accumulation

    def __call__(self, step: int) -> Iterator[dict[str, torch.Tensor]]:
        """This process's batches for optimizer step `step`, counted from 0: one for each accumulation step."""
        if not self._first <= step < self._first + self._ahead:
            self._gather(step)
        for part in range(self.accumulation):
            start = ((step - self._first) * self.accumulation + part) * self.micro_batch
            yield {name: rows[start : start + self.micro_batch] for name, rows in self._gathered.items()}

    def _gather(self, step: int) -> None:
        """Fetch this process's samples from `step` on: a few steps at once cost less than one by one."""
        epoch, index = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            order = torch.randperm(len(self.columns), generator=generator(self.seed, "order", epoch))
            order = order[: self.steps_per_epoch * self.samples_per_step]
            # (steps, accumulation, processes, samples): what one process sees is the same however many share a step
            order = order.view(self.steps_per_epoch, self.accumulation, self.processes, self.micro_batch)
            self._epoch, self._order = epoch, order[:, :, self.rank].flatten(1)
        self._first, self._gathered = step, {}  # the old samples go before the new ones come
        self._ahead = max(1, min(AHEAD_BYTES // self._bytes_per_step, self.steps_per_epoch - index))
        self._gathered = self.columns[self._order[index : index + self._ahead].flatten()]


@contextlib.contextmanager
def evaluating(model: torch.nn.Module) -> Iterator[None]:
    """`model` in eval mode and without gradients; training mode is as it was afterwards."""
    training = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in training.items():
            module.training = mode
