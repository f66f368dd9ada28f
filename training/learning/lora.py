"""Low-rank additions to a frozen encoder, by `peft`; merged into plain weights when training ends."""

from collections.abc import Sequence

from torch import nn

from ..errors import InputError

READ_FROM_OUTSIDE = ("stride", "kernel_size", "dilation")  # MobileNets pad by what they read off a convolution


def add_lora(model: nn.Module, rank: int, heads: Sequence[nn.Module] = ()) -> None:
    """Freeze an encoder and add trainable low-rank matrices to its linear and convolutional layers.

    Hu et al. 2022, LoRA: Low-Rank Adaptation of Large Language Models.

    Args:
        model: an encoder, or a classifier.
        rank: of the additions.
        heads: parts of a classifier that stay as they are, and trainable.

    Raises:
        InputError: peft is not installed, or no layer is of a kind that can be added to.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
        from peft.tuners.tuners_utils import BaseTunerLayer
    except ImportError:
        raise InputError("lora_rank needs peft: install it with: pip install 'pretune[lora]'") from None
    inside = {module for head in heads for module in head.modules()}
    names = [
        name for name, module in model.named_modules()
        if isinstance(module, (nn.Linear, nn.Conv2d)) and module not in inside and getattr(module, "groups", 1) == 1
    ]  # fmt: skip
    if not names:
        raise InputError(
            f"lora_rank adds to linear layers and to convolutions without groups, and the encoder of "
            f"{type(model).__name__} has none. Leave out --lora_rank."
        )
    model.requires_grad_(False)
    inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=names), model)
    for head in heads:
        head.requires_grad_(True)
    for module in model.modules():
        if isinstance(module, BaseTunerLayer) and isinstance(module.get_base_layer(), nn.Conv2d):
            for name in READ_FROM_OUTSIDE:
                setattr(module, name, getattr(module.get_base_layer(), name))


def merge_lora(model: nn.Module) -> None:
    """Add the low-rank matrices to the weights they belong to, and put the plain layers back."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    for name, module in list(model.named_modules()):
        if isinstance(module, BaseTunerLayer):
            module.merge()
            model.set_submodule(name, module.get_base_layer())
    for leftover in ("peft_config", "active_adapter"):
        if hasattr(model, leftover):
            delattr(model, leftover)
