"""Random numbers of a model, drawn so that a compiled network may see batches of any size."""

import math
from collections.abc import Sequence
from typing import Any

import torch

WORD = 0xFFFFFFFF  # 32 bits


class Fixed:
    """In place of a generator: the same numbers each time and on every device, hashes of their places.

    A generator with a seed would do, but none can be made inside a compiled network. Each call draws other numbers;
    those of a sample, the first axis, do not depend on how many samples come after it.
    """

    def __init__(self) -> None:
        self.calls = 0

    def uniform(self, shape: Sequence[int], device: torch.device) -> torch.Tensor:
        """(N, ...) of this shape, float32 in [0, 1)."""
        self.calls += 1
        x = (torch.arange(math.prod(shape), device=device) + self.calls * 0x9E3779B9) & WORD
        for shift, factor in ((16, 0x21F0AAAD), (15, 0xD35A2D97)):  # Wellons, "Hash Function Prospector"
            x = ((x ^ (x >> shift)) * factor) & WORD
        return ((x ^ (x >> 15)) >> 8).float().div(1 << 24).reshape(shape)

    def normal(self, shape: Sequence[int], device: torch.device) -> torch.Tensor:
        """(N, ...) of this shape, float32 of a standard normal distribution (Box and Muller 1958)."""
        length, angle = self.uniform(shape, device), self.uniform(shape, device)
        return (-2 * torch.log1p(-length)).sqrt() * (2 * math.pi * angle).cos()


Chance = torch.Generator | Fixed | None  # what numbers are drawn by; None is torch's default generator


def uniform(shape: Sequence[int], device: torch.device, by: Chance = None) -> torch.Tensor:
    """(N, ...) of this shape, in [0, 1)."""
    return by.uniform(shape, device) if isinstance(by, Fixed) else torch.rand(shape, device=device, **drawn_by(by))


def normal(shape: Sequence[int], device: torch.device, by: Chance = None) -> torch.Tensor:
    """(N, ...) of this shape, of a standard normal distribution."""
    return by.normal(shape, device) if isinstance(by, Fixed) else torch.randn(shape, device=device, **drawn_by(by))


def drawn_by(generator: torch.Generator | None) -> dict[str, Any]:
    """The arguments that say which generator draws; none without one.

    A `generator=None` that is spelled out is another overload to torch, which takes plain sizes only: a compiled
    network fails on it at its first batch of another size, as the last one of an epoch is.
    """
    return {} if generator is None else {"generator": generator}
