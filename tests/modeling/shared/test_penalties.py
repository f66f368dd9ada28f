"""The mathematics of the options, each against something computed another way."""

import pytest
import torch

from pretune import AutoencoderConfig, AutoencoderModel
from pretune.modeling.shared.penalties import (
    contractive,
    keep_top_k,
    l1,
    normal_kl,
    rademacher,
    sample_normal,
    sparsity_kl,
)

OPTIONS = [
    {"sparsity": "l1"}, {"sparsity": "top_k", "top_k": 2}, {"sparsity": "kl"}, {"contractive_weight": 0.1},
    {"contractive_weight": 0.1, "contractive_estimate": "hutchinson"}, {"variational": True},
    {"variational": True, "kl_warmup_steps": 10, "corruption": ["gaussian"]},
    {"corruption": ["warp", "mask"], "sparsity": "l1", "mask_patch_size": 2},
]  # fmt: skip


def model(**options):
    torch.manual_seed(0)
    return AutoencoderModel(AutoencoderConfig(image_size=8, hidden_sizes=[16, 8], latent_size=4, **options))


def test_top_k_keeps_the_largest_and_nothing_else():
    latents = torch.tensor([[3.0, -1.0, 2.0, 5.0], [0.1, 0.2, -0.3, -0.4]])
    assert torch.equal(keep_top_k(latents, 2), torch.tensor([[3.0, 0, 0, 5.0], [0.1, 0.2, 0, 0]]))


def test_l1_and_sparsity_by_hand():
    assert l1(torch.tensor([[1.0, -2.0], [3.0, 0.0]])) == 3.0
    activity = torch.tensor([[0.2, 0.5], [0.4, 0.5]])
    p = torch.distributions.Bernoulli
    expected = torch.distributions.kl_divergence(p(torch.tensor([0.1, 0.1])), p(activity.mean(0))).sum()
    torch.testing.assert_close(sparsity_kl(activity, 0.1), expected)
    assert sparsity_kl(torch.full((3, 2), 0.1), 0.1).abs() < 1e-6


def test_normal_kl_is_torchs():
    mean, log_variance = torch.randn(5, 3), torch.randn(5, 3)
    mine = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    expected = torch.distributions.kl_divergence(mine, torch.distributions.Normal(0, 1)).sum(1).mean()
    torch.testing.assert_close(normal_kl(mean, log_variance), expected)


def test_samples_have_the_mean_and_variance_they_are_asked_for():
    mean, log_variance = torch.full((20000, 1), 2.0), torch.full((20000, 1), 1.0)
    drawn = sample_normal(mean, log_variance, torch.Generator().manual_seed(0))
    assert abs(drawn.mean() - 2) < 0.05 and abs(drawn.var() - torch.e) < 0.1


def test_contractive_penalty_is_the_jacobians_norm():
    ae, x = model().double(), torch.rand(3, 1, 8, 8, dtype=torch.float64)
    jacobians = [torch.autograd.functional.jacobian(lambda image: ae.encode(image[None])[0], image) for image in x]
    expected = sum(j.square().sum() for j in jacobians) / 3
    torch.testing.assert_close(contractive(ae.encode, x), expected)
    generator = torch.Generator().manual_seed(0)
    estimates = torch.stack(
        [contractive(ae.encode, x, rademacher(torch.empty(3, 4, dtype=torch.float64), generator)) for _ in range(400)]
    )
    error = (estimates.mean() - expected).abs() / (estimates.std() / 20)
    assert error < 4 and estimates.std() > 0
    with torch.no_grad():  # an evaluation
        torch.testing.assert_close(contractive(ae.encode, x), expected)


def test_the_gradient_of_the_contractive_penalty_is_the_numerical_one():
    ae, x = model().double(), torch.rand(2, 1, 8, 8, dtype=torch.float64)
    weight = ae.encoder[0].weight
    (gradient,) = torch.autograd.grad(contractive(ae.encode, x), weight)
    step = torch.zeros_like(weight)
    step[3, 5] = 1e-6
    with torch.no_grad():
        weight += step
        up = contractive(ae.encode, x)
        weight -= 2 * step
        down = contractive(ae.encode, x)
        weight += step
    assert abs((up - down) / 2e-6 - gradient[3, 5]) < 1e-4 * max(1.0, abs(gradient[3, 5].item()))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_option_trains_and_is_without_chance_when_judged(options, tmp_path):
    ae, x = model(**options), torch.rand(16, 1, 8, 8)
    optimizer = torch.optim.Adam(ae.parameters(), lr=1e-2)
    losses = []
    for _ in range(60):
        losses.append(ae(x).loss)
        losses[-1].backward()
        optimizer.step()
        optimizer.zero_grad()
    if not options.get("kl_warmup_steps"):  # whose penalty rises
        assert sum(losses[-10:]) < sum(losses[:10])
    ae.eval()
    first, second = ae(x), ae(x)
    assert torch.equal(first.loss, second.loss) and torch.equal(first.latents, ae.encode(x))
    with torch.inference_mode():
        torch.testing.assert_close(ae(x).loss, first.loss)
    ae.save_pretrained(tmp_path)
    again = AutoencoderModel.from_pretrained(tmp_path).eval()
    assert torch.equal(again(x).loss, first.loss)


def test_the_loss_is_error_and_penalty_over_the_pixels():
    ae, x = model(sparsity="l1", sparsity_weight=0.5).eval(), torch.rand(4, 1, 8, 8)
    output = ae(x)
    torch.testing.assert_close(output.penalty, 0.5 * l1(output.latents))
    torch.testing.assert_close(output.loss, (output.squared_error.mean() + output.penalty) / 64)


def test_variational_codes_are_drawn_in_training_alone_and_follow_the_generator():
    ae, x = model(variational=True), torch.rand(4, 1, 8, 8)
    drawn = [ae(x, generator=torch.Generator().manual_seed(s)).latents for s in (0, 0, 1)]
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])
    assert ae.encode(x).shape == (4, 4) and ae.encoder[-1].out_features == 8


def test_the_kl_weight_warms_up_over_training_steps_and_survives_a_checkpoint(tmp_path):
    ae, x = model(variational=True, kl_warmup_steps=4), torch.rand(4, 1, 8, 8)
    shares = []
    for _ in range(6):
        hidden = ae.encoder(x.flatten(1))
        full = normal_kl(*hidden.chunk(2, 1))
        shares.append((ae.bottleneck.penalty(hidden, ae.encode, x) / full).item())
    assert shares == pytest.approx([0, 0.25, 0.5, 0.75, 1, 1])
    ae.save_pretrained(tmp_path)
    assert AutoencoderModel.from_pretrained(tmp_path).bottleneck.steps == 6
