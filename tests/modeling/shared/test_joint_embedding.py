"""The objectives on projections whose loss is known, and what is said of a collapse."""

import math

import pytest
import torch

from pretune import JointEmbeddingConfig
from pretune.modeling.shared.joint_embedding import (
    JointEmbeddingOutput,
    Projector,
    covariance,
    effective_rank,
    mean_distance,
    objective,
    sigreg,
    simclr,
    variance_lack,
)


def test_distance_of_two_views_is_their_mean_squared_difference_and_of_more_the_mean_over_pairs():
    z = torch.randn(3, 16, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(mean_distance(z[:2]), (z[0] - z[1]).square().mean())
    pairs = torch.stack([(z[a] - z[b]).square().mean() for a, b in ((0, 1), (0, 2), (1, 2))])
    torch.testing.assert_close(mean_distance(z), pairs.mean())


def test_variance_and_covariance_vanish_for_white_projections_and_not_for_equal_ones():
    white = torch.linalg.qr(torch.randn(64, 9, generator=torch.Generator().manual_seed(0)))[0]
    white = torch.linalg.qr(white - white.mean(0))[0] * 8  # mean 0, variance 1, no covariance
    views = torch.stack([white, white])
    assert variance_lack(views) < 1e-3 and covariance(views) < 1e-6
    flat = torch.ones(2, 64, 9)
    torch.testing.assert_close(variance_lack(flat), torch.tensor(2 * (1 - 0.01)))
    one = white[:, :1].expand(64, 9)
    torch.testing.assert_close(
        covariance(torch.stack([one, one])), torch.tensor(2 * 8 * (64 / 63) ** 2), rtol=1e-4, atol=0
    )


def test_simclr_is_the_cross_entropy_of_picking_the_partner():
    z = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(0))
    alike, others = simclr(z, 0.5)
    flat = torch.nn.functional.normalize(z.flatten(0, 1), dim=1)
    logits = (flat @ flat.T / 0.5).fill_diagonal_(-torch.inf)
    target = torch.arange(10).roll(5)
    torch.testing.assert_close(alike + others, torch.nn.functional.cross_entropy(logits, target))


def test_sigreg_is_small_for_a_normal_distribution_and_large_for_any_other():
    generator = torch.Generator().manual_seed(0)
    along = torch.randn(6, 64, generator=generator)
    normal = torch.randn(1, 2000, 6, generator=generator)
    found = [float(sigreg(z, along)) for z in (normal, 2 * normal, 0.1 * normal, normal + 1)]
    assert found[0] < 3 and min(found[1:]) > 20 * found[0]


@pytest.mark.parametrize("name", ["vicreg", "simclr", "sigreg"])
@pytest.mark.parametrize("views", [2, 4])
def test_every_objective_draws_views_together_and_keeps_samples_apart(name, views):
    config = JointEmbeddingConfig(objective=name, num_views=views)
    generator = torch.Generator().manual_seed(0)
    samples = torch.randn(1, 64, 8, generator=generator)
    good = samples.expand(views, -1, -1) + 0.05 * torch.randn(views, 64, 8, generator=generator)
    collapsed, torn = good * 1e-3 + 1, torch.randn(views, 64, 8, generator=generator)
    losses = [float(sum(objective(z, config, generator))) for z in (good, collapsed, torn)]
    assert all(math.isfinite(loss) for loss in losses) and losses[0] < min(losses[1:])


def test_the_projector_has_no_norm_at_its_end_and_no_bias():
    projector = Projector(4, [8, 6])
    assert [type(layer).__name__ for layer in projector] == ["Linear", "RowNorm", "ReLU", "Linear"]
    assert projector(torch.randn(5, 4)).shape == (5, 6) and all(
        layer.bias is None for layer in projector if isinstance(layer, torch.nn.Linear)
    )


def test_a_collapse_is_told_with_the_repair_and_health_is_not():
    from families import tiny_model

    model = tiny_model("pretune_joint_embedding")
    healthy = torch.randn(64, 16, generator=torch.Generator().manual_seed(0))
    assert effective_rank(healthy) > 10 > 3 > effective_rank(healthy[:, :1].expand(64, 16))
    assert model.warnings(JointEmbeddingOutput(healthy, spread=torch.tensor(1.0))) == []
    (told,) = model.warnings(JointEmbeddingOutput(healthy[:, :1].expand(64, 16), spread=torch.tensor(1.0)))
    assert "nearly collapsed" in told and "1.0 of 16" in told and "config.variance_weight" in told
    assert model.warnings(JointEmbeddingOutput(healthy, spread=torch.tensor(0.0))) != []
