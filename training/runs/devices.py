"""The device or devices a run is computed on, by accelerate."""

import os
import platform
import re
import resource
import sys
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType

from ..command.arguments.training import TrainingArguments
from ..errors import InputError, one_line
from .precision import decide_precision

STATUS = Path("/proc/self/status")  # of Linux


def make_accelerator(args: TrainingArguments) -> Accelerator:
    """The accelerator that `args` ask for.

    Raises:
        InputError: a tracker that is unknown or not installed, or a way to share out a model that is not supported.
    """
    trackers = [name.strip() for name in args.report_to.split(",") if name.strip() not in ("", "none", "no")]
    if trackers:
        from accelerate.tracking import LOGGER_TYPE_TO_CLASS, get_available_trackers

        known, available = [str(t) for t in LOGGER_TYPE_TO_CLASS], [str(t) for t in get_available_trackers()]
        for name in trackers:
            if name not in known:
                raise InputError(f"report_to: unknown tracker {name!r}, expected one of {', '.join(sorted(known))}.")
            if name not in available:
                raise InputError(f"report_to: {name} is not installed. Install it with: pip install {name}")
    try:
        precision = decide_precision(args.mixed_precision, Path(args.output_dir), args.resume_from_checkpoint)
        accelerator = Accelerator(mixed_precision=precision, log_with=trackers or None, project_dir=args.output_dir)
    except ValueError as error:
        raise InputError(f"accelerate cannot start: {one_line(error)}") from None
    if accelerator.num_processes == 1 and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise InputError(
            f"{os.environ['WORLD_SIZE']} processes were started, and accelerate takes each for the only one. On a "
            f"machine without a GPU set ACCELERATE_USE_CPU=true, or use accelerate launch --cpu."
        )
    if accelerator.distributed_type in (DistributedType.FSDP, DistributedType.DEEPSPEED, DistributedType.MEGATRON_LM):
        raise InputError(
            f"{accelerator.distributed_type.value} is not supported yet: launch with plain data parallelism."
        )
    return accelerator


def hardware_of(accelerator: Accelerator) -> dict[str, Any]:
    """What a run is computed on, for its record."""
    facts = {
        "device": accelerator.device.type,
        "processes": accelerator.num_processes,
        "cpu": platform.processor() or platform.machine(),
        "cpu_threads": torch.get_num_threads(),
    }
    if accelerator.device.type == "cuda":
        facts["gpu"] = torch.cuda.get_device_name(accelerator.device)
    return facts


def peak_memory(device: torch.device) -> int:
    """The most that this process has held so far, in MB: of the device's memory on a GPU, else of the machine's."""
    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated(device) / 1e6)
    held = re.search(r"VmHWM:\s*(\d+) kB", STATUS.read_text()) if STATUS.is_file() else None
    if held is not None:  # `getrusage` counts too what the process that started this one held at that moment
        return round(1024 * int(held[1]) / 1e6)
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6)
