"""The features that probes are fitted to, of all training and test samples: each computed once, used by every draw.

An encoder's are kept in the report's folder until the report is whole.
"""

import os
from pathlib import Path

import numpy as np

from ..data.samples import Samples
from ..networks.encoders import Encoder
from ..protocol import PROTOCOL
from ..randomness import seed_for
from .embedders import Embedder, OfEncoder, PrincipalComponents, RawInput
from .probes import Standardiser

Features = tuple[np.ndarray, np.ndarray, Standardiser]  # of the training samples, of the test samples, their scale


def reference_rows(train: Samples) -> np.ndarray:
    """Rows (R,) of the training samples whose statistics are used, without their labels."""
    rng = np.random.default_rng(seed_for(PROTOCOL.seed, "reference"))
    return np.sort(rng.permutation(len(train))[: PROTOCOL.reference_samples])


class FloorFeatures:
    """Raw samples, and principal components of them."""

    def __init__(self, train: Samples, test: Samples):
        raw = RawInput(train.modality)
        self.train, self.test = raw.embed(train.values), raw.embed(test.values)
        self.reference = reference_rows(train)
        self._components: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def __call__(self, kind: str, width: int) -> Features:
        """("raw" or "pca", components) -> features of all training and of the test samples, and their scale."""
        if kind == "raw":
            return self.train, self.test, Standardiser(self.train[self.reference])
        if width not in self._components:
            components = PrincipalComponents(width)
            components.fit(self.train)
            self._components[width] = (components.embed(self.train), components.embed(self.test))
        train, test = self._components[width]
        return train, test, Standardiser(train[self.reference])


class EncoderFeatures:
    """Features of one encoder, and of the same network with weights that were never trained.

    Args:
        encoder, train, test: what is encoded.
        folder: where features are kept.
    """

    def __init__(self, encoder: Encoder, train: Samples, test: Samples, folder: Path):
        self.encoder, self.train, self.test, self.folder = encoder, train, test, folder
        self.reference = reference_rows(train)
        self._held: dict[str, Features] = {}

    def pretrained(self) -> Features:
        """Features of all training samples, of the test samples, and their scale."""
        return self._both("pretrained", True, 0, None)

    def untrained(self, draw: int, rows: np.ndarray) -> Features:
        """The same with the starting weights of this draw; of the training samples only `rows`, (R,), are
        encoded, the others are NaN."""
        needed = np.union1d(rows, self.reference)
        return self._both(f"untrained-{draw}-{len(needed)}", False, draw, needed)

    def _both(self, name: str, pretrained: bool, draw: int, rows: np.ndarray | None) -> Features:
        if name not in self._held:
            model = self.encoder.classifier(pretrained, seed_for(PROTOCOL.seed, "untrained", draw))
            embedder = OfEncoder(self.encoder, model)
            values = self.encoder.rows(self.train)
            values = values if rows is None or len(rows) == len(self.train) else values[rows]
            found = self._kept(f"{name}-train", embedder, values)
            train = found
            if len(found) < len(self.train):
                train = np.full((len(self.train), found.shape[1]), np.nan, found.dtype)
                train[rows] = found
            test = self._kept(f"{name}-test", embedder, self.encoder.rows(self.test))
            if not pretrained:
                self._held = {k: v for k, v in self._held.items() if k == "pretrained"}  # one untrained one at a time
            self._held[name] = train, test, Standardiser(train[self.reference])
        return self._held[name]

    def _kept(self, name: str, embedder: Embedder, values: np.ndarray) -> np.ndarray:
        path = self.folder / f"{self.encoder.fingerprint}-{name}.npy"
        if not path.is_file():
            self.folder.mkdir(exist_ok=True)
            part = path.with_suffix(f".{os.getpid()}.tmp")
            with open(part, "wb") as file:
                np.save(file, embedder.embed(values))
            os.replace(part, path)
        return np.load(path)
