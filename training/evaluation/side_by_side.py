"""Many small networks of one kind trained at once: stacked where their forward allows it, else one after another."""

import copy
from dataclasses import dataclass

import torch
from torch import nn
from torch.func import functional_call, grad, stack_module_state, vmap

from ..data.batches import Batches
from ..networks.bare_encoders import WithHead
from ..randomness import seed_step

STACKED_PARAMETERS = 1_000_000  # above, arithmetic is the limit and stacking only costs memory


@dataclass
class Job:
    """One network and its batches; `model(**batch).loss` is what is minimised, in place."""

    model: nn.Module
    batches: Batches


def can_stack(model: nn.Module) -> bool:
    """True for a small network without buffers (batch statistics) and without dropout."""
    if isinstance(model, WithHead):  # ViT-MAE draws an order of its patches in every pass
        return False
    parameters = sum(p.numel() for p in model.parameters())
    dropout = any(isinstance(m, nn.modules.dropout._DropoutNd) and m.p > 0 for m in model.modules())
    return parameters <= STACKED_PARAMETERS and not dropout and not any(True for _ in model.buffers())


def fit(jobs: list[Job], learning_rate: float, steps: int) -> None:
    """Train every job's model for `steps` of Adam, the learning rate falling linearly to 0."""
    if can_stack(jobs[0].model):
        _fit_stacked(jobs, learning_rate, steps)
        return
    for job in jobs:
        job.model.train()
        optimizer = _adam(list(job.model.parameters()), learning_rate)
        device = next(job.model.parameters()).device
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            for step in range(steps):
                seed_step(job.batches.seed, step, 0, device)  # dropout
                _set_rate(optimizer, learning_rate, step, steps)
                (batch,) = job.batches(step)
                job.model(**batch).loss.backward()
                optimizer.step()
                optimizer.zero_grad()
        job.model.eval()


def _fit_stacked(jobs: list[Job], learning_rate: float, steps: int) -> None:
    """All networks in one: their weights get a leading axis, and one Adam moves them all.

    The same function of the weights as one by one, up to rounding, which a deep network can amplify: compare means.
    """
    models = [job.model.train() for job in jobs]
    stacked, _ = stack_module_state(models)  # {name: (M, ...)}
    skeleton = copy.deepcopy(models[0]).to("meta")
    unique = {id(job.batches): job.batches for job in jobs}  # the networks of one draw see the same batches
    places = torch.tensor([list(unique).index(id(job.batches)) for job in jobs])
    gradients = vmap(grad(lambda weights, batch: functional_call(skeleton, weights, kwargs=batch).loss))
    optimizer = _adam(list(stacked.values()), learning_rate)
    for step in range(steps):
        _set_rate(optimizer, learning_rate, step, steps)
        parts = [next(batches(step)) for batches in unique.values()]
        batch = {name: torch.stack([part[name] for part in parts])[places] for name in parts[0]}
        for name, value in gradients(stacked, batch).items():
            stacked[name].grad = value
        optimizer.step()
    with torch.no_grad():
        for number, model in enumerate(models):
            for name, parameter in model.named_parameters():
                parameter.copy_(stacked[name][number])
            model.eval()


def _adam(parameters: list[nn.Parameter], learning_rate: float) -> torch.optim.Optimizer:
    return torch.optim.Adam([p for p in parameters if p.requires_grad], lr=learning_rate, fused=True)


def _set_rate(optimizer: torch.optim.Optimizer, peak: float, step: int, steps: int) -> None:
    optimizer.param_groups[0]["lr"] = peak * (1 - step / steps)
