"""Which part of a classifier learns how fast, and from when on: the head, then the encoder's blocks from its end."""

import re
from collections.abc import Collection
from typing import Any

from torch import nn

from ..errors import InputError
from ..networks.heads import head_parameters
from ..networks.loading import is_ours

# stages.0.layers.1.layer.0.weight -> stages.0.layers.1; layers.3.mlp.fc1.weight -> layers.3; 4.weight -> 4
NUMBERED = re.compile(r"^((?:.*?\.)??\d+(?:\.(?:layers|layer|blocks|stage)\.\d+)?)\.")


def blocks_of(model: nn.Module) -> list[list[nn.Parameter]]:
    """The parameters of a classifier's encoder, block by block; see `blocks_in`."""
    return blocks_in(model, {id(p) for p in [*head_parameters(model), *pretraining_parameters(model)]})


def train_last_blocks(encoder: nn.Module, count: int) -> None:
    """Freeze all of an encoder but its last `count` blocks; what is frozen already stays so.

    Raises:
        InputError: it has fewer.
    """
    blocks = blocks_in(encoder)
    if count > len(blocks):
        raise InputError(f"train_blocks is {count}, and this encoder has {len(blocks)} blocks. Leave it out for all.")
    for block in blocks[: len(blocks) - count]:
        for parameter in block:
            parameter.requires_grad_(False)


def blocks_in(model: nn.Module, left_out: Collection[int] = ()) -> list[list[nn.Parameter]]:
    """The parameters of a network, block by block, in the order in which a sample meets them.

    A block is what has a number (a residual block, a transformer layer, a layer of a plain chain) or, where names
    have none, a whole part of the encoder (the stem, the embeddings, an Inception module with all its branches).
    Norms alone are no block: they belong to the one before them.

    Args:
        model: it.
        left_out: ids of parameters that do not count.
    """
    prefix, blocks = _encoder_prefix(model, left_out), {}
    for name, parameter in model.named_parameters():
        if id(parameter) not in left_out:
            name = name.removeprefix(prefix)
            found = NUMBERED.match(name)
            key = found[1] if found else name.partition(".")[0] if "." in name else ""
            blocks.setdefault(key, []).append(parameter)
    joined: list[list[nn.Parameter]] = []
    waiting: list[nn.Parameter] = []  # class tokens and norms that come before every block
    for key, parameters in blocks.items():
        slight = key == "" or all(p.dim() <= 1 for p in parameters)
        if not slight:
            joined.append([*waiting, *parameters])
            waiting = []
        elif joined:
            joined[-1] += parameters
        else:
            waiting += parameters
    return [*joined, waiting] if waiting else joined


def pretraining_parameters(model: nn.Module) -> list[nn.Parameter]:
    """What a classifier of ours carries for the loss of its pretraining alone."""
    base = model.base_model
    parts = [getattr(base, name, None) for name in base.pretraining_parts] if is_ours(model.config) else []
    return [parameter for part in parts if part is not None for parameter in part.parameters()]


def parameter_groups(
    model: nn.Module,
    learning_rate: float,
    encoder_learning_rate: float | None = None,
    layerwise_lr_decay: float = 1.0,
    gradual_unfreezing: bool = False,
) -> list[dict[str, Any]]:
    """Groups for the optimizer.

    The head learns at `learning_rate`, the encoder at `encoder_learning_rate` (default: the same), each of its blocks
    `layerwise_lr_decay` times as fast as the one after it (Bao et al. 2022, BEiT). With `gradual_unfreezing` a group
    stands still for the share of all steps in its "still_until" (Howard and Ruder 2018, ULMFiT): the blocks wake one
    after another, the last one first, evenly over the first half of training. What `reconstruction_weight` keeps
    learns from the start, as fast as the encoder before any decay.
    """
    base = learning_rate if encoder_learning_rate is None else encoder_learning_rate
    rate = {} if encoder_learning_rate is None else {"lr": base}
    groups: list[dict[str, Any]] = [{"params": head_parameters(model)}]
    blocks = blocks_of(model)
    if layerwise_lr_decay == 1 and not gradual_unfreezing:
        groups.append({"params": [p for block in blocks for p in block], **rate})
    else:
        for depth, block in enumerate(reversed(blocks)):
            group = {"params": block, "lr": base * layerwise_lr_decay ** (depth + 1)}
            if gradual_unfreezing:
                group["still_until"] = 0.5 * (depth + 1) / len(blocks)
            groups.append(group)
    kept = pretraining_parameters(model)
    if not kept:
        return groups
    of_family = model.base_model.parameter_groups(base)
    if of_family is None:
        return [*groups, {"params": kept, **rate}]
    return _as_family_trains(groups, of_family, kept)


def _as_family_trains(
    groups: list[dict[str, Any]], of_family: list[dict[str, Any]], kept: list[nn.Parameter]
) -> list[dict[str, Any]]:
    """The encoder's `groups` with the settings its family has for it (a BiGAN's betas), and those of what is `kept`
    at rates of their own (its discriminator's)."""
    outside = {id(p) for p in kept}
    for group in of_family:
        members = {id(p) for p in group["params"]}
        settings = {name: value for name, value in group.items() if name not in ("params", "lr")}
        groups = [{**g, **(settings if members.intersection(map(id, g["params"])) else {})} for g in groups]
    return [*groups, *(g for g in of_family if outside.issuperset(map(id, g["params"])))]


def _encoder_prefix(model: nn.Module, left_out: Collection[int]) -> str:
    """What all names in the encoder begin with: wrappers around a single part are passed through."""
    module, prefix = model, ""
    if getattr(model, "base_model", model) is not model:
        module, prefix = model.base_model, f"{model.base_model_prefix}."
    while True:
        parts = [
            (name, part) for name, part in module.named_children()
            if any(id(p) not in left_out for p in part.parameters())
        ]  # fmt: skip
        if len(parts) != 1 or parts[0][0].isdecimal():
            return prefix
        module, prefix = parts[0][1], f"{prefix}{parts[0][0]}."
