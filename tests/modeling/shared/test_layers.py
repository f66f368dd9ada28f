import pytest
import torch

from pretune.modeling.shared.layers import ACTIVATIONS, PAIR_GAIN, dense_stack, looks_linear_


def started(sizes, activation="relu"):
    stack = dense_stack(sizes, activation)
    for layer in stack:
        if isinstance(layer, torch.nn.Linear):
            looks_linear_(layer)
    return stack


@pytest.mark.parametrize("activation", ["relu", "gelu", "silu", "leaky_relu"])
def test_a_paired_stack_starts_as_an_orthogonal_linear_map(activation):
    stack = started([20, 16, 12, 8, 4], activation)
    x, y = torch.randn(50, 20), torch.randn(50, 20)
    tolerance = dict(rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(stack(2 * x + y), 2 * stack(x) + stack(y), **tolerance)
    matrix = stack(torch.eye(20)).T  # (4, 20): its rows are orthonormal
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(4), **tolerance)


def test_blocks_have_the_signs_of_the_paper():
    first, hidden, last = (layer.weight for layer in started([10, 8, 6, 2])[::2])
    assert torch.equal(first[:4], -first[4:])
    m = hidden[:3, :4]
    assert torch.equal(hidden, torch.cat([torch.cat([m, -m], 1), torch.cat([-m, m], 1)]))
    assert torch.equal(last[:, :3], -last[:, 3:])
    torch.testing.assert_close(m @ m.T, torch.eye(3))


@pytest.mark.parametrize("seed", range(20))
def test_half_of_all_units_is_alive_whatever_the_seed(seed):
    torch.manual_seed(seed)
    x = torch.rand(64, 784)
    for layer in started([784, 128, 64, 32, 16, 8, 4, 2])[:-1]:
        x = layer(x)
        if isinstance(layer, torch.nn.ReLU):
            assert ((x > 0).any(0).sum() >= x.shape[1] // 2).item()


@pytest.mark.parametrize("activation", [name for name in ACTIVATIONS if name != "linear"])
@pytest.mark.parametrize("sizes", [[12, 9, 5, 3], [12, 1, 1], [6, 7, 2]])
def test_odd_widths_and_other_activations_pass_a_signal_and_its_gradient(activation, sizes):
    stack = started(sizes, activation)
    x = torch.randn(100, sizes[0], requires_grad=True)
    out = stack(x)
    assert out.isfinite().all() and (out.std(0) > 1e-3).all()
    out.square().sum().backward()
    assert x.grad.abs().sum() > 0
    assert all(not layer.bias.any() for layer in stack if isinstance(layer, torch.nn.Linear))


def test_the_gain_of_a_pair_is_what_the_table_says():
    x = torch.linspace(-2, 2, 9)
    for name, gain in PAIR_GAIN.items():
        f = ACTIVATIONS[name]()
        torch.testing.assert_close(f(x) - f(-x), gain * x)
