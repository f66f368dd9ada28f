"""Configuration of the bag-of-words autoencoder."""

from huggingface_hub.dataclasses import strict

from .text import TextConfig


@strict
class BagAutoencoderConfig(TextConfig):
    """Weighted counts of tokens -> one layer to the embedding -> a softmax over the vocabulary.

    The order of words plays no part. In half a minute of one core it learns an embedding of a corpus' topics.

    Args:
        latent_size: width of the embedding.
        drop_ratio: share of a text's kinds of tokens that the input lacks while training; all are predicted.
        min_documents: in fewer training texts than these, a token is left out.
        max_document_share: in more than this share of the training texts, a token is left out: "the" says no topic.

    Raises:
        huggingface_hub.errors.StrictDataclassError: a value of the wrong type, or values that do not fit together.
    """

    model_type = "pretune_bag_autoencoder"
    attribute_map = {"hidden_size": "latent_size"}

    max_length: int = 512
    latent_size: int = 256
    drop_ratio: float | int = 0.0
    min_documents: int = 2
    max_document_share: float | int = 0.1

    def validate_sizes(self) -> None:
        """At least one unit, and shares that are some."""
        if self.latent_size < 1:
            raise ValueError(f"latent_size must be at least 1, got {self.latent_size}.")
        if not 0 <= self.drop_ratio < 1:
            raise ValueError(f"drop_ratio must lie in [0, 1), got {self.drop_ratio}.")
        if not 0 < self.max_document_share <= 1:
            raise ValueError(f"max_document_share must lie in (0, 1], got {self.max_document_share}.")
