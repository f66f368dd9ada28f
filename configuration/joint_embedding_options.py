"""What joint embedding can be asked to do, whatever its input is: shared fields of the configs."""

from dataclasses import field
from typing import Literal

from huggingface_hub.dataclasses import strict

from .encoder import EncoderConfig


@strict
class JointEmbeddingOptions(EncoderConfig):
    """Views of one sample shall have one embedding, and different samples different ones.

    Args:
        objective: what keeps embeddings apart: "vicreg" (variance and covariance of each unit: Bardes, Ponce and LeCun
            2022, VICReg), "simclr" (the other samples of the batch: Chen et al. 2020, A Simple Framework for
            Contrastive Learning) or "sigreg" (embeddings shall be normally distributed along random directions:
            Balestriero and LeCun 2025, LeJEPA).
        num_views: random views of each sample in a step, at least 2.
        projector_sizes: widths of the layers between the embedding and the loss, which only pretraining needs.
        invariance_weight, variance_weight, covariance_weight: of VICReg's three terms.
        temperature: of SimCLR.
        sigreg_weight: share of SIGReg beside the distance of the views, between 0 and 1.
        sigreg_directions: random directions looked along in a step.
        has_decoder: False for a bare encoder, without the projector.
    """

    objective: Literal["vicreg", "simclr", "sigreg"] = "vicreg"
    num_views: int = 2
    projector_sizes: list[int] = field(default_factory=lambda: [512, 256])
    invariance_weight: float | int = 25.0
    variance_weight: float | int = 25.0
    covariance_weight: float | int = 1.0
    temperature: float | int = 0.2
    sigreg_weight: float | int = 0.05
    sigreg_directions: int = 256

    def validate_objective(self) -> None:
        """Two views or more, layers that exist, and weights that are finite."""
        if self.num_views < 2:
            raise ValueError(f"num_views must be at least 2, got {self.num_views}: views are compared.")
        if not self.projector_sizes or min(self.projector_sizes) < 1:
            raise ValueError(f"projector_sizes must be numbers of at least 1, got {self.projector_sizes}.")
        if self.sigreg_directions < 1:
            raise ValueError(f"sigreg_directions must be at least 1, got {self.sigreg_directions}.")
        for name in ("invariance_weight", "variance_weight", "covariance_weight"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be a finite number, 0 or larger, got {getattr(self, name)}.")
        if not 0 < self.temperature < float("inf"):
            raise ValueError(f"temperature must be a finite number above 0, got {self.temperature}.")
        if not 0 < self.sigreg_weight < 1:
            raise ValueError(f"sigreg_weight must lie between 0 and 1, got {self.sigreg_weight}.")
