"""Which part of a classifier learns how fast, and from when on: the head, then the encoder's blocks from its end."""

import re
from typing import Any

from torch import nn

from .arguments import FinetuneArguments
from .models import head_of

# encoder.stages.0.layers.1.layer.0.weight -> encoder.stages.0.layers.1
# encoder.layer.3.mlp.fc.weight -> encoder.layer.3
BLOCK = re.compile(r"^(.*?\.\d+(?:\.[a-z_]+\.\d+)?)\.")


def blocks_of(model: nn.Module) -> list[list[nn.Parameter]]:
    """The encoder's parameters, block by block, in the order in which an image meets them."""
    head = {id(p) for p in head_of(model).parameters()}
    blocks: dict[str, list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if id(parameter) not in head:
            found = BLOCK.match(name)
            blocks.setdefault(found[1] if found else name.rpartition(".")[0], []).append(parameter)
    return list(blocks.values())


def parameter_groups(model: nn.Module, args: FinetuneArguments) -> list[dict[str, Any]]:
    """Groups for the optimizer.

    The head learns at `learning_rate`, the encoder at `encoder_learning_rate` (default: the same), each of its blocks
    `layerwise_lr_decay` times as fast as the one after it (Bao et al. 2022, BEiT). With `gradual_unfreezing` a group
    stands still for the share of all steps in its "still_until" (Howard and Ruder 2018, ULMFiT): the blocks wake one
    after another, the last one first, evenly over the first half of training.
    """
    base = args.learning_rate if args.encoder_learning_rate is None else args.encoder_learning_rate
    groups: list[dict[str, Any]] = [{"params": list(head_of(model).parameters())}]
    blocks = blocks_of(model)
    if args.layerwise_lr_decay == 1 and not args.gradual_unfreezing:
        rate = {} if args.encoder_learning_rate is None else {"lr": base}
        return [*groups, {"params": [p for block in blocks for p in block], **rate}]
    for depth, block in enumerate(reversed(blocks)):
        group = {"params": block, "lr": base * args.layerwise_lr_decay ** (depth + 1)}
        if args.gradual_unfreezing:
            group["still_until"] = 0.5 * (depth + 1) / len(blocks)
        groups.append(group)
    return groups
