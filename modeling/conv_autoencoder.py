"""The convolutional autoencoder: pixels -> maps -> code -> pixels, and the classifier that its encoder becomes."""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F
from transformers import PreTrainedModel

from ..configuration.conv_autoencoder import ConvAutoencoderConfig
from .shared.answering import answers_in_full
from .shared.autoencoding import Reconstructing, autoencode
from .shared.bottleneck import Bottleneck
from .shared.classification import ClassifiesImages, classifier_config
from .shared.images.conv_encoder import ConvEncoder, ResidualBlock, activation, conv_norm, init_convolutions
from .shared.images.patch_filters import whitened_patches
from .shared.inputs import check_pixel_values, require_decoder
from .shared.layers import ACTIVATIONS
from .shared.loading import CompleteLoading
from .shared.outputs import PretrainingOutput

PATCHED_IMAGES = 5000  # training images that the first filters may come from


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
                to_next = [*conv_norm(config, widths[k], widths[k + 1]), activation(config)]
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
    _keys_to_ignore_on_load_unexpected = [
        r"^(conv_autoencoder\.)?decoder\.", r"^classifier\.", r"bottleneck\.steps$"
    ]  # fmt: skip

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, Bottleneck):
            module.reset()
        init_convolutions(module)


class ConvAutoencoderModel(Reconstructing, ConvAutoencoderPreTrainedModel):
    """Convolutional autoencoder (Masci et al. 2011, Stacked Convolutional Auto-Encoders), with residual blocks.

    Shapes: B images, C channels, H x W pixels, D = `latent_size`. `pixel_values` are float in [0, 1].
    """

    def __init__(self, config: ConvAutoencoderConfig):
        super().__init__(config)
        width = None if config.bottleneck_size is None else Bottleneck.encoder_width(config)
        self.encoder = ConvEncoder(config, width)
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

    @answers_in_full
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


class ConvAutoencoderForImageClassification(ClassifiesImages, ConvAutoencoderPreTrainedModel):
    """The encoder and one linear layer from the code to the classes.

    `from_pretrained` takes a `ConvAutoencoderModel` checkpoint (the classifier is then new) or its own. With
    `reconstruction_weight` above 0 the decoder stays and the pretraining loss, times that weight, is added.
    """

    def __init__(self, config: ConvAutoencoderConfig):
        config = classifier_config(config)
        super().__init__(config)
        self.conv_autoencoder = ConvAutoencoderModel(config)
        self.classifier = nn.Linear(config.latent_size, config.num_labels)
        self.post_init()
