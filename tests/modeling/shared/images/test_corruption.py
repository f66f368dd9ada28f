import pytest
import torch
from huggingface_hub.errors import StrictDataclassError

from pretune import AutoencoderConfig, AutoencoderModel, ConvAutoencoderConfig, ConvAutoencoderModel
from pretune.modeling.shared.images.corruption import (
    ELASTIC_GRID,
    corrupt,
    hide_patches,
    patches_to_pixels,
    quarter_turns,
    salt_and_pepper,
    warp,
)


@pytest.mark.parametrize("ratio", [0.1, 0.3, 0.6, 0.75])
def test_exactly_the_asked_share_of_patches_is_hidden_in_every_image(ratio):
    mask = hide_patches(torch.rand(50, 49), ratio)
    assert (mask.sum(1) == round(49 * ratio)).all()
    assert not torch.equal(mask[0], mask[1])
    noise = torch.arange(49).flip(0)[None] / 49
    assert hide_patches(noise, ratio)[0].nonzero().flatten().tolist() == list(range(49 - round(49 * ratio), 49))


def test_patches_cover_their_pixels():
    mask = torch.tensor([[True, False, False, True]])
    pixels = patches_to_pixels(mask, 2, 3)
    assert pixels.shape == (1, 1, 6, 6)
    assert pixels[0, 0, :3, :3].all() and pixels[0, 0, 3:, 3:].all() and pixels.sum() == 18


def test_salt_and_pepper_set_the_share_to_0_and_1_in_all_channels():
    x = torch.full((200, 3, 10, 10), 0.5)
    y = salt_and_pepper(x, 0.2, torch.rand(200, 1, 10, 10))
    assert abs((y == 0).float().mean() - 0.1) < 0.01 and abs((y == 1).float().mean() - 0.1) < 0.01
    assert torch.equal(y[:, 0], y[:, 2])


def test_warp_without_limits_is_the_identity_and_maps_are_what_they_say():
    x = torch.rand(4, 1, 9, 9)
    torch.testing.assert_close(warp(x, 0, 0, 0, 0, torch.rand(4, 5)), x)
    quarter = torch.full((4, 5), 0.5)
    quarter[:, 0] = 1.0  # the largest rotation: 90 degrees
    torch.testing.assert_close(warp(x, 90, 0, 0, 0, quarter), x.rot90(1, (2, 3)), atol=1e-4, rtol=1e-4)
    aside = torch.full((4, 5), 0.5)
    aside[:, 1] = 1.0  # a third of the side to the right of the sampling grid: the image moves left
    torch.testing.assert_close(warp(x, 0, 1 / 3, 0, 0, aside)[..., :6], x[..., 3:], atol=1e-4, rtol=1e-4)


def test_an_elastic_warp_moves_the_points_of_its_grid():
    x, still = torch.rand(2, 1, 9, 9), torch.full((2, 5), 0.5)
    level = torch.full((2, 2, *ELASTIC_GRID), 0.5)
    torch.testing.assert_close(warp(x, 0, 0, 0, 0, still, 0.3, level), x)
    level[:, 0] = 1.0  # all points a third of the side to the right: as a shift
    torch.testing.assert_close(warp(x, 0, 0, 0, 0, still, 1 / 3, level)[..., :6], x[..., 3:], atol=1e-4, rtol=1e-4)
    level[:, 0] = 0.5
    level[:, 1, 2, 2] = 1.0  # the middle alone: the corners stay
    bent = warp(x, 0, 0, 0, 0, still, 0.2, level)
    torch.testing.assert_close(bent[..., ::8, ::8], x[..., ::8, ::8])
    assert not torch.allclose(bent[..., 4, 4], x[..., 4, 4])


def test_elastic_warps_are_drawn_only_where_they_are_asked_for():
    x, config = torch.rand(6, 1, 8, 8), {"image_size": 8, "corruption": ["warp"]}
    generators = [torch.Generator().manual_seed(0) for _ in range(2)]
    straight = corrupt(x, AutoencoderConfig(**config), generators[0])
    bent = corrupt(x, AutoencoderConfig(**config, warp_elastic=0.1), generators[1])
    assert not torch.equal(straight, bent) and bent.shape == x.shape


def test_quarter_turns_are_exact_and_each_image_has_its_own():
    x = torch.arange(4 * 9, dtype=torch.float32).view(4, 1, 3, 3)
    turned = quarter_turns(x, torch.tensor([0, 1, 2, 3]))
    assert torch.equal(turned[0], x[0]) and torch.equal(turned[2], x[2].flip(1, 2))
    assert torch.equal(turned[1, 0], x[1, 0].T.flip(0)) and torch.equal(turned[3, 0], x[3, 0].T.flip(1))


@pytest.mark.parametrize("kind", ["turn", "warp", "mask", "gaussian", "salt_and_pepper"])
def test_corruption_follows_the_generator_and_leaves_its_input_alone(kind):
    config = AutoencoderConfig(image_size=8, corruption=[kind])
    x = torch.rand(6, 1, 8, 8)
    before = x.clone()
    first, second, other = (corrupt(x, config, torch.Generator().manual_seed(s)) for s in (0, 0, 1))
    assert torch.equal(first, second) and not torch.equal(first, other) and torch.equal(x, before)
    assert not torch.equal(first, x) and first.shape == x.shape
    assert corrupt(x, AutoencoderConfig(image_size=8)) is x


def test_masking_by_config_hides_exactly():
    x = torch.ones(5, 1, 8, 8)
    y = corrupt(x, AutoencoderConfig(image_size=8, corruption=["mask"], mask_ratio=0.5, mask_patch_size=2))
    assert (y.flatten(1) == 0).sum(1).tolist() == [32] * 5


@pytest.mark.parametrize(
    "model",
    [
        AutoencoderModel(AutoencoderConfig(image_size=8, corruption=["mask"], mask_ratio=0.5)),
        ConvAutoencoderModel(ConvAutoencoderConfig(image_size=8, corruption=["mask"], mask_ratio=0.5)),
    ],
    ids=["dense", "conv"],
)
def test_the_network_sees_the_corrupted_image_and_is_asked_for_the_clean_one(model):
    seen, x = [], torch.rand(3, 1, 8, 8) * 0.5 + 0.25
    model.encoder.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    output = model.train()(x)
    hidden = seen[0].reshape(x.shape) == 0
    assert hidden.flatten(1).sum(1).tolist() == [32] * 3 and torch.equal(seen[0].reshape(x.shape)[~hidden], x[~hidden])
    torch.testing.assert_close(output.loss, (output.reconstruction - x).square().mean())
    model.eval()(x)
    assert torch.equal(seen[-1].reshape(x.shape), x)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"corruption": ["blur"]}, "corruption 'blur' is unknown"),
        ({"corruption": ["mask"], "mask_patch_size": 5}, "mask_patch_size 5 does not divide image_size 28"),
        ({"corruption": ["mask"], "mask_ratio": 1.0}, "hides 49 of 49 patches"),
        ({"corruption": ["mask"], "mask_ratio": 0.001}, "hides 0 of 49 patches"),
        ({"sparsity": "top_k", "top_k": 2}, r"top_k must lie between 0 and latent_size \(2\)"),
        ({"variational": True, "sparsity": "l1"}, "variational cannot be combined"),
        ({"contractive_weight": 1.0, "latent_size": 100}, "Set contractive_estimate='hutchinson'"),
        ({"warp_elastic": 0.7}, "warp_elastic must lie between 0 and 0.49"),
        ({"warp_degrees": float("nan")}, "warp_degrees must lie between 0 and 180"),
        ({"warp_scale": 1.0}, "warp_scale must lie between 0 and 0.95"),
        (
            {"corruption": ["warp"], "warp_degrees": 0, "warp_shift": 0, "warp_scale": 0, "warp_shear": 0},
            "corruption 'warp' moves nothing",
        ),
        ({"corruption": ["mask"], "mask_ratio": float("nan")}, "mask_ratio must lie between 0 and 1"),
        ({"noise_std": float("inf")}, "noise_std be a finite number above 0"),
        ({"kl_warmup_steps": 5}, "kl_warmup_steps is of a variational code"),
        ({"kl_weight": -1.0}, "kl_weight must be a finite number, 0 or larger"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, words):
    with pytest.raises(StrictDataclassError, match=words):
        AutoencoderConfig(**options)
