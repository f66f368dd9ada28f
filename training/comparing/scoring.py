"""How good an encoder is for labels of the training split alone: what routes are chosen by, never the test split."""

from dataclasses import dataclass

import numpy as np
import torch

from ..data.samples import Samples
from ..errors import InputError
from ..evaluation.draws import hold_out
from ..evaluation.embedders import RawInput
from ..evaluation.probes import Standardiser, best_penalty, linear_probe, principal_components, worth
from ..networks.encoders import Encoder
from ..protocol import PROTOCOL
from ..randomness import seed_for

MOST = 2000  # labelled training samples looked at
FEWEST = 20  # below which nothing can be chosen by them
WIDE = 1024  # numbers of a raw sample, above which WIDTH principal components stand for it: it took most of a minute
WIDTH = 256


@dataclass(frozen=True)
class Judge:
    """Labelled training samples that routes are judged by, each fitted to four fifths and judged by the rest.

    Args:
        data: some of the training split, all labelled.
        draws: how often.
    """

    data: Samples
    draws: int = PROTOCOL.draws

    @classmethod
    def of(cls, train: Samples, most: int = MOST) -> "Judge":
        """Of a training split with some labels, of which `most` are looked at.

        Raises:
            InputError: there are too few.
        """
        if train.labels is None or int(train.labelled.sum()) < FEWEST:
            found = 0 if train.labels is None else int(train.labelled.sum())
            raise InputError(
                f"{found} {train.modality.words.many} of {train.name} are labelled, and ways are chosen by labels: at "
                f"least {FEWEST} are needed. Label some, or pretrain by the first command of pretune inspect."
            )
        labelled = train.only_labelled()
        rows = np.random.default_rng(seed_for(PROTOCOL.seed, "judge")).permutation(len(labelled))[:most]
        return cls(labelled.select(np.sort(rows)))

    def of_encoder(self, name: str, untrained: bool = False, size: int | None = None) -> list[float]:
        """Scores in per cent by draw, of the encoder in folder or repository `name`, or of the same with new
        weights; `size` is its input's, of a network that is not ours."""
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        encoder = Encoder(name, None, len(self.data.label_names), device, 256, self.data.problem_type, size)
        encoder.check(self.data)
        model = encoder.classifier(not untrained, seed_for(PROTOCOL.seed, "untrained", 0))
        return self._scores(encoder.features(model, encoder.rows(self.data)))

    def of_raw(self) -> list[float] | None:
        """Of raw samples, where there is such a thing."""
        modality = self.data.modality
        if modality.raw is None:
            return None
        raw = RawInput(modality).embed(self.data.values)
        if raw.shape[1] > WIDE:
            raw = principal_components(raw, WIDTH, PROTOCOL.seed).transform(raw)
        return self._scores(raw)

    def _scores(self, features: np.ndarray) -> list[float]:
        scale, labels, scores, penalty = Standardiser(features), self.data.labels, [], None
        for draw in range(self.draws):
            parts = hold_out(labels, draw, self.data.groups)
            if parts is None:
                raise InputError(f"a class of {self.data.name} has one labelled sample alone: label one more of each.")
            fit, judged = parts
            groups = None if self.data.groups is None else self.data.groups[fit]
            seen = scale(features[fit])
            if penalty is None:  # of the first draw, for all: choosing it takes most of the time
                penalty = best_penalty(seen, labels[fit], draw, groups)
            answers = linear_probe(seen, labels[fit], scale(features[judged]), draw, groups, penalty).given
            scores.append(100 * worth(labels[judged], answers))
        return scores
