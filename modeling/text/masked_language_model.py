"""Masked language model: any encoder of transformers learns to fill in hidden tokens."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from ...configuration.text.masked_language_model import MaskedLanguageModelConfig
from ..shared.answering import answers_in_full
from ..shared.chance import Fixed, uniform
from ..shared.classification import classifier_config
from ..shared.evaluating import wants_loss
from ..shared.outputs import PretrainingOutput
from .backbone import TextEncoding, TextPreTrainedModel, build_text_backbone
from .tokens import ClassifiesTexts, mean_error, mean_of_tokens, whole


class MaskedTokenHead(nn.Module):
    """(N, D) vectors of hidden tokens -> (N, V) logits, by the encoder's own word vectors.

    Args:
        config: of the model.
        width: of these word vectors.
    """

    def __init__(self, config: MaskedLanguageModelConfig, width: int):
        super().__init__()
        self.dense = nn.Linear(config.latent_size, width)
        self.norm = nn.LayerNorm(width)
        self.word_bias = nn.Parameter(torch.empty(config.vocab_size))

    def forward(self, hidden: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
        """(N, D) vectors and (V, E) word vectors -> (N, V)."""
        return F.linear(self.norm(F.gelu(self.dense(hidden))), words, self.word_bias)


class MaskedLanguageModelPreTrainedModel(TextPreTrainedModel):
    """Names and loading rules that the two models below share."""

    config: MaskedLanguageModelConfig
    base_model_prefix = "masked_language_model"
    _keys_to_ignore_on_load_unexpected = [r"^(masked_language_model\.)?decoder\.", r"^classifier\."]


class MaskedLanguageModel(TextEncoding, MaskedLanguageModelPreTrainedModel):
    """Any backbone, pretrained by predicting hidden tokens (Devlin et al. 2019).

    Shapes: B texts of up to L tokens, D = `latent_size`, V = `vocab_size`.

    Raises:
        ValueError: the config has a decoder to train and no `mask_token_id`.
    """

    loss_name = "cross-entropy of a hidden token (nats)"
    keeps = "The embedding is a mean of what fills in hidden words; the classes need not show in it."

    def __init__(self, config: MaskedLanguageModelConfig):
        super().__init__(config)
        if config.has_decoder and config.mask_token_id is None:
            raise ValueError("the tokenizer has no mask token: take another one, or model_type text_autoencoder.")
        self.encoder = build_text_backbone(config.backbone_config)
        self.decoder = MaskedTokenHead(config, self.word_vectors().shape[1]) if config.has_decoder else None
        self.post_init()

    @answers_in_full
    def forward(
        self,
        input_ids: torch.LongTensor,
        attention_mask: torch.LongTensor | None = None,
        return_loss: bool = True,
        generator: torch.Generator | None = None,
        **ignored: Any,
    ) -> PretrainingOutput:
        """Hide, encode, predict what was hidden.

        Args:
            input_ids, attention_mask: (B, L) of the model's tokenizer.
            return_loss: False leaves the loss out. The default must be True: `Trainer` reads it to know that
                this model needs no labels to evaluate.
            generator: of what is hidden while training; None for the default one. In eval mode the same places are
                hidden in every text.
            ignored: what other tokenizers give beside these, such as `token_type_ids`.

        Returns:
            `latents` are of the text with its hidden tokens while training, of the whole text in eval mode.

        Raises:
            ValueError: ids of another shape.
        """
        ids, mask = whole(input_ids, attention_mask, self.config)
        if self.decoder is None or not wants_loss(return_loss):
            return PretrainingOutput(latents=mean_of_tokens(self.hidden(ids, mask), mask))
        seen, wanted = self.hide(ids, mask, generator)
        hidden = self.hidden(seen, mask)
        latents = mean_of_tokens(hidden if self.training else self.hidden(ids, mask), mask)
        logits = self.decoder(hidden[wanted], self.word_vectors()).float()
        return PretrainingOutput(latents=latents, loss=mean_error(logits, ids[wanted]))

    def hide(
        self, ids: torch.Tensor, mask: torch.Tensor, generator: torch.Generator | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, L) ids and mask -> (what the encoder sees, which tokens are predicted); never the first and the last."""
        if self.training:
            drawn = uniform((3, *ids.shape), ids.device, generator)
        else:
            drawn = Fixed().uniform((3, 1, ids.shape[1]), ids.device).expand(3, *ids.shape)
        inner = mask.clone()
        inner[:, 0] = 0
        inner[:, :-1] *= mask[:, 1:]  # the last token of each text has none behind it
        inner[:, -1] = 0
        wanted = (inner > 0) & (drawn[0] < self.config.mask_ratio)
        seen = torch.where(wanted & (drawn[1] < 0.8), self.config.mask_token_id, ids)
        others = (drawn[2] * self.config.vocab_size).long()
        return torch.where(wanted & (drawn[1] >= 0.9), others, seen), wanted


class MaskedLanguageModelForSequenceClassification(ClassifiesTexts, MaskedLanguageModelPreTrainedModel):
    """The encoder, the mean over its tokens, and one linear layer to the classes.

    `from_pretrained` takes a `MaskedLanguageModel` checkpoint (the classifier is then new) or its own. With
    `reconstruction_weight` above 0 the decoder stays and its loss, times that weight, is added.
    """

    def __init__(self, config: MaskedLanguageModelConfig):
        config = classifier_config(config)
        super().__init__(config)
        self.masked_language_model = MaskedLanguageModel(config)
        self.classifier = nn.Linear(config.latent_size, config.num_labels)
        self.post_init()
