"""What the config of every family has."""

from typing import Any, ClassVar

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

ATTENTION = (None, "eager", "sdpa", "flex_attention")  # by torch itself; any other name is a kernel of a repository

MOST_LABELS = 1_000_000  # each has a name in two mappings of a config


def without_foreign_attention(config: PreTrainedConfig) -> PreTrainedConfig:
    """`config`, changed in place: an `attn_implementation` that would fetch native code, at any depth, is forgotten.

    transformers loads it without asking, wherever `kernels` is installed. Who wants one says so to `from_pretrained`.
    """
    if config._attn_implementation not in ATTENTION:
        config._attn_implementation = None
    for name in config.sub_configs:
        part = getattr(config, name, None)
        if isinstance(part, PreTrainedConfig):
            without_foreign_attention(part)
    return config


@strict
class EncoderConfig(PreTrainedConfig):
    """Fields and rules that all families share, whatever their input is.

    Args:
        has_decoder: False for a bare encoder, as in a classifier fine-tuned without `reconstruction_weight`.
        reconstruction_weight: weight of the pretraining loss beside the classifier's own; above 0 the classifier
            keeps the decoder.
    """

    # scalars of a batch, beside arrays of a row a sample: `Trainer.predict` leaves them out
    keys_to_ignore_at_inference: ClassVar[list[str]] = [
        "penalty", "discriminator_loss", "generator_loss", "diversity", "distance", "apart", "spread", "hits",
    ]  # fmt: skip

    has_decoder: bool = True
    reconstruction_weight: float | int = 0.0

    def __post_init__(self, **kwargs: Any):
        labels = kwargs.get("num_labels")
        if isinstance(labels, (int, float)) and not 0 <= labels <= MOST_LABELS:
            raise ValueError(f"num_labels must be a whole number up to {MOST_LABELS:,}, got {labels}.")
        super().__post_init__(**kwargs)
        without_foreign_attention(self)

    def validate_reconstruction_weight(self) -> None:
        """Finite, 0 or larger."""
        if not 0 <= self.reconstruction_weight < float("inf"):
            raise ValueError(
                f"reconstruction_weight must be a finite number, 0 or larger, got {self.reconstruction_weight}."
            )

    def validate_problem_type(self) -> None:
        """One that the classifiers have a loss for."""
        if self.problem_type not in (
            None, "single_label_classification", "multi_label_classification", "regression"
        ):  # fmt: skip
            raise ValueError(
                f"problem_type must be 'single_label_classification', 'multi_label_classification' or 'regression', "
                f"got {self.problem_type!r}."
            )
