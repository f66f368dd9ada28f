"""What a run would take here: its network is built, and a few steps are really made."""

import logging
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import psutil
import torch

from ..command.arguments.pretrain import PretrainArguments
from ..data.batches import Batches, Columns
from ..data.samples import Samples
from ..learning.optimizer import make_optimizer, make_scheduler
from ..learning.steps import steps
from ..modalities.modality import Inputs
from ..networks.building import build_new, named_family, new_config, tokenizer_of
from ..networks.memory import STATES, batch_that_fits, bytes_for_a_sample
from ..networks.published import published_fields
from ..randomness import generator, seed_for, seed_step

logger = logging.getLogger(__name__)
STEPS, ENOUGH = 8, 10.0  # steps after the first that are timed at most, and seconds after which fewer will do


@dataclass(frozen=True)
class Trial:
    """What was measured on a few steps.

    Args:
        total_steps, batch_size: of the whole run.
        parameters: weights of the network.
        seconds_a_step: without the first step, if there were others.
        steps: that were timed.
        memory: bytes that the run needs about, samples included; on a GPU of its memory.
        device: what it was measured on.
    """

    total_steps: int
    batch_size: int
    parameters: int
    seconds_a_step: float
    steps: int
    memory: int
    device: str

    @property
    def seconds(self) -> float:
        """Of training; reading, evaluation and pictures come on top."""
        return self.total_steps * self.seconds_a_step

    def record(self) -> dict[str, Any]:
        """For inspect.json."""
        return {**vars(self), "seconds": self.seconds}


def measured(args: PretrainArguments, data: Samples) -> Trial:
    """Build the network that `args` ask for and train it for a few steps on `data`; nothing is kept of it.

    Raises:
        InputError: the network cannot be built for these samples, or not even one fits into memory.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed_for(args.seed, "weights"))
        data = data.learnt(*tokenizer_of(args, args.backbone))
        values = args.config
        if args.backbone is not None:
            given = {**data.shape, **args.config}
            values = published_fields(named_family(args.model_type), args.backbone, args.revision, given)
        config = new_config(args.model_type, values, data)
        data.modality.advise(config)
        model = build_new(config, args.backbone, args.revision)
        data = data.taken_by(data.modality.preprocessing(None, None, config, data.settings))
        columns = Columns.of(data, device)

        def some(count: int) -> Inputs:
            return columns[torch.from_numpy(np.arange(min(count, len(columns))))]

        model.start_from(some, generator(args.seed, "filters"))
        model.to(device).train()
        return _timed(args, model, columns, device)


def _timed(args: PretrainArguments, model: Any, columns: Columns, device: torch.device) -> Trial:
    before = psutil.Process().memory_info().rss
    batch, accumulation = batch_that_fits(
        model, columns, args.per_device_train_batch_size, args.gradient_accumulation_steps
    )
    batches = Batches(columns, batch, accumulation, seed=args.seed)
    total = args.max_steps or max(1, round(args.num_train_epochs * batches.steps_per_epoch))
    groups = model.parameter_groups(args.learning_rate) or [{"params": list(model.parameters())}]
    optimizer = make_optimizer(groups, device, args.optim, args.learning_rate, args.weight_decay)
    scheduler = make_scheduler(optimizer, args.lr_scheduler_type, args.warmup_steps, total, 0)
    times = [time.perf_counter()]
    for _ in steps(
        model, optimizer, scheduler, batches, range(min(total, STEPS + 1)),
        lambda step: seed_step(args.seed, step, 0, device),
    ):  # fmt: skip
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter())
        if times[-1] - times[0] > ENOUGH:  # the first alone, where it is that long
            break
    timed = np.diff(times)[1:] if len(times) > 2 else np.diff(times)
    if device.type == "cuda":
        memory, name = torch.cuda.max_memory_allocated(device), torch.cuda.get_device_name(device)
    else:
        weights = STATES * sum(p.numel() * p.element_size() for p in model.parameters())
        memory = before + weights + batches.micro_batch * (bytes_for_a_sample(model, columns) or 0)
        name = f"CPU, {torch.get_num_threads()} thread{'s' * (torch.get_num_threads() > 1)}"
    return Trial(
        total, batches.samples_per_step, sum(p.numel() for p in model.parameters()), float(np.median(timed)),
        len(timed), memory, name,
    )  # fmt: skip
