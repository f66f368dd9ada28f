"""Many small networks of one kind trained at once: stacked where their forward allows it, else one after another.

Either way by the steps of `learning/steps.py`; here is only what stacking takes.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap
from transformers.utils import ModelOutput

from ..data.batches import Batches
from ..learning.steps import steps
from ..modalities.modality import Inputs
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


def fit(jobs: list[Job], learning_rate: float, number: int) -> None:
    """Train every job's model for that many steps of Adam, the learning rate falling linearly to 0."""
    if jobs[0].batches.columns.lengths is None and can_stack(jobs[0].model):
        together = Together([job.model.train() for job in jobs])
        _fit(together, TogetherBatches([job.batches for job in jobs]), learning_rate, number)
        together.give_back()
        return
    for job in jobs:
        _fit(job.model.train(), job.batches, learning_rate, number)
        job.model.eval()


def _fit(model: nn.Module, batches: Any, learning_rate: float, number: int) -> None:
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(parameters, lr=learning_rate, fused=True)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / number)
    device = parameters[0].device
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        before = lambda step: seed_step(batches.seed, step, 0, device)  # noqa: E731  # dropout
        for _ in steps(model, optimizer, scheduler, batches, range(number), before):
            pass


class _Known(torch.autograd.Function):
    """A loss whose gradients are known by the time that it is: vmap takes them network by network."""

    @staticmethod
    def forward(ctx: Any, loss: torch.Tensor, *weights_and_gradients: torch.Tensor) -> torch.Tensor:
        """Scalar loss, weights and as many gradients, each (M, ...) -> the loss."""
        ctx.save_for_backward(*weights_and_gradients[len(weights_and_gradients) // 2 :])
        return loss.clone()

    @staticmethod
    def backward(ctx: Any, scale: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """The gradients of the weights, (M, ...) each."""
        gradients = ctx.saved_tensors
        return None, *(scale * gradient for gradient in gradients), *(None for _ in gradients)


class Together(nn.Module):
    """Networks of one kind as one: their weights get a leading axis, and one optimizer moves them all.

    The same function of the weights as one by one, up to rounding, which a deep network can amplify: compare means.

    Args:
        models: M of them.
    """

    def __init__(self, models: list[nn.Module]):
        super().__init__()
        self.models = models  # a list, so that their own weights are not parameters here
        self.skeleton = [copy.deepcopy(models[0]).to("meta")]
        stacked, _ = stack_module_state(models)  # {name: (M, ...)}
        self.names = list(stacked)
        self.weights = nn.ParameterList([value.detach().requires_grad_() for value in stacked.values()])

    def forward(self, **batch: torch.Tensor) -> ModelOutput:
        """Arguments with a leading axis, such as (M, B, C, H, W) -> the sum of the networks' losses, a scalar: none of
        them has a part in another's gradient."""
        weights = {name: value.detach() for name, value in zip(self.names, self.weights, strict=True)}
        found = grad_and_value(lambda own, part: functional_call(self.skeleton[0], own, kwargs=part).loss)
        gradients, losses = vmap(found)(weights, batch)
        return ModelOutput(loss=_Known.apply(losses.sum(), *self.weights, *(gradients[name] for name in self.names)))

    @torch.no_grad()
    def give_back(self) -> None:
        """Put the weights into the networks they came from, which are then in eval mode."""
        stacked = dict(zip(self.names, self.weights, strict=True))
        for number, model in enumerate(self.models):
            for name, parameter in model.named_parameters():
                parameter.copy_(stacked[name][number])
            model.eval()


class TogetherBatches:
    """The batches of several networks with a leading axis; those that share a draw share its batches.

    Args:
        batches: one for each network.
    """

    accumulation = 1

    def __init__(self, batches: list[Batches]):
        self.unique = {id(own): own for own in batches}
        self.places = torch.tensor([list(self.unique).index(id(own)) for own in batches])
        self.seed = batches[0].seed
        self.samples_per_step = sum(own.samples_per_step for own in batches)
        self.steps_per_epoch = batches[0].steps_per_epoch

    def __call__(self, step: int) -> Iterator[Inputs]:
        """{argument: (M, B, ...)} for optimizer step `step`."""
        parts = [next(own(step)) for own in self.unique.values()]
        yield {name: torch.stack([part[name] for part in parts])[self.places] for name in parts[0]}
