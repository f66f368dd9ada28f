"""The bag-of-words autoencoder: which tokens a text has -> embedding -> which tokens it has."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from transformers import PreTrainedModel
from transformers import initialization as init

from ...configuration.text.bag_autoencoder import BagAutoencoderConfig
from ..shared.answering import answers_in_full
from ..shared.chance import uniform
from ..shared.classification import classifier_config
from ..shared.evaluating import wants_loss
from ..shared.loading import CompleteLoading
from ..shared.outputs import PretrainingOutput
from ..shared.pretrainable import Pretrainable
from .sentences import write_sentence_files
from .tokens import ClassifiesTexts, whole

CORPUS = 50_000  # training texts that say how frequent a token is
AT_ONCE = 256  # of them counted together


class BagEncoder(nn.Module):
    """(B, V) counts of tokens -> (B, D): one layer on them, weighted by how rare they are.

    `idf` (V,) is 0 for tokens that are left out; it is learned from the training texts before the first step.
    """

    def __init__(self, config: BagAutoencoderConfig):
        super().__init__()
        self.words = nn.Parameter(torch.empty(config.vocab_size, config.latent_size))
        self.bias = nn.Parameter(torch.empty(config.latent_size))
        self.activation = nn.Tanh()
        self.register_buffer("idf", torch.ones(config.vocab_size))

    def counts(self, input_ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """(B, L) ids and mask -> (B, V) float: how often each token that counts is in each text."""
        counts = torch.zeros(input_ids.shape[0], self.idf.shape[0], device=input_ids.device)
        return counts.scatter_add_(1, input_ids, mask.to(counts.dtype)) * (self.idf > 0)

    def forward(self, counts: torch.Tensor) -> torch.Tensor:
        """(B, V) counts -> (B, D)."""
        weighted = F.normalize(counts.log1p() * self.idf.float(), dim=1).to(self.words.dtype)
        return self.activation(weighted @ self.words + self.bias)


class BagAutoencoderPreTrainedModel(CompleteLoading, PreTrainedModel):
    """Weights, names and loading rules that the two models below share."""

    config: BagAutoencoderConfig
    base_model_prefix = "bag_autoencoder"
    main_input_name = "input_ids"
    # A bare encoder does without the checkpoint's decoder, an autoencoder without a classifier's head.
    _keys_to_ignore_on_load_unexpected = [r"^(bag_autoencoder\.)?decoder\.", r"^classifier\."]

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, BagEncoder):
            init.normal_(module.words, std=module.words.shape[1] ** -0.5)
            init.zeros_(module.bias)
            init.ones_(module.idf)
        elif isinstance(module, nn.Linear) and module.out_features == self.config.vocab_size:
            init.normal_(module.weight, std=0.02)
            init.zeros_(module.bias)
        elif isinstance(module, nn.Linear):
            module.reset_parameters()


class BagAutoencoderModel(Pretrainable, BagAutoencoderPreTrainedModel):
    """Autoencoder of bags of tokens with a multinomial loss (Gan et al. 2015 call it a softmax topic model; here it is
    one deterministic layer each way).

    Shapes: B texts of up to L tokens, V = `vocab_size`, D = `latent_size`.
    """

    loss_name = "cross-entropy of a token (nats)"
    keeps = "The embedding keeps which words occur together, and nothing of their order."

    def __init__(self, config: BagAutoencoderConfig):
        super().__init__(config)
        self.encoder = BagEncoder(config)
        self.decoder = nn.Linear(config.latent_size, config.vocab_size) if config.has_decoder else None
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
        """Count, encode, predict which tokens the text has.

        Args:
            input_ids, attention_mask: (B, L) of the model's tokenizer.
            return_loss: False leaves the loss out. The default must be True: `Trainer` reads it to know that
                this model needs no labels to evaluate.
            generator: of the tokens that are dropped while training; None for the default one.
            ignored: what other tokenizers give beside these, such as `token_type_ids`.

        Raises:
            ValueError: ids of another shape.
        """
        counts = self.encoder.counts(*whole(input_ids, attention_mask, self.config))
        seen = counts
        if self.training and self.config.drop_ratio > 0:
            drawn = uniform(counts.shape, counts.device, generator)
            seen = counts * (drawn >= self.config.drop_ratio)
        code = self.encoder(seen)
        latents = of_one_length(code)
        if self.decoder is None or not wants_loss(return_loss):
            return PretrainingOutput(latents=latents)
        predicted = F.log_softmax(self.decoder(code).float(), dim=1)
        return PretrainingOutput(latents=latents, loss=-(counts * predicted).sum() / counts.sum().clamp(min=1))

    def encode(
        self, input_ids: torch.LongTensor, attention_mask: torch.LongTensor | None = None, **ignored: Any
    ) -> torch.FloatTensor:
        """(B, L) token ids -> (B, D) embedding, of length sqrt(D): nearest is what points the same way."""
        return of_one_length(self.encoder(self.encoder.counts(*whole(input_ids, attention_mask, self.config))))

    @torch.no_grad()
    def start_from(self, samples: Callable[[int], dict[str, torch.Tensor]], generator: torch.Generator) -> None:
        """Learn from training texts, (N, L) ids, how rare each token is, and which are left out."""
        inputs = samples(CORPUS)
        ids, mask = whole(inputs["input_ids"], inputs.get("attention_mask"), self.config)
        self.encoder.idf.fill_(1)
        texts = torch.zeros_like(self.encoder.idf)
        for start in range(0, len(ids), AT_ONCE):
            counts = self.encoder.counts(ids[start : start + AT_ONCE], mask[start : start + AT_ONCE])
            texts += (counts > 0).sum(0)
        self.encoder.idf.copy_(rarity(texts, len(ids), self.config.min_documents, self.config.max_document_share))

    def save_beside(self, folder: Path) -> None:
        """What lets sentence-transformers load the folder."""
        write_sentence_files(folder)

    def warnings(self, output: Any) -> list[str]:
        """Whether most texts have none of the tokens that count."""
        nothing = of_one_length(self.encoder.activation(self.encoder.bias)[None])
        empty = (output.latents - nothing).abs().amax(1).lt(1e-5).float().mean().item()
        if empty <= 0.5:
            return []
        return [
            f"{empty:.0%} of the texts have no token that counts: the corpus is small, or its texts are. Pass a "
            f"smaller --config.min_documents, or a larger --config.max_document_share."
        ]


def of_one_length(code: torch.Tensor) -> torch.Tensor:
    """(B, D) -> the same directions, all of length sqrt(D), so that a unit is about 1 in size."""
    return F.normalize(code, dim=1) * code.shape[1] ** 0.5


def rarity(texts: torch.Tensor, count: int, fewest: int, share: float) -> torch.Tensor:
    """Inverse document frequencies, smoothed (Robertson 2004), and 0 for tokens that are left out.

    Args:
        texts: (V,), in how many texts each token is.
        count: of all texts.
        fewest, share: tokens in fewer texts, or in more than this share of them, are left out; where that leaves none,
            as of a handful of texts, all that occur count.
    """
    idf = ((1 + count) / (1 + texts)).log() + 1
    kept = (texts >= fewest) & (texts <= max(share * count, fewest))
    kept = kept if kept.any() else texts > 0
    kept = kept if kept.any() else torch.ones_like(kept)
    return idf * kept


class BagAutoencoderForSequenceClassification(ClassifiesTexts, BagAutoencoderPreTrainedModel):
    """The encoder and one linear layer from the embedding to the classes.

    `from_pretrained` takes a `BagAutoencoderModel` checkpoint (the classifier is then new) or its own. With
    `reconstruction_weight` above 0 the decoder stays and its loss, times that weight, is added.
    """

    def __init__(self, config: BagAutoencoderConfig):
        config = classifier_config(config)
        super().__init__(config)
        self.bag_autoencoder = BagAutoencoderModel(config)
        self.classifier = nn.Linear(config.latent_size, config.num_labels)
        self.post_init()
