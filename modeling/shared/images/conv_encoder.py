"""The convolutional encoder: pixels -> maps -> pooled, with residual blocks, shared by several families."""

import torch
from torch import nn
from torch.nn import functional as F
from transformers import initialization as init

from ....configuration.conv_encoder import ConvEncoderConfig
from ..layers import ACTIVATIONS, MapNorm


def stem(config: ConvEncoderConfig) -> list[nn.Module]:
    """The first convolution and what is between it and the activation."""
    if config.stem_filters == "learned":
        return conv_norm(
            config, config.num_channels, config.hidden_sizes[0], config.strides[0], config.stem_kernel_size
        )
    size = config.stem_kernel_size
    return [nn.Conv2d(config.num_channels, config.hidden_sizes[0], size, config.strides[0], padding=size // 2)]


def conv_norm(
    config: ConvEncoderConfig, in_size: int, out_size: int, stride: int = 1, kernel_size: int = 3
) -> list[nn.Module]:
    """A convolution and the norm after it."""
    conv = nn.Conv2d(in_size, out_size, kernel_size, stride, padding=kernel_size // 2, bias=config.norm == "none")
    if config.norm == "batch":
        return [conv, MapNorm(out_size)]
    return [conv, nn.GroupNorm(max(1, out_size // 8), out_size)] if config.norm == "group" else [conv]


def activation(config: ConvEncoderConfig) -> nn.Module:
    """What comes after a convolution and its norm. ReLU works in place: nobody needs its input again, and new maps
    cost a third of a wide layer."""
    return nn.ReLU(inplace=True) if config.activation == "relu" else ACTIVATIONS[config.activation]()


class ResidualBlock(nn.Module):
    """Two convolutions beside an identity (He et al. 2016): (B, C, h, w) -> the same shape."""

    def __init__(self, config: ConvEncoderConfig, size: int):
        super().__init__()
        self.layers = nn.Sequential(*conv_norm(config, size, size), activation(config), *conv_norm(config, size, size))
        self.activation = activation(config)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, h, w) -> the same shape."""
        return self.activation(x + self.layers(x))


class ConvEncoder(nn.Module):
    """(B, C, H, W) pixels -> (B, pooled_size or code_size): stages of convolutions, pooling, perhaps a linear layer.

    Args:
        config: with the fields of `ConvEncoderConfig`.
        code_size: width of that layer; None: there is none.
    """

    def __init__(self, config: ConvEncoderConfig, code_size: int | None = None):
        super().__init__()
        self.pooling, self.grid = config.pooling, config.pooling_size
        self.pooled_stages = config.pooled_stages
        sizes = [config.num_channels, *config.hidden_sizes]
        self.stages = nn.Sequential(
            *[
                nn.Sequential(
                    *(conv_norm(config, sizes[k], sizes[k + 1], config.strides[k]) if k else stem(config)),
                    activation(config),
                    *[ResidualBlock(config, sizes[k + 1]) for _ in range(config.depths[k])],
                )
                for k in range(len(config.strides))
            ]
        )
        self.to_code = nn.Identity() if code_size is None else nn.Linear(config.pooled_size, code_size)

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) -> (B, pooled_size or code_size)."""
        maps, x = [], pixel_values
        for stage in self.stages:
            # before each stage: a grey image lies in both orders at once, and convolutions then take the slow one
            x = stage(x.contiguous(memory_format=torch.channels_last))  # (B, C, h, w)
            maps.append(x)
        used = maps if self.pooled_stages == "all" else maps[-1:]
        return self.to_code(torch.cat([self.pool(m) for m in used], 1))

    def pool(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, h, w) -> (B, C times what pooling leaves of a channel)."""
        if self.pooling == "flatten":
            return x.flatten(1)
        mean = F.adaptive_avg_pool2d(x, self.grid).flatten(1)
        if self.pooling == "mean":
            return mean
        return torch.cat([mean, F.adaptive_max_pool2d(x, self.grid).flatten(1)], 1)


def init_convolutions(module: nn.Module) -> None:
    """First weights of one layer of the encoder, or of a decoder like it."""
    if isinstance(module, nn.Conv2d):
        init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if module.bias is not None:
            init.zeros_(module.bias)
    elif isinstance(module, nn.Linear):
        module.reset_parameters()
    elif isinstance(module, (nn.BatchNorm2d, nn.GroupNorm)):
        init.ones_(module.weight)
        init.zeros_(module.bias)
        if isinstance(module, nn.BatchNorm2d):
            init.zeros_(module.running_mean)
            init.ones_(module.running_var)
            init.zeros_(module.num_batches_tracked)
