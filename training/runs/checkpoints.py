"""Checkpoints: `OUTPUT_DIR/checkpoint-<step>/`, written whole or not at all, in safetensors and JSON.

Only real folders of that name with a state.json are a run's. Links, files and other folders that are called so are
never followed, written to or removed.
"""

import copy
import json
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

logger = logging.getLogger(__name__)
PARTIAL = ".tmp-checkpoint"
NAMED = re.compile(r"checkpoint-(0|[1-9]\d*)")
WEIGHTS, MOMENTS, STATE = "model.safetensors", "optimizer.safetensors", "state.json"
BESIDE = "trained.safetensors"  # where the model is an average of what is trained
BEST = "best.safetensors"  # of early stopping: the weights of the best epoch so far
UNLOGGED = "unlogged.safetensors"  # losses since the last line of metrics
NEEDED = (WEIGHTS, MOMENTS, STATE)
FILES = (*NEEDED, "config.json", BESIDE, BEST, UNLOGGED)  # all that a checkpoint may hold


@dataclass(frozen=True)
class Parts:
    """What of a run a checkpoint keeps.

    Args:
        model: what is evaluated and saved.
        trained: what the optimizer's parameters are of: the model, or a module around it.
        optimizer: over parameters of `trained`.
        beside: weights that are trained where `model` is an average of them.
    """

    model: Any
    trained: torch.nn.Module
    optimizer: torch.optim.Optimizer
    beside: torch.nn.Module | None = None

    @property
    def names(self) -> list[str]:
        """Of the parameters that the optimizer moves, in its order."""
        of = {id(parameter): name for name, parameter in self.trained.named_parameters()}
        return [of[id(parameter)] for group in self.optimizer.param_groups for parameter in group["params"]]


def save_checkpoint(
    root: Path,
    step: int,
    parts: Parts,
    state: Mapping[str, Any],
    best: Path | None = None,
    unlogged: Mapping[str, torch.Tensor] | None = None,
) -> Path:
    """Write `root/checkpoint-<step>/` and return it; one that is there already is replaced.

    The folder is made under another name, flushed to disk and renamed, so that a process killed at any moment leaves
    either a whole checkpoint or none. Weights have the names that they have in memory, which `from_pretrained` reads
    as well as published ones.

    Args:
        state: what else is needed to go on; numbers and strings.
        best: file of the best weights so far.
        unlogged: {name: (P, N)}, for P processes, of what `Meter` had not written yet.
    """
    part = Path(tempfile.mkdtemp(prefix=f"{PARTIAL}-{step}-", dir=root))
    os.chmod(part, 0o777 & ~_umask())  # mkdtemp makes it for this user alone
    save_file(_own(parts.model.state_dict()), part / WEIGHTS, metadata={"format": "pt"})
    config = copy.deepcopy(parts.model.config)
    config.architectures = [type(parts.model).__name__]
    config.save_pretrained(part)
    if parts.beside is not None:
        save_file(_own(parts.beside.state_dict()), part / BESIDE)
    moments = {
        f"{index}.{name}": value.contiguous()
        for index, values in parts.optimizer.state_dict()["state"].items()
        for name, value in values.items()
        if value is not None
    }
    save_file(moments, part / MOMENTS)
    if best is not None:
        link_or_copy(best, part / BEST)
    if unlogged:
        save_file(dict(unlogged), part / UNLOGGED)
    names, moved = parts.names, parts.optimizer.state_dict()["state"]
    still = [name for index, name in enumerate(names) if not moved.get(index)]  # no gradient has come to them yet
    whole = {**state, "parameters": names, "without_moments": still, "step": step}
    (part / STATE).write_text(json.dumps(whole))
    for path in [*part.iterdir(), part]:
        _flush(path)
    final = root / f"checkpoint-{step}"
    make_room(final, part)
    os.replace(part, final)
    _flush(root)
    return final


def put_in_place(root: Path, save: Callable[[Path], None]) -> None:
    """Let `save` write files and folders elsewhere, and move them into `root` when all are whole. Of a link in the
    place of one, the link goes and its target stays.

    Args:
        root: folder of a run.
        save: is given the folder that it writes to.
    """
    part = root / f"{PARTIAL}-final"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    save(part)
    _move(part, root)


def _move(source: Path, target: Path) -> None:
    """Move what a folder holds into another one, and remove it."""
    for path in source.iterdir():
        place = target / path.name
        if path.is_dir():
            if place.is_symlink():
                place.unlink()
            place.mkdir(exist_ok=True)
            _move(path, place)
        else:
            os.replace(path, place)
    source.rmdir()


def list_checkpoints(root: Path) -> list[Path]:
    """The checkpoints in `root`, whole or damaged, oldest first."""
    found = [path for path in root.glob("checkpoint-*") if NAMED.fullmatch(path.name) and _is_ours(path)]
    return sorted(found, key=step_of)


def step_of(folder: Path) -> int:
    """The step in the name of a checkpoint."""
    return int(folder.name.removeprefix("checkpoint-"))


def prune_checkpoints(root: Path, keep: int | None = None, step: int = 0) -> None:
    """Remove what an interrupted save left behind, and all but the newest `keep` checkpoints up to `step`: later ones
    are damaged, and wait to be replaced."""
    there = [folder for folder in list_checkpoints(root) if step_of(folder) <= step]
    for folder in there[:-keep] if keep else []:
        remove_checkpoint(folder)
    for part in root.glob(f"{PARTIAL}-*"):
        if _is_folder(part):
            shutil.rmtree(part)


def drop_newer(root: Path, step: int) -> list[Path]:
    """Remove the checkpoints after `step`: of an attempt that is given up, or damaged. A user's own files stay.

    Returns:
        Those that were there.
    """
    newer = [folder for folder in list_checkpoints(root) if step_of(folder) > step]
    for folder in newer:
        remove_checkpoint(folder)
    return newer


def remove_checkpoint(folder: Path) -> None:
    """Remove a checkpoint at once; a user's own files in it stay where they are."""
    if all(path.name in FILES for path in folder.iterdir()):
        away = Path(tempfile.mkdtemp(prefix=f"{PARTIAL}-old-", dir=folder.parent))
        os.replace(folder, away / folder.name)
        shutil.rmtree(away)
        return
    for name in (STATE, *FILES):  # without the first, what is left is no checkpoint
        if not _is_folder(folder / name):
            (folder / name).unlink(missing_ok=True)


def link_or_copy(source: Path, target: Path) -> None:
    """The same file under another name; a copy on another file system."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def make_room(final: Path, part: Path) -> None:
    """See to it that nothing is in the way of `final`: another attempt's goes, what is not ours is kept.

    Args:
        part: takes the user's own files that lie in the other attempt's.
    """
    if _is_ours(final):
        for own in [path for path in final.iterdir() if path.name not in FILES]:
            os.replace(own, part / own.name)
        remove_checkpoint(final)
    elif final.is_symlink():
        logger.warning("%s was a link and is replaced by a checkpoint; what it pointed at stays", final)
        final.unlink()
    elif final.exists():
        moved = next(p for n in count(1) if not os.path.lexists(p := final.with_name(f"{final.name}.moved-{n}")))
        logger.warning("%s was no checkpoint of a run and is now called %s", final, moved)
        os.replace(final, moved)


def _own(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Tensors that share no memory, as safetensors wants them."""
    found: dict[str, torch.Tensor] = {}
    seen: set[int] = set()
    for name, value in tensors.items():
        place = value.untyped_storage().data_ptr()
        found[name] = value.clone().contiguous() if place in seen else value.contiguous()
        seen.add(place)
    return found


def _is_ours(path: Path) -> bool:
    return _is_folder(path) and (path / STATE).is_file()


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _umask() -> int:
    """This process's; it can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
