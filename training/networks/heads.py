"""What lies between the features of a classifier, ours or of transformers, and its logits."""

from torch import nn

from ..errors import InputError

HEAD_NAMES = ("classifier", "fc", "head", "dist_head", "score")  # what our and transformers' classifiers call it


def heads_of(model: nn.Module) -> list[nn.Module]:
    """What lies between the features of an image classifier, ours or of transformers, and its logits: one module, or
    several side by side (SwiftFormer has two) that all see the same features.

    Raises:
        InputError: no part of it looks like a classifier.
    """
    if hasattr(model, "timm_model"):
        return [model.timm_model.get_classifier()]
    named = [getattr(model, name) for name in HEAD_NAMES if isinstance(getattr(model, name, None), nn.Module)]
    found = [module for module in named if any(True for _ in module.parameters())]  # HGNetV2's `classifier` only pools
    if not found:
        labels = model.config.num_labels
        found = [m for m in model.modules() if isinstance(m, nn.Linear) and m.out_features == labels][-1:]
    if not found:
        raise InputError(
            f"{type(model).__name__} has no classifier that pretune can find: expected a part called one of "
            f"{', '.join(HEAD_NAMES)}, or a linear layer to its {model.config.num_labels} labels. Use another model."
        )
    return found


def head_of(model: nn.Module) -> nn.Module:
    """The classifier at the end of an image classification model; the first where there are several."""
    return heads_of(model)[0]


def head_parameters(model: nn.Module) -> list[nn.Parameter]:
    """Those of all heads."""
    return [parameter for head in heads_of(model) for parameter in head.parameters()]


def train_head_only(model: nn.Module) -> None:
    """Freeze all but the head, which may lie inside of `model.base_model` (timm, CLIP)."""
    model.requires_grad_(False)
    for head in heads_of(model):
        head.requires_grad_(True)


def renew_head(model: nn.Module) -> None:
    """New weights for the head, by the default generator."""
    for head in heads_of(model):
        for module in head.modules():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()


def head_prefixes(model: nn.Module) -> tuple[str, ...]:
    """What the names of the head's tensors begin with."""
    heads = heads_of(model)
    return tuple(f"{name}." for name, module in model.named_modules() if any(module is head for head in heads))
