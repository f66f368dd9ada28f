"""Which cells a report needs, and each computed once: probes of features, and networks trained with few labels."""

from typing import Any

import numpy as np
from tqdm import tqdm

from ...model_cards.words import labels_in_words
from ..data.samples import Samples
from ..learning.health import embedding_health
from ..learning.scores import class_scores, label_scores
from ..networks.encoders import Encoder
from ..protocol import BESIDE, TRAINED
from .candidates import Candidate, VectorFeatures, methods_of
from .cells import FEATURES, Cell, Cells
from .draws import draw_rows
from .embedders import kind_of
from .evidence.intervals import Hits
from .features import EncoderFeatures, FloorFeatures
from .probes import linear_probe, nearest_neighbour, self_training
from .tuned_networks import groups_of, predictions_of_networks


class Work:
    """Computes the cells that are missing, each once."""

    def __init__(
        self,
        cells: Cells,
        train: Samples,
        test: Samples,
        methods: list[str],
        draws: dict[int | str, range],
        allow_short: bool,
    ):
        self.allow_short = allow_short
        self.cells, self.train, self.test, self.methods, self.draws = cells, train, test, methods, draws
        self.floors = FloorFeatures(train, test)
        self.widths: dict[str, int] = {}

    def size(self, candidates: list[Candidate]) -> int:
        """Cells of all of them, which the bar counts."""
        return sum(len(methods_of(c, self.methods)) for c in candidates) * sum(map(len, self.draws.values()))

    def cells_of(self, candidate: Candidate) -> dict[tuple[str, int | str, int], Cell]:
        """Its cells by method, number of labels and draw."""
        width = self.widths[candidate.name]
        return {
            (method, count, draw): Cell(_source(method, candidate, width), method, count, draw)
            for count in self.draws
            for method in methods_of(candidate, self.methods)
            for draw in self.draws[count]
        }

    def probe(self, candidate: Candidate, bar: tqdm) -> dict[str, Any]:
        """Every cell of one candidate that trains no network, the quick ones.

        Returns:
            What the report says of the candidate.
        """
        folder = self.cells.folder / FEATURES
        if isinstance(candidate, Encoder):
            features = EncoderFeatures(candidate, self.train, self.test, folder)
        else:
            features = VectorFeatures(candidate, self.train, folder)
        embedding = features.pretrained()[0]
        self.widths[candidate.name] = width = embedding.shape[1]
        bar.set_postfix_str(f"{candidate.name}: probes")
        for (method, count, draw), cell in self.cells_of(candidate).items():
            if method not in TRAINED:
                if cell not in self.cells.scores:
                    self._add(cell, self._probe(method, count, draw, candidate, features, width))
                bar.update()
        return {
            "fingerprint": candidate.fingerprint,
            "latent_size": width,
            "health": embedding_health(embedding[features.reference]),
        }

    def train_networks(self, encoder: Encoder, bar: tqdm) -> None:
        """Every cell of one encoder for which a network is trained."""
        cells = self.cells_of(encoder)
        for count in self.draws if set(TRAINED) & set(self.methods) else []:
            for group in groups_of(encoder, self.draws[count]):
                todo = {(m, draw): cells[m, count, draw] for m in TRAINED if m in self.methods for draw in group}
                missing = [key for key, cell in todo.items() if cell not in self.cells.scores]
                if missing:
                    bar.set_postfix_str(f"{encoder.name}: {len(missing)} networks with {labels_in_words(count)}")
                    trained = predictions_of_networks(encoder, self.train, self.test, count, missing, self.allow_short)
                    for key in missing:
                        self._add(todo[key], trained[key])
                bar.update(len(todo))

    def rows(self, candidate: Candidate) -> list[dict[str, Any]]:
        """One for each cell that is known. Floors without an encoder stand in the rows of each candidate."""
        return [
            {"model": candidate.name, "method": m, "labels_per_class": c, "draw": d, **self.cells.scores[cell]}
            for (m, c, d), cell in self.cells_of(candidate).items()
            if cell in self.cells.scores
        ]

    def _probe(
        self, method: str, count: int | str, draw: int, candidate: Candidate,
        features: EncoderFeatures | VectorFeatures, width: int,
    ) -> np.ndarray:  # fmt: skip
        """What a nearest neighbour or a linear probe says of the test samples: (M,) classes or (M, L) scores."""
        kind, probe = kind_of(method), method.rpartition("_")[2]
        rows = self._rows(count, draw)
        if kind == "untrained":
            drawn = [self._rows(c, draw) for c in self.draws if draw in self.draws[c]]
            train, test, scale = features.untrained(draw, np.unique(np.concatenate(drawn)))
        elif method == BESIDE:
            train, test, scale = self.floors.beside(candidate.fingerprint, features.pretrained())
        else:
            train, test, scale = self.floors(kind, width) if kind else features.pretrained()
        if probe == "knn":
            return nearest_neighbour(train[rows], self.train.labels[rows], test)
        groups = None if self.train.groups is None else self.train.groups[rows]
        if probe == "training":
            others = np.setdiff1d(features.reference, rows)
            seen = scale(train[rows]), self.train.labels[rows], scale(train[others]), scale(test)
            return self_training(*seen, draw, groups)
        return linear_probe(scale(train[rows]), self.train.labels[rows], scale(test), draw, groups)

    def _rows(self, count: int | str, draw: int) -> np.ndarray:
        return draw_rows(self.train.labels, self.train.label_names, count, draw, self.train.groups, self.allow_short)

    def _add(self, cell: Cell, predicted: np.ndarray) -> None:
        if self.test.labels.ndim == 2:
            self.cells.add(cell, label_scores(self.test.labels, predicted), None)
            return
        pairs, samples = np.unique(np.stack([self.test.labels, predicted], 1), axis=0, return_counts=True)
        scores = class_scores(self.test.labels, predicted)
        hits = self.test.labels == predicted
        self.cells.add(cell, scores, np.column_stack([pairs, samples]).tolist(), hits)

    def hits(self, candidates: list[Candidate]) -> dict[str, Hits]:
        """By model, which test samples each method got right: (draws, M) by method and number of labels."""
        found: dict[str, Hits] = {}
        for candidate in candidates:
            cells, of = self.cells_of(candidate), {}
            for method, count in {(method, count): None for method, count, _ in cells}:
                known = [self.cells.hits.get(cells[method, count, draw]) for draw in self.draws[count]]
                if all(hit is not None for hit in known):
                    of[method, count] = np.stack(known)
            found[candidate.name] = of
        return found

    def confusion(self, shown: tuple[str, int | str], candidates: list[Candidate]) -> dict[str, Any] | None:
        """The confusion matrices of the chosen method and number of labels, first draw, of every candidate that has
        it; None where a sample can have several labels."""
        if self.test.labels.ndim == 2:
            return None
        names, matrices = self.test.label_names, {}
        for candidate in candidates:
            cell = self.cells_of(candidate).get((*shown, 0))
            if cell not in self.cells.confusion:
                continue
            matrix = np.zeros((len(names), len(names)), int)
            for true, predicted, samples in self.cells.confusion[cell]:
                matrix[true, predicted] = samples
            matrices[candidate.name] = matrix.tolist()
        if not matrices:
            return None
        return {
            "method": shown[0],
            "labels_per_class": shown[1],
            "draw": 0,
            "label_names": names,
            "matrices": matrices,
        }


def _source(method: str, candidate: Candidate, width: int) -> str:
    kind = kind_of(method)
    return candidate.fingerprint if kind in ("", "untrained") else f"pca-{width}" if kind == "pca" else kind
