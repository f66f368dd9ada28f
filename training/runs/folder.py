"""What lies in a run folder, and how to remove it without touching anything else."""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from ..errors import InputError, one_line
from .checkpoints import list_checkpoints, prune_checkpoints

# All that a run may write; overwriting removes these and nothing else.
RUN_FILES = (
    "run.json", "metrics.jsonl", "model.safetensors", "config.json", "preprocessor_config.json", "loss.png",
    "reconstructions.png", "samples.png", "latents.png", "few_labels.png", "confusion_matrix.png",
    "confusion_matrix.csv", "per_class.csv", "best.safetensors", ".lock",
)  # fmt: skip
RUN_FOLDERS = ("trackers", "backbone")  # and checkpoint-<step>


def read_record(folder: Path) -> dict[str, Any] | None:
    """The `run.json` of a run folder; None if there is none."""
    try:
        record = json.loads((Path(folder) / "run.json").read_text())
    except FileNotFoundError:
        return None
    except (ValueError, NotADirectoryError) as error:
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
        raise InputError(
            f"{folder / 'run.json'} was written by pretune {record.get('versions', {}).get('pretune', 'of old')}, "
            f"before cards said what kind of input a model takes: its model loads, its card cannot be rendered. Run "
            f"{record.get('verb')} again to have one."
        )
    return record


def write_record(folder: Path, record: dict[str, Any]) -> None:
    """Write `run.json`, whole or not at all."""
    part = folder / ".run.json.tmp"
    part.write_text(json.dumps(record, indent=2) + "\n")
    os.replace(part, folder / "run.json")


def remove_run_files(folder: Path) -> None:
    """Remove what a run wrote to `folder`; a user's own files stay, also inside checkpoints."""
    for checkpoint in list_checkpoints(folder):
        for name in ("model.safetensors", "config.json", "optimizer.safetensors", "trained.safetensors", "state.json"):
            (checkpoint / name).unlink(missing_ok=True)
        if not any(checkpoint.iterdir()):
            checkpoint.rmdir()
    prune_checkpoints(folder, None)
    card, record = folder / "README.md", read_record(folder) or {}
    if card.is_file() and not card_was_edited(card, record):
        card.unlink()
    for name in RUN_FOLDERS:
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in RUN_FILES:
        if name != ".lock":
            (folder / name).unlink(missing_ok=True)


def card_was_edited(path: Path, record: dict[str, Any]) -> bool:
    """True if the README.md at `path` is not, or no longer, what the run wrote."""
    return path.is_file() and card_hash(path.read_text()) != record.get("card_sha256")


def card_hash(text: str) -> str:
    """What run.json keeps of the card it wrote."""
    return hashlib.sha256(text.encode()).hexdigest()
