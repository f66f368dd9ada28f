"""The convolutional autoencoder of speech: frames -> embedding -> frames, and the classifier its encoder becomes."""

import torch
from torch import nn

from ...configuration.speech.conv_autoencoder import SpeechConvAutoencoderConfig
from ..shared.answering import answers_in_full
from ..shared.classification import classifier_config
from ..shared.evaluating import wants_loss
from ..shared.inputs import require_decoder
from ..shared.outputs import PretrainingOutput
from ..shared.pretrainable import Pretrainable
from .encoder import ClassifiesClips, ClipEncoder, OnClips, SpeechPreTrainedModel, StandardisedLinear
from .views import STRONG, views
from .windows import check_frames


class FramesDecoder(nn.Sequential):
    """(B, D) embedding -> (B, T, M) frames in [-1, 1] of one window, by one hidden layer."""

    def __init__(self, config: SpeechConvAutoencoderConfig):
        shape = (config.num_frames, config.num_mel_bins)
        super().__init__(
            nn.Linear(config.latent_size, config.decoder_hidden_size),
            nn.ReLU(),
            nn.Linear(config.decoder_hidden_size, shape[0] * shape[1]),
            nn.Tanh(),
            nn.Unflatten(1, shape),
        )


class SpeechConvAutoencoderPreTrainedModel(SpeechPreTrainedModel):
    """Names and loading rules that the two models below share."""

    config: SpeechConvAutoencoderConfig
    base_model_prefix = "speech_conv_autoencoder"
    # A bare encoder does without the checkpoint's decoder, an autoencoder without a classifier's head.
    _keys_to_ignore_on_load_unexpected = [r"^(speech_conv_autoencoder\.)?decoder\.", r"^classifier\."]


class SpeechConvAutoencoderModel(OnClips, Pretrainable, SpeechConvAutoencoderPreTrainedModel):
    """A clip heard through a random view, given back as it is.

    Shapes: B clips, T frames of M bands, D = `latent_size`. `input_features` are float in [-1, 1].
    """

    loss_name = "squared error a log-mel cell"
    logged_outputs = ("squared_error",)
    reconstructs = loss_is_error = True
    keeps = "The embedding keeps what rebuilds a clip's frames, which need not be what tells words apart."

    def __init__(self, config: SpeechConvAutoencoderConfig):
        super().__init__(config)
        self.encoder = ClipEncoder(config)
        self.decoder = FramesDecoder(config) if config.has_decoder else None
        self.post_init()

    @answers_in_full
    def forward(
        self,
        input_features: torch.FloatTensor,
        attention_mask: torch.Tensor | None = None,
        return_loss: bool = True,
        generator: torch.Generator | None = None,
    ) -> PretrainingOutput:
        """Make a view (while training), encode, decode, compare with the clip. Of a clip longer than the window the
        first window is compared.

        Args:
            input_features: (B, T, M), float in [-1, 1].
            attention_mask: (B, T), 0 for frames behind a clip's end.
            return_loss: False leaves the loss out. The default must be True, as `Trainer` reads it.
            generator: of the view; None for the default one. In eval mode there is no chance.

        Raises:
            ValueError: frames of another shape, or of integers.
        """
        check_frames(input_features, self.config, self.training)
        length = self.config.num_frames
        if self.training and self.config.denoising and self.decoder is not None:
            latents = self.embed(views(input_features, 1, length, STRONG, generator, self.encoder.masked))
        else:
            latents = self.encode(input_features, attention_mask)
        if self.decoder is None:
            return PretrainingOutput(latents=latents)
        reconstruction = self.decode(latents)  # (B, T, M)
        if not wants_loss(return_loss):
            return PretrainingOutput(latents=latents, reconstruction=reconstruction)
        whole = nn.functional.pad(input_features, (0, 0, 0, max(0, length - input_features.shape[1])), value=-1.0)
        squared_error = (reconstruction - whole[:, :length]).square().flatten(1).sum(1)  # (B,)
        return PretrainingOutput(
            latents, reconstruction, squared_error.mean() / reconstruction[0].numel(), squared_error
        )

    def embed(self, frames: torch.Tensor) -> torch.Tensor:
        """(B, T, M) frames of one window or view -> (B, D)."""
        return self.encoder(frames)

    def decode(self, latents: torch.FloatTensor) -> torch.FloatTensor:
        """(B, D) embedding -> (B, T, M) frames of a window.

        Raises:
            ValueError: the model has no decoder, as a classifier's encoder has none.
        """
        require_decoder(self)
        return self.decoder(latents)

    def reconstruct(self, input_features: torch.FloatTensor) -> torch.FloatTensor:
        """(B, T, M) frames in [-1, 1] -> their (B, T, M) reconstruction."""
        return self.decode(self.encode(input_features))


class SpeechConvAutoencoderForAudioClassification(ClassifiesClips, SpeechConvAutoencoderPreTrainedModel):
    """The encoder and one linear layer from the standardised embedding to the classes.

    `from_pretrained` takes a `SpeechConvAutoencoderModel` checkpoint (the classifier is then new) or its own. With
    `reconstruction_weight` above 0 the decoder stays and the pretraining loss, times that weight, is added.
    """

    def __init__(self, config: SpeechConvAutoencoderConfig):
        config = classifier_config(config)
        super().__init__(config)
        self.speech_conv_autoencoder = SpeechConvAutoencoderModel(config)
        self.classifier = StandardisedLinear(config.latent_size, config.num_labels)
        self.post_init()
