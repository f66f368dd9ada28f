import torch

from pretune.training.randomness import generator, seed_for, seed_step

CPU = torch.device("cpu")


def draw(*where):
    seed_step(*where, CPU)
    return torch.rand(4).tolist()


def test_a_draw_follows_from_seed_step_and_rank_alone():
    first = draw(42, 7, 0)
    assert draw(42, 8, 0) != first != draw(42, 7, 1) and draw(43, 7, 0) != first
    torch.rand(99)
    assert draw(42, 7, 0) == first


def test_places_have_generators_of_their_own():
    assert seed_for(1, "order", 2) == seed_for(1, "order", 2) != seed_for(1, "order", 3)
    assert seed_for(1, "order", 2) != seed_for(1, "noise", 2) != seed_for(2, "noise", 2)
    assert 0 <= seed_for(0) < 2**63
    assert torch.equal(torch.rand(3, generator=generator(5, "x")), torch.rand(3, generator=generator(5, "x")))
