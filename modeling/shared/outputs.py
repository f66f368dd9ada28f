"""What every family's model returns."""

from dataclasses import dataclass
from typing import Any

import torch
from transformers.utils import ModelOutput

from ...configuration.encoder import EncoderConfig

SCALARS = tuple(EncoderConfig.keys_to_ignore_at_inference)  # of a batch, beside its loss


class RowsAndScalars(ModelOutput):
    """An output of rows, one a sample, and of scalars of the whole batch.

    Pipelines take a batch apart by `items()`, row by row, and `Trainer` puts batches together so. In inference,
    where nothing is to be differentiated, `items()` therefore has each scalar as often as there are rows; as
    attributes they stay scalars.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("loss", *SCALARS):
            value = getattr(self, name, None)
            if isinstance(value, torch.Tensor) and value.dim() == 1:  # rebuilt of `items()`, as accelerate does
                self[name] = value.mean()

    def items(self) -> Any:
        """(name, value) of all that is there."""
        found = dict(super().items())
        rows = found.get("latents")
        if not isinstance(rows, torch.Tensor) or any(_learns(value) for value in found.values()):
            return found.items()
        return {
            name: value.expand(rows.shape[0]) if _is_scalar(value) else value for name, value in found.items()
        }.items()

    def __getitem__(self, key: Any) -> Any:
        found = dict(super().items())
        return found[key] if isinstance(key, str) else tuple(found.values())[key]

    def to_tuple(self) -> tuple[Any, ...]:
        """The loss first, if there is one, as in every tuple of transformers: `Trainer` takes the first for it. Then
        the others, as `items()` has them."""
        others = tuple(value for name, value in self.items() if name != "loss")
        return others if self.loss is None else (self.loss, *others)


def _is_scalar(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.dim() == 0


def _learns(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.requires_grad


@dataclass
class PretrainingOutput(RowsAndScalars):
    """
    Args:
        latents: (B, D), the code.
        reconstruction: (B, C, H, W), the image that the decoder makes of it; None without a decoder.
        loss: what pretraining minimises, a scalar; None with `return_loss=False` or without a decoder.
        squared_error: (B,), squared difference of reconstruction and image, summed over each image's pixels; None
            where `loss` is.
        penalty: scalar, the part of `loss` that is not about the reconstruction, weights included; 0 without options.
        hidden_states: with `output_hidden_states`, what the encoder's layers give, (B, ...) each.
        attentions: with `output_attentions`, (B, heads, N, N) of each layer of a backbone that attends.
    """

    latents: torch.FloatTensor | None = None
    reconstruction: torch.FloatTensor | None = None
    loss: torch.FloatTensor | None = None
    squared_error: torch.FloatTensor | None = None
    penalty: torch.FloatTensor | None = None
    hidden_states: tuple[torch.FloatTensor, ...] | None = None
    attentions: tuple[torch.FloatTensor, ...] | None = None


def autoencoder_output(
    pixel_values: torch.Tensor, latents: torch.Tensor, reconstruction: torch.Tensor, penalty: torch.Tensor
) -> PretrainingOutput:
    """Compare (B, C, H, W) images with their reconstructions; the loss is (squared error + penalty) / pixels."""
    squared_error = (reconstruction - pixel_values).square().flatten(1).sum(1)  # (B,)
    loss = (squared_error.mean() + penalty) / pixel_values[0].numel()  # without a penalty: what MSELoss gives
    return PretrainingOutput(latents, reconstruction, loss, squared_error, penalty.detach())
