"""How good an encoder is for labels of the training split alone: what routes are chosen by, never the test split."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ..command.arguments.evaluate import EvaluateArguments
from ..data.labels import REAL
from ..data.loading import load_data
from ..data.samples import Samples, class_counts, subset
from ..errors import InputError
from ..evaluation.draws import hold_out
from ..evaluation.embedders import RawInput
from ..evaluation.features import EncoderFeatures
from ..evaluation.probes import Standardiser, best_penalty, linear_probe, principal_components, worth
from ..modalities.modality import Modality
from ..networks.encoders import Encoder
from ..protocol import PROTOCOL
from ..randomness import seed_for

logger = logging.getLogger(__name__)
MOST = 2000  # labelled training samples looked at
FEWEST = 20  # below which nothing can be chosen by them
WIDE = 1024  # numbers of a raw sample, above which WIDTH principal components stand for it: it took most of a minute
WIDTH = 256


def labelled_training(args: EvaluateArguments, modality: Modality) -> Samples:
    """The training samples of an evaluation, of which some must have labels.

    Raises:
        InputError: none has.
    """
    train, _ = load_data(args, modality, need_labels=True)
    return subset(train, args.max_train_samples, None, PROTOCOL.seed)


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

        A class with one of them cannot be fitted to and judged by, and is left out.

        Raises:
            InputError: there are too few, of one class alone, or the labels are real numbers.
        """
        many, repair = train.modality.words.many, "pretrain by the first command of pretune inspect"
        if train.problem_type == REAL:
            raise InputError(
                f"the labels of {train.name} are real numbers, and ways are chosen by classes: pass another "
                f"--label_column, or {repair} and measure it by pretune finetune."
            )
        found = int(train.labelled.sum())
        if found < FEWEST:
            raise InputError(
                f"{found} {many} of {train.name} are labelled, and ways are chosen by labels: at least {FEWEST} are "
                f"needed. Label some, or {repair}."
            )
        labelled = train.only_labelled()
        rows = np.random.default_rng(seed_for(PROTOCOL.seed, "judge")).permutation(len(labelled))[:most]
        data = labelled.select(np.sort(rows)) if most < len(labelled) else labelled
        if data.labels.ndim == 1:
            counts = class_counts(data)
            if (counts > 1).sum() < 2 or counts[counts > 1].sum() < FEWEST:
                raise InputError(
                    f"of the {found} labelled {many} of {train.name} {counts[counts > 1].sum()} are of a class that "
                    f"has two or more, and ways are chosen by them: at least {FEWEST}, of two classes, are needed. "
                    f"Label more of each class, or {repair}."
                )
            alone = [str(train.label_names[number]) for number in np.flatnonzero(counts == 1)]
            if alone:
                logger.info("ways are chosen without classes that have one labelled sample: %s", ", ".join(alone))
                data = data.select(np.flatnonzero(counts[data.labels] > 1))
        return cls(data)

    def of_encoder(
        self, name: str, untrained: bool = False, size: int | None = None, folder: Path | None = None
    ) -> list[float]:
        """Scores in per cent by draw, of the encoder in folder or repository `name`, or of the same with new
        weights; `size` is its input's, of a network that is not ours. Its features are kept in `folder`, if one is
        given, where a report on the same samples finds them."""
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        encoder = Encoder(name, None, len(self.data.label_names), device, 256, self.data.problem_type, size)
        encoder.check(self.data)
        if folder is not None and not untrained:
            return self._scores(EncoderFeatures(encoder, self.data, self.data, folder).of_train())
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
                raise InputError(
                    f"no part of the labelled {self.data.modality.words.many} of {self.data.name} can be held out to "
                    f"choose by: label more, of more groups."
                )
            fit, judged = parts
            groups = None if self.data.groups is None else self.data.groups[fit]
            seen = scale(features[fit])
            if penalty is None:  # of the first draw, for all: choosing it takes most of the time
                penalty = best_penalty(seen, labels[fit], draw, groups)
            answers = linear_probe(seen, labels[fit], scale(features[judged]), draw, groups, penalty).given
            scores.append(100 * worth(labels[judged], answers))
        return scores
