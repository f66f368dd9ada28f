"""Clips longer than a model's window: heard window by window, each half over the one before, and averaged."""

from collections.abc import Callable
from typing import Any

import torch

AT_ONCE = 256  # windows encoded together


def check_frames(input_features: torch.Tensor, config: Any, training: bool = False) -> None:
    """Raise ValueError unless `input_features` are float (B, T, M) of at least one window of `config`; while training
    views of clips may be shorter."""
    frames, bands = config.num_frames, config.num_mel_bins
    fits = input_features.dim() == 3 and input_features.shape[2] == bands
    fits = fits and input_features.shape[1] >= (1 if training else frames)
    if not fits:
        raise ValueError(
            f"input_features have shape {tuple(input_features.shape)}, expected (batch, frames, bands) = (B, {frames} "
            f"or more, {bands}). Make them of clips with the model's feature extractor."
        )
    if not input_features.is_floating_point():
        raise ValueError(
            f"input_features are {input_features.dtype}, expected float in [-1, 1]. Use the model's feature extractor."
        )


def over_windows(
    encode: Callable[[torch.Tensor], torch.Tensor],
    input_features: torch.Tensor,
    attention_mask: torch.Tensor | None,
    length: int,
) -> torch.Tensor:
    """Encode clips of any length: (B, T, M) -> (B, D), of longer ones the mean over their windows.

    Args:
        encode: (n, length, M) -> (n, D).
        input_features: in [-1, 1]; what is no longer than the window is encoded as it is.
        attention_mask: (B, T), 0 where a clip is over and only its batch is longer; None: all are T long.
        length: frames of a window.
    """
    total = input_features.shape[1]
    if total <= length:
        return encode(input_features)
    lengths = [total] * len(input_features) if attention_mask is None else attention_mask.long().sum(1).tolist()
    windows, owner = [], []
    for row, own in enumerate(lengths):
        room = max(0, int(own) - length)
        count = 1 + -(-room // max(1, length // 2))
        for k in range(count):
            start = round(k * room / max(1, count - 1))
            window = input_features[row, start : start + length]
            windows.append(_levelled(window) if room else window)
            owner.append(row)
    parts = [encode(torch.stack(windows[k : k + AT_ONCE])) for k in range(0, len(windows), AT_ONCE)]
    found, of = torch.cat(parts), torch.tensor(owner, device=input_features.device)
    sums = found.new_zeros(input_features.shape[0], found.shape[1]).index_add(0, of, found)
    return sums / of.bincount(minlength=input_features.shape[0])[:, None].to(sums.dtype)


def _levelled(window: torch.Tensor) -> torch.Tensor:
    """(T, M) measured from its own loudest cell, as each window is in training; a silent one stays silent."""
    top = window.amax()
    return torch.where(top > -1, (window - top + 1).clamp_min(-1), window)
