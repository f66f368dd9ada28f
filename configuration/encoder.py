"""What the config of every family has."""

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig


@strict
class EncoderConfig(PreTrainedConfig):
    """Fields and rules that all families share, whatever their input is.

    Args:
        has_decoder: False for a bare encoder, as in a classifier fine-tuned without `reconstruction_weight`.
        reconstruction_weight: weight of the pretraining loss beside the classifier's own; above 0 the classifier
            keeps the decoder.
    """

    has_decoder: bool = True
    reconstruction_weight: float | int = 0.0

    def validate_reconstruction_weight(self) -> None:
        """Finite, 0 or larger."""
        if not 0 <= self.reconstruction_weight < float("inf"):
            raise ValueError(
                f"reconstruction_weight must be a finite number, 0 or larger, got {self.reconstruction_weight}."
            )

    def validate_problem_type(self) -> None:
        """One that the classifiers have a loss for."""
        if self.problem_type not in (None, "single_label_classification", "multi_label_classification"):
            raise ValueError(
                f"problem_type must be 'single_label_classification' or 'multi_label_classification', "
                f"got {self.problem_type!r}."
            )
