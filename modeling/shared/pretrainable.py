"""What pretraining asks of a family's model, with the answers of one that has nothing particular to say."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch


class Pretrainable:
    """Answers to the scripts' questions; a family's model has it left of `PreTrainedModel` and says what differs.

    Attributes:
        loss_name: what `loss` is, for people.
        loss_is_error: the loss is the error of the reconstruction, so the error of a mean sample may stand beside it.
        logged_outputs: fields of the output that metrics.jsonl shows beside the loss.
        reconstructs: it has `reconstruct`, and its output `squared_error`: the card and the pictures show both.
        generates: it has `generate`.
        pretraining_parts: its modules that only pretraining needs, and a classifier keeps with its loss.
        keeps: a sentence for the card, on what the embedding keeps and what it need not.
    """

    loss_name: str = "loss"
    loss_is_error: bool = False
    logged_outputs: tuple[str, ...] = ()
    reconstructs: bool = False
    generates: bool = False
    pretraining_parts: tuple[str, ...] = ("decoder",)
    keeps: str | None = None

    def parameter_groups(self, learning_rate: float) -> list[dict[str, Any]] | None:
        """Groups for the optimizer, for parts that learn at rates of their own; None: all learn alike."""
        return None

    def start_from(self, samples: Callable[[int], dict[str, torch.Tensor]], generator: torch.Generator) -> None:
        """Take first weights from training samples, once, before the first step.

        Args:
            samples: gives the model's arguments for that many of them, such as `pixel_values` (N, C, H, W).
            generator: of what is drawn.
        """

    def judged_part(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor | None:
        """Where reconstructions are judged in eval mode, as a mask (H, W) or of another shape that is
        broadcast to one sample; None: all over."""
        return None

    def warnings(self, output: Any) -> list[str]:
        """What is amiss, as one output in eval mode shows, with the repair."""
        return []

    def after_step(self) -> None:
        """Called after each optimizer step."""

    def save_beside(self, folder: Path) -> None:
        """Write to the run's folder what others use of this model without pretune."""
