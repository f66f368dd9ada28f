"""One run: its folder and lock, its record, its metrics, its accelerator."""

import contextlib
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, PartialState
from accelerate.utils import broadcast_object_list
from filelock import FileLock
from transformers.utils import logging as transformers_logging

from ...model_cards.card import PICTURES
from ...modeling.shared.pretrainable import Pretrainable
from ..command.arguments.training import TrainingArguments
from ..data.samples import Samples
from ..errors import InputError
from ..randomness import seed_for
from .card_file import write_card_unless_edited
from .checkpoints import BEST, Parts, list_checkpoints, prune_checkpoints, put_in_place, save_checkpoint
from .description import describe_data, describe_model, new_record
from .devices import hardware_of, make_accelerator, peak_memory
from .folder import locked, read_record, remove_run_files, require_free, write_record
from .identity import identity_of
from .metrics import add_line, cut_lines, flush_lines, read_lines
from .restoring import broken_tensors, find_checkpoint, restore
from .resuming import finished_before, leave_other_attempts, require_within
from .troubles import troubles_told

logger = logging.getLogger(__name__)
MOST_STEPS = 1e15  # more take a thousand years at 30,000 a second


@dataclass
class RunResult:
    """What a script returns.

    Args:
        output_dir: the run folder.
        model: the trained model, in eval mode, on the CPU.
        metrics: final metrics, as in `run.json`.
        record: all of `run.json`.
    """

    output_dir: Path
    model: torch.nn.Module
    metrics: dict[str, Any]
    record: dict[str, Any]


class Mirror(Protocol):
    """Where checkpoints are sent while a run goes on; see `publishing.hub_checkpoints`."""

    def fetch(self, folder: Path) -> Path:
        """Bring the checkpoint sent last into the run's folder; returns its place."""

    def send(self, checkpoint: Path) -> None:
        """Take a whole checkpoint, which may be removed at once."""

    def finish(self) -> None:
        """Wait until the newest is sent."""

    def stop(self) -> None:
        """Give everything free."""


class Run:
    """A run from its first check to its last file. Made by `start_run`."""

    def __init__(self, verb: str, args: TrainingArguments, accelerator: Accelerator, mirror: Mirror | None):
        self.verb, self.args, self.accelerator = verb, args, accelerator
        self.folder = Path(args.output_dir)
        self.model: Any = None  # what is evaluated and saved
        self.trained: Any = None  # what the loop trains: the model, or a module around it
        self.processor: Any = None
        self.start_step = 0
        self.timings: dict[str, Any] = {}
        self.began = time.perf_counter()
        self.history: list[float] = []  # accuracies on held-out samples, one an epoch; travels in checkpoints
        self.unlogged: dict[str, torch.Tensor] = {}  # losses before `start_step` that no line of metrics holds yet
        self._identity: dict[str, Any] = {}  # what a checkpoint must agree in
        self._besides: dict[str, Any] = {}  # what a finished run must agree in as well
        self._only_from_checkpoint: str | None = None  # why starting over is out of the question
        self._lock: FileLock | None = None
        self.mirror = mirror
        self.record: dict[str, Any] = new_record(verb, args, hardware_of(accelerator))
        self.record["mixed_precision"] = accelerator.mixed_precision

    # --- before training ---------------------------------------------------------------------------------------------

    def check_folder(self) -> None:
        """Raise InputError if the folder holds something this run may not touch. Changes nothing."""
        require_free(self.folder, self.args.resume_from_checkpoint is not None, self.args.overwrite_output_dir)

    def open(
        self, model: Any, processor: Any, train: Samples, evaluation: Samples | None, trained: Any = None,
        unlabelled: Samples | None = None, fitting: str | None = None, validation: Samples | None = None,
    ) -> dict[str, Any] | None:  # fmt: skip
        """Lock the folder, remove what is to be overwritten and write the first record.

        Args:
            model: what is evaluated and saved, with its processor.
            train, evaluation: what it learns from and is judged by.
            trained: the module that the loop trains, if it is one around the model.
            unlabelled: what it learns from beside `train`.
            fitting: how samples of another shape are brought to the model's, for the card.
            validation: what early stopping judges it by.

        Returns:
            The record of this very run, finished before, if it is to be gone on with: nothing is left to do.

        Raises:
            InputError: the folder is another process's, or holds a finished run that differs from this one.
        """
        self.model, self.processor, self.trained = model, processor, model if trained is None else trained
        data = {"train": train, "unlabelled": unlabelled, "validation": validation, "evaluation": evaluation}
        self._identity, self._besides = identity_of(
            self.verb, self.args, model, self.trained, self.accelerator.mixed_precision,
            self.accelerator.num_processes, data,
        )  # fmt: skip
        self.record["dataset"] = describe_data(
            self.args.dataset, train=train, evaluation=evaluation, unlabelled=unlabelled
        )
        self.record["identity"] = {"checkpoint": self._identity, "besides": self._besides}
        self.record["modality"] = train.modality.record()
        self.record["model"] = describe_model(model, train, fitting)
        self.record["loading_report"] = str(model.load_report)
        finished = None
        if self.args.resume_from_checkpoint is not None:
            finished, self._only_from_checkpoint = finished_before(self.folder, self._identity, self._besides)
        if self.accelerator.is_main_process:
            self._take_folder()
        self.accelerator.wait_for_everyone()
        if finished is None and self.accelerator.log_with:
            flat = {k: v for k, v in self.record["arguments"].items() if isinstance(v, (int, float, str, bool))}
            self.accelerator.init_trackers("trackers", config=flat)
        return finished

    def resume(self, optimizer: torch.optim.Optimizer) -> None:
        """Go on from the checkpoint that `resume_from_checkpoint` names, if there is one.

        Raises:
            InputError: the checkpoint is damaged, or of another run.
        """
        wanted = self.args.resume_from_checkpoint
        if wanted is None:
            return
        wanted = self._fetched() if wanted == "hub" else wanted
        found = find_checkpoint(self.folder, wanted, self._parts(optimizer), self._identity)
        if found is not None:
            restore(found, self._parts(optimizer))
            self.start_step, self.history, self.unlogged = found.step, found.history, found.unlogged
            logger.info("going on from %s", found.folder)
        elif self._only_from_checkpoint is not None:
            raise InputError(self._only_from_checkpoint)
        else:
            logger.warning("%s holds no whole checkpoint: starting from the beginning", self.folder)
        self.accelerator.wait_for_everyone()
        if self.accelerator.is_main_process:
            leave_other_attempts(self.folder, found)
            cut_lines(self.folder, self.start_step)
            self.record["resumed_from_step"] = self.start_step
            known = (read_record(self.folder) or {}).get("card_sha256")  # of the card of a run that was finished once
            self.record |= {} if known is None else {"card_sha256": known}
            prune_checkpoints(self.folder)
            write_record(self.folder, self.record)
        self.accelerator.wait_for_everyone()

    def seconds(self) -> float:
        """Since the run began."""
        return round(time.perf_counter() - self.began, 3)

    def total_steps(self, steps_per_epoch: int | None) -> int:
        """Optimizer steps of the whole run.

        Raises:
            InputError: nobody knows how long an epoch is, and max_steps is not given; or it goes on after its end.
        """
        if self.args.max_steps is None and steps_per_epoch is None:
            raise InputError("how many samples there are nobody knows here: pass --max_steps.")
        asked = self.args.max_steps or self.args.num_train_epochs * steps_per_epoch
        if not asked < MOST_STEPS:
            raise InputError(
                f"the run would have {asked:.3g} steps. Pass a smaller --max_steps or --num_train_epochs."
            )
        total = max(1, round(asked))
        require_within(self.start_step, total, self.folder)
        return total

    # --- while training ----------------------------------------------------------------------------------------------

    def log(self, line: dict[str, Any]) -> None:
        """Add a line to metrics.jsonl and tell the trackers."""
        if self.accelerator.is_main_process:
            add_line(self.folder, line)
        if self.accelerator.log_with:
            values = {k: v for k, v in line.items() if k != "step" and isinstance(v, (int, float))}
            self.accelerator.log(values, step=line["step"])

    def save_checkpoint(
        self, step: int, optimizer: torch.optim.Optimizer, unlogged: dict[str, torch.Tensor] | None = None
    ) -> None:
        """Write one, send it where it is mirrored, and remove those that are too many.

        Args:
            unlogged: {name: (P, N)}, for P processes, of what the meter has not written yet.

        Raises:
            InputError: a weight is NaN or infinite; nothing is written.
        """
        parts = self._parts(optimizer)
        self._require_finite(parts.model, parts.beside)
        if self.accelerator.is_main_process:
            flush_lines(self.folder)
            state = {"identity": self._identity, "history": self.history}
            best = self.folder / BEST if self.history else None
            saved = save_checkpoint(self.folder, step, parts, state, best, unlogged)
            if self.mirror is not None:
                self.mirror.send(saved)
            prune_checkpoints(self.folder, self.args.save_total_limit, step)
        self.accelerator.wait_for_everyone()

    def newest_checkpoint(self) -> Path | None:
        """The folder of the last one written, if there is one."""
        found = list_checkpoints(self.folder)
        return found[-1] if found else None

    def look_anew(self) -> None:
        """The run goes on at its own end: what was seen there is seen again, so its line of metrics goes."""
        if self.accelerator.is_main_process:
            cut_lines(self.folder, self.start_step, look_anew=True)

    # --- after training ----------------------------------------------------------------------------------------------

    def save_model(self) -> None:
        """Write model and processor in Hugging Face form, before anything is drawn that can fail.

        Raises:
            InputError: a weight is NaN or infinite; nothing is written.
        """
        self._require_finite(self.model)
        if self.accelerator.is_main_process:
            put_in_place(self.folder, self._write_model)
        self.accelerator.wait_for_everyone()

    def finish(self, metrics: dict[str, Any], step: int) -> RunResult:
        """Write the card and, when it is there, the record that says the run is whole. The model is saved already."""
        model = self.accelerator.unwrap_model(self.model, keep_fp32_wrapper=False).cpu().eval()
        if self.mirror is not None:
            self.mirror.finish()
        self.timings["total_seconds"] = self.seconds()
        self.timings["peak_memory_mb"] = peak_memory(self.accelerator.device)
        self.record.update(global_step=step, timings=self.timings, metrics=metrics)
        self.record["pictures"] = [name for name in PICTURES if (self.folder / name).is_file()]
        if self.accelerator.is_main_process:
            write_card_unless_edited(self.folder, self.record)
        self.record["status"] = "finished"
        if self.accelerator.is_main_process:
            write_record(self.folder, self.record)
        self.accelerator.wait_for_everyone()
        return RunResult(self.folder, model, metrics, self.record)

    def read_metrics(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl."""
        return read_lines(self.folder)

    def close(self) -> None:
        """Give lock and mirror free, however the run ended."""
        if self.mirror is not None:
            self.mirror.stop()
        if self._lock is not None:
            self._lock.release()

    # --- inside ------------------------------------------------------------------------------------------------------

    def _write_model(self, folder: Path) -> None:
        self.model.save_pretrained(folder)
        self.processor.save_pretrained(folder)
        if isinstance(self.model, Pretrainable):
            self.model.save_beside(folder)

    def _parts(self, optimizer: torch.optim.Optimizer) -> Parts:
        return Parts(self.model, self.trained, optimizer, getattr(self.trained, "beside", None))

    def _take_folder(self) -> None:
        """Lock it, check it again, and make it this run's."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = locked(self.folder)
        self.check_folder()
        if self.args.resume_from_checkpoint is None:
            if self.args.overwrite_output_dir:
                remove_run_files(self.folder)
            write_record(self.folder, self.record)

    def _fetched(self) -> str:
        """The place of the checkpoint that was sent last, brought here by the first process."""
        place = [str(self.mirror.fetch(self.folder)) if self.accelerator.is_main_process else None]
        return (broadcast_object_list(place) if self.accelerator.num_processes > 1 else place)[0]

    def _require_finite(self, *modules: torch.nn.Module | None) -> None:
        """Raise InputError if a weight is NaN or infinite."""
        broken = [name for m in modules if m is not None for name in broken_tensors(m.state_dict())]
        if broken:
            kept = self.newest_checkpoint()
            raise InputError(
                f"the trained weights hold NaN or infinity: {', '.join(broken[:4])}. "
                + (f"The last good checkpoint is {kept}. " if kept else "")
                + "Lower --learning_rate, or pass --max_grad_norm 1."
            )


@contextlib.contextmanager
def start_run(verb: str, args: TrainingArguments, mirror: Mirror | None = None) -> Iterator[Run]:
    """A `Run` with its accelerator; random numbers, accelerate's state and progress bars are restored afterwards.

    Args:
        verb, args: what is run.
        mirror: where its checkpoints are sent, and fetched from; None for nowhere.
    """
    ours = AcceleratorState._shared_state == {} and PartialState._shared_state == {}
    accelerator = make_accelerator(args)
    bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    devices = [accelerator.device] if accelerator.device.type == "cuda" else []
    run = None
    try:
        with torch.random.fork_rng(devices):
            torch.manual_seed(seed_for(args.seed, "weights"))
            run = Run(verb, args, accelerator, mirror)
            run.check_folder()
            with troubles_told(run.folder, accelerator.num_processes):
                yield run
    finally:
        if run is not None:
            run.close()
        if bars:
            transformers_logging.enable_progress_bar()
        if ours:
            accelerator.end_training()
            AcceleratorState._reset_state(reset_partial_state=True)
