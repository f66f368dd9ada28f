import numpy as np
import pytest
import torch

from pretune import AutoencoderConfig, AutoencoderModel
from pretune.training.health import live_units, mean_image, mean_image_error


def test_dead_units_are_counted_out():
    model = AutoencoderModel(AutoencoderConfig(image_size=8, hidden_sizes=[16, 8], latent_size=4))
    with torch.no_grad():
        model.encoder[0].weight[:5] = 0
        model.encoder[0].bias[:5] = torch.tensor([-1.0, 0.0, 1.0, 2.0, 3.0])  # off, or on and the same for every image
    pixels = torch.rand(200, 1, 8, 8)
    counts = live_units(model.train(), pixels)
    hidden = model.encoder[:2](pixels.flatten(1))
    by_hand = sum(len(set(column)) > 1 for column in hidden.T.tolist())
    assert counts["encoder.1"] == (by_hand, 16) and 0 < by_hand <= 11 and counts["encoder.3"][1] == 8
    assert set(counts) == {"encoder.1", "encoder.3", "decoder.1", "decoder.3"}
    assert model.training and not model.encoder[1]._forward_hooks


def test_mean_image_and_its_error():
    images = np.random.default_rng(0).integers(0, 256, (2500, 1, 4, 4), dtype=np.uint8)
    mean = mean_image(images)
    assert mean == pytest.approx(images.mean(0) / 255)
    assert mean_image_error(images, mean) == pytest.approx((images / 255).var(0).mean(), rel=1e-5)
