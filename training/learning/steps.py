"""Optimizer steps: where a loss becomes a change of weights, for runs and for the many networks of a report alike."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import torch

from ..errors import InputError
from ..modalities.modality import Inputs


class Batches(Protocol):
    """What is trained on.

    Attributes:
        accumulation: forward passes in one optimizer step.
        samples_per_step: of all processes together.
        steps_per_epoch: None where nobody knows, as of a stream.
        parts_per_sample: what samples of different lengths have on average; None where all have one.
    """

    accumulation: int
    samples_per_step: int
    steps_per_epoch: int | None
    parts_per_sample: float | None

    def __call__(self, step: int) -> Iterator[Inputs]:
        """This process's batches for optimizer step `step`, counted from 0: one for each forward pass."""


def steps(
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    scheduler: torch.optim.lr_scheduler.LRScheduler,
    batches: Batches,
    numbers: range,
    before: Callable[[int], None],
    see: Callable[[Any], None] = lambda output: None,
    clip: Callable[[], Any] = lambda: None,
    unsynced: Callable[[], contextlib.AbstractContextManager] = contextlib.nullcontext,
) -> Iterator[int]:
    """Forward, backward, clip, step, schedule, for each of `numbers`; yields how many steps are done after each.

    Args:
        model: `model(**batch).loss` is a scalar, whatever the objective.
        before: called with the number of each step before it, to seed what the model draws.
        see: called with the output of each forward pass.
        clip: called when the gradients are whole.
        unsynced: around all but the last forward pass of a step, where processes need not agree yet.

    Raises:
        InputError: the model gives no loss.
    """
    for step in numbers:
        before(step)
        for part, batch in enumerate(batches(step)):
            last = part == batches.accumulation - 1
            with contextlib.nullcontext() if last else unsynced():
                output = model(**batch)
                if output.loss is None:
                    raise InputError(f"{type(model).__name__} gave no loss: it has no decoder to train, or no labels.")
                loss = output.loss / batches.accumulation if batches.accumulation > 1 else output.loss
                loss.backward()  # all that accelerate would do here: no scaler, no foreign engine is supported
            see(output)
        clip()
        optimizer.step()
        optimizer.zero_grad()
        scheduler.step()
        yield step + 1
