"""Networks of transformers that read tokens, as encoders of texts: their config from what was given of it."""

from typing import Any, ClassVar

from huggingface_hub.dataclasses import strict
from transformers import CONFIG_MAPPING, MODEL_MAPPING, AutoConfig, PreTrainedConfig

from ..encoder import without_foreign_attention
from .text import TextConfig

DEFAULT_BACKBONE = {
    "model_type": "bert", "hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 512,
}  # fmt: skip
EXPECTED = "expected one that reads tokens and gives a vector for each (bert, distilbert, roberta, mpnet, electra ...)"
# Positions of these begin behind the padding token's number.
COUNT_FROM_PADDING = ("roberta", "xlm-roberta", "camembert", "mpnet", "longformer", "data2vec-text", "xlm-roberta-xl")


def text_backbone(values: dict[str, Any], vocab_size: int, max_length: int, pad: int | None) -> PreTrainedConfig:
    """The config of a new network from a dictionary with its `model_type`; what it leaves out follows the tokenizer.

    Raises:
        ValueError: transformers has no such kind.
    """
    kind = values.get("model_type")
    if kind not in CONFIG_MAPPING:
        raise ValueError(f"backbone_config has model_type {kind!r}, {EXPECTED}.")
    first = (pad or 0) + 1 if kind in COUNT_FROM_PADDING else 0
    usual = {"vocab_size": vocab_size, "max_position_embeddings": max_length + first, "pad_token_id": pad}
    own = {name: value for name, value in values.items() if name != "model_type"}
    return CONFIG_MAPPING[kind](**{**usual, **own})


def positions_of(backbone: PreTrainedConfig) -> int | None:
    """How many tokens of a text a network has positions for; None where there is no limit."""
    names = ("max_position_embeddings", "n_positions", "n_ctx")
    found = next((n for name in names if isinstance(n := getattr(backbone, name, None), int) and n > 0), None)
    if found is not None and backbone.model_type in COUNT_FROM_PADDING:
        found -= (backbone.pad_token_id or 0) + 1
    return found


@strict
class TextBackboneConfig(TextConfig):
    """What families share that pretrain a network of transformers on texts.

    Args:
        vocab_size, max_length: of a backbone that is given as a config, they are its own.
        backbone_config: a dictionary with a `model_type` (bert, distilbert, roberta, electra ...); None: a BERT of 2
            layers of 128.
        decoder_rate: how many times as fast as the encoder the rest learns; more than 1 where the encoder's weights
            are published and the rest is new.
    """

    # by which what is asked of the whole, such as `attn_implementation` or a dtype, reaches the backbone
    sub_configs: ClassVar[dict[str, type]] = {"backbone_config": AutoConfig}

    backbone_config: dict | PreTrainedConfig | None = None
    decoder_rate: float | int = 1.0

    def __post_init__(self, **kwargs: Any):
        backbone = dict(DEFAULT_BACKBONE) if self.backbone_config is None else self.backbone_config
        if isinstance(backbone, dict):
            backbone = text_backbone(backbone, self.vocab_size, self.max_length, self.pad_token_id)
        self.backbone_config = without_foreign_attention(backbone)
        self.vocab_size = getattr(backbone, "vocab_size", self.vocab_size)
        self.max_length = min(self.max_length, positions_of(backbone) or self.max_length)
        super().__post_init__(**kwargs)

    def validate_backbone(self) -> None:
        """A network that gives a vector for each token."""
        backbone = self.backbone_config
        if type(backbone) not in MODEL_MAPPING or backbone.is_encoder_decoder or self.latent_size is None:
            raise ValueError(f"backbone_config is of type {backbone.model_type!r}, {EXPECTED}.")
        if not 0 < self.decoder_rate < float("inf"):
            raise ValueError(f"decoder_rate must be a number above 0, got {self.decoder_rate}.")

    @property
    def latent_size(self) -> int | None:
        """Width of the embedding: of the network's vectors."""
        return getattr(self.backbone_config, "hidden_size", None)

    @property
    def hidden_size(self) -> int | None:
        """The same, as others call it."""
        return self.latent_size
