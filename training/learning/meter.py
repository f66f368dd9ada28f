"""Means and rates between the lines of metrics.jsonl."""

import time
from typing import Any

import torch

from ..errors import InputError
from ..runs.run import Run


class Meter:
    """Means and rates since the last line of metrics.jsonl. Losses stay on the device until a line is due.

    Args:
        run: whose record is kept; `run.trained` says which outputs are logged.
        samples_per_step: of all processes together.
        parts_per_sample: what samples of different lengths have on average; None where all have one.
    """

    def __init__(self, run: Run, samples_per_step: int, parts_per_sample: float | None = None):
        self.parts_per_sample = parts_per_sample
        self.run, self.samples_per_step = run, samples_per_step
        self.fields = ("loss", *run.trained.logged_outputs)
        self.values: dict[str, list[torch.Tensor]] = {name: [] for name in self.fields}
        self.began = self.last_time = time.perf_counter()
        self.timed_from = run.start_step
        self.last_step = run.start_step - self._take_up(run.unlogged)
        self.first_step_seconds = None

    def add(self, output: Any) -> None:
        """Take in one forward pass: scalars, and (B,) of those that are logged for each sample."""
        for name in self.fields:
            self.values[name].append(output[name].detach())
        if self.first_step_seconds is None:
            self.first_step_seconds = time.perf_counter() - self.began

    def log(self, step: int, epoch: dict[str, float], learning_rate: float) -> dict[str, str]:
        """Write a line of metrics, with `epoch` if it is known; returns what the progress bar shows.

        Raises:
            InputError: a loss was NaN or infinite.
        """
        losses = torch.cat([value.reshape(-1) for value in self.values["loss"]]).float()
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
        rate = (step - self.timed_from) * self.samples_per_step / (now - self.last_time)
        self.last_time, self.last_step, self.timed_from = now, step, step
        line = {"step": step, **epoch, **means}
        rates = {"samples_per_second": round(rate, 1)}
        if self.parts_per_sample is not None:
            parts = self.run.record["modality"]["words"]["parts"]
            rates[f"{parts}_per_second"] = round(rate * self.parts_per_sample)
        self.run.log({**line, "learning_rate": learning_rate, **rates})
        return {"loss": f"{means['loss']:.4g}"}

    def unlogged(self) -> dict[str, torch.Tensor]:
        """{name: (P, N)}, for P processes, of what is in no line of metrics yet; for a checkpoint between two lines.
        All processes call it together."""
        here = {name: torch.cat([v.reshape(-1) for v in values]) for name, values in self.values.items() if values}
        processes = self.run.accelerator.num_processes
        return {name: self.run.accelerator.gather(v).view(processes, -1).cpu() for name, v in here.items()}

    def _take_up(self, unlogged: dict[str, torch.Tensor]) -> int:
        """Go on with what an earlier process had in no line yet; returns of how many steps it is."""
        accelerator = self.run.accelerator
        if set(unlogged) != set(self.fields) or {len(v) for v in unlogged.values()} != {accelerator.num_processes}:
            return 0  # nothing, or of a network that logs something else
        for name in self.fields:
            self.values[name] = [unlogged[name][accelerator.process_index].to(accelerator.device)]
        return len(self.values["loss"][0]) // self.run.args.gradient_accumulation_steps

    def pause(self, seconds: float) -> None:
        """Leave `seconds` spent on evaluation out of the rates."""
        self.began, self.last_time = self.began + seconds, self.last_time + seconds
