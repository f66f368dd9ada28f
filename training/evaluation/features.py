"""The features that probes are fitted to, of all training and test samples: each computed once, used by every draw.

An encoder's are kept in the report's folder until the report is whole.
"""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..data.samples import Samples
from ..modalities.faults import UNREADABLE
from ..modalities.modality import Embedder
from ..networks.encoders import Encoder
from ..protocol import PROTOCOL
from ..randomness import seed_for
from .embedders import OfEncoder, PrincipalComponents, RawInput
from .probes import Standardiser

Features = tuple[np.ndarray, np.ndarray, Standardiser]  # of the training samples, of the test samples, their scale


def reference_rows(train: Samples) -> np.ndarray:
    """Rows (R,) of the training samples whose statistics are used, without their labels."""
    rng = np.random.default_rng(seed_for(PROTOCOL.seed, "reference"))
    return np.sort(rng.permutation(len(train))[: PROTOCOL.reference_samples])


class FloorFeatures:
    """What floors without a network see of the samples: computed when asked for, and kept.

    Args:
        train, test: stored rows (N, ...) and (M, ...).
    """

    def __init__(self, train: Samples, test: Samples):
        self.modality, self.train, self.test = train.modality, train.values, test.values
        self.reference = reference_rows(train)
        self._held: dict[tuple[str, int], Features] = {}
        self._beside: dict[str, Features] = {}  # by fingerprint

    def __call__(self, kind: str, width: int) -> Features:
        """("raw", "pca" or a floor of the modality, components of "pca") -> features of all training and of the test
        samples, and their scale."""
        key = (kind, width if kind == "pca" else 0)
        if key not in self._held:
            train, test = self._raw(kind, width) if kind in ("raw", "pca") else self._of_modality(kind)
            self._held[key] = train, test, Standardiser(train[self.reference])
        return self._held[key]

    def beside(self, fingerprint: str, vectors: Features) -> Features:
        """Vectors of a model beside those of the floor that its kind of input names; held for one model at a time."""
        if fingerprint not in self._beside:
            train, test = side_by_side([vectors[:2], self(self.modality.beside, 0)[:2]])
            self._beside = {fingerprint: (train, test, Standardiser(train[self.reference]))}
        return self._beside[fingerprint]

    def _raw(self, kind: str, width: int) -> tuple[np.ndarray, np.ndarray]:
        if kind == "raw":
            raw = RawInput(self.modality)
            return raw.embed(self.train), raw.embed(self.test)
        train, test, _ = self("raw", 0)
        components = PrincipalComponents(width)
        components.fit(train)
        return components.embed(train), components.embed(test)

    def _of_modality(self, kind: str) -> tuple[np.ndarray, np.ndarray]:
        floor = self.modality.floors[kind]()
        floor.fit(self.train)
        return floor.embed(self.train), floor.embed(self.test)


def side_by_side(parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of the same samples beside each other, each kind brought to one scale first, so that none drowns the
    other: centred, and a usual one has length 1. How long a vector is in its kind stays; with all brought to length 1
    linear probes on digits and on texts differed by less than an sd over draws, and no way was ahead everywhere.

    Args:
        parts: (N, D) of the training and (M, D) of the test samples, of two kinds or more.

    Returns:
        (N, D + ...) and (M, D + ...) float32.
    """
    sides = []
    for train, test in parts:
        centre = train.mean(0)
        length = max(float(np.linalg.norm(train - centre, axis=1).mean()), 1e-12)
        sides.append(((train - centre) / length, (test - centre) / length))
    train, test = (np.concatenate(side, 1, dtype=np.float32) for side in zip(*sides, strict=True))
    return train, test


def _read_kept(path: Path, count: int) -> np.ndarray | None:
    """(`count`, D) features as a killed call left them; None where there are none, or damaged ones."""
    try:
        found = np.load(path, allow_pickle=False)
    except UNREADABLE:
        return None
    whole = found.ndim == 2 and len(found) == count and found.dtype.kind == "f" and np.isfinite(found).all()
    return found if whole else None


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

    def of_train(self) -> np.ndarray:
        """(N, D) features of all training samples alone, which `pretrained` finds again."""
        model = self.encoder.classifier(True, seed_for(PROTOCOL.seed, "untrained", 0))
        return self._kept("pretrained-train", OfEncoder(self.encoder, model), self.train)

    def untrained(self, draw: int, rows: np.ndarray) -> Features:
        """The same with the starting weights of this draw; of the training samples only `rows`, (R,), are
        encoded, the others are NaN."""
        needed = np.union1d(rows, self.reference)
        return self._both(f"untrained-{draw}-{len(needed)}", False, draw, needed)

    def _both(self, name: str, pretrained: bool, draw: int, rows: np.ndarray | None) -> Features:
        if name not in self._held:
            model = self.encoder.classifier(pretrained, seed_for(PROTOCOL.seed, "untrained", draw))
            embedder = OfEncoder(self.encoder, model)
            some = self.train if rows is None or len(rows) == len(self.train) else self.train.select(rows)
            found = self._kept(f"{name}-train", embedder, some)
            train = found
            if len(found) < len(self.train):
                train = np.full((len(self.train), found.shape[1]), np.nan, found.dtype)
                train[rows] = found
            test = self._kept(f"{name}-test", embedder, self.test)
            if not pretrained:
                self._held = {k: v for k, v in self._held.items() if k == "pretrained"}  # one untrained one at a time
            self._held[name] = train, test, Standardiser(train[self.reference])
        return self._held[name]

    def _kept(self, name: str, embedder: Embedder, data: Samples) -> np.ndarray:
        """(N, D) features of these samples, as they were kept of the same ones."""
        samples = hashlib.sha256(data.fingerprint.encode()).hexdigest()[:16]
        path = self.folder / f"{self.encoder.fingerprint}-{samples}-{name}.npy"
        found = _read_kept(path, len(data))
        if found is None:
            found = embedder.embed(self.encoder.rows(data))
            self.folder.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(f".{os.getpid()}.tmp")
            with open(part, "wb") as file:
                np.save(file, found)
            os.replace(part, path)
        return found
