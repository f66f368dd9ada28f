"""Blending: the share of each sample, whatever number it is drawn by."""

import pytest
import torch

from pretune.modeling.shared.images.augmentation import mixed_share, mixup


@pytest.mark.parametrize("alpha", [1e-300, 1e-30, 0.2, 1.0, 100.0])
def test_a_blend_of_any_alpha_keeps_the_targets_sum(alpha):
    torch.manual_seed(0)
    pixels, targets = torch.rand(4, 1, 2, 2), torch.eye(4)
    for _ in range(5):
        mixed, blended = mixup(pixels, targets, alpha)
        assert mixed.isfinite().all() and mixed.min() >= 0 and mixed.max() <= 1
        torch.testing.assert_close(blended.sum(1), torch.ones(4))


@pytest.mark.parametrize("alpha", [1e-300, 1e-3, 0.01])
def test_a_small_alpha_leaves_nearly_every_sample_as_it_is(alpha):
    torch.manual_seed(0)
    shares = torch.tensor([mixed_share(alpha) for _ in range(500)])
    assert ((shares > 0.01) & (shares < 0.99)).float().mean() < 0.08
    assert 0.4 < (shares > 0.5).float().mean() < 0.6
