"""The dense autoencoder: pixels -> code -> pixels, and the classifier that its encoder becomes."""

import torch
from torch import nn
from transformers import PreTrainedModel

from ..configuration.autoencoder import AutoencoderConfig
from .shared.answering import answers_in_full
from .shared.autoencoding import Reconstructing, autoencode
from .shared.bottleneck import Bottleneck
from .shared.classification import ClassifiesImages, classifier_config
from .shared.inputs import check_pixel_values, require_decoder
from .shared.layers import ACTIVATIONS, DenseLayer, dense_stack, looks_linear_
from .shared.loading import CompleteLoading
from .shared.outputs import PretrainingOutput


class AutoencoderPreTrainedModel(CompleteLoading, PreTrainedModel):
    """Weights, names and loading rules that the two models below share."""

    config: AutoencoderConfig
    base_model_prefix = "autoencoder"
    main_input_name = "pixel_values"
    # A bare encoder does without the checkpoint's decoder, an autoencoder without a classifier's head.
    _keys_to_ignore_on_load_unexpected = [
        r"^(autoencoder\.)?decoder\.", r"^classifier\.", r"bottleneck\.steps$"
    ]  # fmt: skip

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, DenseLayer):
            looks_linear_(module)
        elif isinstance(module, Bottleneck):
            module.reset()
        elif isinstance(module, nn.Linear):
            module.reset_parameters()


class AutoencoderModel(Reconstructing, AutoencoderPreTrainedModel):
    """Dense autoencoder (Hinton and Salakhutdinov 2006), trained to give back its input.

    Shapes: B images, C channels, H x W pixels, D = `latent_size`. `pixel_values` are float in [0, 1].
    """

    def __init__(self, config: AutoencoderConfig):
        super().__init__(config)
        sizes = [config.num_pixels, *config.hidden_sizes]
        self.encoder = dense_stack([*sizes, Bottleneck.encoder_width(config)], config.activation)
        self.bottleneck = Bottleneck(config)
        self.decoder = None
        if config.has_decoder:
            self.decoder = dense_stack([config.latent_size, *sizes[::-1]], config.activation)
            self.output_activation = ACTIVATIONS[config.output_activation]()
        self.post_init()

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
        return self.encoder(pixel_values.flatten(1))

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
        size = self.config.image_size
        pixels = self.output_activation(self.decoder(latents))  # (B, C*H*W)
        return pixels.view(-1, self.config.num_channels, size, size)

    def reconstruct(self, pixel_values: torch.FloatTensor) -> torch.FloatTensor:
        """(B, C, H, W) pixels in [0, 1] -> their (B, C, H, W) reconstruction."""
        return self.decode(self.encode(pixel_values))


class AutoencoderForImageClassification(ClassifiesImages, AutoencoderPreTrainedModel):
    """The encoder and one linear layer from the code to the classes.

    `from_pretrained` takes an `AutoencoderModel` checkpoint (the classifier is then new) or its own. With
    `reconstruction_weight` above 0 the decoder stays and its loss, times that weight, is added.
    """

    def __init__(self, config: AutoencoderConfig):
        config = classifier_config(config)
        super().__init__(config)
        self.autoencoder = AutoencoderModel(config)
        self.classifier = nn.Linear(config.latent_size, config.num_labels)
        self.post_init()
