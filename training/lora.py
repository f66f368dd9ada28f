"""Low-rank additions to a frozen encoder, by `peft`; merged into plain weights when training ends."""

from torch import nn

from .errors import InputError
from .models import head_of


def add_lora(model: nn.Module, rank: int) -> None:
    """Freeze the encoder and add trainable low-rank matrices to its linear and convolutional layers.

    Hu et al. 2022, LoRA: Low-Rank Adaptation of Large Language Models.

    Args:
        model: an image classifier; its head stays trainable.
        rank: of the additions.

    Raises:
        InputError: peft is not installed.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError:
        raise InputError("lora_rank needs peft: install it with: pip install 'pretune[lora]'") from None
    head = {id(module) for module in head_of(model).modules()}
    names = [
        name for name, module in model.named_modules()
        if isinstance(module, (nn.Linear, nn.Conv2d)) and id(module) not in head and getattr(module, "groups", 1) == 1
    ]  # fmt: skip
    model.requires_grad_(False)
    inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=names), model)
    head_of(model).requires_grad_(True)


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
