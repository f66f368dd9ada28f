"""The one training loop: pretraining and fine-tuning, every family, one process or many."""

import contextlib
import gc
import logging
import math
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from tqdm import tqdm

from ..command.training_arguments import TrainingArguments
from ..data.batches import Batches
from ..errors import InputError, Interrupted
from ..randomness import seed_step
from ..runs.run import Run

logger = logging.getLogger(__name__)


def train(
    run: Run,
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: Batches,
    inspect: Callable[[bool], dict[str, float]],
) -> int:
    """Train until the run's last step; a model's forward returns one scalar `loss`, whatever its objective.

    Args:
        run: arguments, folder and accelerator; `run.start_step` is where an earlier process stopped.
        model: as prepared by the accelerator; `run.trained` is the bare one.
        optimizer: over the model's parameters.
        batches: the samples of each step.
        inspect: called after an epoch (after several, if they are shorter than `logging_steps`), with True at the
            end of training; what it returns is logged. If it has an attribute `every_epoch` that is true, it is
            called after each epoch; if it has an attribute `stop` that is true, training ends.

    Returns:
        The last step.

    Raises:
        InputError: the loss is NaN or infinite.
        Interrupted: SIGINT or SIGTERM came; a checkpoint was saved first.
    """
    args, accelerator = run.args, run.accelerator
    total_steps = run.total_steps(batches.steps_per_epoch)
    scheduler = make_scheduler(args, optimizer, total_steps, run.start_step)
    checkpoint_every = {"no": 0, "epoch": batches.steps_per_epoch}.get(args.checkpointing_steps)
    checkpoint_every = int(args.checkpointing_steps) if checkpoint_every is None else checkpoint_every
    meter = Meter(run, batches.samples_per_step)
    looked, look_after = run.start_step, 0 if getattr(inspect, "every_epoch", False) else args.logging_steps
    set_train_mode(run.trained, optimizer)
    waking = {math.ceil(group["still_until"] * total_steps) for group in optimizer.param_groups if is_timed(group)}
    progress = {
        "desc": run.verb,
        "unit": " samples",
        "unit_scale": True,
        "mininterval": 0.1 if sys.stderr.isatty() else 10,
    }
    progress["disable"] = args.disable_tqdm or not accelerator.is_main_process
    done, size, stopped_early = run.start_step, batches.samples_per_step, False
    with (
        frozen_heap(),
        stop_requests() as stop,
        tqdm(total=total_steps * size, initial=done * size, **progress) as bar,
    ):
        for step in range(run.start_step, total_steps):
            seed_step(args.seed, step, accelerator.process_index, accelerator.device)
            if step in waking:
                set_train_mode(run.trained, optimizer)
            for part, batch in enumerate(batches(step)):
                last = part == batches.accumulation - 1
                with contextlib.nullcontext() if last else accelerator.no_sync(model):
                    output = model(**batch)
                    loss = output.loss / batches.accumulation if batches.accumulation > 1 else output.loss
                    loss.backward()  # all that accelerate would do here: no scaler, no foreign engine is supported
                meter.add(output)
            if args.max_grad_norm is not None:
                accelerator.clip_grad_norm_(model.parameters(), args.max_grad_norm)
            optimizer.step()
            optimizer.zero_grad()
            scheduler.step()
            done = step + 1
            epoch_ends = done % batches.steps_per_epoch == 0 or done == total_steps
            checkpoint_due = checkpoint_every and done % checkpoint_every == 0 and done < total_steps
            stopping = stop.wanted(accelerator, done)
            if done % args.logging_steps == 0 or checkpoint_due or stopping or done == total_steps:
                learning_rate = scheduler.get_last_lr()[0]
                bar.set_postfix(meter.log(done, done / batches.steps_per_epoch, learning_rate), refresh=False)
            bar.update(size)
            if epoch_ends and (done == total_steps or done - looked >= look_after):
                looked = done
                began = time.perf_counter()
                extra = inspect(done == total_steps)
                meter.pause(time.perf_counter() - began)
                if extra:
                    run.log({"step": done, "epoch": round(done / batches.steps_per_epoch, 4), **extra})
                if getattr(inspect, "stop", False) and done < total_steps:
                    stopped_early = True
                    break
            if checkpoint_due or stopping:
                run.save_checkpoint(done, optimizer)
            if stopping:
                raise Interrupted(
                    f"stopped by {signal.Signals(stop.signal).name} after step {done} of {total_steps}, saved as "
                    f"{run.folder / f'checkpoint-{done}'}. Go on with --resume_from_checkpoint.",
                    stop.signal,
                )
    if stopped_early or run.start_step >= total_steps:  # resumed from a checkpoint of the last step
        extra = inspect(True)
        if extra and stopped_early:
            run.log({"step": done, "epoch": round(done / batches.steps_per_epoch, 4), **extra})
    run.timings["train_seconds"] = round(time.perf_counter() - meter.began, 3)  # without `inspect`
    run.timings["first_step_seconds"] = round(meter.first_step_seconds or 0.0, 3)
    return done


def make_optimizer(args: TrainingArguments, groups: list[dict], device: torch.device) -> torch.optim.Optimizer:
    """The optimizer `--optim` names over parameter groups, each split by whether weight decay applies."""
    split = []
    for group in groups:
        trained = [p for p in group["params"] if p.requires_grad]
        decayed = [p for p in trained if p.dim() > 1] if args.weight_decay else []
        rest = [p for p in trained if p.dim() <= 1] if args.weight_decay else trained  # each group costs a call a step
        for decay, members in ((args.weight_decay, decayed), (0.0, rest)):
            if members:
                split.append({**group, "params": members, "weight_decay": decay})
    fused = {"fused": True} if device.type in ("cpu", "cuda") else {}
    if args.optim == "sgd":
        return torch.optim.SGD(split, lr=args.learning_rate, momentum=0.9, **fused)
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[args.optim]
    return kind(split, lr=args.learning_rate, **fused)


def make_scheduler(
    args: TrainingArguments, optimizer: torch.optim.Optimizer, total_steps: int, start_step: int
) -> torch.optim.lr_scheduler.LambdaLR:
    """transformers' schedule of that name: the learning rate is a function of the step alone."""
    from transformers import get_scheduler

    warmup = args.warmup_steps if args.warmup_steps >= 1 else args.warmup_steps * total_steps
    scheduler = get_scheduler(args.lr_scheduler_type, optimizer, math.ceil(warmup), total_steps)
    for number, group in enumerate(optimizer.param_groups):
        if is_timed(group):
            scheduler.lr_lambdas[number] = _still_until(
                group["still_until"] * total_steps, scheduler.lr_lambdas[number]
            )
            group["lr"] = 0.0
    if start_step:
        rates = [base * rule(start_step) for base, rule in zip(scheduler.base_lrs, scheduler.lr_lambdas, strict=True)]
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        scheduler.load_state_dict({**scheduler.state_dict(), "last_epoch": start_step, "_last_lr": rates})
    return scheduler


def _still_until(begin: float, rule: Callable[[int], float]) -> Callable[[int], float]:
    """`rule`, but 0 before step `begin`: a learning rate of 0 freezes."""
    return lambda step: rule(step) if step >= begin else 0.0


def is_timed(group: dict[str, Any]) -> bool:
    """True for a group of parameters that stands still for a part of the run."""
    return group.get("still_until", 0) > 0


def set_train_mode(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Training mode, but parts that are frozen, or stand still by now, stay in eval mode: their norms keep their
    statistics."""
    waiting = [group for group in optimizer.param_groups if is_timed(group) and group["lr"] == 0]
    still = {id(p) for group in waiting for p in group["params"]}
    model.train()
    for module in model.modules():
        parameters = list(module.parameters())
        if parameters and not any(p.requires_grad and id(p) not in still for p in parameters):
            module.eval()


class Meter:
    """Means and rates since the last line of metrics.jsonl. Losses stay on the device until a line is due."""

    def __init__(self, run: Run, samples_per_step: int):
        self.run, self.samples_per_step = run, samples_per_step
        self.fields = ("loss", *getattr(run.trained, "logged_outputs", ()))
        self.values: dict[str, list[torch.Tensor]] = {name: [] for name in self.fields}
        self.began = self.last_time = time.perf_counter()
        self.last_step = run.start_step
        self.first_step_seconds = None

    def add(self, output) -> None:
        if output.loss is None:
            raise InputError(
                f"{type(self.run.model).__name__} gave no loss: it has no decoder to train, or no labels."
            )
        for name in self.fields:
            self.values[name].append(output[name].detach())
        if self.first_step_seconds is None:
            self.first_step_seconds = time.perf_counter() - self.began

    def log(self, step: int, epoch: float, learning_rate: float) -> dict[str, str]:
        """Write a line of metrics; returns what the progress bar shows."""
        losses = torch.stack(self.values["loss"]).float()
        if not losses.isfinite().all():
            parts = len(losses) // (step - self.last_step)
            bad = self.last_step + int((~losses.isfinite()).nonzero()[0]) // parts + 1
            kept = self.run.newest_checkpoint()
            raise InputError(
                f"the loss became {losses[~losses.isfinite()][0].item()} at step {bad}. "
                + (f"The last good checkpoint is {kept}. " if kept else "No checkpoint had been written yet. ")
                + "Try a lower --learning_rate or --max_grad_norm 1."
            )
        means = {
            name: torch.cat([v.reshape(-1) for v in values]).float().mean() for name, values in self.values.items()
        }
        means = {name: self.run.accelerator.reduce(value, "mean").item() for name, value in means.items()}
        self.values = {name: [] for name in self.fields}
        now = time.perf_counter()
        rate = (step - self.last_step) * self.samples_per_step / (now - self.last_time)
        self.last_time, self.last_step = now, step
        line = {"step": step, "epoch": round(epoch, 4), **means}
        self.run.log({**line, "learning_rate": learning_rate, "samples_per_second": round(rate, 1)})
        return {"loss": f"{means['loss']:.4g}"}

    def pause(self, seconds: float) -> None:
        """Leave `seconds` spent on evaluation out of the rates."""
        self.began, self.last_time = self.began + seconds, self.last_time + seconds


@contextlib.contextmanager
def frozen_heap() -> Iterator[None]:
    """While inside, garbage collection leaves out what was there before: torch and transformers alone are half a
    million objects, and walking them takes several per cent of the time that small networks train in."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


class _StopRequests:
    signal = 0

    def wanted(self, accelerator, step: int) -> bool:
        """True once a signal came to any process; several processes ask each other every 10 steps."""
        if accelerator.num_processes == 1:
            return self.signal != 0
        if step % 10:
            return False
        flag = accelerator.reduce(torch.tensor(self.signal, device=accelerator.device, dtype=torch.float32), "sum")
        if flag.item() and not self.signal:
            self.signal = signal.SIGTERM
        return self.signal != 0


@contextlib.contextmanager
def stop_requests() -> Iterator[_StopRequests]:
    """While inside, SIGINT and SIGTERM only note themselves; the handlers before are back afterwards."""
    stop = _StopRequests()
    if threading.current_thread() is not threading.main_thread():
        yield stop  # only the main thread may set handlers
        return

    def note(number: int, frame) -> None:
        stop.signal = number

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
