"""One run: its folder and lock, its record, its metrics, its accelerator."""

import contextlib
import json
import logging
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, PartialState
from filelock import FileLock, Timeout
from transformers.utils import logging as transformers_logging

from ...model_cards.card import PICTURES
from ..command.training_arguments import TrainingArguments
from ..data.samples import Samples
from ..errors import InputError
from ..randomness import seed_for
from .card_file import write_card
from .checkpoints import find_checkpoint, list_checkpoints, load_checkpoint, prune_checkpoints, save_checkpoint
from .description import describe_data, describe_model, new_record
from .devices import hardware_of, make_accelerator
from .folder import card_was_edited, read_record, remove_run_files, write_record

logger = logging.getLogger(__name__)


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

    def fetch(self, folder: Path) -> None:
        """Bring the checkpoint sent last into the run's folder."""

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
        self._identity: dict[str, Any] = {}
        self._lock: FileLock | None = None
        self.mirror = mirror
        self.record: dict[str, Any] = new_record(verb, args, hardware_of(accelerator))

    # --- before training ---------------------------------------------------------------------------------------------

    def finished_before(self) -> dict[str, Any] | None:
        """The record of a finished run of the same length in the folder, if this one is to resume it."""
        if self.args.resume_from_checkpoint is None:
            return None
        record = read_record(self.folder)
        if record is None or record.get("status") != "finished" or record.get("verb") != self.verb:
            return None
        if any(record["arguments"].get(n) != getattr(self.args, n) for n in ("num_train_epochs", "max_steps")):
            return None
        logger.info("%s is finished already (step %d); nothing is left to do", self.folder, record["global_step"])
        return record

    def check_folder(self) -> None:
        """Raise InputError if the folder holds something this run may not touch. Changes nothing."""
        if self.folder.exists() and not self.folder.is_dir():
            raise InputError(f"output_dir {self.folder} is a file, expected a folder. Choose another --output_dir.")
        holds = [path.name for path in self.folder.glob("*") if path.name != ".lock"]
        if not holds or self.args.resume_from_checkpoint is not None:
            return
        if not self.args.overwrite_output_dir:
            raise InputError(
                f"output_dir {self.folder} holds {len(holds)} files or folders ({', '.join(sorted(holds)[:3])} ...). "
                f"Choose another, go on with --resume_from_checkpoint, or pass --overwrite_output_dir."
            )
        if read_record(self.folder) is None:
            raise InputError(
                f"output_dir {self.folder} holds files, but no run.json, so none of them is a run's to overwrite. "
                f"Choose another --output_dir."
            )

    def open(
        self, model: Any, processor: Any, train: Samples, evaluation: Samples | None, trained: Any = None,
        unlabelled: Samples | None = None, fitting: str | None = None,
    ) -> None:  # fmt: skip
        """Lock the folder, remove what is to be overwritten and write the first record.

        Args:
            model: what is evaluated and saved, with its processor.
            train, evaluation: what it learns from and is judged by.
            trained: the module that the loop trains, if it is one around the model.
            unlabelled: what it learns from beside `train`.
            fitting: how samples of another shape are brought to the model's, for the card.
        """
        self.model, self.processor, self.trained = model, processor, model if trained is None else trained
        config = {k: v for k, v in model.config.to_dict().items() if k not in ("transformers_version", "dtype")}
        self._identity = {
            "config": config,
            "dataset": train.fingerprint,
            "unlabelled_dataset": unlabelled and unlabelled.fingerprint,
            "seed": self.args.seed,
            "optim": self.args.optim,
            "batch": [self.args.per_device_train_batch_size, self.args.gradient_accumulation_steps],
            "processes": self.accelerator.num_processes,
        }
        self.record["dataset"] = describe_data(
            self.args.dataset, train=train, evaluation=evaluation, unlabelled=unlabelled
        )
        self.record["modality"] = train.modality.record()
        self.record["model"] = describe_model(model, train, fitting)
        self.record["loading_report"] = str(model.load_report)
        if self.accelerator.is_main_process:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(self.folder / ".lock", timeout=0)
            try:
                self._lock.acquire()
            except Timeout:
                raise InputError(
                    f"another process is writing to {self.folder}. Wait for it, or choose another --output_dir."
                ) from None
            self.check_folder()
            if self.args.overwrite_output_dir and self.args.resume_from_checkpoint is None:
                remove_run_files(self.folder)
            if self.args.resume_from_checkpoint is None:
                write_record(self.folder, self.record)
        self.accelerator.wait_for_everyone()
        if self.accelerator.log_with:
            flat = {k: v for k, v in self.record["arguments"].items() if isinstance(v, (int, float, str, bool))}
            self.accelerator.init_trackers("trackers", config=flat)

    def resume(self, optimizer: torch.optim.Optimizer) -> None:
        """Go on from the checkpoint that `resume_from_checkpoint` names, if there is one.

        Raises:
            InputError: the checkpoint is of another network, dataset, seed, batch size or number of processes.
        """
        wanted = self.args.resume_from_checkpoint
        if wanted is None:
            return
        if wanted == "hub":
            if self.accelerator.is_main_process:
                self.mirror.fetch(self.folder)
            self.accelerator.wait_for_everyone()
            wanted = "latest"
        checkpoint = find_checkpoint(self.folder, wanted)
        if checkpoint is None:
            logger.warning("%s holds no whole checkpoint: starting from the beginning", self.folder)
        else:
            state = load_checkpoint(checkpoint, self.model, optimizer, getattr(self.trained, "beside", None))
            theirs = json.loads(json.dumps(state.get("identity", {})))
            for name, mine in json.loads(json.dumps(self._identity)).items():
                if theirs.get(name) != mine:
                    what, found = name, (theirs.get(name), mine)
                    if name == "config":
                        changed = [k for k in mine if mine[k] != (theirs.get(name) or {}).get(k)]
                        what, found = f"config ({', '.join(changed)})", ("another", "this one")
                    raise InputError(
                        f"{checkpoint} was written with another {what}: {found[0]} there, {found[1]} here. Resume "
                        f"with the arguments of {self.folder / 'run.json'}, or choose another --output_dir."
                    )
            self.start_step = state["step"]
            logger.info("going on from %s", checkpoint)
        if self.accelerator.is_main_process:
            self._cut_metrics()
            self.record["resumed_from_step"] = self.start_step
            prune_checkpoints(self.folder, None)
            write_record(self.folder, self.record)
        self.accelerator.wait_for_everyone()

    def seconds(self) -> float:
        """Since the run began."""
        return round(time.perf_counter() - self.began, 3)

    def total_steps(self, steps_per_epoch: int | None) -> int:
        """Optimizer steps of the whole run.

        Raises:
            InputError: nobody knows how long an epoch is, and max_steps is not given.
        """
        if self.args.max_steps is None and steps_per_epoch is None:
            raise InputError("how many samples there are nobody knows here: pass --max_steps.")
        return self.args.max_steps or max(1, round(self.args.num_train_epochs * steps_per_epoch))

    # --- while training ----------------------------------------------------------------------------------------------

    def log(self, line: dict[str, Any]) -> None:
        """Add a line to metrics.jsonl and tell the trackers."""
        if self.accelerator.is_main_process:
            with open(self.folder / "metrics.jsonl", "a") as file:
                file.write(json.dumps(line) + "\n")
        if self.accelerator.log_with:
            values = {k: v for k, v in line.items() if k != "step" and isinstance(v, (int, float))}
            self.accelerator.log(values, step=line["step"])

    def save_checkpoint(self, step: int, optimizer: torch.optim.Optimizer) -> None:
        """Write one, send it where it is mirrored, and remove those that are too many."""
        if self.accelerator.is_main_process:
            beside = getattr(self.trained, "beside", None)
            saved = save_checkpoint(self.folder, step, self.model, optimizer, {"identity": self._identity}, beside)
            if self.mirror is not None:
                self.mirror.send(saved)
            prune_checkpoints(self.folder, self.args.save_total_limit)
        self.accelerator.wait_for_everyone()

    def newest_checkpoint(self) -> Path | None:
        """The folder of the last one written, if there is one."""
        found = list_checkpoints(self.folder)
        return found[-1] if found else None

    # --- after training ----------------------------------------------------------------------------------------------

    def finish(self, metrics: dict[str, Any], step: int) -> RunResult:
        """Write the model in Hugging Face form, the record that says the run is whole, and the card."""
        model = self.accelerator.unwrap_model(self.model, keep_fp32_wrapper=False).cpu().eval()
        broken = [name for name, value in model.state_dict().items() if not value.isfinite().all()]
        if broken:
            raise InputError(
                f"the trained weights hold NaN or infinity: {', '.join(broken[:4])}. Lower --learning_rate."
            )
        if self.mirror is not None:
            self.mirror.finish()
        self.timings["total_seconds"] = self.seconds()
        self.record.update(status="finished", global_step=step, timings=self.timings, metrics=metrics)
        self.record["pictures"] = [name for name in PICTURES if (self.folder / name).is_file()]
        if self.accelerator.is_main_process:
            part = self.folder / ".tmp-checkpoint-final"
            shutil.rmtree(part, ignore_errors=True)
            model.save_pretrained(part)
            self.processor.save_pretrained(part)
            for path in part.iterdir():
                os.replace(path, self.folder / path.name)
            part.rmdir()
            write_record(self.folder, self.record)
            if card_was_edited(self.folder / "README.md", self.record):
                logger.warning(
                    "%s was edited by hand and stays; `pretune card` renders a new one", self.folder / "README.md"
                )
            else:
                write_card(self.folder, self.record)
        self.accelerator.wait_for_everyone()
        return RunResult(self.folder, model, metrics, self.record)

    def read_metrics(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl."""
        path = self.folder / "metrics.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []

    def close(self) -> None:
        """Give lock and mirror free, however the run ended."""
        if self.mirror is not None:
            self.mirror.stop()
        if self._lock is not None:
            self._lock.release()

    def _cut_metrics(self) -> None:
        """Drop the lines after the checkpoint, which will be written again, and a line cut off by a kill."""
        path = self.folder / "metrics.jsonl"
        if not path.is_file():
            return
        kept = []
        for line in path.read_text().splitlines():
            try:
                if json.loads(line)["step"] <= self.start_step:
                    kept.append(line + "\n")
            except ValueError:
                continue
        path.write_text("".join(kept))


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
            yield run
    finally:
        if run is not None:
            run.close()
        if bars:
            transformers_logging.enable_progress_bar()
        if ours:
            accelerator.end_training()
            AcceleratorState._reset_state(reset_partial_state=True)
