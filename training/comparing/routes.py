"""Ways to an encoder, how each went, and which are best as far as short tries tell."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...modeling.shared.loading import damaged_weights
from ..runs.run import MOST_STEPS

logger = logging.getLogger(__name__)
FULL = 10  # times the steps of its last try are a route in full
SIZE = "backbone_image_size"  # the field of a config that is the input size of published weights
AS_GOOD = 1.0  # points, within which of two sets of views the usual one is taken


@dataclass
class Route:
    """One way, and how it went.

    Args:
        name: for people.
        given: arguments of `pretrain`.

    Attributes:
        seconds_a_step, passes_a_step: measured before it is run, passes over the samples; None and 0 where it could
            not be.
        passes_enough: see `Modality.passes`.
        steps, folder, scores: of its last try.
        start: scores of what it begins from: its network with new weights, or the published one as it is.
        note: why it stopped, or what is to be known of it.
        seconds_a_sample: to embed one, about; 0 where it could not be measured.
        published: whether it is a published model as it is.
        place: among the ways of its kind of input, which stand in the order of what they come to on most data.
    """

    name: str
    given: dict[str, Any]
    seconds_a_step: float | None = None
    passes_a_step: float = 0.0
    passes_enough: float = 0.0
    steps: int = 0
    folder: str | None = None
    scores: list[float] = field(default_factory=list)
    start: list[float] = field(default_factory=list)
    note: str = ""
    seconds_a_sample: float = 0.0
    published: bool = False
    place: int = 0

    @property
    def score(self) -> float:
        """Mean over draws; minus infinity before the first try."""
        return float(np.mean(self.scores)) if self.scores else float("-inf")

    @property
    def began_at(self) -> float | None:
        """Mean over draws of what it begins from; None where that is not known."""
        return float(np.mean(self.start)) if self.start else None

    @property
    def size(self) -> int | None:
        """Input size of its published weights; None without them, and where none was chosen."""
        return self.given.get("config", {}).get(SIZE)

    @property
    def network(self) -> tuple[Any, Any]:
        """What routes have in common that differ in their views alone."""
        return self.given.get("model_type"), self.given.get("backbone")

    @property
    def from_nothing(self) -> bool:
        """Whether its network begins with new weights."""
        return not self.published and self.given.get("backbone") is None

    @property
    def passes(self) -> float:
        """Over the samples, in its last try."""
        return self.steps * self.passes_a_step

    @property
    def passes_in_words(self) -> str:
        """Such as "1 pass"."""
        return f"{self.passes:.0f} pass{'es' * (round(self.passes) != 1)}"

    @property
    def steps_in_full(self) -> int:
        """FULL times those of its last try, and from nothing enough to tell."""
        least = 2 * self.passes_enough / self.passes_a_step if self.from_nothing and self.passes_a_step else 0
        return max(FULL * self.steps, int(np.ceil(least)))

    @property
    def too_short(self) -> str:
        """Why its time says nothing of what it can, or nothing. Neither its score nor how that rises tells before it
        has seen the samples many times: joint embedding on photographs of hands has 77 % after 2 passes, 79 % after 9,
        and after 77 is better than a published network with 94 %."""
        if self.scores and self.start and self.score < self.began_at:
            return "too short for this way: it is still below what it began from"
        if self.scores and self.from_nothing and self.passes < self.passes_enough:
            return f"too short to tell: {self.passes_in_words} over the samples"
        return ""

    @property
    def untold(self) -> bool:
        """Whether its score says nothing of what it comes to in full beside others from nothing."""
        return self.from_nothing and bool(self.too_short)

    def record(self) -> dict[str, Any]:
        """For try.json."""
        return {
            "name": self.name, "steps": self.steps, "folder": self.folder, "scores": self.scores,
            "passes": self.passes, "start": self.start, "seconds_a_step": self.seconds_a_step,
            "note": self.note,
        }  # fmt: skip

    def take_up(self, record: Any, key: str, folder: Path) -> bool:
        """Go on from a finished try that `record` wrote, if it is of the same and its model is still there."""
        found = record if isinstance(record, dict) and record.get("key") == key else {}
        steps, scores = found.get("steps"), [found.get("scores"), found.get("start")]
        whole = all(isinstance(part, list) and all(map(_is_score, part)) for part in scores)
        if type(steps) is not int or not 0 < steps < MOST_STEPS or not whole or not scores[0]:
            return False
        if not (folder / "model.safetensors").is_file() or damaged_weights(folder):
            logger.warning(
                "%s: the model of an earlier try in %s is gone or damaged, and made anew", self.name, folder
            )
            return False
        self.steps, self.folder, (self.scores, self.start) = steps, str(folder), scores
        logger.info("%s: %d steps, tried before", self.name, self.steps)
        return True


def best_networks(routes: Sequence[Route], count: int) -> list[Route]:
    """The best `count`, the best of each network before the second of any: two that differ in their views alone tell
    less than two ways, and of those that are nearly as good the usual ones are the best.

    Scores of ways from nothing that had too little time do not tell which of them is better: on photographs of hands
    joint embedding has 79 % after 9 passes with views that keep colours, 81 after 11 with the usual ones, and in full
    43 and 89 with 10 labels per class. So these share their ranks in the order of what they come to on most data.
    """
    by_score = sorted(routes, key=lambda route: -route.score)
    in_order = iter(sorted((route for route in by_score if route.untold), key=lambda route: route.place))
    ranked = [next(in_order) if route.untold else route for route in by_score]
    firsts: dict[tuple[Any, Any], Route] = {}
    for route in ranked:
        first = firsts.setdefault(route.network, route)
        nearly = not (route.untold or first.untold) and route.score >= first.score - AS_GOOD
        if nearly and route.place < first.place:
            firsts[route.network] = route
    return [*firsts.values(), *(route for route in ranked if route is not firsts[route.network])][:count]


def _is_score(value: Any) -> bool:
    return type(value) in (int, float) and -1e9 < value < 1e9
