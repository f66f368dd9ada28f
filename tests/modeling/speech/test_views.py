"""Views of clips, by the numbers they are made of."""

import torch

from pretune.modeling.speech.views import NUMBERS, STRONG, WEAK, Strength, sounding, view, views, warped

STILL = Strength(0, 0, 0, 0, 0, 0, 0, (-9.0, -9.0), 0, 0)


def clips(count: int = 4, frames: int = 30, bands: int = 12) -> torch.Tensor:
    """Sound in the middle third, silence around."""
    x = torch.full((count, frames, bands), -1.0)
    x[:, frames // 3 : 2 * frames // 3] = 2 * torch.rand(count, frames // 3, bands) - 1 + 1e-3
    return x.clamp(max=1)


def test_nothing_allowed_changes_nothing_but_the_place():
    x = clips()
    u, noise = torch.rand(4, NUMBERS), torch.rand(4, 30, 12)
    torch.testing.assert_close(view(x, STILL, u, noise), x, atol=1e-5, rtol=0)


def test_a_row_depends_on_its_own_numbers_alone():
    x = clips(6)
    u, noise = torch.rand(6, NUMBERS), torch.rand(6, 20, 12)
    whole = view(x, STRONG, u, noise)
    for k in range(6):
        one = slice(k, k + 1)
        torch.testing.assert_close(view(x[one], STRONG, u[one], noise[one])[0], whole[k])


def test_views_of_one_clip_differ_and_stay_in_range():
    x = clips(3)
    made = views(x, 2, 24, STRONG, torch.Generator().manual_seed(0))
    again = views(x, 2, 24, STRONG, torch.Generator().manual_seed(0))
    assert made.shape == (6, 24, 12) and torch.equal(made, again)
    assert made.min() >= -1 and made.isfinite().all()
    assert not torch.equal(made[:3], made[3:])
    weak = views(x, 1, 30, WEAK, torch.Generator().manual_seed(0))
    strong = views(x, 1, 30, STRONG, torch.Generator().manual_seed(0))
    assert (weak - x).square().mean() < (strong - x).square().mean()


def test_speed_and_place_are_as_said():
    x = clips(2) + 1  # 10 frames of sound
    first, own = sounding(x)
    assert first.tolist() == [10, 10] and own.tolist() == [10, 10]
    u = torch.tensor([[1.0, 0.5, 0.0, 0.5], [0.0, 0.5, 1.0, 0.5]])  # fast and at the start; slow and at the end
    made = warped(x, 30, u, Strength(speed=0.6931, tract=0.0, shift=0.0, place=1.0))
    heard = (made.sum(2) > 0).nonzero()
    fast, slow = (heard[heard[:, 0] == k, 1] for k in range(2))
    assert fast.min() == 0 and 5 <= fast.max() <= 6
    assert slow.max() == 29 and 19 <= len(slow) <= 22


def test_silence_stays_finite():
    made = views(torch.full((2, 30, 12), -1.0), 2, 30, STRONG, None)
    assert made.isfinite().all() and made.min() >= -1


def test_masks_silence_whole_spans():
    x = torch.ones(1, 40, 20)
    only = Strength(0, 0, 0, 0, 0, 0, 0, (-9.0, -9.0), 0.5, 0.5)
    u = torch.full((1, NUMBERS), 0.9)
    made = view(x, only, u, torch.zeros(1, 40, 20))[0] > -1
    frames, bands = made.any(1), made.any(0)
    assert 0 < frames.sum() < 40 and 0 < bands.sum() < 20
    assert torch.equal(made, frames[:, None] & bands[None])
