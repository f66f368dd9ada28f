"""Real-valued targets: learnt with mean 0 and standard deviation 1, and put back into the head when training ends."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from .heads import heads_of


@dataclass(frozen=True)
class Scale:
    """What targets are standardised by.

    Args:
        mean, spread: (D,) float32; a target that does not vary has spread 1.
    """

    mean: torch.Tensor
    spread: torch.Tensor


def scale_of(labels: np.ndarray, model: nn.Module) -> Scale:
    """Of (N,) or (N, D) training targets. 0 and 1 for a head that ends in no linear layer with biases, which could not
    take them back."""
    targets = labels.reshape(len(labels), -1).astype(np.float64)
    mean, spread = targets.mean(0), targets.std(0)
    spread = np.where(spread > 0, spread, 1)
    if any(_last_linear(head) is None for head in heads_of(model)):
        mean, spread = np.zeros_like(mean), np.ones_like(spread)
    return Scale(torch.tensor(mean, dtype=torch.float32), torch.tensor(spread, dtype=torch.float32))


@torch.no_grad()
def put_back(model: nn.Module, scale: Scale) -> None:
    """Make a model that answers with standardised targets answer with the targets."""
    _change(model, scale.spread, scale.mean)


@torch.no_grad()
def take_out(model: nn.Module, scale: Scale) -> None:
    """The other way round: for a head that was trained before."""
    _change(model, 1 / scale.spread, -scale.mean / scale.spread)


def _change(model: nn.Module, gain: torch.Tensor, shift: torch.Tensor) -> None:
    for head in heads_of(model):
        layer = _last_linear(head)
        if layer is not None:
            gain, shift = gain.to(layer.weight.device), shift.to(layer.weight.device)
            layer.weight.mul_(gain[:, None])
            layer.bias.mul_(gain).add_(shift)


def _last_linear(head: nn.Module) -> nn.Linear | None:
    found = [module for module in head.modules() if isinstance(module, nn.Linear)]
    return found[-1] if found and found[-1].bias is not None else None
