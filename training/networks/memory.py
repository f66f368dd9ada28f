"""What a batch needs in memory, measured on a few samples, and the batch that fits."""

import copy
import ctypes
import logging
import sys
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..data.batches import Columns
from ..errors import InputError

logger = logging.getLogger(__name__)
LARGE_SAMPLE, LARGE_BATCH = 4096, 8_000_000  # numbers, below both of which no batch is worth a look
SMALL_BATCH = 100_000  # numbers of a batch that is looked at, below which it is small
SHARE = 0.8  # of the free memory that training may take
PEAK = 1.5  # the most that is held at once, by what is kept for the backward pass
STATES = 4  # weights, their gradients, and two moments of the optimizer
# Bytes that a batch which is looked at may keep; it holds far less, and on a CPU larger ones are no faster.
LOOKING = {"cpu": 1 << 29, "cuda": 1 << 33}
CGROUP = Path("/sys/fs/cgroup")


def batch_that_fits(trained: nn.Module, columns: Columns, batch_size: int, accumulation: int) -> tuple[int, int]:
    """(samples in a forward pass, forward passes in a step): as wanted, or smaller parts of the same step.

    Args:
        trained: what the loop trains; a copy of it is looked at.
        columns: its samples, on its device.
        batch_size, accumulation: as wanted.

    Raises:
        InputError: not even one sample fits.
    """
    numbers = columns.numbers
    if numbers < LARGE_SAMPLE and numbers * batch_size < LARGE_BATCH:
        return batch_size, accumulation
    each = bytes_for_a_sample(trained, columns)
    if each is None:
        return batch_size, accumulation
    weights = STATES * sum(p.numel() * p.element_size() for p in trained.parameters() if p.requires_grad)
    free = SHARE * free_memory(columns.device)
    needed = weights + batch_size * each
    logger.info("a batch of %d needs about %s of memory, weights included", batch_size, _shown(needed))
    if needed <= free:
        return batch_size, accumulation
    if weights + each > free:
        raise InputError(
            f"one sample needs about {_shown(weights + each)} of memory with the network's weights, and "
            f"{_shown(free)} can be taken. Choose smaller samples or a smaller network (--config)."
        )
    parts = next(
        n for n in range(1, batch_size + 1) if batch_size % n == 0 and weights + batch_size // n * each <= free
    )
    logger.warning(
        "warning: that is more than the %s that can be taken: %d forward passes of %d make up a step",
        _shown(free), parts * accumulation, batch_size // parts,
    )  # fmt: skip
    return batch_size // parts, parts * accumulation


def eval_batch_that_fits(model: nn.Module, columns: Columns, batch_size: int) -> int:
    """Samples in a batch that is looked at: as wanted, or fewer. The same whatever else is in memory, so that sums
    are rounded alike in every run.

    Args:
        model: what is looked at; a copy of it is.
        columns: its samples, on its device.
        batch_size: as wanted.
    """
    if columns.numbers * batch_size < SMALL_BATCH:
        return batch_size
    each = bytes_for_a_sample(model, columns)
    most = LOOKING.get(columns.device.type, LOOKING["cpu"])
    return batch_size if not each else max(1, min(batch_size, most // each))


def bytes_for_a_sample(trained: nn.Module, columns: Columns) -> int | None:
    """What training holds of one sample at most; None with fewer than four samples."""
    if len(columns) < 4:
        return None
    probe = copy.deepcopy(trained).to(columns.device).train()
    devices = [columns.device] if columns.device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        two, four = (_kept(probe, columns[slice(0, count)]) for count in (2, 4))
    return round(PEAK * max(0, four - two) / 2)


def _kept(probe: nn.Module, batch: dict[str, Any]) -> int:
    """Bytes that one forward pass keeps for the backward pass, weights not counted."""
    seen = {p.untyped_storage().data_ptr() for p in probe.parameters()}
    kept = []  # held until all are counted, so that no memory is taken twice

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in seen:
            seen.add(storage.data_ptr())
            kept.append(storage)
        return tensor

    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        probe(**batch)
    return sum(storage.nbytes() for storage in kept)


def free_memory(device: torch.device) -> int:
    """Bytes that can still be taken there; on a CPU of the machine, or of the container if that has less."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    import psutil

    free = psutil.virtual_memory().available
    try:
        limit, used = ((CGROUP / name).read_text().strip() for name in ("memory.max", "memory.current"))
    except OSError:
        return free
    return free if limit == "max" else min(free, max(0, int(limit) - int(used)))


def give_back() -> None:
    """Hand back to the system what this process holds and does not use: glibc keeps it, and what is started next lacks
    it."""
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
        trim(0)


def _shown(count: float) -> str:
    return f"{count / 2**30:.1f} GB" if count >= 2**30 else f"{count / 2**20:.0f} MB"
