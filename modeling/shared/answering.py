"""What a forward of transformers answers beside its own outputs: a tuple, hidden states, attentions."""

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from .layers import ACTIVATIONS

PLAIN = (None, "eager")  # attention that keeps what it attended to


class AroundBackbone:
    """Answers of transformers' models that the network inside gives. Put it left of `CompleteLoading`.

    The model, or its base model, has `encoder`: a network of transformers, or one of our own, of convolutions.
    """

    # asked for by `attn_implementation`, these reach the network, which refuses what it cannot
    _supports_sdpa = _supports_flash_attn = _supports_flex_attn = _supports_attention_backend = True

    @property
    def supports_gradient_checkpointing(self) -> bool:
        """Where the network does, as most of tokens."""
        return any(hasattr(module, "gradient_checkpointing") for module in self.modules())

    def get_input_embeddings(self) -> nn.Module:
        """The layer that makes vectors of tokens, or of an image's patches.

        Raises:
            NotImplementedError: the network has no such layer, as of convolutions.
        """
        encoder = self._network()
        return (
            encoder.get_input_embeddings() if isinstance(encoder, PreTrainedModel) else super().get_input_embeddings()
        )

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Put another layer in its place."""
        encoder = self._network()
        if isinstance(encoder, PreTrainedModel):
            encoder.set_input_embeddings(value)
        else:
            super().set_input_embeddings(value)

    def _network(self) -> Any:
        return getattr(self, self.base_model_prefix, self).encoder


def answers_in_full(forward: Callable) -> Callable:
    """A model's `forward` that takes `return_dict`, `output_hidden_states` and `output_attentions` as well, each by
    argument or, where it is None, by the config.

    `hidden_states` is a tuple, of a backbone what it gives itself, else (B, ...) after each layer of the encoder;
    `attentions` a tuple of (B, heads, N, N), None of a network that does not attend. Both are of the encoder's last
    pass: of what `latents` are of. Of a list of numbers, counted from the end below 0, only those hidden states are
    kept, and None stands for the others.
    """

    @functools.wraps(forward)
    def answer(
        self: Any,
        *args: Any,
        return_dict: bool | None = None,
        output_hidden_states: bool | list[int] | None = None,
        output_attentions: bool | None = None,
        **kwargs: Any,
    ) -> Any:
        config = self.config
        wanted = {
            "hidden_states": config.output_hidden_states if output_hidden_states is None else output_hidden_states,
            "attentions": config.output_attentions if output_attentions is None else output_attentions,
        }
        encoder = getattr(self, self.base_model_prefix, self).encoder
        if any(wanted.values()):
            with _recorded(encoder, **wanted) as found:
                output = forward(self, *args, **kwargs)
            for name in wanted:
                if found.get(name):
                    output[name] = _chosen(found[name], wanted[name])
        else:
            output = forward(self, *args, **kwargs)
        as_dict = config.return_dict if return_dict is None else return_dict
        return output if as_dict else output.to_tuple()

    return answer


@contextlib.contextmanager
def _recorded(encoder: nn.Module, hidden_states: bool | list[int], attentions: bool) -> Iterator[dict[str, Any]]:
    """What passes through `encoder` meanwhile: {"hidden_states", "attentions"} of its last pass."""
    found: dict[str, Any] = {}
    if isinstance(encoder, PreTrainedModel):
        with _told(encoder, hidden_states, attentions, found):
            yield found
        return
    layers = _layers(encoder) if hidden_states else []

    def begin(module: nn.Module, inputs: tuple) -> None:
        found["hidden_states"] = []

    def keep(module: nn.Module, inputs: tuple, output: torch.Tensor) -> None:
        found["hidden_states"].append(output)

    def enter(module: nn.Module, inputs: tuple) -> None:
        found["hidden_states"].append(inputs[0])

    hooks = [encoder.register_forward_pre_hook(begin), *(layer.register_forward_hook(keep) for layer in layers)]
    if layers and hasattr(encoder, "layers"):  # of tokens: what enters the first layer comes first, as ever
        hooks.append(layers[0].register_forward_pre_hook(enter))
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def _chosen(found: Any, wanted: bool | list[int]) -> tuple[torch.Tensor | None, ...]:
    """All that was recorded, or with None in place of what is not among the numbers `wanted`."""
    kept = range(len(found)) if isinstance(wanted, bool) else {number % len(found) for number in wanted}
    return tuple(value if number in kept else None for number, value in enumerate(found))


@contextlib.contextmanager
def _told(
    backbone: PreTrainedModel, hidden_states: bool | list[int], attentions: bool, found: dict[str, Any]
) -> Iterator[None]:
    """Ask a network of transformers for them at each of its calls."""
    takes = inspect.signature(backbone.forward).parameters
    any_name = any(parameter.kind is parameter.VAR_KEYWORD for parameter in takes.values())
    asked = {"output_hidden_states": hidden_states, "output_attentions": attentions}
    asked = {name: True for name, value in asked.items() if value and (any_name or name in takes)}
    attention = backbone.config._attn_implementation

    def ask(module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
        return args, {**kwargs, **asked}

    def keep(module: nn.Module, args: tuple, output: Any) -> None:
        found.update({name: getattr(output, name, None) for name in ("hidden_states", "attentions")})

    hooks = [backbone.register_forward_pre_hook(ask, with_kwargs=True), backbone.register_forward_hook(keep)]
    try:
        if attentions and attention not in PLAIN:
            backbone.set_attn_implementation("eager")
        yield
    finally:
        if attentions and attention not in PLAIN:
            backbone.set_attn_implementation(attention)
        for hook in hooks:
            hook.remove()


def _layers(encoder: nn.Module) -> list[nn.Module]:
    """Those whose output is a hidden state: stages or layers, or activations and the last linear layer."""
    for name in ("stages", "layers"):
        if hasattr(encoder, name):
            return list(getattr(encoder, name))
    children = list(encoder.children())
    return [child for child in children[:-1] if isinstance(child, tuple(ACTIVATIONS.values()))] + children[-1:]
