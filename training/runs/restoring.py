"""A checkpoint is checked against the network, the optimizer and the run before any of it is believed.

It may be damaged, of another run, or fetched from a repository that anyone could write to: an optimizer of torch reads
and writes past the end of a moment of another shape.
"""

import inspect
import json
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from ..errors import InputError, one_line
from .checkpoints import (
    BESIDE,
    BEST,
    MOMENTS,
    NAMED,
    NEEDED,
    STATE,
    UNLOGGED,
    WEIGHTS,
    Parts,
    list_checkpoints,
    step_of,
)

logger = logging.getLogger(__name__)
Tensors = dict[str, torch.Tensor]


class Damaged(InputError):
    """A checkpoint that cannot be gone on from, whatever the arguments; an older one may do."""


@dataclass
class Checkpoint:
    """One that was read and found whole and of this run.

    Args:
        folder: where it lies.
        step: optimizer steps that were done.
        history: accuracies on held-out samples, one an epoch, where early stopping looks at them.
        weights, beside, best: by name; None where there are none.
        moments: by the optimizer's index of the parameter, as its own `state_dict` has them.
        unlogged: what `Meter` had not written yet.
    """

    folder: Path
    step: int
    history: list[float]
    weights: Tensors
    beside: Tensors | None
    best: Tensors | None
    moments: dict[int, Tensors]
    unlogged: Tensors = field(default_factory=dict)


def find_checkpoint(root: Path, wanted: str, parts: Parts, identity: Mapping[str, Any]) -> Checkpoint | None:
    """The checkpoint that `wanted` names: a folder, or "latest" for the newest whole one in `root`, if there is one.

    Args:
        parts: what it is to fill.
        identity: of this run; see `runs.identity`.

    Raises:
        InputError: it is of another run, or the folder `wanted` is no whole checkpoint.
    """
    if wanted != "latest":
        return read_checkpoint(Path(wanted), parts, identity)
    for folder in reversed(list_checkpoints(root)):
        try:
            return read_checkpoint(folder, parts, identity)
        except Damaged as error:
            logger.warning("%s is passed over: %s", folder.name, error)
    return None


def read_checkpoint(folder: Path, parts: Parts, identity: Mapping[str, Any]) -> Checkpoint:
    """Read a checkpoint and check all of it; nothing is changed.

    Raises:
        Damaged: it is not whole, or its tensors are not those of the network and optimizer.
        InputError: it is of another run: what differs is named.
    """
    try:
        state, step = _state_of(folder)
        missing = [name for name in NEEDED if not (folder / name).is_file()]
        if missing:
            raise ValueError(f"it lacks {', '.join(missing)}")
        require_same(state.get("identity"), identity, folder)
        history = _history_of(state)
        return Checkpoint(
            folder, step, history,
            _tensors(folder / WEIGHTS, parts.model),
            None if parts.beside is None else _tensors(folder / BESIDE, parts.beside),
            _tensors(folder / BEST, parts.model) if history else None,
            _moments(load_file(folder / MOMENTS), state, parts, step),
            _unlogged(folder / UNLOGGED),
        )  # fmt: skip
    except (OSError, SafetensorError, ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise Damaged(
            f"{folder} is no whole checkpoint of this network and optimizer: {one_line(error)}. Expected a folder "
            f"checkpoint-<step> with {', '.join(NEEDED)}, written by a run with the same arguments, or 'latest'."
        ) from None


def restore(checkpoint: Checkpoint, parts: Parts) -> None:
    """Put weights and moments in place. Learning rates and the like stay as this run's arguments gave them."""
    parts.model.load_state_dict(checkpoint.weights)
    if parts.beside is not None:
        parts.beside.load_state_dict(checkpoint.beside)
    groups = parts.optimizer.state_dict()["param_groups"]
    parts.optimizer.load_state_dict({"state": checkpoint.moments, "param_groups": groups})


def require_same(theirs: Any, mine: Mapping[str, Any], where: Path, what: str = "was written with") -> None:
    """Raise InputError if two identities differ, and say in what first."""
    theirs = theirs if isinstance(theirs, dict) else {}
    for name, value in json.loads(json.dumps(mine)).items():
        if name in theirs and theirs[name] == value:
            continue
        found = f"{_shown(theirs.get(name))} there, {_shown(value)} here"
        if name not in theirs:
            name, found = f"{name}, or none", "nothing there says"
        elif isinstance(value, dict) and isinstance(theirs[name], dict):
            changed = sorted(k for k in {*value, *theirs[name]} if value.get(k) != theirs[name].get(k))
            pairs = [f"{_shown(theirs[name].get(k))} there, {_shown(value.get(k))} here" for k in changed]
            name, found = f"{name} ({', '.join(changed)})", "; ".join(pairs[:3])
        raise InputError(
            f"{where} {what} another {name}: {found}. Resume with the arguments of its run.json, or choose another "
            f"--output_dir."
        )


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _state_of(folder: Path) -> tuple[dict[str, Any], int]:
    """(state.json, its step)."""
    state = json.loads((folder / STATE).read_text())
    step = state.get("step") if isinstance(state, dict) else None
    if not isinstance(step, int) or isinstance(step, bool) or step < 0:
        raise ValueError(f"the step in {STATE} is {_shown(step)}")
    if NAMED.fullmatch(folder.name) and step != step_of(folder):
        raise ValueError(f"the step in {STATE} is {step}, and the folder is called {folder.name}")
    return state, step


def _unlogged(path: Path) -> Tensors:
    found = load_file(path) if path.is_file() else {}
    if any(value.dim() != 2 or not value.is_floating_point() for value in found.values()):
        raise ValueError(f"{path.name} holds something else than rows of losses")
    return found


def _history_of(state: dict[str, Any]) -> list[float]:
    history = state.get("history", [])
    if not isinstance(history, list) or not all(type(v) in (int, float) and math.isfinite(v) for v in history):
        raise ValueError(f"the history in {STATE} is {_shown(history)}")
    return history


def _tensors(path: Path, module: torch.nn.Module) -> Tensors:
    """The tensors of a file, which are those of `module`: names, shapes, types, and all numbers finite."""
    found, expected = load_file(path), module.state_dict()
    _require_names(path.name, found.keys(), expected.keys())
    for name, value in expected.items():
        _require_like(f"{name} in {path.name}", found[name], value.shape, value.dtype)
    broken = broken_tensors(found)
    if broken:
        raise ValueError(f"{path.name} holds NaN or infinity: {', '.join(broken[:3])}")
    return found


def _moments(tensors: Tensors, state: Mapping[str, Any], parts: Parts, step: int) -> dict[int, Tensors]:
    """The optimizer's state: for each parameter the moments that this kind of optimizer keeps, in its shape and type.

    Args:
        tensors: "<index>.<moment>", by the index that the parameter had when they were written.
        state: names the parameters by that index, the order now can be another, and those that have no moments since
            no gradient ever came to them.
    """
    mine, names, still = parts.names, state.get("parameters"), state.get("without_moments", [])
    for listed in (names, still):
        if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
            raise ValueError(f"{STATE} does not name the optimizer's parameters")
    _require_names("the optimizer", names, mine)
    kinds = moments_of(parts.optimizer)
    moved = [index for index, name in enumerate(names) if name not in still]
    wanted = {f"{index}.{kind}" for index in moved for kind in kinds} if step else set()
    _require_names(MOMENTS, tensors.keys(), wanted)
    if not wanted:
        return {}
    parameters = [parameter for group in parts.optimizer.param_groups for parameter in group["params"]]
    place, result = {name: index for index, name in enumerate(names)}, {}
    for index, (name, parameter) in enumerate(zip(mine, parameters, strict=True)):
        if name in still:
            continue
        result[index] = {}
        for kind, shaped in kinds.items():
            value = tensors[f"{place[name]}.{kind}"]
            shape, dtype = (parameter.shape, parameter.dtype) if shaped else ((), torch.float32)
            _require_like(f"{kind} of {name}", value, shape, dtype)
            if not shaped and not 0 < float(value) <= step:
                raise ValueError(f"{kind} of {name} is {float(value):g} after {step} steps")
            result[index][kind] = value
    return result


def moments_of(optimizer: torch.optim.Optimizer) -> dict[str, bool]:
    """What this optimizer keeps for each parameter after a step, and whether it has the parameter's shape; tried out
    on one of two numbers."""
    probe = torch.nn.Parameter(torch.zeros(2))
    probe.grad = torch.zeros(2)
    takes = inspect.signature(type(optimizer)).parameters
    trial = type(optimizer)([probe], **{name: v for name, v in optimizer.defaults.items() if name in takes})
    trial.step()
    return {kind: value.shape == probe.shape for kind, value in trial.state[probe].items() if value is not None}


def broken_tensors(tensors: Mapping[str, torch.Tensor]) -> list[str]:
    """Names of those, (N, ...) and scalars, that hold NaN or infinity."""
    return [name for name, value in tensors.items() if value.is_floating_point() and not value.isfinite().all()]


def _require_names(what: str, found: Any, expected: Any) -> None:
    found, expected = set(found), set(expected)
    if found != expected:
        lacks, more = sorted(expected - found), sorted(found - expected)
        said = [f"lacks {len(lacks)} ({_shown(lacks[0])} ...)"] if lacks else []
        said += [f"has {len(more)} too many ({_shown(more[0])} ...)"] if more else []
        raise ValueError(f"{what} {' and '.join(said)}")


def _require_like(what: str, value: torch.Tensor, shape: Any, dtype: torch.dtype) -> None:
    if tuple(value.shape) != tuple(shape) or value.dtype != dtype:
        raise ValueError(f"{what} is of {tuple(value.shape)} and {value.dtype}, expected {tuple(shape)} and {dtype}")
