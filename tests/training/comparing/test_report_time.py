"""How much of a dataset the report of `try` looks at within its share of the time."""

import json
import logging
from types import SimpleNamespace

import numpy as np
import pytest

from pretune.training.comparing.halving import FEWEST_STEPS, OVERHEAD
from pretune.training.comparing.records import known
from pretune.training.comparing.report_time import FEWEST, PROBES, SHARE, look_within, warn_of_too_few
from pretune.training.comparing.routes import Route
from pretune.training.modalities.image import IMAGE
from pretune.training.protocol import PROTOCOL


def split(labelled, unlabelled=0):
    known = np.arange(labelled + unlabelled) < labelled
    return SimpleNamespace(labels=np.zeros(1), labelled=known, modality=IMAGE, fingerprint=f"of {labelled}")


PUBLISHED = Route("as published", {}, published=True, seconds_a_sample=0.05)
OWN = Route("own", {}, seconds_a_sample=0.001)
CONTINUED = Route("continued", {"backbone": "published"}, seconds_a_sample=0.002)


@pytest.mark.parametrize(
    ("routes", "a_sample"),
    [
        ([OWN], 0.001 * (1 + PROTOCOL.draws)), ([PUBLISHED], 0.05),
        ([PUBLISHED, OWN, CONTINUED, CONTINUED], 0.05 + 0.002 + 0.001 * (1 + PROTOCOL.draws)),
    ],
)  # fmt: skip
def test_a_network_from_nothing_is_embedded_with_new_weights_too(routes, a_sample, tmp_path):
    look = look_within(1e6, routes, split(400, 600), split(100), tmp_path / "a/r.json")
    assert (look.train, look.test) == (400, 100) and look.seconds == pytest.approx(PROBES + 500 * a_sample)


@pytest.mark.parametrize(
    ("labelled", "test", "looked"),
    [(500, 10_000, (500, 4900)), (50_000, 10_000, (2700, 2700)), (50_000, 600, (2700, 600))],
)
def test_no_more_is_looked_at_than_there_is_time_for(labelled, test, looked, caplog, tmp_path):
    caplog.set_level(logging.INFO)
    seconds = (PROBES + 5400 * 0.05) / SHARE
    look = look_within(seconds, [PUBLISHED], split(labelled), split(test), tmp_path / "r.json")
    assert (look.train, look.test) == looked and look.seconds <= SHARE * seconds + 1e-6
    told = f"{looked[0]:,} of {labelled:,} labelled training images"
    assert told in caplog.text and "pretune compare" in caplog.text
    # a report that was begun goes on with as many, whatever embedding takes now
    again = look_within(3 * seconds, [OWN], split(labelled), split(test), tmp_path / "r.json")
    assert (again.train, again.test) == looked
    (tmp_path / "r.json").write_text(json.dumps({name: [10**9, "x"] for name in known(tmp_path / "r.json")}))
    anew = look_within(3 * seconds, [OWN], split(labelled), split(test), tmp_path / "r.json")
    assert anew.train + anew.test > sum(looked)


def test_however_short_the_time_some_are_looked_at(tmp_path):
    look = look_within(1.0, [PUBLISHED], split(50_000), split(300), tmp_path / "r.json")
    assert (look.train, look.test) == (FEWEST, 300)
    assert look_within(1.0, [Route("unknown", {})], split(90_000), split(9000), tmp_path / "r.json").seconds == PROBES


def test_a_time_too_short_for_all_ways_is_told(caplog):
    ways = [Route(name, {}, 2.0) for name in "ab"] + [Route("cannot be built", {})]
    least = 2 * (OVERHEAD + 2 * FEWEST_STEPS)
    warn_of_too_few(least, ways)
    assert not caplog.text
    warn_of_too_few(least - 1, ways)
    assert "pass more --minutes, or fewer --routes" in caplog.text and f"{least:.0f} s" in caplog.text
