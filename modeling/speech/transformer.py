"""Layers of attention over tokens of sound (Vaswani et al. 2017, with the norm before each part)."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from ...configuration.speech.best_rq import BestRqConfig


def positions(count: int, width: int, like: torch.Tensor) -> torch.Tensor:
    """(N, D) sines and cosines for N = `count` tokens and D = `width`, of the type and on the device of `like`."""
    steps = torch.arange(count, device=like.device, dtype=torch.float32)[:, None]
    rates = torch.exp(-math.log(1000.0) * torch.arange(0, width, 2, device=like.device) / width)
    return torch.cat([(steps * rates).sin(), (steps * rates).cos()], 1).to(like.dtype)


class Layer(nn.Module):
    """(B, N, D) -> the same shape: attention, then two linear layers, each beside an identity."""

    def __init__(self, config: BestRqConfig):
        super().__init__()
        width = config.hidden_size
        self.heads, self.dropout = config.num_attention_heads, config.hidden_dropout_prob
        self.before_attention, self.before_layers = nn.LayerNorm(width), nn.LayerNorm(width)
        self.to_heads, self.from_heads = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.layers = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Dropout(self.dropout), nn.Linear(4 * width, width)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, N, D) -> the same shape."""
        parts = self.to_heads(self.before_attention(x)).unflatten(2, (3, self.heads, -1))
        query, key, value = (part.transpose(1, 2) for part in parts.unbind(2))  # (B, heads, N, D / heads)
        heard = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        x = x + F.dropout(self.from_heads(heard), self.dropout, self.training)
        return x + self.layers(self.before_layers(x))
