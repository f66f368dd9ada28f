"""Random numbers of a model, drawn so that a compiled network may see batches of any size."""

from typing import Any

import torch


def drawn_by(generator: torch.Generator | None) -> dict[str, Any]:
    """The arguments that say which generator draws; none without one.

    A `generator=None` that is spelled out is another overload to torch, which takes plain sizes only: a compiled
    network fails on it at its first batch of another size, as the last one of an epoch is.
    """
    return {} if generator is None else {"generator": generator}
