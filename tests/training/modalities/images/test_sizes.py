"""Which input sizes are tried for a published network, and its processor at another one."""

import numpy as np
import pytest
from transformers import ViTImageProcessorPil

from pretune.training.modalities.images.sizes import SIZES, at_size, input_sizes


@pytest.mark.parametrize(
    ("own", "shape", "traits", "expected"),
    [
        (224, (3, 32, 32), {}, [32, 96, 224]),
        (224, (3, 64, 64), {SIZES: {"48x60": 7, "300x300": 1}}, [64, 128, 224]),
        (224, (3, 64, 64), {SIZES: {"480x640": 7}}, []),
        (64, (3, 32, 32), {}, [32, 64]),
    ],
)
def test_between_the_pictures_own_and_the_networks(own, shape, traits, expected):
    assert input_sizes(own, shape, traits) == expected


@pytest.mark.parametrize(
    "kind",
    [
        {"size": {"height": 16, "width": 16}},
        {"size": {"shortest_edge": 20}, "do_center_crop": True, "crop_size": {"height": 16, "width": 16}},
    ],
)
def test_a_processor_makes_pictures_of_another_size(kind):
    changed = at_size(ViTImageProcessorPil(**kind), 8, 16)
    picture = np.zeros((24, 30, 3), np.uint8)
    shape = changed(picture, return_tensors="np")["pixel_values"].shape
    assert shape == (1, 3, 8, 8) or (shape[2] == 10 and "crop_size" in kind)
