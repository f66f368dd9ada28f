"""Configuration of the masked language model."""

from huggingface_hub.dataclasses import strict

from .backbones import TextBackboneConfig


@strict
class MaskedLanguageModelConfig(TextBackboneConfig):
    """An encoder of transformers that learns to fill in hidden tokens.

    Args:
        mask_ratio: share of the tokens between the first and the last that are to be predicted; of them 8 in 10 are
            hidden, 1 in 10 becomes another one, and 1 in 10 stays.

    Raises:
        huggingface_hub.errors.StrictDataclassError: a value of the wrong type, or values that do not fit together.
    """

    model_type = "pretune_masked_language_model"

    mask_ratio: float | int = 0.15

    def validate_mask(self) -> None:
        """Some tokens are hidden and not all, by a token that there is."""
        if not 0 < self.mask_ratio < 1:
            raise ValueError(f"mask_ratio must lie between 0 and 1, got {self.mask_ratio}.")
        if self.mask_token_id is not None and not 0 <= self.mask_token_id < self.vocab_size:
            raise ValueError(f"mask_token_id is {self.mask_token_id}, expected a token of {self.vocab_size}.")
