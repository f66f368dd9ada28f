"""Views: what each change does, that chances belong to images, and that nothing leaves [0, 1]."""

import pytest
import torch

from pretune import JointEmbeddingConfig
from pretune.configuration.joint_embedding import VIEWS
from pretune.modeling.shared.images.views import CHANCES, blurred, coloured, moved, view

G = torch.Generator


def chances(count: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, CHANCES, generator=G().manual_seed(seed))


@pytest.fixture
def images():
    return torch.rand(6, 3, 16, 16, generator=G().manual_seed(1))


@pytest.mark.parametrize("views", list(VIEWS))
@pytest.mark.parametrize(("channels", "size"), [(3, 16), (3, 8), (1, 16), (4, 12)])
def test_views_are_of_the_asked_size_in_range_and_differ(views, channels, size):
    set_of = {"grey_chance": 0.0} if channels != 3 else {}
    config = JointEmbeddingConfig(image_size=16, num_channels=channels, views=views, view_size=size, **set_of)
    x = torch.rand(5, channels, 16, 16, generator=G().manual_seed(1))
    a, b = view(x, config, chances(5)), view(x, config, chances(5, seed=1))
    assert a.shape == (5, channels, size, size) and a.isfinite().all()
    assert (
        a.min() >= -1e-6 and a.max() <= 1 + 1e-6 and all(not torch.allclose(p, q) for p, q in zip(a, b, strict=True))
    )


@pytest.mark.parametrize("views", list(VIEWS))
def test_a_part_of_a_batch_gets_what_it_gets_in_the_whole(images, views):
    config = JointEmbeddingConfig(image_size=16, views=views)
    table = chances(6)
    torch.testing.assert_close(view(images, config, table)[2:5], view(images[2:5], config, table[2:5]))


def still(**changes):
    return JointEmbeddingConfig(
        image_size=16, **{**dict.fromkeys(VIEWS["symbols"], 0.0), "crop_scale": 1.0, "flip_chance": 1.0, **changes}
    )


def test_a_flip_alone_is_exact(images):
    torch.testing.assert_close(view(images, still(), chances(6)), images.flip(3))


def test_a_crop_shows_a_part_at_its_place():
    ramp = torch.linspace(0, 1, 16).expand(1, 1, 16, 16).repeat(200, 3, 1, 1)
    seen = moved(ramp, still(crop_scale=0.25, flip_chance=0.0), chances(200).unbind(1), 16)
    wide = seen[..., -1].mean((1, 2)) - seen[..., 0].mean((1, 2))
    assert 0.4 < wide.min() and wide.max() < 1.01  # half a side at least, all of it at most
    assert seen.min() < 0.05 and seen.max() > 0.95


def test_colour_is_lost_brightened_and_turned_only_where_chance_says_so(images):
    u = torch.full((6, 6), 0.5)  # changes by nothing
    torch.testing.assert_close(coloured(images, still(colour_chance=1.0), u.unbind(1)), images, rtol=0, atol=2e-3)
    u[:, 5] = 0.0
    grey = coloured(images, still(grey_chance=0.5), u.unbind(1))
    torch.testing.assert_close(grey[:, 0], grey[:, 2], rtol=0, atol=1e-5)
    bright = torch.full((6, 6), 0.5)
    bright[:, 1] = 1.0
    half = images / 2
    changed = coloured(half, still(colour_chance=1.0, brightness=0.5), bright.unbind(1))
    torch.testing.assert_close(changed, 1.5 * half, rtol=0, atol=3e-3)
    bright[:, 0] = 1.0
    torch.testing.assert_close(
        coloured(half, still(colour_chance=0.9, brightness=0.5), bright.unbind(1)), half, rtol=0, atol=2e-3
    )


def test_a_blur_keeps_the_mean_and_smooths_only_where_chance_says_so(images):
    whether, width = torch.tensor([0.0, 0.9] * 3), torch.ones(6)
    soft = blurred(images, 0.5, whether, width)
    torch.testing.assert_close(soft[1::2], images[1::2], rtol=0, atol=1e-6)
    assert (soft[::2].var((2, 3)) < 0.5 * images[::2].var((2, 3))).all()
    torch.testing.assert_close(
        blurred(torch.ones(2, 1, 8, 8), 1.0, torch.zeros(2), torch.ones(2)), torch.ones(2, 1, 8, 8)
    )
