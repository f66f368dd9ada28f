"""Networks trained at once are the networks trained alone."""

import copy

import numpy as np
import pytest
import torch

from pretune import AutoencoderConfig, AutoencoderForImageClassification
from pretune.training.data.batches import Batches, Columns
from pretune.training.evaluation import side_by_side
from pretune.training.evaluation.side_by_side import Job, can_stack, fit
from pretune.training.modalities.image import to_pixels


def network(seed):
    torch.manual_seed(seed)
    return AutoencoderForImageClassification(AutoencoderConfig(image_size=8, hidden_sizes=[16], num_labels=3))


@pytest.fixture
def batches():
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (24, 1, 8, 8), dtype=np.uint8), rng.integers(0, 3, 24)
    return [Batches(Columns(images, to_pixels, torch.device("cpu"), labels), 8, seed=seed) for seed in (1, 2)]


def test_stacked_equals_one_by_one(batches, monkeypatch):
    together = [network(seed) for seed in range(4)]
    alone = copy.deepcopy(together)
    fit([Job(model, batches[k % 2]) for k, model in enumerate(together)], 1e-2, 10)
    monkeypatch.setattr(side_by_side, "can_stack", lambda model: False)
    fit([Job(model, batches[k % 2]) for k, model in enumerate(alone)], 1e-2, 10)
    for a, b, start in zip(together, alone, map(network, range(4)), strict=True):
        for name, value in a.state_dict().items():
            torch.testing.assert_close(value, b.state_dict()[name], rtol=1e-3, atol=1e-5)
        assert not torch.equal(a.classifier.weight, start.classifier.weight)
        assert not a.training


def test_only_small_networks_without_buffers_and_dropout_are_stacked():
    from transformers import ResNetConfig, ResNetForImageClassification

    assert can_stack(network(0))
    tiny = ResNetConfig(embedding_size=4, hidden_sizes=[4], depths=[1], layer_type="basic")
    assert not can_stack(ResNetForImageClassification(tiny))  # batch statistics
    assert not can_stack(torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Dropout(0.5)))
    assert not can_stack(torch.nn.Linear(2000, 1000))
