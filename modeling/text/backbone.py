"""What families share that pretrain a network of transformers on texts."""

import inspect
import shutil
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import MODEL_MAPPING, AutoModel, PreTrainedConfig, PreTrainedModel
from transformers import initialization as init

from ..shared.answering import AroundBackbone
from ..shared.loading import CompleteLoading, load_published
from ..shared.pretrainable import Pretrainable
from .sentences import write_sentence_files
from .tokens import mean_of_tokens, whole

FAULTS = (RuntimeError, ValueError, TypeError, AttributeError, LookupError, ImportError)
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")


def build_text_backbone(backbone: PreTrainedConfig) -> PreTrainedModel:
    """A new network from a backbone's config, without a pooler, which nothing here would train.

    Raises:
        ValueError: its values do not fit together.
    """
    dtype = {} if backbone.dtype is None else {"dtype": torch.get_default_dtype()}
    try:
        return AutoModel.from_config(backbone, trust_remote_code=False, **dtype, **pooler_option(backbone))
    except FAULTS as error:
        cause = " ".join(str(error).split())
        raise ValueError(f"no {backbone.model_type} can be built of this backbone_config: {cause}") from None


def pooler_option(backbone: PreTrainedConfig) -> dict[str, bool]:
    """What leaves a pooler out, where there is one."""
    parameters = inspect.signature(MODEL_MAPPING[type(backbone)].__init__).parameters
    return {"add_pooling_layer": False} if "add_pooling_layer" in parameters else {}


class TextPreTrainedModel(AroundBackbone, CompleteLoading, PreTrainedModel):
    """Weights and loading rules of the families around a network of transformers."""

    main_input_name = "input_ids"

    def _init_weights(self, module: nn.Module) -> None:
        """Only our own layers: a backbone initialises itself."""
        if isinstance(module, (nn.Linear, nn.LayerNorm, nn.Embedding)):
            module.reset_parameters()
        elif isinstance(module, nn.MultiheadAttention):
            module._reset_parameters()
        elif hasattr(module, "word_bias"):
            init.zeros_(module.word_bias)

    def resize_token_embeddings(self, *args, **kwargs) -> nn.Module:
        """As transformers has it, for a tokenizer that got new tokens; a decoder's bias follows, 0 for these."""
        embeddings = super().resize_token_embeddings(*args, **kwargs)
        self.config.backbone_config.vocab_size = self.config.vocab_size
        for module in self.modules():
            bias = getattr(module, "word_bias", None)
            if isinstance(bias, nn.Parameter) and len(bias) != self.config.vocab_size:
                new = bias.new_zeros(self.config.vocab_size)
                kept = min(len(bias), len(new))
                new[:kept] = bias.detach()[:kept]
                module.word_bias = nn.Parameter(new, requires_grad=bias.requires_grad)
        return embeddings


class TextEncoding(Pretrainable):
    """The embedding of a text: the mean over its tokens' vectors; and the encoder as a plain checkpoint."""

    def hidden(self, input_ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """(B, L) ids and mask, as `whole` gives them -> (B, L, D) vectors of tokens."""
        return self.encoder(input_ids=input_ids, attention_mask=mask).last_hidden_state

    def encode(
        self, input_ids: torch.LongTensor, attention_mask: torch.LongTensor | None = None, **ignored: Any
    ) -> torch.FloatTensor:
        """(B, L) token ids -> (B, D) embedding, nothing hidden."""
        ids, mask = whole(input_ids, attention_mask, self.config)
        return mean_of_tokens(self.hidden(ids, mask), mask)

    def word_vectors(self) -> torch.Tensor:
        """(V, E), what the encoder makes of each token first; the decoder uses them too."""
        layer = self.encoder.get_input_embeddings()
        if layer.weight.is_meta:  # kept elsewhere by accelerate, which brings it for a call alone
            return layer(torch.arange(layer.num_embeddings))
        return layer.weight

    def parameter_groups(self, learning_rate: float) -> list[dict[str, Any]] | None:
        """The encoder at the learning rate, all that is new at `decoder_rate` times it."""
        mine = list(self.encoder.parameters())
        known = {id(p) for p in mine}
        rest = [p for p in self.parameters() if id(p) not in known]
        return [{"params": mine}, {"params": rest, "lr": learning_rate * self.config.decoder_rate}] if rest else None

    def save_beside(self, folder: Path) -> None:
        """The encoder as `folder/backbone`, a plain checkpoint of transformers with its tokenizer."""
        write_sentence_files(folder)
        self.encoder.save_pretrained(folder / "backbone")
        for name in TOKENIZER_FILES:
            if (folder / name).is_file():
                shutil.copyfile(folder / name, folder / "backbone" / name)

    def load_backbone(self, name: str | Path, revision: str = "main") -> None:
        """Take the weights of a plain checkpoint of transformers, a folder or Hub id.

        Raises:
            ValueError: it lacks a tensor of this backbone, or has it in another shape.
        """
        load_published(self.encoder, name, revision, pooler_option(self.encoder.config))
