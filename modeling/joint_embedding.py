"""Joint embedding of images: two random views of an image get one embedding, and different images different ones."""

import functools
from pathlib import Path

import torch
from torch import nn
from transformers import PreTrainedModel

from ..configuration.backbones import build_backbone
from ..configuration.joint_embedding import JointEmbeddingConfig
from .shared.answering import AroundBackbone, answers_in_full
from .shared.chance import Chance, uniform
from .shared.classification import ClassifiesImages, classifier_config
from .shared.images.conv_encoder import ConvEncoder, init_convolutions
from .shared.images.over_backbone import OverBackbone
from .shared.images.views import CHANCES, view
from .shared.inputs import check_pixel_values
from .shared.joint_embedding import JointEmbedding, JointEmbeddingOutput, Projector
from .shared.layers import keep_batch_statistics
from .shared.loading import CompleteLoading


class JointEmbeddingPreTrainedModel(AroundBackbone, CompleteLoading, PreTrainedModel):
    """Weights, names and loading rules that the two models below share."""

    config: JointEmbeddingConfig
    base_model_prefix = "joint_embedding"
    main_input_name = "pixel_values"
    # A bare encoder does without the checkpoint's projector, a joint embedding without a classifier's head.
    _keys_to_ignore_on_load_unexpected = [r"^(joint_embedding\.)?projector\.", r"^classifier\."]

    def _init_weights(self, module: nn.Module) -> None:
        """Only our own layers: a backbone initialises itself."""
        if isinstance(module, nn.BatchNorm1d):
            module.reset_parameters()
        else:
            init_convolutions(module)


class JointEmbeddingModel(OverBackbone, JointEmbedding, JointEmbeddingPreTrainedModel):
    """An encoder, pretrained by comparing views: by VICReg, SimCLR or SIGReg; see `JointEmbeddingOptions`.

    Shapes: B images, C channels, H x W pixels, D = `latent_size`, V views. `pixel_values` are float in [0, 1].
    """

    pools_to_pretrain = True

    def __init__(self, config: JointEmbeddingConfig):
        super().__init__(config)
        backbone = config.backbone_config
        self.encoder = ConvEncoder(config) if backbone is None else build_backbone(backbone)
        self.projector = Projector(config.latent_size, config.projector_sizes) if config.has_decoder else None
        if backbone is not None:
            self.freeze_idle()
        self.post_init()

    @answers_in_full
    def forward(
        self,
        pixel_values: torch.FloatTensor,
        return_loss: bool = True,
        generator: torch.Generator | None = None,
    ) -> JointEmbeddingOutput:
        """Make views, embed them, compare.

        Args:
            pixel_values: (B, C, H, W), float in [0, 1].
            return_loss: False leaves the loss out. The default must be True: `Trainer` reads it to know that
                this model needs no labels to evaluate.
            generator: of the views; None for the default one. In eval mode they are the same each time.

        Raises:
            ValueError: images of another size or number of channels than the config's, or integer pixels.
        """
        check_pixel_values(pixel_values, self.config)
        return self.join(pixel_values, functools.partial(self.encode, pixel_values), return_loss, generator)

    def views(self, pixel_values: torch.Tensor, generator: Chance) -> torch.Tensor:
        """(B, C, H, W) pixels in [0, 1] -> (V * B, C, view_size, view_size), the first view of each image first."""
        size, device = (pixel_values.shape[0], self.config.num_views, CHANCES), pixel_values.device
        chances = uniform(size, device, generator)
        return torch.cat([view(pixel_values, self.config, chances[:, v]) for v in range(self.config.num_views)])

    def embed(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """(B, C, h, w) pixels in [0, 1] of any size -> (B, D) embedding."""
        if self.config.backbone_config is None:
            return self.encoder(pixel_values)
        features = self.backbone(self.normalise(pixel_values))  # (B, D, h, w)
        pooled = self.pool(features)
        return torch.cat([pooled, features.amax((2, 3))], 1) if self.config.pooling == "mean_max" else pooled

    def encode(self, pixel_values: torch.FloatTensor) -> torch.FloatTensor:
        """(B, C, H, W) pixels in [0, 1] -> (B, D) embedding, of the images as they are."""
        check_pixel_values(pixel_values, self.config)
        return self.embed(pixel_values)

    def load_backbone(self, name: str | Path, revision: str = "main") -> None:
        """Take the weights of a plain checkpoint of transformers, and from then on keep its batch norms' statistics
        unless the config says otherwise.

        Raises:
            ValueError: it lacks a tensor of this backbone, or has it in another shape.
        """
        super().load_backbone(name, revision)
        if self.config.keep_batch_statistics is None:
            self.config.keep_batch_statistics = True
        self.train(self.training)

    def save_beside(self, folder: Path) -> None:
        """The backbone, if there is one, as `folder/backbone`."""
        if self.config.backbone_config is not None:
            super().save_beside(folder)

    def train(self, mode: bool = True) -> "JointEmbeddingModel":
        """As torch has it, but batch norms that are to keep their statistics stay in eval mode."""
        super().train(mode)
        if self.config.keep_batch_statistics:
            keep_batch_statistics(self.encoder)
        return self


class JointEmbeddingForImageClassification(ClassifiesImages, JointEmbeddingPreTrainedModel):
    """The encoder and one linear layer from the embedding to the classes.

    `from_pretrained` takes a `JointEmbeddingModel` checkpoint (the classifier is then new) or its own. With
    `reconstruction_weight` above 0 the projector stays and the pretraining loss, times that weight, is added.
    """

    def __init__(self, config: JointEmbeddingConfig):
        config = classifier_config(config)
        super().__init__(config)
        self.joint_embedding = JointEmbeddingModel(config)
        self.classifier = nn.Linear(config.latent_size, config.num_labels)
        self.post_init()
