"""Joint embedding for speech: views of a clip get one embedding, and the classifier that its encoder becomes."""

import functools

import torch

from ...configuration.speech.joint_embedding import SpeechJointEmbeddingConfig
from ..shared.answering import answers_in_full
from ..shared.classification import classifier_config
from ..shared.joint_embedding import JointEmbedding, JointEmbeddingOutput, Projector
from .encoder import ClassifiesClips, ClipEncoder, OnClips, SpeechPreTrainedModel, StandardisedLinear
from .views import STRONG, views
from .windows import check_frames


class SpeechJointEmbeddingPreTrainedModel(SpeechPreTrainedModel):
    """Names and loading rules that the two models below share."""

    config: SpeechJointEmbeddingConfig
    base_model_prefix = "speech_joint_embedding"
    # A bare encoder does without the checkpoint's projector, a pretrained one without a classifier's head.
    _keys_to_ignore_on_load_unexpected = [r"^(speech_joint_embedding\.)?projector\.", r"^classifier\."]


class SpeechJointEmbeddingModel(OnClips, JointEmbedding, SpeechJointEmbeddingPreTrainedModel):
    """Views of a clip are drawn together and clips kept apart (Bardes, Ponce and LeCun 2022, VICReg; Chen et al.
    2020, SimCLR; Balestriero and LeCun 2025, LeJEPA).

    Shapes: B clips, T frames of M bands, D = `latent_size`. `input_features` are float in [-1, 1].
    """

    keeps = (
        "The embedding keeps what two hearings of a clip have in common, at another speed, pitch and level and in "
        "other noise: what is said more than who says it."
    )

    def __init__(self, config: SpeechJointEmbeddingConfig):
        super().__init__(config)
        self.encoder = ClipEncoder(config)
        self.projector = Projector(config.latent_size, config.projector_sizes) if config.has_decoder else None
        self.post_init()

    @answers_in_full
    def forward(
        self,
        input_features: torch.FloatTensor,
        attention_mask: torch.Tensor | None = None,
        return_loss: bool = True,
        generator: torch.Generator | None = None,
    ) -> JointEmbeddingOutput:
        """Make views, embed them, compare.

        Args:
            input_features: (B, T, M), float in [-1, 1].
            attention_mask: (B, T), 0 for frames behind a clip's end; only the embedding needs it.
            return_loss: False leaves the loss out. The default must be True, as `Trainer` reads it.
            generator: of the views; None for the default one. In eval mode there is no chance.

        Raises:
            ValueError: frames of another shape, or of integers.
        """
        check_frames(input_features, self.config, self.training)
        whole = functools.partial(self.encode, input_features, attention_mask)
        return self.join(input_features, whole, return_loss, generator)

    def views(self, input_features: torch.Tensor, generator: torch.Generator | None) -> torch.Tensor:
        """(B, T, M) -> (V * B, t, M), the first view of each clip, then the second of each, and so on."""
        config = self.config
        still = config.silence == "masked"
        return views(input_features, config.num_views, config.view_frames, STRONG, generator, still)

    def embed(self, frames: torch.Tensor) -> torch.Tensor:
        """(B, T, M) frames of one window or view -> (B, D)."""
        return self.encoder(frames)


class SpeechJointEmbeddingForAudioClassification(ClassifiesClips, SpeechJointEmbeddingPreTrainedModel):
    """The encoder and one linear layer from the standardised embedding to the classes.

    `from_pretrained` takes a `SpeechJointEmbeddingModel` checkpoint (the classifier is then new) or its own. With
    `reconstruction_weight` above 0 the projector stays and the pretraining loss, times that weight, is added.
    """

    def __init__(self, config: SpeechJointEmbeddingConfig):
        config = classifier_config(config)
        super().__init__(config)
        self.speech_joint_embedding = SpeechJointEmbeddingModel(config)
        self.classifier = StandardisedLinear(config.latent_size, config.num_labels)
        self.post_init()
