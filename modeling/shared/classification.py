"""What every family's classifier does: one linear layer on the code, and its loss."""

import copy
from typing import Any

import torch
from torch import nn
from transformers.modeling_outputs import ImageClassifierOutput

from .answering import answers_in_full


def classifier_config(config: Any) -> Any:
    """A copy of `config` for a classifier: without a decoder, unless its loss is kept. The caller's stays as it is."""
    config = copy.deepcopy(config)
    config.has_decoder = config.reconstruction_weight > 0
    return config


def classify(
    base: nn.Module,
    classifier: nn.Module,
    inputs: tuple[torch.Tensor | None, ...],
    labels: torch.Tensor | None,
) -> dict[str, torch.Tensor | None]:
    """Encode, classify, compare.

    Args:
        base: the family's model; `base.config` holds `problem_type` and `reconstruction_weight`.
        classifier: from the (B, D) code to (B, L) logits.
        inputs: what `base` and its `encode` take, in their order, such as (B, C, H, W) pixels in [0, 1].
        labels: (B,) class numbers for cross-entropy, (B, L) zeros and ones for binary cross-entropy over several
            labels at once, or (B,) or (B, L) real numbers for the squared error. `config.problem_type` says which;
            where it is None, shape and type do.

    Returns:
        `logits` (B, L) and, with labels, `loss`: a mean over samples (and labels). With `reconstruction_weight` above
        0 the loss that the encoder was pretrained with, times that weight, is added.
    """
    logits, loss = classifier(base.encode(*inputs)), None
    if labels is not None:
        loss = classification_loss(logits, labels, base.config.problem_type)
        if base.config.reconstruction_weight > 0:
            loss = loss + base.config.reconstruction_weight * base(*inputs).loss
    return {"loss": loss, "logits": logits}


class ClassifiesImages:
    """`forward` of a classifier of images, for a model that has `base_model` and `classifier`."""

    _may_be_new = ("classifier.",)

    @answers_in_full
    def forward(self, pixel_values: torch.FloatTensor, labels: torch.Tensor | None = None) -> ImageClassifierOutput:
        """(B, C, H, W) pixels in [0, 1] -> `logits` (B, L) and, with labels, `loss`; see `classify`."""
        return ImageClassifierOutput(**classify(self.base_model, self.classifier, (pixel_values,), labels))


def classification_loss(logits: torch.Tensor, labels: torch.Tensor, problem_type: str | None) -> torch.Tensor:
    """Cross-entropy for one label a sample, binary cross-entropy for several, squared error for numbers: means.

    Args:
        logits: (B, L).
        labels: (B,) class numbers, (B, L) zeros and ones, or (B,) or (B, L) real numbers.
        problem_type: "single_label_classification", "multi_label_classification", "regression", or None to go by shape
            and type: (B, L) are several labels, (B,) floats are real numbers.

    Raises:
        ValueError: labels whose shape does not fit.
    """
    if problem_type is None:
        one = "regression" if labels.is_floating_point() else "single_label_classification"
        problem_type = "multi_label_classification" if labels.dim() == 2 else one
    if problem_type == "regression" and logits.shape[1] == 1 and labels.dim() == 1:
        labels = labels[:, None]
    expected = logits.shape[:1] if problem_type == "single_label_classification" else logits.shape
    if labels.shape != expected:
        raise ValueError(
            f"labels have shape {tuple(labels.shape)}, expected {tuple(expected)} for {problem_type} "
            f"with {logits.shape[1]} labels."
        )
    if problem_type == "multi_label_classification":
        return nn.functional.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype))
    if problem_type == "regression":
        return nn.functional.mse_loss(logits, labels.to(logits.dtype))
    return nn.functional.cross_entropy(logits, labels)
