"""Dense layers that start as a linear map, so that a deep and narrow network always trains."""

import torch
from torch import nn
from transformers import initialization as init

ACTIVATIONS = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "linear": nn.Identity,
}

# f(x) - f(-x) is proportional to x: a pair of units fed x and -x and subtracted again passes x on unchanged.
PAIR_GAIN = {"relu": 1.0, "gelu": 1.0, "silu": 1.0, "leaky_relu": 1.01}


class _BearsOneValue:
    """A batch norm that goes by its running statistics where a channel has a single value while training, as of a last
    batch of one sample: one value has no spread, and torch refuses it."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """(B, C) or (B, C, h, w) -> the same shape."""
        if self.training and values.numel() == values.shape[1]:
            known = (self.running_mean, self.running_var, self.weight, self.bias)
            return nn.functional.batch_norm(values, *known, training=False, eps=self.eps)
        return super().forward(values)


class RowNorm(_BearsOneValue, nn.BatchNorm1d):
    """Batch norm of (B, C) rows."""


class MapNorm(_BearsOneValue, nn.BatchNorm2d):
    """Batch norm of (B, C, h, w) maps."""


def keep_batch_statistics(model: nn.Module) -> None:
    """Put every batch norm of `model` into eval mode: it goes on with the statistics that it has, and scale and shift
    still learn. Until `train` is called again."""
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()


class DenseLayer(nn.Linear):
    """A linear layer that knows which side of it is paired, for `looks_linear_`.

    Args:
        in_features, out_features, bias: as in `nn.Linear`.
        paired_in: for paired activations, the inputs are units (h, -h) followed by one unpaired unit if odd.
        paired_out: likewise for the outputs.
        gain: scale of the orthogonal matrix; for a paired input, divided by the pair's own gain.
    """

    def __init__(self, in_features: int, out_features: int, paired_in: bool, paired_out: bool, gain: float = 1.0):
        super().__init__(in_features, out_features)
        self.paired_in, self.paired_out, self.gain = paired_in, paired_out, gain


def dense_stack(sizes: list[int], activation: str) -> nn.Sequential:
    """Linear layers sizes[0] -> ... -> sizes[-1] with `activation` between them and none at the end."""
    paired = activation in PAIR_GAIN
    # At 0 a sigmoid has slope 1/4, so gain 4 passes a signal on; all others have slope 1 there (Saxe et al. 2014).
    gain = 1 / PAIR_GAIN[activation] if paired else 4.0 if activation == "sigmoid" else 1.0
    layers, last = [], len(sizes) - 2
    for k in range(last + 1):
        scale = gain if (k > 0 if paired else k < last) else 1.0
        layers.append(DenseLayer(sizes[k], sizes[k + 1], paired and k > 0, paired and k < last, scale))
        if k < last:
            layers.append(ACTIVATIONS[activation]())
    return nn.Sequential(*layers)


def looks_linear_(layer: DenseLayer) -> None:
    """Give `layer` its starting weights; biases are zero.

    For ReLU: the looks-linear start of Balduzzi et al. (2017, The Shattered Gradients Problem). Units come in pairs
    (+, -) of opposite sign, so of each pair one is alive for every input, and the differences of the pairs carry an
    orthogonal linear map through the whole stack: blocks [[M, -M], [-M, M]] with M orthogonal, [M; -M] in the first
    layer, [M, -M] in the last. GELU, SiLU and leaky ReLU share the property f(x) - f(-x) ~ x and are treated alike.
    A deep and narrow ReLU network needs this: with torch's default start, He-normal or plainly orthogonal weights,
    784-128-64-32-16-8-4-2 dies in a part of all runs (some layer is off for every image, and every image gets the
    mean image); `benchmarks/collapse.py` counts them. In an odd width one unit stays unpaired, with small random
    weights. tanh and sigmoid cannot die and get orthogonal weights scaled to slope 1 at zero (Saxe et al. 2014).
    """
    if layer.bias is not None:
        init.zeros_(layer.bias)
    if layer.weight.is_meta or getattr(layer.weight, "_is_hf_initialized", False):
        return
    out_size, in_size = layer.weight.shape
    pairs_out = out_size // 2 if layer.paired_out else out_size
    pairs_in = in_size // 2 if layer.paired_in else in_size
    weight = torch.empty(out_size, in_size, dtype=torch.float32).normal_(std=in_size**-0.5)  # unpaired units keep this
    if pairs_out and pairs_in:
        m = nn.init.orthogonal_(torch.empty(pairs_out, pairs_in), gain=layer.gain)
        rows = torch.cat([m, -m], 1) if layer.paired_in else m
        rows = torch.cat([rows, -rows], 0) if layer.paired_out else rows
        weight[: rows.shape[0], : rows.shape[1]] = rows
    init.copy_(layer.weight, weight.to(layer.weight))
