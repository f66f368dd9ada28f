"""What all families that read text do with a batch of token ids."""

from typing import Any

import torch
from torch.nn import functional as F
from transformers.modeling_outputs import SequenceClassifierOutput

from ..shared.answering import answers_in_full
from ..shared.classification import classify


def whole(
    input_ids: torch.Tensor, attention_mask: torch.Tensor | None, config: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and mask of a batch as a model takes them: cut to `config.max_length`, since pipelines cut nothing off.

    Args:
        input_ids: (B, L) token ids.
        attention_mask: (B, L), 0 where a text has ended; None: where the padding token stands.
        config: with `max_length`, `vocab_size` and `pad_token_id`.

    Returns:
        (ids, mask), both (B, at most max_length); the padding token stands wherever the mask is 0.

    Raises:
        ValueError: of another shape or type, or without a token.
    """
    if input_ids.dim() != 2 or input_ids.is_floating_point() or input_ids.shape[1] == 0:
        raise ValueError(
            f"input_ids have shape {tuple(input_ids.shape)} and type {input_ids.dtype}, expected whole numbers of "
            f"shape (batch, tokens), at least one token. Use the model's tokenizer, with padding=True and "
            f"return_tensors='pt'."
        )
    input_ids = input_ids[:, : config.max_length].long()
    padding = config.pad_token_id
    if attention_mask is None:
        mask = torch.ones_like(input_ids) if padding is None else (input_ids != padding).long()
    else:
        mask = attention_mask[:, : config.max_length].long()
    return torch.where(mask > 0, input_ids, 0 if padding is None else padding), mask


def mean_of_tokens(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """(B, L, D) vectors of tokens and (B, L) mask -> (B, D), the mean over the tokens of each text."""
    weights = mask[..., None].to(hidden.dtype)
    return (hidden * weights).sum(1) / weights.sum(1).clamp(min=1)


def mean_error(logits: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of (N, V) logits for (N,) ids, a scalar; 0 of none, without asking whether there are any,
    which no compiled network can."""
    return F.cross_entropy(logits, ids, reduction="sum") / max(1, ids.shape[0])


class ClassifiesTexts:
    """`forward` of a classifier of texts, for a model that has `base_model` and `classifier`."""

    _may_be_new = ("classifier.",)

    @answers_in_full
    def forward(
        self,
        input_ids: torch.LongTensor,
        attention_mask: torch.LongTensor | None = None,
        labels: torch.Tensor | None = None,
        **ignored: Any,
    ) -> SequenceClassifierOutput:
        """(B, L) token ids -> `logits` (B, K) and, with labels, `loss`; see `classify`."""
        inputs = (input_ids, attention_mask)
        return SequenceClassifierOutput(**classify(self.base_model, self.classifier, inputs, labels))
