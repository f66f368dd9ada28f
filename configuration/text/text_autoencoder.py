"""Configuration of the denoising autoencoder of texts."""

from typing import Any

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from .backbones import TextBackboneConfig


@strict
class TextAutoencoderConfig(TextBackboneConfig):
    """An encoder of transformers, and one decoder layer that rebuilds a text from its embedding alone.

    Args:
        delete_ratio: share of the tokens that the encoder does not see while training.

    Raises:
        huggingface_hub.errors.StrictDataclassError: a value of the wrong type, or values that do not fit together.
    """

    model_type = "pretune_text_autoencoder"

    delete_ratio: float | int = 0.6

    def __post_init__(self, **kwargs: Any):
        super().__post_init__(**kwargs)

    def validate_ratio(self) -> None:
        """Some tokens are left."""
        if not 0 <= self.delete_ratio < 1:
            raise ValueError(f"delete_ratio must lie in [0, 1), got {self.delete_ratio}.")

    @classmethod
    def around(cls, backbone: PreTrainedConfig, **fields: Any) -> "TextAutoencoderConfig":
        """The config of a network around a published encoder, without a decoder."""
        length = getattr(backbone, "max_position_embeddings", None) or 512
        pad = getattr(backbone, "pad_token_id", None)
        given = {"max_length": length, "pad_token_id": pad, "has_decoder": False, **fields}
        return cls(backbone_config=backbone, **given)
