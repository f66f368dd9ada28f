"""Eval mode for a while, and what a network that is exported leaves out."""

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def evaluating(model: torch.nn.Module) -> Iterator[None]:
    """`model` in eval mode and without gradients; training mode is as it was afterwards."""
    training = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in training.items():
            module.training = mode


def wants_loss(return_loss: bool) -> bool:
    """`return_loss`, but no loss while the network is exported (ONNX): what draws random numbers cannot go along."""
    # torch 2.11 takes any compiling for exporting
    exporting = torch.compiler.is_exporting() and not torch.compiler.is_dynamo_compiling()
    return return_loss and not exporting
