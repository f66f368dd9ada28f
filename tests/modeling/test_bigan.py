import copy
import math

import pytest
import torch
from huggingface_hub.errors import StrictDataclassError
from torch.nn import functional as F

from pretune.configuration.bigan import BiGANConfig
from pretune.modeling.bigan import BiGANForImageClassification, BiGANModel, BiGANOutput, frozen, play

TINY = {
    "dense": {"architecture": "dense", "hidden_sizes": [16, 12], "discriminator_sizes": [16, 8]},
    "conv": {"architecture": "conv", "hidden_sizes": [4, 6], "discriminator_sizes": [8]},
}
both = pytest.mark.parametrize("architecture", list(TINY))


def tiny(architecture="dense", **changes):
    config = {"image_size": 8, "latent_size": 5, **TINY[architecture], **changes}
    return BiGANModel(BiGANConfig(**config)).train()


def pixels_for(model, count=6):
    config = model.config
    return torch.rand(count, config.num_channels, config.image_size, config.image_size, dtype=model.dtype)


def gradients(model):
    return {name: p.grad for name, p in model.named_parameters()}


@both
@pytest.mark.parametrize("spectral_norm", [True, False])
def test_one_loss_has_the_gradients_of_two_backward_passes(architecture, spectral_norm):
    model = tiny(architecture, spectral_norm=spectral_norm).double()
    pixels, noise = pixels_for(model), 2 * torch.rand(6, 5, dtype=torch.float64) - 1
    twin = copy.deepcopy(model)
    output = model(pixels, noise=noise)
    output.loss.backward()

    codes, made = twin.encoder(pixels), twin.decoder(noise)
    pairs = torch.cat([pixels, made]), torch.cat([codes, noise])
    real, fake = twin.discriminator(pairs[0].detach(), pairs[1].detach()).chunk(2)
    discriminator_loss = F.softplus(-real).mean() + F.softplus(fake).mean()
    discriminator_loss.backward()
    expected = {name: g for name, g in gradients(twin).items() if name.startswith("discriminator.")}
    state = {k: v.clone() for k, v in twin.state_dict().items()}
    real, fake = twin.discriminator(*pairs).chunk(2)
    generator_loss = F.softplus(real).mean() + F.softplus(-fake).mean()
    players = [(n, p) for n, p in twin.named_parameters() if not n.startswith("discriminator.")]
    expected |= dict(
        zip([n for n, _ in players], torch.autograd.grad(generator_loss, [p for _, p in players]), strict=True)
    )

    torch.testing.assert_close(output.loss, discriminator_loss + generator_loss, rtol=0, atol=1e-15)
    assert expected.keys() == gradients(model).keys()
    assert [name for name, g in gradients(model).items() if not torch.equal(g, expected[name])] == []
    # every buffer has moved once: the look at the reconstruction and the frozen discriminator leave them alone
    assert [k for k, v in model.state_dict().items() if not torch.equal(v, state[k])] == []


def test_the_terms_reach_their_own_side_alone():
    model = tiny()
    pixels, noise = pixels_for(model), model.draw_codes(6)
    codes, made = model.encoder(pixels), model.decoder(noise)
    pairs = torch.cat([pixels, made]), torch.cat([codes, noise])
    discriminator_loss, generator_loss, penalty = play(model.discriminator, *pairs)
    generator_loss.backward(retain_graph=True)
    assert all(p.grad is None for p in model.discriminator.parameters())
    assert all(p.grad.any() for part in (model.encoder, model.decoder) for p in part.parameters())
    model.zero_grad()
    discriminator_loss.backward()
    assert all(p.grad is None for part in (model.encoder, model.decoder) for p in part.parameters())
    assert all(p.grad.any() for p in model.discriminator.parameters())
    assert penalty == 0


@both
def test_no_gradient_comes_from_the_reconstruction(architecture):
    model = tiny(architecture)
    pixels = pixels_for(model).requires_grad_()
    output = model(pixels)
    assert output.loss.requires_grad and output.latents.requires_grad
    for name in ("reconstruction", "squared_error", "penalty", *model.logged_outputs):
        assert not output[name].requires_grad, name
    assert all(output[name].shape in ((), (6,)) for name in model.logged_outputs)
    by_hand = (output.reconstruction - pixels).square().sum((1, 2, 3))
    torch.testing.assert_close(output.squared_error, by_hand)


@both
@pytest.mark.parametrize("prior", ["uniform", "normal"])
def test_eval_mode_is_fixed_and_training_is_not(architecture, prior):
    model = tiny(architecture, prior=prior)
    pixels = pixels_for(model)
    assert not torch.equal(model(pixels).loss, model(pixels).loss)
    state = copy.deepcopy(model.state_dict())
    model.eval()
    before = torch.get_rng_state()
    first, second = model(pixels), model(pixels)
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    torch.testing.assert_close(torch.cat([model.encode(image[None]) for image in pixels]), first.latents)
    torch.testing.assert_close(model.reconstruct(pixels), first.reconstruction)
    with torch.inference_mode():
        assert torch.equal(model(pixels).loss, first.loss)


@both
@pytest.mark.parametrize("spectral_norm", [True, False])
def test_r1_is_half_the_squared_gradient_at_the_real_pairs(architecture, spectral_norm):
    model = tiny(architecture, spectral_norm=spectral_norm, r1_weight=3.0).double()
    pixels, noise = pixels_for(model), torch.rand(6, 5, dtype=torch.float64)
    twin, plain = copy.deepcopy(model), copy.deepcopy(model)
    output = model(pixels, noise=noise)
    image, code = pixels.clone().requires_grad_(), twin.encoder(pixels).detach().requires_grad_()
    logits = twin.discriminator(image, code)
    rows = [torch.autograd.grad(logit, (image, code), retain_graph=True) for logit in logits]
    by_hand = sum(g[0].square().sum() + g[1].square().sum() for g in rows) / 6 * 3.0 / 2
    torch.testing.assert_close(output.penalty, by_hand)
    torch.testing.assert_close(output.loss, output.discriminator_loss + output.generator_loss + by_hand)
    output.loss.backward()
    plain.config.r1_weight = 0.0
    plain(pixels, noise=noise).loss.backward()
    changed = {n.split(".")[0] for n, g in gradients(model).items() if not g.allclose(gradients(plain)[n])}
    assert changed == {"discriminator"}  # encoder and generator are not asked to make it smooth
    assert model.eval()(pixels, noise=noise).penalty == 0
    with torch.no_grad():
        assert model.train()(pixels, noise=noise).penalty == 0


def test_the_game_is_judged_in_full_numbers_under_autocast():
    model = tiny().train()
    with torch.autocast("cpu", torch.bfloat16):
        output = model(pixels_for(model))
    found = (output.loss, output.discriminator_loss, output.generator_loss, output.penalty)
    assert {value.dtype for value in found} == {torch.float32}


def test_frozen_leaves_no_trace():
    model = tiny()
    before = copy.deepcopy(model.state_dict())
    codes = model.draw_codes(6).requires_grad_()
    frozen(model.decoder, codes).sum().backward()
    assert codes.grad.any() and all(p.grad is None for p in model.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@both
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [8, 28, 32, 33])
def test_any_size_and_channels(architecture, channels, size):
    model = tiny(architecture, image_size=size, num_channels=channels)
    pixels = pixels_for(model)
    output = model(pixels)
    output.loss.backward()
    assert [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []
    assert output.latents.shape == (6, 5) and output.reconstruction.shape == pixels.shape
    made = model.eval().generate(7)
    assert made.shape == (7, channels, size, size) and made.min() >= 0 and made.max() <= 1
    assert not made.requires_grad and not torch.equal(made, model.generate(7))
    seeds = [torch.Generator().manual_seed(3) for _ in range(2)]
    assert torch.equal(model.generate(7, seeds[0]), model.generate(7, seeds[1]))


def test_priors_and_given_noise():
    uniform, normal = tiny().draw_codes(4000), tiny(prior="normal").draw_codes(4000)
    assert uniform.min() >= -1 and uniform.max() <= 1 and uniform.std() == pytest.approx(3**-0.5, abs=0.02)
    assert normal.abs().max() > 2 and normal.std() == pytest.approx(1, abs=0.03)
    model = tiny().eval()
    pixels = pixels_for(model)
    assert not torch.equal(model(pixels, noise=torch.zeros(6, 5)).loss, model(pixels).loss)
    seeds = [torch.Generator().manual_seed(3) for _ in range(2)]
    assert torch.equal(model(pixels, generator=seeds[0]).loss, model(pixels, generator=seeds[1]).loss)
    with pytest.raises(ValueError, match=r"noise has shape \(6, 4\), expected .* \(6, 5\)"):
        model(pixels, noise=torch.zeros(6, 4))


def test_diversity_is_the_relative_spread():
    model = tiny().eval()
    pixels = pixels_for(model)
    assert model(pixels, noise=torch.zeros(6, 5)).diversity == pytest.approx(0, abs=1e-3)
    noise = model.draw_codes(6)
    made = model.decode(noise)
    torch.testing.assert_close(
        model(pixels, noise=noise).diversity, made.var(0).sum().sqrt() / pixels.var(0).sum().sqrt()
    )
    assert model(pixels[:1]).diversity == 0


@both
def test_saved_and_loaded_weights_are_bit_equal_also_after_training(architecture, tmp_path):
    model = tiny(architecture)
    pixels, noise = pixels_for(model), model.draw_codes(6)
    optimizer = torch.optim.Adam(model.parameter_groups(1e-2))
    for _ in range(3):
        model(pixels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(tmp_path)
    loaded = BiGANModel.from_pretrained(tmp_path)
    assert any("parametrizations.weight.0._u" in name for name in loaded.state_dict())
    assert all(torch.equal(value, loaded.state_dict()[name]) for name, value in model.state_dict().items())
    # what it computes is not the same bit for bit: products depend on where in memory a tensor lies
    torch.testing.assert_close(loaded(pixels).loss, model.eval()(pixels).loss)
    torch.testing.assert_close(loaded.train()(pixels, noise=noise).loss, model.train()(pixels, noise=noise).loss)
    torch.testing.assert_close(loaded.state_dict(), dict(model.state_dict()))


@both
def test_a_new_discriminator_is_normalised_from_the_start(architecture):
    for layer in [m for m in tiny(architecture).eval().discriminator.modules() if hasattr(m, "parametrizations")]:
        assert torch.linalg.svdvals(layer.weight.flatten(1))[0].item() == pytest.approx(1, abs=0.05)


@both
@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_classifier_from_a_checkpoint_and_back(architecture, weight, tmp_path):
    base = tiny(architecture).eval()
    pixels = pixels_for(base)
    base.save_pretrained(tmp_path / "base")
    head = BiGANForImageClassification.from_pretrained(tmp_path / "base", num_labels=3, reconstruction_weight=weight)
    parts = {name.split(".")[1] for name, _ in head.bigan.named_parameters(prefix="bigan")}
    assert parts == ({"encoder", "decoder", "discriminator"} if weight else {"encoder"})
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    expected = F.cross_entropy(head(pixels).logits, labels) + weight * base(pixels).loss
    torch.testing.assert_close(head(pixels, labels).loss, expected)
    head.save_pretrained(tmp_path / "head")
    again, info = BiGANModel.from_pretrained(tmp_path / "head", output_loading_info=True)
    assert not info["unexpected_keys"] and again.config.has_decoder == bool(weight)
    assert torch.equal(again.encode(pixels), base.encode(pixels))
    if weight:
        assert torch.equal(again(pixels).loss, base(pixels).loss)
    bare = BiGANForImageClassification.from_pretrained(tmp_path / "head", reconstruction_weight=0.0)
    assert not any("discriminator." in key or "decoder." in key for key in bare.state_dict())
    assert torch.equal(bare(pixels).logits, head(pixels).logits)


def test_a_bare_encoder_gives_codes_alone():
    model = tiny(has_decoder=False)
    assert list(model(pixels_for(model))) == ["latents"] and {n.split(".")[0] for n in model.state_dict()} == {
        "encoder"
    }
    with pytest.raises(ValueError, match="holds only an encoder"):
        model.generate(2)


@pytest.mark.parametrize("has_decoder", [True, False])
def test_parameter_groups_hold_every_parameter_once(has_decoder):
    model = tiny(has_decoder=has_decoder, discriminator_learning_rate_ratio=3)
    groups = model.parameter_groups(1e-3)
    members = [id(p) for group in groups for p in group["params"]]
    assert sorted(members) == sorted(id(p) for p in model.parameters())
    assert {group["betas"] for group in groups} == {(0.5, 0.999)}
    rates = {id(p): group["lr"] for group in groups for p in group["params"]}
    for name, p in model.named_parameters():
        assert rates[id(p)] == pytest.approx(3e-3 if name.startswith("discriminator.") else 1e-3)
    torch.optim.Adam(groups, fused=True)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"latent_size": 0}, "latent_size must be at least 1, got 0"),
        ({"hidden_sizes": [8, 0]}, "hidden_sizes must all be at least 1"),
        ({"discriminator_sizes": [-1]}, "discriminator_sizes must all be at least 1"),
        ({"architecture": "conv", "hidden_sizes": []}, "channels of at least one stage"),
        ({"architecture": "conv", "image_size": 4, "hidden_sizes": [4, 4, 4]}, "halve image_size 4 to 1"),
        ({"architecture": "residual"}, "architecture"),
        ({"prior": "cauchy"}, "prior"),
        ({"r1_weight": -1}, "r1_weight must be a finite number"),
        ({"reconstruction_weight": float("inf")}, "reconstruction_weight must be a finite number"),
        (
            {"discriminator_learning_rate_ratio": 0},
            "discriminator_learning_rate_ratio must be a finite number above 0",
        ),
        ({"problem_type": "ranking"}, "problem_type"),
    ],
)
def test_config_refuses(values, words):
    with pytest.raises(StrictDataclassError, match=words):
        BiGANConfig(**values)


def test_default_sizes_follow_the_architecture():
    assert BiGANConfig().hidden_sizes == [512, 512] and BiGANConfig(hidden_sizes=[9]).hidden_sizes == [9]
    conv = BiGANConfig(architecture="conv")
    assert conv.hidden_sizes == [32, 64] and conv.discriminator_sizes == [256] and conv.map_sizes == [28, 14, 7]
    assert conv.to_dict()["hidden_sizes"] == [32, 64]  # what is saved names the sizes


@pytest.mark.slow
@both
def test_compiles_in_one_piece(architecture):
    model = tiny(architecture)
    pixels, noise = pixels_for(model), model.draw_codes(6)
    model(pixels)
    model.eval()  # in training mode each call moves the singular vectors on
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(pixels, noise=noise).loss, model(pixels, noise=noise).loss)


@both
@pytest.mark.parametrize("side", ["discriminator", "generator"])
def test_each_side_wins_if_the_other_stands_still(architecture, side):
    model = tiny(architecture, code_norm=False)  # else codes cannot run away
    pixels, noise = pixels_for(model), model.draw_codes(6)
    encoder, decoder, discriminator = model.parameter_groups(1e-2)
    groups = [discriminator] if side == "discriminator" else [encoder, decoder]
    optimizer = torch.optim.Adam(groups)
    losses = []
    for _ in range(30):
        output = model(pixels, noise=noise)
        output.loss.backward()
        optimizer.step()
        model.zero_grad()
        losses.append(output[f"{side}_loss"].item())
    assert losses[-1] < 0.9 * losses[0]


def test_learns_the_digits():
    from sklearn.datasets import load_digits

    images = torch.tensor(load_digits().images / 16, dtype=torch.float32)[:, None]
    model = tiny(hidden_sizes=[64, 64], discriminator_sizes=[64, 64], latent_size=16)
    optimizer = torch.optim.Adam(model.parameter_groups(1e-3))
    shuffle = torch.Generator().manual_seed(0)
    before = model(images[:500])
    for _ in range(400):
        output = model(images[torch.randint(len(images), (64,), generator=shuffle)])
        output.loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    after = model.eval()(images[:500])
    assert after.squared_error.mean() < 0.6 * before.squared_error.mean()
    assert after.diversity > 0.5
    assert 0.5 < after.discriminator_loss < 2 * math.log(2) + 0.3  # in balance: neither side has won


def test_a_game_out_of_balance_is_warned_of():
    model = tiny()
    fair = BiGANOutput(discriminator_loss=torch.tensor(1.2), diversity=torch.tensor(0.6))
    lost = BiGANOutput(discriminator_loss=torch.tensor(0.01), diversity=torch.tensor(0.02))
    assert model.warnings(fair) == [] == model.warnings(BiGANOutput())
    apart, alike = model.warnings(lost)
    assert "the discriminator tells every pair apart" in apart and "lost their variety" in alike


@both
def test_the_encoder_sees_a_changed_image_and_the_discriminator_the_clean_one(architecture):
    model, judged, seen = tiny(architecture, corruption=["warp"]), [], []
    model.discriminator.register_forward_pre_hook(lambda module, pairs: judged.append(pairs[0].detach().clone()))
    model.encoder.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].detach().clone()))
    pixels = pixels_for(model)
    first = model(pixels, generator=torch.Generator().manual_seed(3)).latents
    assert not torch.allclose(seen[0], pixels) and torch.equal(judged[0][: len(pixels)], pixels)
    again = model(pixels, generator=torch.Generator().manual_seed(3)).latents
    assert torch.equal(first, again)
    other = model(pixels, generator=torch.Generator().manual_seed(4)).latents
    assert not torch.equal(first, other)
    model.eval()
    model(pixels)
    assert torch.equal(seen[-1], pixels)


@both
@pytest.mark.parametrize(("prior", "spread"), [("uniform", 3**-0.5), ("normal", 1.0)])
def test_codes_have_the_mean_and_spread_of_the_prior(architecture, prior, spread):
    model = tiny(architecture, prior=prior)
    codes = model(pixels_for(model, 400)).latents
    torch.testing.assert_close(codes.mean(0), torch.zeros(5), rtol=0, atol=1e-5)
    torch.testing.assert_close(codes.std(0, correction=0), torch.full((5,), spread), rtol=0.01, atol=0)
    assert model.draw_codes(20000).std().item() == pytest.approx(spread, rel=0.02)
    assert not any("running_mean" in name for name in tiny("dense", code_norm=False).encoder[-1].state_dict())
