"""Batches straight from memory: stored rows gathered by index, on the device where they fit."""

from collections.abc import Callable, Iterator

import numpy as np
import torch

from ..errors import InputError
from ..modalities.modality import Inputs
from ..modalities.picked import Picked, Stored, in_parts
from ..randomness import generator, seed_for
from .samples import Samples

TOGETHER = 16  # steps whose samples are sorted by their length
AHEAD_BYTES = 4 << 20  # of samples gathered at once: small against any model, large against the cost of a call


def spread(count: int, most: int) -> np.ndarray:
    """(N,) numbers of `count` rows, evenly spread, at most `most`: the first rows may all be of one class."""
    return np.arange(min(count, most)) * max(count, 1) // max(min(count, most), 1)


class Columns:
    """Samples and their labels as tensors, and the batches that a model takes.

    Args:
        values: (N, ...), stored rows; of picked ones no copy is made.
        to_model: stored rows on the device -> the model's arguments; see `Modality`.
        device: where batches are wanted. Data go there whole if they fill at most half of its free memory.
        labels: (N,) or (N, L), if they belong into the batch, under "labels".
        lengths: (N,) of samples that are cut to the longest of their batch; None where all are of one shape.
    """

    def __init__(
        self,
        values: Stored,
        to_model: Callable[[torch.Tensor], Inputs],
        device: torch.device,
        labels: np.ndarray | None = None,
        lengths: np.ndarray | None = None,
    ):
        self.lengths = None if lengths is None else torch.from_numpy(lengths)
        self.to_model, self.device = to_model, device
        self.values = torch.from_numpy(values.base if isinstance(values, Picked) else values)
        self.picked = torch.from_numpy(values.rows) if isinstance(values, Picked) else None
        self.labels = None if labels is None else torch.from_numpy(labels)
        if device.type == "cuda" and values.nbytes <= torch.cuda.mem_get_info(device)[0] // 2:
            self.values, self.picked = torch.from_numpy(np.asarray(values)).to(device), None
            self.labels = None if labels is None else self.labels.to(device)

    @classmethod
    def of(cls, samples: Samples, device: torch.device, with_labels: bool = False) -> "Columns":
        """Those of `samples`."""
        lengths, rows = samples.modality.lengths, samples.rows_stored
        return cls(
            rows, samples.modality.to_model, device, samples.labels if with_labels else None,
            None if lengths is None else np.concatenate([lengths(part) for part in in_parts(rows)]),
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.values) if self.picked is None else len(self.picked)

    @property
    def numbers(self) -> int:
        """In a stored row."""
        return self.values[0].numel()

    def __getitem__(self, rows: torch.Tensor | slice) -> Inputs:
        """The batch at `rows`, on the device."""
        places = rows if self.picked is None else self.picked[rows.cpu() if isinstance(rows, torch.Tensor) else rows]
        batch = self.to_model(self._at(self.values, places))
        return batch if self.labels is None else {**batch, "labels": self._at(self.labels, rows)}

    def _at(self, tensor: torch.Tensor, rows: torch.Tensor | slice) -> torch.Tensor:
        if isinstance(rows, slice):
            part = tensor[rows]
        else:
            part = tensor.index_select(0, rows if rows.device == tensor.device else rows.to(tensor.device))
        return part if part.device == self.device else part.to(self.device, non_blocking=True)

    def in_order(self, batch_size: int, start: int = 0, stop: int | None = None) -> Iterator[Inputs]:
        """Batches of consecutive rows from `start` to `stop`, the last one possibly smaller."""
        stop = len(self) if stop is None else min(stop, len(self))
        for row in range(start, stop, batch_size):
            yield self[row : min(row + batch_size, stop)]

    def at(self, rows: np.ndarray, batch_size: int) -> Iterator[Inputs]:
        """Batches of the samples at `rows` (n,), in their order."""
        for start in range(0, len(rows), batch_size):
            yield self[torch.from_numpy(rows[start : start + batch_size])]


class Batches:
    """Shuffled training batches, a function of the seed and the step alone.

    Every epoch has an order of its own. Samples of different lengths are sorted within `TOGETHER` steps, so that a
    batch holds some of about one length, and these steps come in a random order. Batches are all of one size; up to
    one batch of samples, other ones in each epoch, is left over. With fewer samples than a batch, every step takes
    them all.

    Args:
        columns: the samples.
        batch_size: samples in one forward pass of one process.
        accumulation: forward passes in one optimizer step.
        processes, rank: how many processes share a step, and which one this is.
        seed: of the order.

    Attributes:
        parts_per_sample: what samples of different lengths have on average, such as tokens; None where all have one.

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
        lengths = columns.lengths
        self.parts_per_sample = None if lengths is None else float(lengths.double().mean())
        self._epoch, self._order = None, None
        self._first, self._ahead, self._gathered = 0, 0, {}
        one = columns[slice(0, 1)]
        self._bytes_per_step = sum(tensor.nbytes for tensor in one.values()) * self.micro_batch * accumulation

    def __call__(self, step: int) -> Iterator[Inputs]:
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
            if self.columns.lengths is not None:
                order = self._by_length(order, epoch)
            # (steps, accumulation, processes, samples): what one process sees is the same however many share a step
            order = order.view(self.steps_per_epoch, self.accumulation, self.processes, self.micro_batch)
            self._epoch, self._order = epoch, order[:, :, self.rank].flatten(1)
        self._first, self._gathered = step, {}  # the old samples go before the new ones come
        few = self.columns.lengths is not None  # what is fetched together is cut to one length
        self._ahead = 1 if few else max(1, min(AHEAD_BYTES // self._bytes_per_step, self.steps_per_epoch - index))
        self._gathered = self.columns[self._order[index : index + self._ahead].flatten()]

    def _by_length(self, order: torch.Tensor, epoch: int) -> torch.Tensor:
        """Sample numbers (steps * samples) in a random order -> the same, those of each step of about one length."""
        parts = []
        for some in order.split(self.samples_per_step * TOGETHER):
            some = some[self.columns.lengths[some].argsort(stable=True)]
            parts += some.split(self.samples_per_step)
        shuffled = torch.randperm(len(parts), generator=generator(self.seed, "lengths", epoch))
        return torch.cat([parts[k] for k in shuffled.tolist()])


class ChangedBatches:
    """Batches whose samples are changed at random, a function of the seed and the step as they are.

    Args:
        batches: what is changed.
        change: the model's arguments, such as `pixel_values` (B, C, H, W), without labels -> the same, changed.
    """

    def __init__(self, batches: Batches, change: Callable[[Inputs], Inputs]):
        self.batches, self.change = batches, change
        self.columns, self.seed, self.accumulation = batches.columns, batches.seed, batches.accumulation
        self.samples_per_step, self.steps_per_epoch = batches.samples_per_step, batches.steps_per_epoch

    def __call__(self, step: int) -> Iterator[Inputs]:
        """The batches for optimizer step `step`: changed samples, and labels as they are."""
        device = self.columns.device
        for part, batch in enumerate(self.batches(step)):
            labels = {name: value for name, value in batch.items() if name == "labels"}
            with torch.random.fork_rng([device] if device.type == "cuda" else []):
                torch.manual_seed(seed_for(self.seed, "changes", step, part))
                changed = self.change({name: value for name, value in batch.items() if name != "labels"})
            yield {**changed, **labels}
