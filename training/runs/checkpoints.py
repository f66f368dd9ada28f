"""Checkpoints: `OUTPUT_DIR/checkpoint-<step>/`, written whole or not at all, in safetensors and JSON."""

import json
import logging
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ..errors import InputError, one_line

logger = logging.getLogger(__name__)
PARTIAL = ".tmp-checkpoint"


BESIDE = "trained.safetensors"  # where the model is an average of what is trained


def save_checkpoint(
    root: Path,
    step: int,
    model: Any,
    optimizer: torch.optim.Optimizer,
    state: dict[str, Any],
    beside: Any = None,
) -> Path:
    """Write `root/checkpoint-<step>/` and return it.

    The folder is made under another name, flushed to disk and renamed, so that a process killed at any moment leaves
    either a whole checkpoint or none. Besides weights and config, which `from_pretrained` reads, it holds the
    optimizer's tensors and `state.json`.

    Args:
        state: what else is needed to go on; numbers and strings.
        beside: weights that are trained where `model` is an average of them.
    """
    final, part = root / f"checkpoint-{step}", root / f"{PARTIAL}-{step}"
    if final.exists():
        return final
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    model.save_pretrained(part)
    if beside is not None:
        save_file({name: value.contiguous() for name, value in beside.state_dict().items()}, part / BESIDE)
    inner = optimizer.state_dict()
    tensors = {
        f"{index}.{name}": value.contiguous()
        for index, values in inner["state"].items()
        for name, value in values.items()
        if value is not None
    }
    save_file(tensors, part / "optimizer.safetensors")
    (part / "state.json").write_text(json.dumps({**state, "step": step}))
    for path in [*part.iterdir(), part]:
        _flush(path)
    os.replace(part, final)
    _flush(root)
    return final


def load_checkpoint(folder: Path, model: Any, optimizer: torch.optim.Optimizer, beside: Any = None) -> dict[str, Any]:
    """Put a checkpoint's weights and optimizer moments in place and return its `state`.

    Learning rate, weight decay and the like stay as this run's arguments gave them.

    Raises:
        InputError: the folder is not a whole checkpoint of this network and optimizer.
    """
    try:
        state = json.loads((folder / "state.json").read_text())
        weights, tensors = load_file(folder / "model.safetensors"), load_file(folder / "optimizer.safetensors")
        model.load_state_dict(weights)
        if beside is not None:
            beside.load_state_dict(load_file(folder / BESIDE))
        moments: dict[int, dict[str, torch.Tensor]] = {}
        for name, value in tensors.items():
            index, _, key = name.partition(".")
            moments.setdefault(int(index), {})[key] = value
        groups = optimizer.state_dict()["param_groups"]
        known = {index for group in groups for index in group["params"]}
        if moments and set(moments) != known:
            raise ValueError(f"it has moments of {len(moments)} parameters, this optimizer of {len(known)}")
        optimizer.load_state_dict({"state": moments, "param_groups": groups})
    except (OSError, SafetensorError, RuntimeError, ValueError, KeyError) as error:
        raise InputError(
            f"{folder} is no whole checkpoint of this network and optimizer: {one_line(error)}. Expected a folder "
            f"checkpoint-<step> of a run with the same config and --optim."
        ) from None
    return state


def find_checkpoint(root: Path, wanted: str) -> Path | None:
    """The checkpoint `wanted` names: "latest" is the newest whole one in `root`, or None if there is none.

    Raises:
        InputError: `wanted` is a path without a whole checkpoint.
    """
    if wanted != "latest":
        if not _is_whole(Path(wanted)):
            raise InputError(
                f"resume_from_checkpoint: {wanted} is no whole checkpoint. Expected a folder checkpoint-<step> with "
                f"model.safetensors, optimizer.safetensors and state.json, or 'latest'."
            )
        return Path(wanted)
    for folder in reversed(list_checkpoints(root)):
        if _is_whole(folder):
            return folder
        logger.warning("%s is not whole and is passed over", folder)
    return None


def list_checkpoints(root: Path) -> list[Path]:
    """The folders checkpoint-<step> in `root`, oldest first."""
    found = [path for path in root.glob("checkpoint-*") if path.name.removeprefix("checkpoint-").isdecimal()]
    return sorted(found, key=lambda path: int(path.name.removeprefix("checkpoint-")))


def prune_checkpoints(root: Path, keep: int | None) -> None:
    """Remove what an interrupted save left behind, and all but the newest `keep` checkpoints."""
    for folder in list_checkpoints(root)[:-keep] if keep else []:
        os.replace(folder, root / f"{PARTIAL}-{folder.name}")  # a checkpoint-* folder is whole until it is gone
    for part in root.glob(f"{PARTIAL}-*"):
        shutil.rmtree(part)


def _is_whole(folder: Path) -> bool:
    try:
        for name in ("model.safetensors", "optimizer.safetensors"):
            load_file(folder / name)
        return "step" in json.loads((folder / "state.json").read_text())
    except (OSError, SafetensorError, ValueError):
        return False


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
