"""Numbers that are the same each time without a generator: spread as random ones are, of their place alone."""

import torch

from pretune.modeling.shared.chance import Fixed, normal, uniform

CPU = torch.device("cpu")


def test_fixed_numbers_are_spread_as_random_ones_and_the_same_each_time():
    by = Fixed()
    first, second = by.uniform((500, 40), CPU), by.uniform((500, 40), CPU)
    for drawn in (first, second):
        assert drawn.min() >= 0 and drawn.max() < 1
        assert abs(drawn.mean() - 0.5) < 0.01 and abs(drawn.var() - 1 / 12) < 0.002
        counts = drawn.flatten().mul(20).long().bincount(minlength=20)
        assert ((counts - 1000).square() / 1000).sum() < 44  # chi squared of 19, one in a thousand
    for one, other in ((first, second), (first[:, 1:], first[:, :-1]), (first[1:], first[:-1])):
        assert abs(torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1]) < 0.03
    assert torch.equal(Fixed().uniform((500, 40), CPU), first)


def test_fixed_numbers_of_a_sample_do_not_depend_on_those_behind_it():
    assert torch.equal(uniform((7, 3), CPU, Fixed())[:2], uniform((2, 3), CPU, Fixed()))


def test_fixed_normal_numbers():
    drawn = normal((200, 100), CPU, Fixed())
    assert drawn.isfinite().all() and abs(drawn.mean()) < 0.02 and abs(drawn.std() - 1) < 0.02
    assert abs(drawn.pow(4).mean() - 3) < 0.2


def test_without_them_torch_draws():
    generator = torch.Generator().manual_seed(3)
    expected = torch.rand((2, 2), generator=torch.Generator().manual_seed(3))
    assert torch.equal(uniform((2, 2), CPU, generator), expected)
    torch.manual_seed(3)
    found = normal((2, 2), CPU)
    torch.manual_seed(3)
    assert torch.equal(found, torch.randn(2, 2))
