"""The dense autoencoder: pixels -> code -> pixels, and the classifier that its encoder becomes."""

import copy
from dataclasses import dataclass

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import ImageClassifierOutput
from transformers.utils import ModelOutput

from ..configuration.autoencoder import AutoencoderConfig
from .complete_loading import CompleteLoading
from .inputs import check_pixel_values, classification_loss
from .layers import ACTIVATIONS, DenseLayer, dense_stack, looks_linear_


@dataclass
class AutoencoderOutput(ModelOutput):
    """
    Args:
        latents: (B, D), the code.
        reconstruction: (B, C, H, W), in [0, 1] with the default sigmoid output; None without a decoder.
        loss: mean squared error over pixels and images; None with `return_loss=False` or without a decoder.
        squared_error: (B,), squared error summed over each image's pixels; None where `loss` is.
    """

    latents: torch.FloatTensor | None = None
    reconstruction: torch.FloatTensor | None = None
    loss: torch.FloatTensor | None = None
    squared_error: torch.FloatTensor | None = None


class AutoencoderPreTrainedModel(CompleteLoading, PreTrainedModel):
    """Weights, names and loading rules that the two models below share."""

    config: AutoencoderConfig
    base_model_prefix = "autoencoder"
    main_input_name = "pixel_values"
    # A bare encoder does without the checkpoint's decoder, an autoencoder without a classifier's head.
    _keys_to_ignore_on_load_unexpected = [r"^(autoencoder\.)?decoder\.", r"^classifier\."]

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, DenseLayer):
            looks_linear_(module)
        elif isinstance(module, nn.Linear):
            module.reset_parameters()


class AutoencoderModel(AutoencoderPreTrainedModel):
    """Dense autoencoder (Hinton and Salakhutdinov 2006), trained to give back its input.

    Shapes: B images, C channels, H x W pixels, D = `latent_size`. `pixel_values` are float in [0, 1].
    """

    logged_outputs = ("squared_error",)  # logged while training, beside the loss

    def __init__(self, config: AutoencoderConfig):
        super().__init__(config)
        sizes = [config.num_pixels, *config.hidden_sizes, config.latent_size]
        self.encoder = dense_stack(sizes, config.activation)
        self.decoder = None
        if config.has_decoder:
            self.decoder = dense_stack(sizes[::-1], config.activation)
            self.output_activation = ACTIVATIONS[config.output_activation]()
        self.post_init()

    def forward(self, pixel_values: torch.FloatTensor, return_loss: bool = True) -> AutoencoderOutput:
        """Encode, decode, compare.

        Args:
            pixel_values: (B, C, H, W), float in [0, 1].
            return_loss: False leaves the loss out. The default must be True: `Trainer` reads it to know that
                this model needs no labels to evaluate.

        Raises:
            ValueError: images of another size or number of channels than the config's, or integer pixels.
        """
        latents = self.encode(pixel_values)
        if self.decoder is None:
            return AutoencoderOutput(latents=latents)
        reconstruction = self.decode(latents)
        if not return_loss:
            return AutoencoderOutput(latents=latents, reconstruction=reconstruction)
        squared_error = (reconstruction - pixel_values).square().flatten(1).sum(1)  # (B,)
        loss = squared_error.mean() / self.config.num_pixels  # what MSELoss gives: the mean over pixels and images
        return AutoencoderOutput(latents, reconstruction, loss, squared_error)

    def encode(self, pixel_values: torch.FloatTensor) -> torch.FloatTensor:
        """(B, C, H, W) pixels in [0, 1] -> (B, D) code, without the cost of the decoder."""
        check_pixel_values(pixel_values, self.config)
        return self.encoder(pixel_values.flatten(1))

    def decode(self, latents: torch.FloatTensor) -> torch.FloatTensor:
        """(B, D) code -> (B, C, H, W) reconstruction.

        Raises:
            ValueError: the model has no decoder, as a classifier's encoder has none.
        """
        if self.decoder is None:
            raise ValueError(
                "This model holds only an encoder (has_decoder=False), so it cannot decode. Load the autoencoder it "
                "was fine-tuned from, or fine-tune with a reconstruction_weight above 0 to keep the decoder."
            )
        size = self.config.image_size
        pixels = self.output_activation(self.decoder(latents))  # (B, C*H*W)
        return pixels.view(-1, self.config.num_channels, size, size)

    def reconstruct(self, pixel_values: torch.FloatTensor) -> torch.FloatTensor:
        """(B, C, H, W) pixels in [0, 1] -> their (B, C, H, W) reconstruction."""
        return self.decode(self.encode(pixel_values))


class AutoencoderForImageClassification(AutoencoderPreTrainedModel):
    """The encoder and one linear layer from the code to the classes.

    `from_pretrained` takes an `AutoencoderModel` checkpoint (the classifier is then new) or its own. With
    `reconstruction_weight` above 0 the decoder stays and its loss, times that weight, is added.
    """

    _may_be_new = ("classifier.",)

    def __init__(self, config: AutoencoderConfig):
        config = copy.deepcopy(config)  # the caller's config keeps its decoder
        config.has_decoder = config.reconstruction_weight > 0
        super().__init__(config)
        self.autoencoder = AutoencoderModel(config)
        self.classifier = nn.Linear(config.latent_size, config.num_labels)
        self.post_init()

    def forward(self, pixel_values: torch.FloatTensor, labels: torch.Tensor | None = None) -> ImageClassifierOutput:
        """Classify.

        Args:
            pixel_values: (B, C, H, W), float in [0, 1].
            labels: (B,) class numbers for cross-entropy, or (B, L) zeros and ones for binary cross-entropy over
                several labels at once. `config.problem_type` says which; where it is None, the shape does.

        Returns:
            `logits` (B, L) and, with labels, `loss`: a mean over images (and labels).
        """
        base = self.autoencoder
        latents = base.encode(pixel_values)
        logits = self.classifier(latents)
        loss = None
        if labels is not None:
            loss = classification_loss(logits, labels, self.config.problem_type)
            if self.config.reconstruction_weight > 0:
                error = nn.functional.mse_loss(base.decode(latents), pixel_values)
                loss = loss + self.config.reconstruction_weight * error
        return ImageClassifierOutput(loss=loss, logits=logits)
