"""Fields of the configs of all families that read text."""

from huggingface_hub.dataclasses import strict

from ..encoder import EncoderConfig


@strict
class TextConfig(EncoderConfig):
    """What a model reads.

    Args:
        vocab_size: how many tokens there are; of a new network its tokenizer says it.
        max_length: tokens of a text that are read, with those that mark its beginning and end; the rest is cut off.
        pad_token_id: the token that fills up shorter texts of a batch.
        mask_token_id: the token that stands for a hidden one.
    """

    vocab_size: int = 8000
    max_length: int = 256
    pad_token_id: int | None = 0
    mask_token_id: int | None = None

    def validate_text(self) -> None:
        """Some tokens, and room for one between beginning and end."""
        if self.vocab_size < 1:
            raise ValueError(f"vocab_size must be at least 1, got {self.vocab_size}.")
        if self.max_length < 3:
            raise ValueError(f"max_length must be at least 3 tokens, got {self.max_length}.")
        if self.pad_token_id is not None and not 0 <= self.pad_token_id < self.vocab_size:
            raise ValueError(f"pad_token_id is {self.pad_token_id}, expected a token from 0 to {self.vocab_size - 1}.")
