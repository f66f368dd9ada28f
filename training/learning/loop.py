"""The one training loop: pretraining and fine-tuning, every family, one process or many."""

import contextlib
import gc
import logging
import math
import os
import shutil
import signal
import time
from collections.abc import Iterator
from typing import Protocol

import torch
from tqdm import tqdm

from ..command.running import redrawn_every
from ..errors import InputError, Interrupted
from ..randomness import seed_step
from ..runs.run import Run
from .meter import Meter
from .optimizer import is_timed, make_scheduler, set_train_mode
from .steps import Batches, steps
from .stopping import stop_requests

logger = logging.getLogger(__name__)
USUAL, LINES = 50, 20  # steps between lines of metrics.jsonl, and lines of a run too short for these


class Watch(Protocol):
    """What looks at a network while it trains.

    Attributes:
        every_epoch: look after each epoch, however short; else only when `logging_steps` (or 50) went by as well.
        stop: training is to end now.
    """

    every_epoch: bool
    stop: bool

    def __call__(self, last: bool) -> dict[str, float]:
        """Look, after an epoch; `last` is True at the end of training. What it returns is logged."""


def train(run: Run, model: torch.nn.Module, optimizer: torch.optim.Optimizer, batches: Batches, watch: Watch) -> int:
    """Train until the run's last step; a model's forward returns one scalar `loss`, whatever its objective.

    Args:
        run: arguments, folder and accelerator; `run.start_step` is where an earlier process stopped.
        model: as prepared by the accelerator; `run.trained` is the bare one.
        optimizer: over the model's parameters.
        batches: the samples of each step.
        watch: looks between epochs.

    Returns:
        The last step.

    Raises:
        InputError: the loss is NaN or infinite.
        Interrupted: SIGINT or SIGTERM came; a checkpoint was saved first.
    """
    args, accelerator, per_epoch = run.args, run.accelerator, batches.steps_per_epoch
    total_steps = run.total_steps(per_epoch)
    scheduler = make_scheduler(optimizer, args.lr_scheduler_type, args.warmup_steps, total_steps, run.start_step)
    checkpoint_every = _checkpoint_every(args.checkpointing_steps, per_epoch)
    meter = Meter(run, batches.samples_per_step, batches.parts_per_sample)
    look_every = _look_every(0 if watch.every_epoch else args.logging_steps or USUAL, per_epoch)
    log_every = args.logging_steps or min(USUAL, max(1, total_steps // LINES))
    set_train_mode(run.trained, optimizer)
    waking = {math.ceil(group["still_until"] * total_steps) for group in optimizer.param_groups if is_timed(group)}

    def before(step: int) -> None:
        seed_step(args.seed, step, accelerator.process_index, accelerator.device)
        if step in waking:
            set_train_mode(run.trained, optimizer)

    def clip() -> None:
        if args.max_grad_norm is not None:
            accelerator.clip_grad_norm_(model.parameters(), args.max_grad_norm)

    def look(last: bool, done: int) -> None:
        began = time.perf_counter()
        extra = watch(last)
        meter.pause(time.perf_counter() - began)
        if extra:
            run.log({"step": done, **_epoch(done, per_epoch), **extra})

    done, stopped_early, numbers = run.start_step, False, range(run.start_step, total_steps)
    taken = steps(
        model, optimizer, scheduler, batches, numbers, before, meter.add, clip, lambda: accelerator.no_sync(model)
    )
    with frozen_heap(), stop_requests() as stop, _bar(run, total_steps, batches.samples_per_step) as bar:
        for done in taken:
            run.trained.after_step()
            last = done == total_steps
            checkpoint_due = checkpoint_every and done % checkpoint_every == 0 and not last
            stopping = stop.wanted(accelerator, done)
            if done % log_every == 0 or checkpoint_due or last:
                shown = meter.log(done, _epoch(done, per_epoch), scheduler.get_last_lr()[0])
                bar.set_postfix(shown, refresh=False)
            bar.update(batches.samples_per_step)
            if last or (look_every and done % look_every == 0):
                look(last, done)
                stopped_early = watch.stop and not last
                if stopped_early:
                    break
            if checkpoint_due or stopping:
                run.save_checkpoint(done, optimizer, meter.unlogged())
            if stopping:
                raise Interrupted(
                    f"stopped by {signal.Signals(stop.signal).name} after step {done} of {total_steps}, saved as "
                    f"{run.folder / f'checkpoint-{done}'}. Go on with --resume_from_checkpoint.",
                    stop.signal,
                )
    if run.start_step == total_steps:  # resumed from a checkpoint of the last step
        run.look_anew()
    if stopped_early or run.start_step == total_steps:
        look(True, done)
    run.timings["train_seconds"] = round(time.perf_counter() - meter.began, 3)  # without the watch
    run.timings["first_step_seconds"] = round(meter.first_step_seconds or 0.0, 3)
    return done


def _checkpoint_every(wanted: str, per_epoch: int | None) -> int:
    """Steps between checkpoints; 0 for none."""
    if wanted == "epoch" and per_epoch is None:
        raise InputError(
            "checkpointing_steps is 'epoch', and how long one is nobody knows here: give a number of steps."
        )
    return {"no": 0, "epoch": per_epoch}[wanted] if wanted in ("no", "epoch") else int(wanted)


def _look_every(least: int, per_epoch: int | None) -> int:
    """Steps between looks: whole epochs that take `least` steps or more. A function of the arguments alone, so that a
    run that was cut off looks when an uninterrupted one does; 0 for none but the last."""
    return 0 if per_epoch is None else per_epoch * max(1, math.ceil(least / per_epoch))


def _epoch(step: int, per_epoch: int | None) -> dict[str, float]:
    return {} if per_epoch is None else {"epoch": round(step / per_epoch, 4)}


def _bar(run: Run, total_steps: int, size: int) -> tqdm:
    return tqdm(
        total=total_steps * size,
        initial=run.start_step * size,
        desc=run.verb,
        unit=" samples",
        unit_scale=True,
        mininterval=redrawn_every(),
        disable=run.args.disable_tqdm or not run.accelerator.is_main_process,
    )


@contextlib.contextmanager
def frozen_heap() -> Iterator[None]:
    """While inside, garbage collection leaves out what was there before: torch and transformers alone are half a
    million objects, and walking them takes several per cent of the time that small networks train in."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def prepare_model(run: Run) -> torch.nn.Module:
    """The run's model on its device, wrapped for several processes, mixed precision and, if asked, compiled."""
    model = run.accelerator.prepare(run.trained)
    if not run.args.torch_compile:
        return model
    if run.accelerator.device.type == "cpu" and not any(
        map(shutil.which, (os.environ.get("CXX", "g++"), "clang++", "cl"))
    ):
        logger.warning(
            "torch_compile needs a C++ compiler and none was found: going on without (install g++ or clang)"
        )
        return model
    return torch.compile(model)
