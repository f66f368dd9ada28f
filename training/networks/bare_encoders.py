"""Encoders of transformers that have no classifier (CLIP's vision tower, SigLIP's, DINOv3, ViT-MAE): with a linear
head on the features that they pool."""

import copy

import torch
from torch import nn
from transformers import AutoModel, PreTrainedConfig
from transformers.modeling_outputs import BaseModelOutput, ImageClassifierOutput
from transformers.models.auto.modeling_auto import MODEL_MAPPING

from ...modeling.shared.classification import classification_loss
from ..errors import InputError, one_line
from ..modalities.faults import LOADING_ERRORS
from ..modalities.listing import MODALITIES, modality_of
from .loading import is_ours, load_quietly, read_config, require_not_missing


class WithHead(nn.Module):
    """An encoder and a new linear classifier, as transformers' classifiers are.

    Args:
        encoder: of transformers.
        num_labels: classes.
    """

    def __init__(self, encoder: nn.Module, num_labels: int):
        super().__init__()
        self.encoder, self.config = encoder, encoder.config
        size = self.config.image_size
        with torch.no_grad():
            pixels = torch.zeros(1, self.config.num_channels, size, size)
            width = pooled(encoder(pixel_values=pixels), encoder).shape[1]
        self.classifier = nn.Linear(width, num_labels)

    def forward(self, pixel_values: torch.Tensor, labels: torch.Tensor | None = None) -> ImageClassifierOutput:
        """(B, C, H, W) normalised pixels and labels, as `config.problem_type` says -> logits (B, L) and,
        with labels, the loss."""
        logits = self.classifier(pooled(self.encoder(pixel_values=pixel_values), self.encoder))
        loss = None if labels is None else classification_loss(logits, labels, self.config.problem_type)
        return ImageClassifierOutput(loss=loss, logits=logits)


def pooled(output: BaseModelOutput, encoder: nn.Module) -> torch.Tensor:
    """(B, D): what the encoder itself pools, or its class token.

    Raises:
        ValueError: it has neither.
    """
    if getattr(output, "pooler_output", None) is not None:
        return output.pooler_output.flatten(1)
    if any(name.endswith("cls_token") for name, _ in encoder.named_parameters()):
        return output.last_hidden_state[:, 0]
    raise ValueError(f"{type(encoder).__name__} neither pools its features nor has a class token")


def bare_config(name: str, revision: str | None) -> PreTrainedConfig | None:
    """The config of checkpoint `name` if it is such an encoder; None if it is anything else, or cannot be read.

    Raises:
        InputError: it means a folder here that is not there.
    """
    require_not_missing(name)
    try:
        config = read_config(name, revision)
    except LOADING_ERRORS:
        return None
    if is_ours(config) or modality_of(config) is not None or type(config) not in MODEL_MAPPING:
        return None
    takes = getattr(MODEL_MAPPING[type(config)], "main_input_name", None)
    if takes != MODALITIES["image"].input_name or not _is_square(config):
        return None
    if hasattr(config, "mask_ratio"):
        config.mask_ratio = 0.0  # ViT-MAE hides three quarters of an image while it is pretrained
    return config


def _is_square(config: PreTrainedConfig) -> bool:
    return isinstance(getattr(config, "image_size", None), int) and hasattr(config, "num_channels")


def load_bare(name: str, revision: str | None, config: PreTrainedConfig) -> WithHead:
    """Checkpoint `name` with a new head.

    Raises:
        InputError: it cannot be loaded whole, or says nowhere how its features are pooled.
    """
    encoder, info = load_quietly(AutoModel, name, revision, copy.deepcopy(config), output_loading_info=True)
    try:
        model = WithHead(encoder.eval(), config.num_labels)
    except LOADING_ERRORS as error:
        raise InputError(f"model {name} cannot be loaded: {one_line(error)}") from None
    lost = sorted({*info["missing_keys"], *(key for key, *_ in info["mismatched_keys"])})
    if lost:
        raise InputError(f"model {name} lacks {len(lost)} tensors of its network, among them {', '.join(lost[:3])}.")
    return model


def new_bare(config: PreTrainedConfig) -> WithHead:
    """The same network with weights of its own that were never trained."""
    return WithHead(AutoModel.from_config(copy.deepcopy(config), trust_remote_code=False).eval(), config.num_labels)
