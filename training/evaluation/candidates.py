"""What an evaluation compares: encoders, tables of vectors made elsewhere, and two of them side by side."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..command.paths import named_path
from ..data.samples import Samples
from ..errors import InputError, one_line
from ..modalities.faults import UNREADABLE
from ..networks.encoders import Encoder
from ..protocol import TRAINED
from .embedders import kind_of
from .features import EncoderFeatures, Features, reference_rows, side_by_side
from .probes import Standardiser

PLUS = "+"  # between the names of two that are taken side by side


@dataclass(frozen=True)
class Table:
    """Vectors that something else made, one for each training and test sample.

    Args:
        name: of what made them.
        train, test: (N, D) and (M, D) float32, in the order of the samples.
        fingerprint: changes with any of them.
    """

    name: str
    train: np.ndarray
    test: np.ndarray
    fingerprint: str

    def vectors(self, folder: Path) -> tuple[np.ndarray, np.ndarray]:
        """(N, D) and (M, D) of all training and all test samples."""
        return self.train, self.test


@dataclass(frozen=True)
class Encoded:
    """An encoder's embeddings.

    Args:
        encoder: of whatever kind.
        train, test: the samples.
    """

    encoder: Encoder
    train: Samples
    test: Samples

    @property
    def name(self) -> str:
        """As the user named it."""
        return self.encoder.name

    @property
    def fingerprint(self) -> str:
        """Changes with the encoder."""
        return self.encoder.fingerprint

    def vectors(self, folder: Path) -> tuple[np.ndarray, np.ndarray]:
        """(N, D) and (M, D) of all training and test samples; kept in `folder` until the report is whole."""
        return EncoderFeatures(self.encoder, self.train, self.test, folder).pretrained()[:2]


@dataclass(frozen=True)
class Beside:
    """Embeddings side by side; see `side_by_side`.

    Args:
        parts: two or more.
    """

    parts: Sequence["Table | Encoded"]

    @property
    def name(self) -> str:
        """The parts' names."""
        return PLUS.join(part.name for part in self.parts)

    @property
    def fingerprint(self) -> str:
        """Changes with any part."""
        return hashlib.sha256("+".join(part.fingerprint for part in self.parts).encode()).hexdigest()[:16]

    def vectors(self, folder: Path) -> tuple[np.ndarray, np.ndarray]:
        """(N, D) and (M, D) of all training and all test samples."""
        return side_by_side([part.vectors(folder) for part in self.parts])


Candidate = Encoder | Encoded | Table | Beside


class VectorFeatures:
    """What probes are fitted to, of a candidate that is vectors alone: nothing of it can be fine-tuned or untrained.

    Args:
        candidate: it.
        train: the training samples.
        folder: where features are kept.
    """

    def __init__(self, candidate: Table | Beside | Encoded, train: Samples, folder: Path):
        self.candidate, self.folder, self.reference = candidate, folder, reference_rows(train)
        self._held: Features | None = None

    def pretrained(self) -> Features:
        """Vectors of all training samples, of the test samples, and their scale."""
        if self._held is None:
            train, test = self.candidate.vectors(self.folder)
            self._held = train, test, Standardiser(train[self.reference])
        return self._held


def methods_of(candidate: Candidate, methods: Sequence[str]) -> list[str]:
    """Those of `methods` that a candidate has: vectors alone cannot be trained further, nor anew."""
    if isinstance(candidate, Encoder):
        return list(methods)
    return [name for name in methods if name not in TRAINED and kind_of(name) != "untrained"]


def parse_names(models: Sequence[str], tables: Mapping[str, object]) -> tuple[list[str], list[list[str]]]:
    """(models to load, names side by side) of what --model lists.

    `A+B` is both side by side, unless a file is called so; each part is one of the tables, or a model, which need not
    be listed alone.
    """
    alone, pairs = [], []
    for name in models:
        if PLUS not in name or named_path(name, "model").exists():
            alone.append(name)
            continue
        parts = [part.strip() for part in name.split(PLUS)]
        if len(parts) < 2 or not all(parts):
            raise InputError(f"--model {name} names nothing on one side of '{PLUS}', expected two models.")
        pairs.append(parts)
    return [name for name in alone if name not in tables], pairs


def to_load(models: Sequence[str], pairs: Sequence[Sequence[str]], tables: Mapping[str, object]) -> list[str]:
    """All models of `parse_names`, alone or on one side of a pair, each once."""
    return list(dict.fromkeys([*models, *(part for pair in pairs for part in pair if part not in tables)]))


def read_table(name: str, files: Sequence[str], train: Samples, test: Samples) -> Table:
    """Vectors of every sample, from tables as `pretune embed` writes them (.parquet or .npz): columns `latents` and
    `file` or `id`.

    Args:
        name: of what made them.
        files: one table for all samples, found by file name; or two, of the training and of the test split.
        train, test: the samples.

    Raises:
        InputError: a table cannot be read, lacks samples, or holds vectors that are not finite.
    """
    if len(files) > 2:
        raise InputError(f"--embeddings {name} names {len(files)} tables, expected one, or two: training, test.")
    found = [_lookup(name, file) for file in files]
    both = []
    for number, split in enumerate((train, test)):
        vectors, by_file, by_id = found[min(number, len(found) - 1)]
        rows = np.arange(len(split)) if split.rows is None else split.rows
        named = split.files is not None and by_file is not None
        if not named and len(found) == 1:
            raise InputError(
                f"--embeddings {name}={files[0]} holds ids without file names, which both splits have. Name two "
                f"tables: {name}=TRAIN {name}=TEST."
            )
        places = [by_file.get(split.files[row]) for row in rows] if named else [by_id.get(int(row)) for row in rows]
        lacking = sum(place is None for place in places)
        if lacking:
            raise InputError(
                f"{files[min(number, len(files) - 1)]} lacks vectors of {lacking} of {len(split)} "
                f"{split.modality.words.many} of {split.name}. Make it anew of all of them, as pretune embed does."
            )
        both.append(vectors[np.array(places)])
    if both[0].shape[1] != both[1].shape[1]:
        raise InputError(
            f"the two tables of {name} hold vectors of {both[0].shape[1]} and {both[1].shape[1]} numbers."
        )
    digest = hashlib.sha256(both[0].tobytes() + both[1].tobytes()).hexdigest()[:16]
    return Table(name, *both, digest)


def _lookup(name: str, file: str) -> tuple[np.ndarray, dict[str, int] | None, dict[int, int]]:
    """(vectors (N, D), {file name: row} if there are names, {id: row}) of one table."""
    import pyarrow
    import pyarrow.parquet as pq

    path = Path(file)
    try:
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            columns = {key: table.column(key) for key in table.column_names}
            vectors = np.array(columns["latents"].to_pylist(), dtype=np.float32)
            files = columns["file"].to_pylist() if "file" in columns else None
            ids = columns["id"].to_pylist() if "id" in columns else range(len(vectors))
        else:
            with np.load(path, allow_pickle=False) as arrays:
                vectors = arrays["latents"].astype(np.float32)
                files = arrays["file"].tolist() if "file" in arrays else None
                ids = arrays["id"].tolist() if "id" in arrays else range(len(vectors))
        by_file = {own: row for row, own in enumerate(files or ()) if own}
        by_id = {int(own): row for row, own in enumerate(ids)}
        if len(ids) != len(vectors) or (files is not None and len(files) != len(vectors)):
            raise ValueError(f"it has {len(vectors)} vectors, and another number of files or ids.")
    except (*UNREADABLE, AttributeError, pyarrow.ArrowException) as error:
        raise InputError(
            f"--embeddings {name}={file} cannot be read: {one_line(error)} Expected a .parquet or .npz with 'latents' "
            f"and 'file' or 'id', as pretune embed writes it."
        ) from None
    if vectors.ndim != 2 or not np.isfinite(vectors).all():
        raise InputError(f"--embeddings {name}={file}: expected finite vectors of one length, got {vectors.shape}.")
    return vectors, by_file or None, by_id
