"""The order in memory that a backbone's convolutions see."""

import pytest
import torch
from torch import nn

from pretune import MaskedImageModel, MaskedImageModelConfig
from pretune.modeling.shared.images.over_backbone import bears_channels_last


@pytest.mark.parametrize(
    ("convolution", "bears"),
    [
        (nn.Conv2d(4, 8, 1, stride=2), False),
        (nn.Conv2d(2, 8, 1, stride=(1, 3)), False),
        (nn.Conv2d(7, 64, 1, stride=2), False),
        (nn.Conv2d(8, 16, 1, stride=2), True),
        (nn.Conv2d(1, 16, 1, stride=2), True),
        (nn.Conv2d(4, 8, 1), True),
        (nn.Conv2d(4, 8, 3, stride=2), True),
    ],
)
def test_which_networks_may_have_channels_last(convolution, bears):
    assert bears_channels_last(nn.Sequential(nn.Linear(2, 2), convolution)) is bears


@pytest.mark.parametrize(("width", "last"), [(4, False), (8, True)])
def test_a_narrow_resnet_trains_in_the_other_order(width, last):
    """With shortcuts on 4 channels, channels last would write beyond its memory and end the process."""
    network = {"model_type": "resnet", "embedding_size": width, "hidden_sizes": [8, 16], "depths": [1, 1]}
    network |= {"layer_type": "basic", "downsample_in_first_stage": True}
    model = MaskedImageModel(MaskedImageModelConfig(image_size=32, num_channels=4, backbone_config=network))
    seen = []
    model.encoder.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    for _ in range(3):
        model(torch.rand(4, 4, 32, 32)).loss.backward()
    assert [maps.is_contiguous(memory_format=torch.channels_last) for maps in seen] == [last] * 3
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.requires_grad)
