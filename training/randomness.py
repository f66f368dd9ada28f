"""Every draw of a run follows from the seed and the place it is used at, so no generator is saved to resume."""

import functools
import hashlib

import torch


def seed_for(seed: int, *where: object) -> int:
    """A seed of 63 bits for one place, for example `seed_for(42, "order", epoch)`."""
    digest = hashlib.blake2b(repr((seed, *where)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def generator(seed: int, *where: object) -> torch.Generator:
    """A CPU generator for one place."""
    return torch.Generator().manual_seed(seed_for(seed, *where))


def seed_step(seed: int, step: int, rank: int, device: torch.device) -> None:
    """Seed the draws inside the model (dropout, corruption) for one step of one process."""
    value = _first_step_seed(seed, rank) + step  # hashing anew at each step would cost more than the seeding
    torch.default_generator.manual_seed(value)  # torch.manual_seed visits every backend and costs 0.1 ms
    if device.type == "cuda":
        torch.cuda.manual_seed(value)


@functools.cache
def _first_step_seed(seed: int, rank: int) -> int:
    return seed_for(seed, "step", rank) >> 1  # room to count up from
