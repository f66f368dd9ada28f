"""Whatever makes one vector a sample: raw input, principal components, an encoder, trained or not."""

import numpy as np
from torch import nn

from ..modalities.modality import Modality
from ..modalities.picked import Stored
from ..networks.encoders import Encoder
from ..protocol import BESIDE, FLOORS, METHODS, PROTOCOL
from ..randomness import seed_for
from .probes import principal_components


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


def kind_of(method: str) -> str:
    """What a method of the report looks at: "raw", "pca", "untrained", a floor of the modality; "" for the model."""
    return method.rpartition("_")[0] if method in FLOORS else ""


def methods_for(modality: Modality, values: Stored) -> list[str]:
    """The methods of the report that there are for this kind of input and these stored rows (N, ...)."""
    there = ["", "untrained"] + ["raw", "pca"] * (modality.raw is not None)
    there += [name for name in modality.floors if modality.floor_fits(name, values)]
    found = [method for method in METHODS + FLOORS if kind_of(method) in there]
    return [method for method in found if method != BESIDE or modality.beside is not None]
