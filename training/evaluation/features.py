"""The features that probes are fitted to: raw pixels, principal components, the encoder's, an untrained encoder's.

Each is computed once, kept in the report's folder until the report is whole, and used by every draw.
"""

import os
from pathlib import Path

import numpy as np

from ..data.loading import ImageData
from ..networks.encoders import Encoder
from ..protocol import PROTOCOL
from ..randomness import seed_for
from .probes import Standardiser, principal_components, raw_rows


def reference_rows(train: ImageData) -> np.ndarray:
    """Rows of the training images whose statistics are used, without their labels."""
    rng = np.random.default_rng(seed_for(PROTOCOL.seed, "reference"))
    return np.sort(rng.permutation(len(train))[: PROTOCOL.reference_images])


class Pixels:
    """Raw pixels, and principal components of them."""

    def __init__(self, train: ImageData, test: ImageData):
        self.train, self.test = raw_rows(train.images), raw_rows(test.images)
        self.reference = reference_rows(train)
        self._components: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def __call__(self, kind: str, width: int) -> tuple[np.ndarray, np.ndarray, Standardiser]:
        """("raw" or "pca", components) -> features of all training images, of the test images, and their scale."""
        if kind == "raw":
            return self.train, self.test, Standardiser(self.train[self.reference])
        if width not in self._components:
            rng = np.random.default_rng(seed_for(PROTOCOL.seed, "pca"))
            most = max(width + 1, PROTOCOL.pca_values // self.train.shape[1])
            rows = self.train if most >= len(self.train) else self.train[rng.permutation(len(self.train))[:most]]
            pca = principal_components(rows, width, PROTOCOL.seed)
            self._components[width] = (pca.transform(self.train), pca.transform(self.test))
        train, test = self._components[width]
        return train, test, Standardiser(train[self.reference])


class EncoderFeatures:
    """Features of one encoder, and of the same network with weights that were never trained.

    Args:
        encoder, train, test: what is encoded.
        folder: where features are kept.
    """

    def __init__(self, encoder: Encoder, train: ImageData, test: ImageData, folder: Path):
        self.encoder, self.train, self.test, self.folder = encoder, train, test, folder
        self.reference = reference_rows(train)
        self._held: dict[str, tuple[np.ndarray, np.ndarray, Standardiser]] = {}

    def pretrained(self) -> tuple[np.ndarray, np.ndarray, Standardiser]:
        """Features of all training images, of the test images, and their scale."""
        return self._both("pretrained", True, 0, None)

    def untrained(self, draw: int, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, Standardiser]:
        """The same with the starting weights of this draw; of the training images only `rows` are encoded, the
        others are NaN."""
        needed = np.union1d(rows, self.reference)
        return self._both(f"untrained-{draw}-{len(needed)}", False, draw, needed)

    def _both(self, name: str, pretrained: bool, draw: int, rows: np.ndarray | None):
        if name not in self._held:
            model = self.encoder.classifier(pretrained, seed_for(PROTOCOL.seed, "untrained", draw))
            images = self.train.images if rows is None or len(rows) == len(self.train) else self.train.images[rows]
            found = self._kept(f"{name}-train", model, images)
            train = found
            if len(found) < len(self.train):
                train = np.full((len(self.train), found.shape[1]), np.nan, found.dtype)
                train[rows] = found
            test = self._kept(f"{name}-test", model, self.test.images)
            if not pretrained:
                self._held = {k: v for k, v in self._held.items() if k == "pretrained"}  # one untrained one at a time
            self._held[name] = train, test, Standardiser(train[self.reference])
        return self._held[name]

    def _kept(self, name: str, model, images: np.ndarray) -> np.ndarray:
        path = self.folder / f"{self.encoder.fingerprint}-{name}.npy"
        if not path.is_file():
            self.folder.mkdir(exist_ok=True)
            part = path.with_suffix(f".{os.getpid()}.tmp")
            with open(part, "wb") as file:
                np.save(file, self.encoder.features(model, images))
            os.replace(part, path)
        return np.load(path)
