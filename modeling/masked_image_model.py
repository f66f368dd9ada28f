"""Masked image model: any image encoder of transformers learns to fill in what is hidden from it."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F
from transformers import PreTrainedModel
from transformers import initialization as init

from ..configuration.backbones import build_backbone
from ..configuration.masked_image_model import MaskedImageModelConfig
from .shared.answering import AroundBackbone, answers_in_full
from .shared.chance import uniform
from .shared.classification import ClassifiesImages, classifier_config
from .shared.evaluating import wants_loss
from .shared.images.corruption import hide_patches, patches_to_pixels
from .shared.images.over_backbone import OverBackbone
from .shared.inputs import check_pixel_values, require_decoder
from .shared.loading import CompleteLoading
from .shared.outputs import PretrainingOutput
from .shared.pretrainable import Pretrainable


@dataclass
class MaskedImageModelOutput(PretrainingOutput):
    """
    Args:
        reconstruction: (B, C, H, W), the image with its hidden squares filled in: visible pixels are not predicted.
        squared_error: (B,), squared error of the hidden pixels, their mean times the pixels of the image: what an
            image would cost all of whose pixels were predicted so.
        mask: (B, 1, H, W), True where pixels were hidden.
    """

    mask: torch.BoolTensor | None = None


class MaskedDecoder(nn.Module):
    """(B, D, h, w) feature map -> (B, C, H, W) pixels: one linear layer for each position, as in SimMIM."""

    def __init__(self, config: MaskedImageModelConfig):
        super().__init__()
        self.image_size = config.image_size
        self.scale = -(-config.image_size // config.map_size)  # pixels a position stands for, rounded up
        self.to_pixels = nn.Conv2d(config.latent_size, config.num_channels * self.scale**2, 1)
        self.mask_value = nn.Parameter(torch.zeros(1, config.num_channels, 1, 1))  # seen in place of hidden pixels

    def forward(self, features: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """(B, D, h, w) -> (B, C, H, W). With a mask (B, 1, H, W): (B, C, H, W) normalised pixels -> what is seen of
        them, its own value where it is True. By a call, since accelerate brings a weight that it keeps elsewhere
        only to a call of its module."""
        if mask is not None:
            return torch.where(mask, self.mask_value.to(features.dtype), features)
        return F.pixel_shuffle(self.to_pixels(features), self.scale)[..., : self.image_size, : self.image_size]


class MaskedImageModelPreTrainedModel(AroundBackbone, CompleteLoading, PreTrainedModel):
    """Weights, names and loading rules that the two models below share."""

    config: MaskedImageModelConfig
    base_model_prefix = "masked_image_model"
    main_input_name = "pixel_values"
    # A bare encoder does without the checkpoint's decoder, a masked image model without a classifier's head.
    _keys_to_ignore_on_load_unexpected = [r"^(masked_image_model\.)?decoder\.", r"^classifier\."]

    def _init_weights(self, module: nn.Module) -> None:
        """Only our own layers: a backbone initialises itself."""
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            module.reset_parameters()
        elif isinstance(module, MaskedDecoder):
            init.zeros_(module.mask_value)


class MaskedImageModel(OverBackbone, Pretrainable, MaskedImageModelPreTrainedModel):
    """Any backbone, pretrained by predicting hidden pixels.

    Taken from SimMIM (Xie et al. 2022): random squares are hidden, raw pixels are predicted by a light head, and the
    loss counts hidden pixels alone. Hidden pixels show a learned value, for convolutions as for tokens; SparK (Tian
    et al. 2023) instead leaves them out by sparse convolutions, which keeps the share of visible pixels the same in
    every layer. Here a convolution does see the edges of what is hidden. What that is worth on CIFAR-10 is
    measured in the headers of the recipes `cifar10_masked_resnet`, `cifar10_masked_finetune` and `cifar10_masked_vit`.

    Shapes: B images, C channels, H x W pixels, D = `latent_size`, h x w positions. `pixel_values` are in [0, 1].
    """

    loss_name = "squared error a hidden pixel"
    loss_is_error = True
    logged_outputs = ("squared_error",)
    reconstructs = True
    keeps = "The embedding keeps what fills in hidden pixels, which need not be what tells classes apart."

    def __init__(self, config: MaskedImageModelConfig):
        super().__init__(config)
        self.encoder = build_backbone(config.backbone_config)
        self.decoder = None
        if config.has_decoder:
            self.decoder = MaskedDecoder(config)
        self.freeze_idle()
        squares = (config.image_size // config.mask_patch_size) ** 2  # plain numbers: an export draws none
        self.fixed_noise = torch.rand(squares, generator=torch.Generator().manual_seed(0), device="cpu").tolist()
        self.post_init()

    @answers_in_full
    def forward(
        self,
        pixel_values: torch.FloatTensor,
        return_loss: bool = True,
        noise: torch.FloatTensor | None = None,
        generator: torch.Generator | None = None,
    ) -> MaskedImageModelOutput:
        """Hide, encode, predict, compare what was hidden.

        Args:
            pixel_values: (B, C, H, W), float in [0, 1].
            return_loss: False leaves the loss out. The default must be True: `Trainer` reads it to know that
                this model needs no labels to evaluate.
            noise: (B, N) in [0, 1) for the N squares of an image: the smallest are hidden. None: drawn while
                training; in eval mode one pattern for all images.
            generator: of that draw; None for the default one.

        Returns:
            `latents` are of the hidden image while training (it is encoded once), of the whole image in eval mode.

        Raises:
            ValueError: images of another size or number of channels than the config's, or integer pixels.
        """
        check_pixel_values(pixel_values, self.config)
        if self.decoder is None:
            return MaskedImageModelOutput(latents=self.encode(pixel_values))
        mask = self.mask(pixel_values, noise, generator)  # (B, 1, H, W)
        seen = self.decoder(self.normalise(pixel_values), mask)
        features = self.backbone(seen)  # (B, D, h, w)
        predicted = self.decoder(features)  # (B, C, H, W)
        latents = self.pool(features) if self.training else self.encode(pixel_values)
        reconstruction = torch.where(mask, predicted.detach().clamp(0, 1), pixel_values)
        if not wants_loss(return_loss):
            return MaskedImageModelOutput(latents=latents, reconstruction=reconstruction, mask=mask)
        hidden_error = (predicted - pixel_values).square() * mask
        loss = hidden_error.sum() / (mask.sum() * pixel_values.shape[1])
        squared_error = (reconstruction - pixel_values).square().flatten(1).sum(1) / mask.flatten(1).float().mean(1)
        return MaskedImageModelOutput(latents, reconstruction, loss, squared_error, torch.zeros_like(loss), mask=mask)

    def mask(
        self, pixel_values: torch.Tensor, noise: torch.Tensor | None, generator: torch.Generator | None
    ) -> torch.Tensor:
        """(B, 1, H, W), True where pixels are hidden."""
        side = self.config.image_size // self.config.mask_patch_size
        if noise is None and self.training:
            noise = uniform((pixel_values.shape[0], side**2), pixel_values.device, generator)
        elif noise is None:
            noise = self._fixed_noise(pixel_values)
        return patches_to_pixels(hide_patches(noise, self.config.mask_ratio), side, self.config.mask_patch_size)

    def _fixed_noise(self, pixel_values: torch.Tensor) -> torch.Tensor:
        return torch.tensor([self.fixed_noise], device=pixel_values.device).expand(pixel_values.shape[0], -1)

    def encode(self, pixel_values: torch.FloatTensor) -> torch.FloatTensor:
        """(B, C, H, W) pixels in [0, 1] -> (B, D) code, nothing hidden."""
        return self.pool(self.feature_map(pixel_values))

    def feature_map(self, pixel_values: torch.FloatTensor) -> torch.FloatTensor:
        """(B, C, H, W) pixels in [0, 1] -> (B, D, h, w) features, nothing hidden."""
        check_pixel_values(pixel_values, self.config)
        return self.backbone(self.normalise(pixel_values))

    def decode(self, features: torch.FloatTensor) -> torch.FloatTensor:
        """(B, D, h, w) feature map -> (B, C, H, W) pixels in [0, 1]. The pooled code holds too little to decode.

        Raises:
            ValueError: the model has no decoder, as a classifier's encoder has none.
        """
        require_decoder(self)
        return self.decoder(features).clamp(0, 1)

    def reconstruct(self, pixel_values: torch.FloatTensor) -> torch.FloatTensor:
        """(B, C, H, W) pixels in [0, 1] -> the same with the squares of the fixed pattern filled in as predicted."""
        require_decoder(self)
        mask = self.mask(pixel_values, self._fixed_noise(pixel_values), None)
        seen = self.decoder(self.normalise(pixel_values), mask)
        return torch.where(mask, self.decode(self.backbone(seen)), pixel_values)

    @torch.no_grad()
    def judged_part(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        """(H, W), True for the pixels that are hidden in eval mode, the same ones in every image."""
        return self.mask(inputs["pixel_values"], self._fixed_noise(inputs["pixel_values"]), None)[0, 0]


class MaskedImageModelForImageClassification(ClassifiesImages, MaskedImageModelPreTrainedModel):
    """The backbone, the mean over its last map, and one linear layer to the classes.

    `from_pretrained` takes a `MaskedImageModel` checkpoint (the classifier is then new) or its own. With
    `reconstruction_weight` above 0 the decoder stays and the pretraining loss, times that weight, is added.
    """

    def __init__(self, config: MaskedImageModelConfig):
        config = classifier_config(config)
        super().__init__(config)
        self.masked_image_model = MaskedImageModel(config)
        self.classifier = nn.Linear(config.latent_size, config.num_labels)
        self.post_init()
