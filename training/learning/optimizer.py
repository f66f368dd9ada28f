"""The optimizer and the learning rate over time, both functions of the arguments and the step alone."""

import math
from collections.abc import Callable
from typing import Any

import torch

from ..command.training_arguments import TrainingArguments


def make_optimizer(args: TrainingArguments, groups: list[dict], device: torch.device) -> torch.optim.Optimizer:
    """The optimizer `--optim` names over parameter groups, each split by whether weight decay applies."""
    split = []
    for group in groups:
        trained = [p for p in group["params"] if p.requires_grad]
        decayed = [p for p in trained if p.dim() > 1] if args.weight_decay else []
        rest = [p for p in trained if p.dim() <= 1] if args.weight_decay else trained  # each group costs a call a step
        for decay, members in ((args.weight_decay, decayed), (0.0, rest)):
            if members:
                split.append({**group, "params": members, "weight_decay": decay})
    fused = {"fused": True} if device.type in ("cpu", "cuda") else {}
    if args.optim == "sgd":
        return torch.optim.SGD(split, lr=args.learning_rate, momentum=0.9, **fused)
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[args.optim]
    return kind(split, lr=args.learning_rate, **fused)


def make_scheduler(
    args: TrainingArguments, optimizer: torch.optim.Optimizer, total_steps: int, start_step: int
) -> torch.optim.lr_scheduler.LambdaLR:
    """transformers' schedule of that name: the learning rate is a function of the step alone."""
    from transformers import get_scheduler

    warmup = args.warmup_steps if args.warmup_steps >= 1 else args.warmup_steps * total_steps
    scheduler = get_scheduler(args.lr_scheduler_type, optimizer, math.ceil(warmup), total_steps)
    for number, group in enumerate(optimizer.param_groups):
        if is_timed(group):
            scheduler.lr_lambdas[number] = _still_until(
                group["still_until"] * total_steps, scheduler.lr_lambdas[number]
            )
            group["lr"] = 0.0
    if start_step:
        rates = [base * rule(start_step) for base, rule in zip(scheduler.base_lrs, scheduler.lr_lambdas, strict=True)]
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        scheduler.load_state_dict({**scheduler.state_dict(), "last_epoch": start_step, "_last_lr": rates})
    return scheduler


def _still_until(begin: float, rule: Callable[[int], float]) -> Callable[[int], float]:
    """`rule`, but 0 before step `begin`: a learning rate of 0 freezes."""
    return lambda step: rule(step) if step >= begin else 0.0


def is_timed(group: dict[str, Any]) -> bool:
    """True for a group of parameters that stands still for a part of the run."""
    return group.get("still_until", 0) > 0


def set_train_mode(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Training mode, but parts that are frozen, or stand still by now, stay in eval mode: their norms keep their
    statistics."""
    waiting = [group for group in optimizer.param_groups if is_timed(group) and group["lr"] == 0]
    still = {id(p) for group in waiting for p in group["params"]}
    model.train()
    for module in model.modules():
        parameters = list(module.parameters())
        if parameters and not any(p.requires_grad and id(p) not in still for p in parameters):
            module.eval()
