"""The arithmetic of the forward pass: bf16 where hardware computes it, decided once and kept when a run goes on."""

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path

import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list
from torch.nn import functional as F

from .checkpoints import list_checkpoints
from .folder import read_record

logger = logging.getLogger(__name__)
KINDS = ("no", "bf16")
# What torch asks a CPU: private names, so a torch without them says no.
OF_A_CPU = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")


def decide_precision(wanted: str, folder: Path, resumes: str | None) -> str:
    """ "no" (float32) or "bf16", the same in all processes; told where it was not plain.

    Args:
        wanted: "no", "bf16", or "auto" for what the hardware computes by itself.
        folder, resumes: of the run, and what it goes on from: "auto" then stays what it was.
    """
    if wanted == "no":
        return wanted
    state = PartialState()
    kind = wanted if wanted != "auto" else decided_before(folder, resumes)
    if kind is None:
        kind = "bf16" if computes_bf16(state.device) else "no"
        why = "computes it" if kind == "bf16" else f"would only emulate bf16 ({_name(state.device)})"
        logger.info("mixed_precision auto: %s, since this hardware %s", "bf16" if kind == "bf16" else "float32", why)
    elif wanted == "auto":
        logger.info("mixed_precision auto: %s, as the run began", "bf16" if kind == "bf16" else "float32")
    if kind == "bf16" and not computes_bf16(state.device):
        warn_of_emulation(state.device)
    if state.num_processes > 1:
        (kind,) = broadcast_object_list([kind])
    return kind


def computes_bf16(device: torch.device) -> bool:
    """Whether bf16 is arithmetic of the hardware here, and not put together from float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu":
        return False
    return any(getattr(torch.cpu, name, bool)() for name in OF_A_CPU)


def decided_before(folder: Path, resumes: str | None) -> str | None:
    """What "auto" came to when the run began that is to go on; None where nothing says it."""
    if resumes is None:
        return None
    places = list_checkpoints(folder)[::-1] if resumes in ("latest", "hub") else [Path(resumes)]
    for place in places:
        try:
            kind = json.loads((place / "state.json").read_text())["identity"]["mixed_precision"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if kind in KINDS:
            return kind
    kind = (read_record(folder) or {}).get("mixed_precision")
    return kind if kind in KINDS else None


def warn_of_emulation(device: torch.device) -> None:
    """Say how much longer bf16 takes here, as measured now."""
    linear, convolution = emulation_cost(device)
    logger.warning(
        "warning: this hardware (%s) emulates bf16: a linear layer takes %.1f times as long as in float32, a "
        "convolution %.1f times. Pass --mixed_precision no, or auto.",
        _name(device), linear, convolution,
    )  # fmt: skip


def emulation_cost(device: torch.device) -> tuple[float, float]:
    """(linear layer, 7x7 convolution): time in bf16 as a multiple of that in float32. Draws no random number."""
    rows, weight = torch.full((256, 512), 0.5, device=device), torch.full((512, 512), 0.1, device=device)
    maps, filters = torch.full((4, 16, 24, 24), 0.5, device=device), torch.full((16, 16, 7, 7), 0.1, device=device)
    costs = []
    with torch.inference_mode():
        for layer, inputs in ((F.linear, (rows, weight)), (F.conv2d, (maps, filters))):
            in_bf16 = tuple(tensor.bfloat16() for tensor in inputs)
            costs.append(_seconds(layer, in_bf16, device) / _seconds(layer, inputs, device))
    return costs[0], costs[1]


def _seconds(layer: Callable[..., torch.Tensor], inputs: tuple[torch.Tensor, ...], device: torch.device) -> float:
    """The shortest of five calls, after one that warms up."""
    times = []
    for _ in range(6):
        began = time.perf_counter()
        layer(*inputs)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - began)
    return max(min(times[1:]), 1e-9)


def _name(device: torch.device) -> str:
    """What it is, for people."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"a CPU with {torch.backends.cpu.get_cpu_capability()}" if device.type == "cpu" else device.type
