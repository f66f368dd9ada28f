"""Which cells a report needs, and each computed once: probes of features, and networks trained with few labels."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...model_cards.words import CALIBRATION, labels_in_words
from ..data.samples import Samples
from ..learning.health import embedding_health
from ..learning.scores import calibration_error, class_scores, label_scores
from ..networks.encoders import Encoder
from ..protocol import BESIDE, PROTOCOL, TRAINED
from .candidates import Candidate, VectorFeatures, methods_of
from .cells import FEATURES, Cell, Cells
from .costs import cost_of
from .draws import draw_rows
from .embedders import kind_of
from .evidence.intervals import Hits
from .features import EncoderFeatures, FloorFeatures
from .probes import Answers, linear_probe, nearest_neighbour, self_training
from .progress import Progress, in_time, seconds_a_step, steps_of
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
        augmentation: Sequence[str] = (),
    ):
        self.allow_short, self.augmentation = allow_short, tuple(augmentation)
        self.cells, self.train, self.test, self.methods, self.draws = cells, train, test, methods, draws
        cells.require_of(len(test), len(test.label_names or ()))
        self.floors = FloorFeatures(train, test)
        self.widths: dict[str, int] = {}
        self.features: EncoderFeatures | VectorFeatures | None = None  # of the candidate that is at work

    def expect(self, candidates: list[Candidate], bar: Progress) -> None:
        """Tell the bar of every piece of quick work that is to come."""
        for candidate in candidates:
            bar.expect(("embedding", candidate.name))
            for method in methods_of(candidate, self.methods):
                for count, draws in self.draws.items() if method not in TRAINED else ():
                    bar.expect((method, count), len(draws))

    def cells_of(self, candidate: Candidate) -> dict[tuple[str, int | str, int], Cell]:
        """Its cells by method, number of labels and draw."""
        width = self.widths[candidate.name]
        return {
            (method, count, draw): Cell(_source(method, candidate, width), method, count, draw)
            for count in self.draws
            for method in methods_of(candidate, self.methods)
            for draw in self.draws[count]
        }

    def embed(self, candidate: Candidate, bar: Progress) -> dict[str, Any]:
        """Embed all samples by one candidate, for `probe`; what the report says of it."""
        folder = self.cells.folder / FEATURES
        if isinstance(candidate, Encoder):
            features = EncoderFeatures(candidate, self.train, self.test, folder)
        else:
            features = VectorFeatures(candidate, self.train, folder)
        bar.say(f"{candidate.name}: embedding")
        cost = cost_of(candidate, self.test)
        if "samples_per_second" in cost:
            seconds = (len(self.train) + len(self.test)) / cost["samples_per_second"]
            bar.expect(("embedding", candidate.name), 0, seconds)
            bar.say(f"{candidate.name}: embedding")
        embedding = features.pretrained()[0]
        bar.done(("embedding", candidate.name))
        self.widths[candidate.name] = embedding.shape[1]
        self.features = features
        return {
            "fingerprint": candidate.fingerprint,
            "latent_size": embedding.shape[1],
            "health": embedding_health(embedding[features.reference]),
            "cost": cost,
        }

    def probe(self, candidate: Candidate, bar: Progress) -> None:
        """Every cell that trains no network, the quick ones, of the candidate that was embedded last."""
        width = self.widths[candidate.name]
        for (method, count, draw), cell in self.cells_of(candidate).items():
            if method not in TRAINED:
                known = cell in self.cells.scores
                if not known:
                    bar.say(f"{candidate.name}: {method}, {labels_in_words(count)}")
                    self._add(cell, self._probe(method, count, draw, candidate, self.features, width))
                bar.done((method, count), known=known)

    def networks_to_train(self, encoder: Encoder) -> list[tuple[int | str, dict[tuple[str, int], Cell]]]:
        """(labels per class, cells by method and draw) of those that are missing and are trained together."""
        cells, found = self.cells_of(encoder), []
        for count in self.draws if set(TRAINED) & set(self.methods) else []:
            for group in groups_of(encoder, self.draws[count]):
                wanted = {(m, draw): cells[m, count, draw] for m in TRAINED if m in self.methods for draw in group}
                missing = {key: cell for key, cell in wanted.items() if cell not in self.cells.scores}
                found += [(count, missing)] if missing else []
        return found

    def expect_networks(self, encoder: Encoder, bar: Progress) -> None:
        """Measure what training takes here, and say it; two steps of it are made."""
        groups = self.networks_to_train(encoder)
        if not groups:
            return
        bar.say(f"{encoder.name}: how long whole networks take")
        together = max(len(missing) for _, missing in groups) if len(groups_of(encoder, range(2))) == 1 else 1
        step, networks, seconds = seconds_a_step(encoder, self.train, self.augmentation, together), 0, 0.0
        for count, missing in groups:
            steps = steps_of(count, len(self._rows(count, 0)))
            rounds = 1 if together > 1 else len(missing)
            bar.expect((encoder.name, count), 1, step * steps * rounds)
            networks, seconds = networks + len(missing), seconds + step * steps * rounds
        bar.write(
            f"{encoder.name}: {networks} whole networks to train, about {in_time(seconds / networks)} each, "
            f"{in_time(seconds)} in all (--methods without {' and '.join(m for m in TRAINED if m in self.methods)} "
            f"leaves them out)"
        )

    def train_networks(self, encoder: Encoder, bar: Progress, after: Callable[[], None]) -> None:
        """Every cell of one encoder for which a network is trained; `after` is called after each group of them."""
        for count, missing in self.networks_to_train(encoder):
            many = f"{len(missing)} network" + "s" * (len(missing) != 1)
            bar.say(f"{encoder.name}: {many} with {labels_in_words(count)}")
            trained = predictions_of_networks(
                encoder, self.train, self.test, count, list(missing), self.allow_short, self.augmentation
            )
            for key, cell in missing.items():
                self._add(cell, trained[key])
            bar.done((encoder.name, count))
            after()

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
    ) -> Answers:  # fmt: skip
        """What a nearest neighbour or a linear probe says of the M test samples."""
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
            return Answers(nearest_neighbour(train[rows], self.train.labels[rows], test))
        groups = None if self.train.groups is None else self.train.groups[rows]
        if probe == "training":
            others = np.setdiff1d(features.reference, rows)
            seen = scale(train[rows]), self.train.labels[rows], scale(train[others]), scale(test)
            return self_training(*seen, draw, groups)
        return linear_probe(scale(train[rows]), self.train.labels[rows], scale(test), draw, groups)

    def _rows(self, count: int | str, draw: int) -> np.ndarray:
        return draw_rows(self.train.labels, self.train.label_names, count, draw, self.train.groups, self.allow_short)

    def _add(self, cell: Cell, answers: Answers) -> None:
        predicted = answers.given
        if self.test.labels.ndim == 2:
            self.cells.add(cell, label_scores(self.test.labels, predicted), None)
            return
        pairs, samples = np.unique(np.stack([self.test.labels, predicted], 1), axis=0, return_counts=True)
        scores = class_scores(self.test.labels, predicted)
        hits = self.test.labels == predicted
        if answers.sure is not None:
            scores[CALIBRATION] = calibration_error(hits, answers.sure, PROTOCOL.calibration_bins)
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
