"""How many samples the report of `try` looks at, so that it ends within the minutes that are left for it."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..data.samples import Samples
from ..protocol import PROTOCOL
from .halving import FEWEST_STEPS, OVERHEAD
from .records import known, remember
from .routes import Route

logger = logging.getLogger(__name__)
SHARE = 0.25  # of the minutes, at most
PROBES = 60.0  # seconds that it takes beside embedding: probes, floors, pictures
FEWEST = 500  # samples of a split that are looked at however long they take


@dataclass(frozen=True)
class Look:
    """What a report looks at.

    Args:
        train, test: samples of each split.
        seconds: that it takes, about.
    """

    train: int
    test: int
    seconds: float


def look_within(seconds: float, routes: Sequence[Route], train: Samples, test: Samples, record: Path) -> Look:
    """As many samples as can be embedded in the report's share of the time; said where that is not all.

    Args:
        seconds: of the whole `try`.
        routes: that there are, the published model among them; the report holds it and the two best others.
        train, test: both splits, of which those with labels are measured.
        record: what an earlier call took is taken again, since a report that was begun goes on with the same samples.
    """
    every = [0 if split.labels is None else int(split.labelled.sum()) for split in (train, test)]
    # a network from nothing is measured with new weights too, for each draw
    each = [route.seconds_a_sample * (1 + PROTOCOL.draws * route.from_nothing) for route in routes]
    published = sum(cost for cost, route in zip(each, routes, strict=True) if route.published)
    others = sorted((cost for cost, route in zip(each, routes, strict=True) if not route.published), reverse=True)
    a_sample = published + sum(others[:2])
    room, (to_train, to_test) = (SHARE * seconds - PROBES) / a_sample if a_sample else float("inf"), every
    key = f"report of {train.fingerprint} and {test.fingerprint}"
    earlier = known(record).get(key)
    if _is_whole(earlier, every):
        to_train, to_test = earlier
    elif sum(every) > room:
        to_train = min(to_train, max(FEWEST, int(room / 2)))
        to_test = min(to_test, max(FEWEST, int(room - to_train)))
        remember(record, key, [to_train, to_test])
    if [to_train, to_test] != every:
        logger.info(
            "the report will look at %s of %s labelled training %s and at %s of %s of the test split: more of them "
            "take longer than %.0f %% of the time; pretune compare looks at all",
            f"{to_train:,}", f"{every[0]:,}", train.modality.words.many, f"{to_test:,}", f"{every[1]:,}", 100 * SHARE,
        )  # fmt: skip
    return Look(to_train, to_test, PROBES + a_sample * (to_train + to_test))


def _is_whole(counts: Any, every: list[int]) -> bool:
    """Whether they are as they were written: somebody may have changed the file, or a disk."""
    if not isinstance(counts, list) or len(counts) != 2:
        return False
    return all(type(n) is int and 0 < n <= most for n, most in zip(counts, every, strict=True))


def warn_of_too_few(seconds: float, routes: Sequence[Route]) -> None:
    """Say it if the least that can be tried of all takes longer than the seconds that there are."""
    least = sum(OVERHEAD + FEWEST_STEPS * r.seconds_a_step for r in routes if r.seconds_a_step is not None)
    if least > seconds:
        logger.warning(
            "warning: %.0f s are left for %d ways, and %d steps of each take about %.0f s: pass more --minutes, or "
            "fewer --routes",
            seconds, len(routes), FEWEST_STEPS, least,
        )  # fmt: skip
