"""What families for images that are built around a network of transformers share."""

from operator import attrgetter
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from ....configuration.backbones import POOLED_NORMS, as_map, pooler_options, untrained
from ..loading import load_published


def bears_channels_last(network: nn.Module) -> bool:
    """Whether its convolutions may see (B, C, H, W) maps with the channels last in memory.

    On a CPU the backward pass of one without extent (1 x 1), with a stride, on 2 to 7 channels (the shortcut of a
    ResNet whose first stage is that narrow) writes beyond its memory in this order: torch 2.13 with oneDNN ends in
    "double free" or "corrupted size", or worse, goes on.
    """
    convolutions = (module for module in network.modules() if isinstance(module, nn.Conv2d))
    return not any(c.kernel_size == (1, 1) and c.stride != (1, 1) and 1 < c.in_channels < 8 for c in convolutions)


class OverBackbone:
    """Pixels into `encoder`, a network of transformers, and its weights from and to plain checkpoints.

    For a model whose config has the fields of `BackboneConfig`.
    """

    encoder: nn.Module
    config: Any
    pools_to_pretrain = False  # the map is what is pretrained, not the pooled embedding

    def freeze_idle(self) -> None:
        """Nothing is learnt by what gets no gradient: several processes would wait for it, and it would be saved as
        if it were trained."""
        backbone = self.encoder.config
        idle = untrained(backbone, self.config.backbone_image_size)
        pretrains = self.config.has_decoder and self.config.reconstruction_weight == 0
        norm = "" if pretrains and not self.pools_to_pretrain else POOLED_NORMS.get(backbone.model_type, "")
        for name, parameter in self.encoder.named_parameters():
            if name in idle and not (norm and name.startswith(f"{norm}.")):  # a pooled code goes through the norm
                parameter.requires_grad_(False)

    def normalise(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) pixels in [0, 1] as the backbone takes them."""
        shape, options = (1, -1, 1, 1), {"device": pixel_values.device, "dtype": pixel_values.dtype}
        mean, std = (torch.as_tensor(v, **options) for v in (self.config.image_mean, self.config.image_std))
        return (pixel_values - mean.view(shape)) / std.view(shape)

    def backbone(self, normalised: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) normalised pixels -> (B, D, h, w) features, of convolutions and of tokens alike."""
        inside = self.config.backbone_image_size
        if inside != normalised.shape[-1]:
            normalised = F.interpolate(normalised, size=(inside, inside), mode="bilinear", align_corners=False)
        # convolutions of few channels train up to half as fast again in this order on a CPU, and gain on a GPU too
        order = torch.channels_last if bears_channels_last(self.encoder) else torch.contiguous_format
        return as_map(self.encoder(normalised.contiguous(memory_format=order))[0], self.encoder.config)

    def pool(self, features: torch.Tensor) -> torch.Tensor:
        """(B, D, h, w) -> (B, D): the mean over positions, and the norm that some backbones have after it."""
        pooled = features.mean((2, 3))
        path = POOLED_NORMS.get(self.encoder.config.model_type)
        norm = attrgetter(path)(self.encoder) if path else None  # a BEiT that has none keeps the name all the same
        return pooled if norm is None else norm(pooled)

    def save_beside(self, folder: Path) -> None:
        """The backbone, as `folder/backbone`."""
        self.save_backbone(folder / "backbone")

    def save_backbone(self, folder: str | Path) -> None:
        """Write the backbone as a plain checkpoint of transformers, with an image processor that prepares its input:
        `AutoModelForImageClassification.from_pretrained(folder, num_labels=...)` needs no pretune."""
        self.encoder.save_pretrained(folder)
        channels, inside = self.config.num_channels, self.config.backbone_image_size
        given = (v if isinstance(v, list) else [v] for v in (self.config.image_mean, self.config.image_std))
        mean, std = (values * (channels // len(values)) for values in given)
        size = {"height": inside, "width": inside}
        ViTImageProcessorPil(size=size, image_mean=mean, image_std=std).save_pretrained(folder)

    def load_backbone(self, name: str | Path, revision: str = "main") -> None:
        """Take the weights of a plain checkpoint of transformers, a folder or Hub id.

        Raises:
            ValueError: it lacks a tensor of this backbone, or has it in another shape.
        """
        load_published(self.encoder, name, revision, pooler_options(self.encoder.config))
