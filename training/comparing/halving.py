"""Routes to an encoder within a time, by successive halving (Jamieson and Talwalkar 2016): all get a little time, the
better half (or third, where there is little) more, and so on, until two are left."""

import contextlib
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...modeling.shared.loading import damaged_weights
from ..command.arguments.pretrain import PretrainArguments
from ..command.paths import folder_name
from ..data.samples import Samples
from ..errors import InputError, one_line
from ..inspection.trial import Trial, measured
from ..networks.memory import give_back
from ..runs.folder import read_record
from ..runs.run import MOST_STEPS
from .records import known, remember
from .scoring import Judge
from .verbs import run_verb

logger = logging.getLogger(__name__)
OVERHEAD = 30.0  # seconds that a run takes beside its steps (imports, data, pictures), until one was made
WORTH = 2 * OVERHEAD  # seconds below which a try is mostly that
FEWEST_STEPS = 20
ENOUGH_STEPS, ENOUGH_GOING_ON = 150, 60  # from nothing, and from published weights
FULL = 10  # times the steps of its last try are a route in full
FINISHED = "tries.json"
FORWARD = 6  # times what embedding a sample takes is a step on two views of it, forward and back
SIZE = "backbone_image_size"  # the field of a config that is the input size of published weights
MOST_SECONDS = 1e9  # of a run, above which its record is damaged
NOTHING, OVERDRAWN = 60.0, 3  # seconds that the fewest steps may always take, and shares of the time otherwise


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


def time_steps(
    routes: Sequence[Route],
    make: Callable[[Mapping[str, Any]], PretrainArguments],
    data: Samples,
    seconds: float,
    tell: Callable[[str], None] = lambda doing: None,
) -> None:
    """Measure what a step of each takes here; a route that cannot be built says why.

    Args:
        routes: to measure.
        make: their arguments.
        data: training samples.
        seconds: that each will have at first. Where too few steps fit into them, the network's input is made smaller.
        tell: what is being measured.
    """
    timed: dict[tuple[Any, Any], tuple[Trial, dict[str, Any]]] = {}  # by network: views take no time worth measuring
    for route in routes:
        tell(f"{route.name}: what a step takes")
        try:
            if route.network not in timed:
                timed[route.network] = _timed(route, make, data, seconds)
            trial, less = timed[route.network]
            if less:
                route.given = _with(route, less)
            route.seconds_a_step, route.passes_a_step = trial.seconds_a_step, trial.batch_size / len(data.stored)
            route.seconds_a_sample = trial.seconds_a_step / trial.batch_size / FORWARD
            route.passes_enough = data.modality.passes
        except InputError as error:
            route.note = f"could not be tried: {one_line(error)}"
        give_back()


def _timed(
    route: Route, make: Callable[[Mapping[str, Any]], PretrainArguments], data: Samples, seconds: float
) -> tuple[Trial, dict[str, Any]]:
    """What a step takes, and fields of its config that make its input smaller, where it had to be."""
    trial = measured(make(route.given), data)
    for less in reversed(_smaller(route, data, trial.seconds_a_step, seconds)):
        with contextlib.suppress(InputError):  # not every network takes any size
            return measured(make(_with(route, less)), data), less
    return trial, {}


def _with(route: Route, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Its arguments with more fields of its config."""
    return {**route.given, "config": {**route.given.get("config", {}), **fields}}


def _smaller(route: Route, data: Samples, seconds_a_step: float, seconds: float) -> list[dict[str, Any]]:
    """Fields of its config that make its input half as large, a quarter, ..., until enough steps should fit into
    `seconds`; half the side is a quarter of the work."""
    found: list[dict[str, Any]] = []
    enough = ENOUGH_STEPS if route.from_nothing else ENOUGH_GOING_ON
    while seconds_a_step * enough > seconds:
        config = {**route.given.get("config", {}), **(found[-1] if found else {})}
        less = data.modality.smaller(data.stored.shape[1:], config)
        if less is None:
            break
        found.append({**(found[-1] if found else {}), **less})
        seconds_a_step /= 4
    return found


def rounds_of(count: int, seconds: float) -> list[int]:
    """How many routes are tried in each round: all, half of them, ... two. Fewer go on, in fewer rounds, where all
    would have too little time at first; one alone would not be compared with anything."""
    for part in range(2, max(3, count)):
        sizes = [count]
        while sizes[-1] > 2:
            sizes.append(max(2, -(-sizes[-1] // part)))
        if seconds / len(sizes) / max(1, count) >= WORTH:
            break
    return sizes


def halve(
    routes: Sequence[Route],
    seconds: float,
    folder: Path,
    judge: Judge,
    run: Callable[[str, dict[str, Any]], None] = run_verb,
    clock: Callable[[], float] = time.monotonic,
    of: Any = None,
) -> list[Route]:
    """Try all, the better half longer, and so on.

    Every round has as much time as any other. A network is trained anew in each, since a schedule of the learning rate
    is made for its own number of steps.

    Args:
        routes: with `seconds_a_step`, or a note that says why not.
        seconds: for all rounds together.
        folder: each try gets one inside.
        judge: what they are chosen by.
        run: (verb, arguments) makes a run.
        clock: seconds that have passed.
        of: what the tries are of, beside their arguments. Those that an earlier call finished of the same are taken as
            they are.

    Returns:
        All that were tried, the best first.
    """
    left, ends = [route for route in routes if route.seconds_a_step is not None], clock() + seconds
    sizes, beside = rounds_of(len(left), seconds) if left else [], OVERHEAD
    for number, size in enumerate(sizes):
        left = best_networks(left, size)
        share = (ends - clock()) / (len(sizes) - number) / size
        for route in left:
            into = folder / f"{folder_name(route.name, 'route')}_{number + 1}"
            key = json.dumps([of, route.given], default=str)
            if route.take_up(known(folder / FINISHED).get(into.name), key, into):
                continue
            steps = int((share - beside) / route.seconds_a_step)
            if steps <= max(FEWEST_STEPS, 1.2 * route.steps):
                if route.scores:
                    continue  # no longer than it was: nothing new
                steps, needs = FEWEST_STEPS, FEWEST_STEPS * route.seconds_a_step
                if needs > max(NOTHING, min(OVERDRAWN * share, ends - clock())):
                    route.note = (
                        f"not tried: {steps} steps take about {needs:.0f} s here, and its share of the time is "
                        f"{max(0.0, share):.0f} s. Pass more --minutes."
                    )
                    continue
            began = clock()
            _try(route, steps, into, judge, run, next((r.start for r in routes if r.network == route.network), []))
            if route.folder == str(into):
                remember(folder / FINISHED, into.name, {"key": key, **route.record()})
            beside = max(1.0, clock() - began - steps * route.seconds_a_step)
    tried = [route for route in routes if route.scores]
    for route in tried:
        route.note = route.too_short or route.note
    return sorted(tried, key=lambda route: -route.score)


def best_networks(routes: Sequence[Route], count: int) -> list[Route]:
    """The best `count`, the best of each network before the second of any: two that differ in their views alone tell
    less than two ways.

    Scores of ways from nothing that had too little time do not tell which of them is better: on photographs of hands
    joint embedding has 79 % after 9 passes with views that keep colours, 81 after 11 with the usual ones, and in full
    43 and 89 with 10 labels per class. So these share their ranks in the order of what they come to on most data.
    """
    by_score = sorted(routes, key=lambda route: -route.score)
    unsure = [route for route in by_score if route.from_nothing and route.too_short]
    in_order = iter(sorted(unsure, key=lambda route: route.place))
    ranked = [next(in_order) if any(route is other for other in unsure) else route for route in by_score]
    best_of = {route.network: route for route in reversed(ranked)}
    firsts = [route for route in ranked if route is best_of[route.network]]
    return [*firsts, *(route for route in ranked if route is not best_of[route.network])][:count]


def _is_score(value: Any) -> bool:
    return type(value) in (int, float) and -1e9 < value < 1e9


def _try(
    route: Route,
    steps: int,
    folder: Path,
    judge: Judge,
    run: Callable[[str, dict[str, Any]], None],
    start: list[float],
) -> None:
    """Run it and have it judged, and what it began from, unless `start` says."""
    logger.info("%s: %d steps, about %.0f s", route.name, steps, steps * route.seconds_a_step)
    try:
        run("pretrain", {**route.given, "max_steps": steps, "output_dir": str(folder), "overwrite_output_dir": True})
        scores = judge.of_encoder(str(folder))
        began = route.start or start or _start_of(route, folder, judge)
    except InputError as error:
        route.note = f"stopped: {one_line(error)}"
        return
    route.steps, route.folder, route.scores, route.start = steps, str(folder), scores, began
    route.seconds_a_step = _seconds_a_step(folder, steps) or route.seconds_a_step
    logger.info(
        "%s: %.1f %% on held-out labelled samples (at the start %.1f %%)",
        route.name, route.score, route.began_at,
    )  # fmt: skip


def _seconds_a_step(folder: Path, steps: int) -> float | None:
    """What a step of a run took, which a few that are timed alone fall short of; None where that is not known."""
    with contextlib.suppress(InputError, KeyError, TypeError):
        seconds = read_record(folder)["timings"]["train_seconds"]
        if type(seconds) in (int, float) and 0 < seconds < MOST_SECONDS:
            return seconds / steps
    return None


def _start_of(route: Route, folder: Path, judge: Judge) -> list[float]:
    """Scores of what a route began from: the published network as it is, or its own with new weights."""
    if not route.from_nothing:
        with contextlib.suppress(InputError):  # not every encoder that can go on can be used as it is
            return judge.of_encoder(route.given["backbone"], size=route.size)
    return judge.of_encoder(str(folder), untrained=True)
