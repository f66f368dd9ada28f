"""The optimizer and the learning rate over time, both functions of the arguments and the step alone."""

import math
from collections.abc import Callable
from typing import Any

import torch


def make_optimizer(
    groups: list[dict[str, Any]], device: torch.device, optim: str, learning_rate: float, weight_decay: float
) -> torch.optim.Optimizer:
    """The optimizer over parameter groups, each split by whether weight decay applies: not to biases and norms.

    Args:
        groups: as any optimizer of torch takes them.
        device: where the parameters are.
        optim: "adam", "adamw" or "sgd".
        learning_rate, weight_decay: of groups that have none of their own.
    """
    split = []
    for group in groups:
        trained = [p for p in group["params"] if p.requires_grad]
        decayed = [p for p in trained if p.dim() > 1] if weight_decay else []
        rest = [p for p in trained if p.dim() <= 1] if weight_decay else trained  # each group costs a call a step
        for decay, members in ((weight_decay, decayed), (0.0, rest)):
            if members:
                split.append({**group, "params": members, "weight_decay": decay})
    fused = {"fused": True} if device.type in ("cpu", "cuda") else {}
    if optim == "sgd":
        return torch.optim.SGD(split, lr=learning_rate, momentum=0.9, **fused)
    kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    return kinds[optim](split, lr=learning_rate, **fused)


def make_scheduler(
    optimizer: torch.optim.Optimizer, kind: str, warmup_steps: float, total_steps: int, start_step: int
) -> torch.optim.lr_scheduler.LambdaLR:
    """transformers' schedule of that name: the learning rate is a function of the step alone.

    Args:
        optimizer: whose rates are set.
        kind: "constant", "linear", "cosine" ...
        warmup_steps: of linear warm-up; below 1 a share of all steps.
        total_steps, start_step: of the run, and where it goes on.
    """
    from transformers import get_scheduler

    warmup = warmup_steps if warmup_steps >= 1 else warmup_steps * total_steps
    scheduler = get_scheduler(kind, optimizer, math.ceil(warmup), total_steps)
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
