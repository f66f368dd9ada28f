"""What lies in a run folder, and how to remove it without touching anything else."""

import contextlib
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ...model_cards.record_shape import misfit
from ..command.paths import require_folders, require_room
from ..command.yaml_text import shown
from ..errors import InputError, one_line
from .checkpoints import list_checkpoints, prune_checkpoints, remove_checkpoint

# All that a run may write; overwriting removes these and nothing else.
RUN_FILES = (
    "metrics.jsonl", "model.safetensors", "config.json", "preprocessor_config.json", "tokenizer.json",
    "tokenizer_config.json", "modules.json", "sentence_bert_config.json", "loss.png",
    "reconstructions.png", "samples.png", "latents.png", "few_labels.png", "confusion_matrix.png",
    "confusion_matrix.csv", "per_class.csv", "best.safetensors", "seen_samples.npz", ".lock", ".run.json.tmp",
    "run.json",  # the last to be removed: by it whoever was killed meanwhile knows that the folder is a run's
)  # fmt: skip
STARTED_BY = "PRETUNE_STARTED_BY"  # number of the process of `compare` or `try` that started this run
PATIENCE = 120.0  # seconds until such a run no longer waits for its folder
RUN_FOLDERS = ("trackers", "backbone")  # and checkpoint-<step>


def locked(folder: Path) -> FileLock:
    """The lock of a run's folder, taken. A run that `compare` or `try` started waits for it: their same command may
    have been killed a moment ago, and the run that it had started stops after its step.

    Raises:
        InputError: another process has it, or nobody waits for this run any more.
    """
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=PATIENCE if STARTED_BY in os.environ else 0)
    except Timeout:
        raise InputError(
            f"another process is writing to {folder}. Wait for it, or choose another --output_dir."
        ) from None
    if is_orphan():
        lock.release()
        raise InputError(f"the command that started the run in {folder} has ended, and nobody waits for it.")
    return lock


def is_orphan() -> bool:
    """Whether `compare` or `try` started this process, and has ended."""
    return os.environ.get(STARTED_BY) not in (None, str(os.getppid()))


def require_free(folder: Path, resumes: bool, overwrites: bool) -> None:
    """Raise InputError if a run may not write to `folder`. Changes nothing.

    Args:
        resumes: it is to go on with what is there.
        overwrites: it may remove what an earlier run wrote.
    """
    require_folders(folder, "output_dir")
    inside = [f"backbone/{name}" for name in RUN_FILES if name.endswith((".json", ".safetensors"))]
    require_room(folder, "output_dir", (*RUN_FILES, "README.md", *inside), RUN_FOLDERS)
    holds = [path.name for path in folder.glob("*") if path.name not in (".lock", ".run.json.tmp")]
    if not holds or resumes:
        return
    if not overwrites:
        raise InputError(
            f"output_dir {folder} holds {len(holds)} files or folders ({', '.join(sorted(holds)[:3])} ...). "
            f"Choose another, go on with --resume_from_checkpoint, or pass --overwrite_output_dir."
        )
    if not _is_a_runs(folder):
        raise InputError(
            f"output_dir {folder} holds files, but no run.json, so none of them is a run's to overwrite. "
            f"Choose another --output_dir."
        )


def _is_a_runs(folder: Path) -> bool:
    """Whether there is a run.json; one that is damaged is one too."""
    try:
        return read_record(folder) is not None
    except InputError:
        return True


def read_record(folder: Path) -> dict[str, Any] | None:
    """The `run.json` of a run folder; None if there is none."""
    try:
        record = json.loads((Path(folder) / "run.json").read_text())
    except FileNotFoundError:
        return None
    except (ValueError, OSError, RecursionError) as error:
        raise InputError(
            f"{Path(folder) / 'run.json'} cannot be read: {one_line(error)}. Restore or remove it."
        ) from None
    return record if isinstance(record, dict) and "verb" in record else None


def finished_record(folder: Path) -> dict[str, Any]:
    """The `run.json` of a finished run.

    Raises:
        InputError: there is none, the run did not finish, or it was written before run.json said what a card needs.
    """
    record = read_record(folder)
    if record is None or record.get("status") != "finished":
        raise InputError(f"{folder} is not the folder of a finished run: expected run.json with status 'finished'.")
    if "modality" not in record:
        versions = record.get("versions")
        version = versions.get("pretune") if isinstance(versions, dict) else None
        raise InputError(
            f"{folder / 'run.json'} was written by pretune {shown(version or 'of old')}, before cards said what kind "
            f"of input a model takes: its model loads, its card cannot be rendered. Run {shown(record['verb'])} again "
            f"to have one."
        )
    return checked_record(folder, record)


def checked_record(folder: Path, record: dict[str, Any]) -> dict[str, Any]:
    """The record of a finished run, as it is.

    Raises:
        InputError: something of it is of another type than a card, a push or a run that goes on needs.
    """
    amiss = misfit(record)
    if amiss is not None:
        raise InputError(f"{Path(folder) / 'run.json'} is damaged: {amiss}. Restore it, or run again.")
    return record


def write_record(folder: Path, record: dict[str, Any]) -> None:
    """Write `run.json`, whole or not at all."""
    write_whole(folder / "run.json", (json.dumps(record, indent=2) + "\n").encode())


def remove_run_files(folder: Path) -> None:
    """Remove what a run wrote to `folder`; a user's own files stay, also inside checkpoints. Of a link, the link goes
    and what it points at stays."""
    for checkpoint in list_checkpoints(folder):
        remove_checkpoint(checkpoint)
    prune_checkpoints(folder)
    card, record = folder / "README.md", {}
    with contextlib.suppress(InputError):  # of a damaged record the card counts as edited, and stays
        record = read_record(folder) or {}
    if os.path.lexists(card) and not card_was_edited(card, record):
        card.unlink()
    for name in (*RUN_FOLDERS, *RUN_FILES):
        path = folder / name
        if path.is_symlink() or path.is_file():
            if name != ".lock":
                path.unlink()
        elif name in RUN_FOLDERS and path.is_dir():
            shutil.rmtree(path)


def card_was_edited(path: Path, record: dict[str, Any]) -> bool:
    """True if what is at `path` is not, or no longer, the README.md that the run wrote."""
    if not path.is_file():
        return path.exists()
    return hashlib.sha256(path.read_bytes()).hexdigest() != record.get("card_sha256")


def write_whole(path: Path, data: bytes) -> None:
    """Write a file, whole or not at all; of a link that was in its place, the link goes and its target stays."""
    part = path.with_name(f".{path.name.removeprefix('.')}.tmp")
    part.unlink(missing_ok=True)
    part.write_bytes(data)
    os.replace(part, path)
