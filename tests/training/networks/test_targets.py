"""Targets are standardised while they are learnt, and the head gives them back in their own unit."""

import numpy as np
import pytest
import torch
from transformers import ResNetConfig, ResNetForImageClassification

from pretune import AutoencoderConfig, AutoencoderForImageClassification
from pretune.training.networks.targets import put_back, scale_of, take_out

TARGETS = np.array([[100, 5.0], [300, 5], [200, 5]])


def networks():
    ours = AutoencoderConfig(image_size=8, hidden_sizes=[8], latent_size=4, num_labels=2, problem_type="regression")
    config = ResNetConfig(layer_type="basic", embedding_size=8, hidden_sizes=[8], depths=[1], num_labels=2)
    config.num_channels = 1
    return {"ours": AutoencoderForImageClassification(ours), "resnet": ResNetForImageClassification(config)}


@pytest.mark.parametrize("name", ["ours", "resnet"])
def test_the_head_answers_in_the_unit_of_the_targets(name):
    model, pixels = networks()[name].eval(), torch.rand(3, 1, 8, 8)
    scale = scale_of(TARGETS, model)
    assert scale.mean.tolist() == [200, 5] and scale.spread[1] == 1  # the second does not vary
    with torch.no_grad():
        before = model(pixel_values=pixels).logits
        put_back(model, scale)
        after = model(pixel_values=pixels).logits
        take_out(model, scale)
        again = model(pixel_values=pixels).logits
    torch.testing.assert_close(after, before * scale.spread + scale.mean)
    torch.testing.assert_close(again, before, rtol=1e-4, atol=1e-4)


def test_a_head_without_biases_leaves_targets_as_they_are():
    model = networks()["ours"]
    model.classifier = torch.nn.Linear(4, 2, bias=False)
    scale = scale_of(TARGETS, model)
    assert scale.mean.tolist() == [0, 0] and scale.spread.tolist() == [1, 1]
