"""Whatever makes one vector a sample: raw input, principal components, an encoder, trained or not."""

from typing import Protocol

import numpy as np
from torch import nn

from ..modalities.modality import Modality
from ..networks.encoders import Encoder
from ..protocol import PROTOCOL
from ..randomness import seed_for
from .probes import principal_components


class Embedder(Protocol):
    """What probes, draws and report know of a model or floor."""

    def fit(self, unlabelled: np.ndarray) -> None:
        """Learn from stored rows (N, ...) of training samples, without labels; most have nothing to learn."""

    def embed(self, values: np.ndarray) -> np.ndarray:
        """Stored rows (N, ...) -> (N, D)."""

    @property
    def cost(self) -> int:
        """Numbers that it has to keep to embed."""


class RawInput:
    """A sample as it is, by its modality.

    Args:
        modality: says what a raw sample is.
    """

    cost = 0

    def __init__(self, modality: Modality):
        self.modality = modality

    def fit(self, unlabelled: np.ndarray) -> None:
        """(N, ...) stored rows: nothing to learn."""

    def embed(self, values: np.ndarray) -> np.ndarray:
        """Stored rows (N, ...) -> (N, D) float32."""
        return self.modality.raw(values)


class PrincipalComponents:
    """Principal components of raw samples.

    Args:
        width: how many.
    """

    def __init__(self, width: int):
        self.width, self.pca = width, None

    @property
    def cost(self) -> int:
        """Components and mean."""
        return 0 if self.pca is None else self.pca.components_.size + self.pca.mean_.size

    def fit(self, unlabelled: np.ndarray) -> None:
        """Fit to (N, D) raw rows, or to a draw of as many as have `pca_values` numbers together."""
        rng = np.random.default_rng(seed_for(PROTOCOL.seed, "pca"))
        most = max(self.width + 1, PROTOCOL.pca_values // unlabelled.shape[1])
        rows = unlabelled if most >= len(unlabelled) else unlabelled[rng.permutation(len(unlabelled))[:most]]
        self.pca = principal_components(rows, self.width, PROTOCOL.seed)

    def embed(self, values: np.ndarray) -> np.ndarray:
        """(N, D) raw rows -> (N, width), or as many as there can be."""
        return self.pca.transform(values)


class OfEncoder:
    """What an encoder's own classifier is given.

    Args:
        encoder: the pretrained one.
        model: its network, with the pretrained weights or with others.
    """

    def __init__(self, encoder: Encoder, model: nn.Module):
        self.encoder, self.model = encoder, model

    @property
    def cost(self) -> int:
        """Its parameters, the head's among them."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    def fit(self, unlabelled: np.ndarray) -> None:
        """(N, ...) stored rows: nothing to learn."""

    def embed(self, values: np.ndarray) -> np.ndarray:
        """Stored rows (N, ...) -> (N, D) float32."""
        return self.encoder.features(self.model, values)
