"""Routes to an encoder within a time, by successive halving (Jamieson and Talwalkar 2016): all get a little time, the
better half (or third, where there is little) more, and so on, until two are left."""

import contextlib
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..command.arguments.pretrain import PretrainArguments
from ..command.paths import folder_name
from ..data.samples import Samples
from ..errors import InputError, one_line
from ..inspection.trial import Trial, measured
from ..networks.memory import give_back
from ..runs.folder import read_record
from .records import known, remember
from .routes import Route, best_networks
from .scoring import Judge
from .verbs import run_verb

logger = logging.getLogger(__name__)
OVERHEAD = 30.0  # seconds that a run takes beside its steps (imports, data, pictures), until one was made
WORTH = 2 * OVERHEAD  # seconds below which a try is mostly that
FEWEST_STEPS = 20
ENOUGH_STEPS, ENOUGH_GOING_ON = 150, 60  # from nothing, and from published weights
FINISHED = "tries.json"
FORWARD = 6  # times what embedding a sample takes is a step on two views of it, forward and back
MOST_SECONDS = 1e9  # of a run, above which its record is damaged
NOTHING, OVERDRAWN = 60.0, 3  # seconds that the fewest steps may always take, and shares of the time otherwise


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
