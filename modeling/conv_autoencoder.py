"""The convolutional autoencoder: pixels -> maps -> code -> pixels, and the classifier that its encoder becomes."""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.modeling_outputs import ImageClassifierOutput

from ..configuration.conv_autoencoder import ConvAutoencoderConfig
from .shared.autoencoding import Reconstructing, autoencode
from .shared.bottleneck import Bottleneck
from .shared.classification import classifier_config, classify
from .shared.images.patch_filters import whitened_patches
from .shared.inputs import check_pixel_values, require_decoder
from .shared.layers import ACTIVATIONS
from .shared.loading import CompleteLoading
from .shared.outputs import PretrainingOutput

PATCHED_IMAGES = 5000  # training images that the first filters may come from


def stem(config: ConvAutoencoderConfig) -> list[nn.Module]:
    """The first convolution and what is between it and the activation."""
    if config.stem_filters == "learned":
        return conv_norm(
            config, config.num_channels, config.hidden_sizes[0], config.strides[0], config.stem_kernel_size
        )
    size = config.stem_kernel_size
    return [nn.Conv2d(config.num_channels, config.hidden_sizes[0], size, config.strides[0], padding=size // 2)]


def conv_norm(
    config: ConvAutoencoderConfig, in_size: int, out_size: int, stride: int = 1, kernel_size: int = 3
) -> list[nn.Module]:
    """A convolution and the norm after it."""
    conv = nn.Conv2d(in_size, out_size, kernel_size, stride, padding=kernel_size // 2, bias=config.norm == "none")
    if config.norm == "batch":
        return [conv, nn.BatchNorm2d(out_size)]
    return [conv, nn.GroupNorm(max(1, out_size // 8), out_size)] if config.norm == "group" else [conv]


class ResidualBlock(nn.Module):
    """Two convolutions beside an identity (He et al. 2016): (B, C, h, w) -> the same shape."""

    def __init__(self, config: ConvAutoencoderConfig, size: int):
        super().__init__()
        activation = ACTIVATIONS[config.activation]
        self.layers = nn.Sequential(*conv_norm(config, size, size), activation(), *conv_norm(config, size, size))
        self.activation = activation()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, h, w) -> the same shape."""
        return self.activation(x + self.layers(x))


class ConvEncoder(nn.Module):
    """(B, C, H, W) pixels -> (B, encoder_width): stages of convolutions, pooling, and perhaps a linear layer."""

    def __init__(self, config: ConvAutoencoderConfig):
        super().__init__()
        self.pooling, self.grid = config.pooling, config.pooling_size
        self.pooled_stages = config.pooled_stages
        sizes = [config.num_channels, *config.hidden_sizes]
        self.stages = nn.Sequential(
            *[
                nn.Sequential(
                    *(conv_norm(config, sizes[k], sizes[k + 1], config.strides[k]) if k else stem(config)),
                    ACTIVATIONS[config.activation](),
                    *[ResidualBlock(config, sizes[k + 1]) for _ in range(config.depths[k])],
                )
                for k in range(len(config.strides))
            ]
        )
        self.to_code = nn.Identity()
        if config.bottleneck_size is not None:
            self.to_code = nn.Linear(config.pooled_size, Bottleneck.encoder_width(config))

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) -> (B, encoder_width)."""
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


class ConvDecoder(nn.Module):
    """(B, D) code -> (B, C, H, W): a small map, then the encoder's stages backwards, enlarging between them."""

    def __init__(self, config: ConvAutoencoderConfig):
        super().__init__()
        self.map_sizes = config.map_sizes[::-1]  # from the smallest map to the image
        widths = [*config.hidden_sizes[::-1], config.num_channels]
        self.width = widths[0]
        self.to_map = nn.Linear(config.latent_size, widths[0] * self.map_sizes[0] ** 2)
        self.stages = nn.ModuleList()
        for k in range(len(widths) - 1):
            blocks = [ResidualBlock(config, widths[k]) for _ in range(config.depths[::-1][k])]
            last = k == len(widths) - 2
            to_next = [nn.Conv2d(widths[k], widths[k + 1], 3, padding=1)]
            if not last:
                to_next = [*conv_norm(config, widths[k], widths[k + 1]), ACTIVATIONS[config.activation]()]
            self.stages.append(nn.ModuleList([nn.Sequential(*blocks), nn.Sequential(*to_next)]))

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        """(B, D) -> (B, C, H, W), before the output's activation."""
        side = self.map_sizes[0]
        x = self.to_map(latents).view(-1, self.width, side, side)
        x = x.contiguous(memory_format=torch.channels_last)
        for (blocks, to_next), size in zip(self.stages, self.map_sizes[1:], strict=True):
            x = blocks(x)
            x = x if x.shape[-1] == size else F.interpolate(x, size=(size, size), mode="nearest")
            x = to_next(x)
        return x


class DenseDecoder(nn.Module):
    """(B, D) code -> (B, C, H, W) by one hidden layer."""

    def __init__(self, config: ConvAutoencoderConfig):
        super().__init__()
        self.shape = (config.num_channels, config.image_size, config.image_size)
        self.layers = nn.Sequential(
            nn.Linear(config.latent_size, config.decoder_hidden_size),
            ACTIVATIONS[config.activation](),
            nn.Linear(config.decoder_hidden_size, config.num_pixels),
        )

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        """(B, D) -> (B, C, H, W), before the output's activation."""
        return self.layers(latents).view(-1, *self.shape)


class ConvAutoencoderPreTrainedModel(CompleteLoading, PreTrainedModel):
    """Weights, names and loading rules that the two models below share."""

    config: ConvAutoencoderConfig
    base_model_prefix = "conv_autoencoder"
    main_input_name = "pixel_values"
    # A bare encoder does without the checkpoint's decoder, an autoencoder without a classifier's head.
    _keys_to_ignore_on_load_unexpected = [r"^(conv_autoencoder\.)?decoder\.", r"^classifier\."]

    def _init_weights(self, module: nn.Module) -> None:
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


class ConvAutoencoderModel(Reconstructing, ConvAutoencoderPreTrainedModel):
    """Convolutional autoencoder (Masci et al. 2011, Stacked Convolutional Auto-Encoders), with residual blocks.

    Shapes: B images, C channels, H x W pixels, D = `latent_size`. `pixel_values` are float in [0, 1].
    """

    def __init__(self, config: ConvAutoencoderConfig):
        super().__init__(config)
        self.encoder = ConvEncoder(config)
        self.bottleneck = Bottleneck(config)
        self.decoder = None
        if config.has_decoder:
            self.decoder = ConvDecoder(config) if config.decoder_kind == "conv" else DenseDecoder(config)
            self.output_activation = ACTIVATIONS[config.output_activation]()
        if config.stem_filters == "patches" and config.has_decoder and config.reconstruction_weight == 0:
            self.encoder.stages[0][0].requires_grad_(False)  # pixel errors would make averages of them
        self.post_init()

    @torch.no_grad()
    def start_from(self, samples: Callable[[int], dict[str, torch.Tensor]], generator: torch.Generator) -> None:
        """With `stem_filters` "patches", take the first filters from `pixel_values` (N, C, H, W) in [0, 1].

        `pretrain` calls it once, before the first step; in a loop of your own, do so too.
        """
        if self.config.stem_filters == "patches":
            conv, pixel_values = self.encoder.stages[0][0], samples(PATCHED_IMAGES)["pixel_values"]
            weight, bias = whitened_patches(pixel_values, conv.out_channels, conv.kernel_size[0], generator)
            conv.weight.copy_(weight)
            conv.bias.copy_(bias)

    def forward(
        self,
        pixel_values: torch.FloatTensor,
        return_loss: bool = True,
        generator: torch.Generator | None = None,
    ) -> PretrainingOutput:
        """Corrupt (while training), encode, decode, compare with the clean image.

        Args:
            pixel_values: (B, C, H, W), float in [0, 1].
            return_loss: False leaves the loss out. The default must be True: `Trainer` reads it to know that
                this model needs no labels to evaluate.
            generator: of corruption and sampling; None for the default one. In eval mode there is no chance.

        Raises:
            ValueError: images of another size or number of channels than the config's, or integer pixels.
        """
        return autoencode(self, pixel_values, return_loss, generator)

    def hidden(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) pixels in [0, 1] -> what the encoder gives for the bottleneck."""
        return self.encoder(pixel_values)

    def encode(self, pixel_values: torch.FloatTensor) -> torch.FloatTensor:
        """(B, C, H, W) pixels in [0, 1] -> (B, D) code, without chance and without the cost of the decoder."""
        check_pixel_values(pixel_values, self.config)
        return self.bottleneck(self.hidden(pixel_values))

    def decode(self, latents: torch.FloatTensor) -> torch.FloatTensor:
        """(B, D) code -> (B, C, H, W) reconstruction.

        Raises:
            ValueError: the model has no decoder, as a classifier's encoder has none.
        """
        require_decoder(self)
        return self.output_activation(self.decoder(latents))

    def reconstruct(self, pixel_values: torch.FloatTensor) -> torch.FloatTensor:
        """(B, C, H, W) pixels in [0, 1] -> their (B, C, H, W) reconstruction."""
        return self.decode(self.encode(pixel_values))


class ConvAutoencoderForImageClassification(ConvAutoencoderPreTrainedModel):
    """The encoder and one linear layer from the code to the classes.

    `from_pretrained` takes a `ConvAutoencoderModel` checkpoint (the classifier is then new) or its own. With
    `reconstruction_weight` above 0 the decoder stays and the pretraining loss, times that weight, is added.
    """

    _may_be_new = ("classifier.",)

    def __init__(self, config: ConvAutoencoderConfig):
        config = classifier_config(config)
        super().__init__(config)
        self.conv_autoencoder = ConvAutoencoderModel(config)
        self.classifier = nn.Linear(config.latent_size, config.num_labels)
        self.post_init()

    def forward(self, pixel_values: torch.FloatTensor, labels: torch.Tensor | None = None) -> ImageClassifierOutput:
        """(B, C, H, W) pixels in [0, 1] -> `logits` (B, L) and, with labels, `loss`; see `classify`."""
        return classify(self.conv_autoencoder, self.classifier, pixel_values, labels)
