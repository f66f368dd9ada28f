"""The batch that fits in memory, and what is said of it."""

import logging
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from families import OF_IMAGES, tiny_model

from pretune.training.data.batches import Columns
from pretune.training.errors import InputError
from pretune.training.modalities.image import IMAGE
from pretune.training.networks import memory

CPU = torch.device("cpu")


def columns(size=64, count=8):
    return Columns(np.zeros((count, 1, size, size), np.uint8), IMAGE.to_model, CPU)


class Layers(torch.nn.Module):
    """Ten layers that each keep what they are given."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))

    def forward(self, pixel_values: torch.Tensor) -> SimpleNamespace:
        x = pixel_values
        for _ in range(10):
            x = (x * self.weight).sigmoid()
        return SimpleNamespace(loss=x.mean())


def test_what_is_kept_for_the_backward_pass_is_counted():
    """Sigmoid keeps its output and the product its factor: 20 maps a sample at least, and no more than twice that."""
    maps = memory.bytes_for_a_sample(Layers(), columns()) / (memory.PEAK * 64 * 64 * 4)
    assert 10 <= maps <= 40


@pytest.mark.parametrize(("free", "expected"), [(None, (32, 2)), (16, (16, 4)), (10, (8, 8)), (1, (1, 64))])
def test_the_batch_that_fits_and_the_rest_accumulated(monkeypatch, caplog, free, expected):
    each = memory.bytes_for_a_sample(Layers(), columns())
    free = 1e12 if free is None else (free * each + memory.STATES * 4) / memory.SHARE + 10
    monkeypatch.setattr(memory, "free_memory", lambda device: free)
    with caplog.at_level(logging.INFO, "pretune"):
        assert memory.batch_that_fits(Layers(), columns(), 32, 2) == expected
    assert "a batch of 32 needs about" in caplog.text
    assert ("make up a step" in caplog.text) == (expected != (32, 2))


def test_not_even_one_is_an_error(monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda device: 1000)
    with pytest.raises(InputError, match="one sample needs about .* Choose smaller samples or a smaller network"):
        memory.batch_that_fits(Layers(), columns(), 32, 1)


def test_small_samples_are_not_looked_at(monkeypatch):
    monkeypatch.setattr(memory, "bytes_for_a_sample", lambda *a: pytest.fail("measured"))
    assert memory.batch_that_fits(Layers(), columns(28), 128, 1) == (128, 1)


@pytest.mark.parametrize("family", OF_IMAGES)
def test_looking_changes_neither_weights_nor_random_numbers(family):
    model = tiny_model(family)
    before, draw = {k: v.clone() for k, v in model.state_dict().items()}, torch.get_rng_state()
    data = columns(model.config.image_size)
    assert memory.bytes_for_a_sample(model, data) > 0
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), draw) and all(p.grad is None for p in model.parameters())


def test_free_memory_is_a_positive_number():
    assert memory.free_memory(CPU) > 1_000_000


def test_what_is_not_used_is_given_back():
    """A thousand small pieces stay with the process, above one that is still used."""
    psutil = pytest.importorskip("psutil")
    pieces = [torch.ones(25_000) for _ in range(2000)]  # 200 MB, each below the size that is mapped by itself
    last, held = pieces.pop(), psutil.Process().memory_info().rss
    pieces.clear()
    memory.give_back()
    assert last.sum() == 25_000
    if sys.platform == "linux":
        assert held - psutil.Process().memory_info().rss > 100_000_000
