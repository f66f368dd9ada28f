"""Denoising autoencoder of texts: from the tokens that are left, through one vector, to all of them."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from ...configuration.text.text_autoencoder import TextAutoencoderConfig
from ..shared.answering import answers_in_full
from ..shared.chance import Fixed, uniform
from ..shared.classification import classifier_config
from ..shared.evaluating import wants_loss
from ..shared.outputs import PretrainingOutput
from .backbone import TextEncoding, TextPreTrainedModel, build_text_backbone
from .tokens import ClassifiesTexts, mean_error, mean_of_tokens, whole


class TextDecoder(nn.Module):
    """(B, D) embeddings and the tokens before each -> the token: one layer that sees of the text nothing else.

    Args:
        config: of the model.
        width: of the encoder's word vectors.
    """

    def __init__(self, config: TextAutoencoderConfig, width: int):
        super().__init__()
        size = config.latent_size
        heads = max(h for h in range(1, max(1, size // 32) + 1) if size % h == 0)
        self.from_words = nn.Identity() if width == size else nn.Linear(width, size)
        self.positions = nn.Embedding(config.max_length, size)
        self.layer = nn.TransformerDecoderLayer(size, heads, 4 * size, 0.1, "gelu", batch_first=True)
        self.to_words = nn.Linear(size, width)
        self.norm = nn.LayerNorm(width)
        self.word_bias = nn.Parameter(torch.empty(config.vocab_size))

    def forward(self, latents: torch.Tensor, ids: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
        """(B, D) embeddings, (B, T) tokens and (V, E) word vectors -> (B, T, E), what the next token is like."""
        length = ids.shape[1]
        given = self.from_words(F.embedding(ids, words)) + self.positions.weight[:length]
        later = torch.ones(length, length, dtype=torch.bool, device=ids.device).triu(1)
        hidden = self.layer(given, latents[:, None], tgt_mask=later)
        return self.norm(self.to_words(hidden))


class TextAutoencoderPreTrainedModel(TextPreTrainedModel):
    """Names and loading rules that the two models below share."""

    config: TextAutoencoderConfig
    base_model_prefix = "text_autoencoder"
    _keys_to_ignore_on_load_unexpected = [r"^(text_autoencoder\.)?decoder\.", r"^classifier\."]


class TextAutoencoderModel(TextEncoding, TextAutoencoderPreTrainedModel):
    """TSDAE (Wang et al. 2021): tokens are deleted, the mean vector of the rest is all that the decoder sees.

    Shapes: B texts of up to L tokens, D = `latent_size`, V = `vocab_size`.
    """

    loss_name = "cross-entropy of a token (nats)"
    keeps = "The embedding keeps what helps to write the text again, word by word."

    def __init__(self, config: TextAutoencoderConfig):
        super().__init__(config)
        self.encoder = build_text_backbone(config.backbone_config)
        self.decoder = TextDecoder(config, self.word_vectors().shape[1]) if config.has_decoder else None
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
        """Delete, encode, write again.

        Args:
            input_ids, attention_mask: (B, L) of the model's tokenizer.
            return_loss: False leaves the loss out. The default must be True: `Trainer` reads it to know that
                this model needs no labels to evaluate.
            generator: of the tokens that are deleted while training; None for the default one. In eval mode the same
                places lose their tokens in every text.
            ignored: what other tokenizers give beside these, such as `token_type_ids`.

        Returns:
            `latents` are of what was left while training, of the whole text in eval mode.

        Raises:
            ValueError: ids of another shape.
        """
        ids, mask = whole(input_ids, attention_mask, self.config)
        if self.decoder is None or not wants_loss(return_loss) or self._decoder_is_elsewhere():
            return PretrainingOutput(latents=mean_of_tokens(self.hidden(ids, mask), mask))
        left, left_mask = self.delete(ids, mask, generator)
        seen = mean_of_tokens(self.hidden(left, left_mask), left_mask)
        latents = seen if self.training else mean_of_tokens(self.hidden(ids, mask), mask)
        return PretrainingOutput(latents=latents, loss=self.loss_of(seen, ids, mask))

    def _decoder_is_elsewhere(self) -> bool:
        """Kept on the CPU or a disk by accelerate, which brings weights where a module is called, and an attention of
        torch's own reads them past that. The embedding does without."""
        return self.decoder.word_bias.is_meta and not self.training

    def loss_of(self, latents: torch.Tensor, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Mean cross-entropy of each token of (B, L) texts, from (B, D) embeddings and the tokens before it."""
        words, wanted = self.word_vectors(), mask[:, 1:] > 0
        if ids.shape[1] < 2:
            return latents.sum() * 0
        predicted = self.decoder(latents, ids[:, :-1], words)[wanted]  # (N, E)
        logits = F.linear(predicted, words, self.decoder.word_bias)
        return mean_error(logits.float(), ids[:, 1:][wanted])

    def delete(
        self, ids: torch.Tensor, mask: torch.Tensor, generator: torch.Generator | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, L) ids and mask -> those of the tokens that are left, moved together; the first one always is."""
        if self.training:
            drawn = uniform(ids.shape, ids.device, generator)
        else:
            drawn = Fixed().uniform((1, ids.shape[1]), ids.device).expand(ids.shape[0], -1)
        kept = (mask > 0) & (drawn >= self.config.delete_ratio)
        kept[:, 0] = mask[:, 0] > 0
        order = (~kept).to(torch.uint8).argsort(dim=1, stable=True)
        compiled = torch.compiler.is_compiling()  # a length that is read from the values would cut the network in two
        longest = ids.shape[1] if compiled else max(1, int(kept.sum(1).max()))
        left, left_mask = ids.gather(1, order)[:, :longest], kept.gather(1, order)[:, :longest]
        return torch.where(left_mask, left, self.config.pad_token_id or 0), left_mask.long()


class TextAutoencoderForSequenceClassification(ClassifiesTexts, TextAutoencoderPreTrainedModel):
    """The encoder, the mean over its tokens, and one linear layer to the classes.

    `from_pretrained` takes a `TextAutoencoderModel` checkpoint (the classifier is then new) or its own. With
    `reconstruction_weight` above 0 the decoder stays and its loss, times that weight, is added.
    """

    def __init__(self, config: TextAutoencoderConfig):
        config = classifier_config(config)
        super().__init__(config)
        self.text_autoencoder = TextAutoencoderModel(config)
        self.classifier = nn.Linear(config.latent_size, config.num_labels)
        self.post_init()
