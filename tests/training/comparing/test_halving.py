"""Which routes get how much time, with a clock and runs that are made up."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from pretune.training.comparing import halving
from pretune.training.comparing.halving import FEWEST_STEPS, FINISHED, OVERHEAD, WORTH, halve, rounds_of
from pretune.training.comparing.records import known
from pretune.training.comparing.routes import Route, best_networks
from pretune.training.errors import InputError
from pretune.training.inspection.trial import Trial
from pretune.training.modalities.image import IMAGE


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Judge:
    """Scores by what a route is worth and how many steps it had."""

    def __init__(self, worth):
        self.worth, self.asked = worth, []

    def of_encoder(self, folder, untrained=False, size=None):
        if "/" not in folder:  # a published network
            self.asked.append((folder, size))
            return [40.0, 42.0]
        name = folder.rpartition("/")[2].rpartition("_")[0]
        self.asked.append((name, untrained))
        return [20.0, 22.0] if untrained else [self.worth[name], self.worth[name] + 2]


def made(worth, seconds_a_step=1.0, broken=()):
    clock, runs = Clock(), []

    def run(verb, given):
        name = given["output_dir"].rpartition("/")[2].rpartition("_")[0]
        if name in broken:
            raise InputError("no memory")
        runs.append((name, given["max_steps"]))
        clock.now += OVERHEAD + seconds_a_step * given["max_steps"]

    routes = [Route(name, {"model_type": name}, seconds_a_step) for name in worth]
    return routes, clock, run, runs


@pytest.mark.parametrize(
    ("count", "seconds", "sizes"),
    [
        (1, 1e9, [1]), (2, 1e9, [2]), (3, 1e9, [3, 2]), (4, 1e9, [4, 2]), (6, 1e9, [6, 3, 2]), (9, 1e9, [9, 5, 3, 2]),
        (6, 3 * 6 * WORTH, [6, 3, 2]), (6, 2 * 6 * WORTH, [6, 2]), (6, 0, [6, 2]), (9, 3 * 9 * WORTH, [9, 3, 2]),
    ],
)  # fmt: skip
def test_half_of_them_go_on_in_each_round_or_fewer_where_there_is_little_time(count, seconds, sizes):
    assert rounds_of(count, seconds) == sizes


def test_the_better_half_gets_the_time_that_is_left_and_no_more(tmp_path):
    worth = {"a": 50.0, "b": 70.0, "c": 60.0}
    routes, clock, run, runs = made(worth)
    tried = halve(routes, 3000, tmp_path, Judge(worth), run, clock)
    assert [route.name for route in tried] == ["b", "c", "a"]
    assert [name for name, _ in runs] == ["a", "b", "c", "b", "c"]
    assert clock.now <= 3000 * 1.01 and clock.now > 2800
    steps = dict(runs)
    assert tried[0].steps == steps["b"] > 1.4 * tried[-1].steps and tried[0].folder.endswith("b_2")


def test_the_best_of_each_network_goes_on_before_a_second_of_any(tmp_path):
    worth = {"own": 60.0, "own_kept": 62.0, "continued": 80.0, "continued_kept": 81.0, "masked": 50.0}
    routes, clock, run, runs = made(worth)
    for route in routes:
        route.given = {"model_type": route.name.partition("_")[0]}
    halve(routes, 2 * 5 * WORTH, tmp_path, Judge(worth), run, clock)
    assert [name for name, _ in runs[5:]] == ["continued_kept", "own_kept"]


@pytest.mark.parametrize(
    ("passes", "expected"),
    [(5, ["continued", "own", "masked", "own_kept"]), (40, ["continued", "masked", "own_kept", "own"])],
)
def test_of_ways_that_had_too_little_time_the_usual_order_decides_not_their_scores(passes, expected):
    own, kept, masked = (
        Route(name, {"model_type": family}, passes_a_step=1.0, passes_enough=30, steps=passes, scores=[score], place=n)
        for n, (name, family, score) in enumerate([("own", "a", 50.0), ("own_kept", "a", 53.0), ("masked", "b", 60.0)])
    )
    went_on = Route("continued", {"model_type": "a", "backbone": "c"}, steps=3, scores=[70.0], place=3)
    assert [route.name for route in best_networks([masked, went_on, kept, own], 4)] == expected


def test_a_network_from_nothing_needs_many_passes_before_its_score_tells():
    route = Route("own", {}, 1.0, passes_a_step=0.1, passes_enough=30, steps=100, scores=[70.0], start=[60.0])
    assert route.too_short == "too short to tell: 10 passes over the samples" and route.steps_in_full == 1000
    route.steps = 20
    assert route.steps_in_full == 600  # 60 passes, more than ten times as long
    route.steps = 300
    assert not route.too_short and route.steps_in_full == 3000
    route.steps, route.given = 20, {"backbone": "published"}
    assert not route.too_short and route.steps_in_full == 200


def test_a_route_begins_from_the_published_network_or_from_one_untrained(tmp_path):
    worth = {"own": 60.0, "own_kept": 62.0, "continued": 30.0}
    routes, clock, run, _ = made(worth)
    routes[1].given = routes[0].given
    routes[2].given = {"model_type": "own", "backbone": "published", "config": {"backbone_image_size": 56}}
    judge = Judge(worth)
    halve(routes, 2000, tmp_path, judge, run, clock)
    assert [route.start for route in routes] == [[20.0, 22.0], [20.0, 22.0], [40.0, 42.0]]
    assert routes[2].too_short and not routes[0].too_short
    starts = [asked for asked in judge.asked if asked[1]]
    assert starts == [("own", True), ("published", 56)]  # once for each network


def test_a_route_below_its_untrained_network_had_too_little_time(tmp_path):
    worth = {"slow": 10.0, "quick": 60.0}
    routes, clock, run, _ = made(worth)
    tried = halve(routes, 1000, tmp_path, Judge(worth), run, clock)
    assert tried[0].note == "" and "too short for this way" in tried[1].note and tried[1].too_short


@pytest.mark.parametrize(("score", "first"), [(80.9, "usual"), (81.1, "kept")])
def test_of_two_sets_of_views_that_are_nearly_as_good_the_usual_one_is_the_best(score, first):
    given = {"model_type": "a", "backbone": "c"}
    usual, kept = Route("usual", given, scores=[80.0], place=0), Route("kept", given, scores=[score], place=1)
    other = Route("other", {"model_type": "b", "backbone": "c"}, scores=[70.0], place=2)
    assert [route.name for route in best_networks([kept, usual, other], 2)] == [first, "other"]


@pytest.mark.parametrize("seconds", [3.0, None, "x", -1, 1e30])
def test_what_a_step_took_in_a_run_is_what_the_next_round_reckons_with(tmp_path, seconds):
    """A few steps timed alone fall short of it, and the last round would end after its time."""
    worth = {"a": 50.0, "b": 70.0}
    routes, clock, run, _ = made(worth)

    def slower(verb, given):
        run(verb, given)
        folder = tmp_path / given["output_dir"].rpartition("/")[2]
        folder.mkdir()
        timings = {"train_seconds": seconds if type(seconds) is not float else seconds * given["max_steps"]}
        (folder / "run.json").write_text(json.dumps({"verb": "pretrain", "timings": timings}))

    halve(routes, 1000, tmp_path, Judge(worth), slower, clock)
    assert [route.seconds_a_step for route in routes] == [3.0 if seconds == 3.0 else 1.0] * 2


def test_what_fails_says_why_and_the_others_go_on(tmp_path):
    worth = {"a": 50.0, "b": 70.0}
    routes, clock, run, _ = made(worth, broken=("b",))
    routes.append(Route("c", {}, None, note="could not be tried: no such family"))
    tried = halve(routes, 1000, tmp_path, Judge(worth), run, clock)
    assert [route.name for route in tried] == ["a"] and routes[1].note == "stopped: no memory"
    assert routes[1].record()["scores"] == [] and np.isneginf(routes[1].score)


@pytest.mark.parametrize(("seconds", "size"), [(1e9, None), (100.0, 32), (0.0, 32)])
def test_the_input_shrinks_until_enough_steps_fit(monkeypatch, seconds, size):
    asked = []

    def measured(given, data):
        asked.append(given.get("config", {}).get("image_size", 100))
        return Trial(10, 8, 1, asked[-1] ** 2 / 1000, 8, 0, "cpu")

    monkeypatch.setattr(halving, "measured", measured)
    data = SimpleNamespace(modality=IMAGE, stored=np.zeros((5, 3, 100, 100), np.uint8))
    route, other = (Route(name, {"model_type": "a", "config": {"views": "grey"}}) for name in "ab")
    told = []
    halving.time_steps([route, other], dict, data, seconds, told.append)
    expected = {"views": "grey"} if size is None else {"views": "grey", "image_size": size}
    assert route.given["config"] == expected and route.seconds_a_step == asked[-1] ** 2 / 1000
    assert other.given["config"] == expected
    assert asked == ([100] if size is None else [100, 32])  # the other differs in its views alone
    assert other.seconds_a_step == route.seconds_a_step and other.seconds_a_sample == route.seconds_a_step / 48
    assert told == ["a: what a step takes", "b: what a step takes"]


def test_a_time_too_short_for_anything_still_tries_each_once(tmp_path):
    worth = {"a": 50.0, "b": 70.0}
    routes, clock, run, runs = made(worth)
    halve(routes, 10, tmp_path, Judge(worth), run, clock)
    assert runs == [("a", FEWEST_STEPS), ("b", FEWEST_STEPS)]


def test_a_route_whose_fewest_steps_would_take_the_time_of_the_others_is_not_tried(tmp_path):
    worth = {"quick": 50.0, "slow": 70.0}
    routes, clock, run, runs = made(worth)
    routes[1].seconds_a_step = 30.0
    tried = halve(routes, 600, tmp_path, Judge(worth), run, clock)
    assert [route.name for route in tried] == ["quick"] and clock.now <= 620
    assert "20 steps take about 600 s here" in routes[1].note and "more --minutes" in routes[1].note


@pytest.mark.parametrize(("seconds", "inside"), [(1e9, 224), (100.0, 112), (0.0, 56)])
def test_a_published_network_sees_smaller_pictures_until_enough_steps_fit(monkeypatch, seconds, inside):
    def measured(given, data):
        side = given["config"]["backbone_image_size"]
        if side < 56:
            raise InputError("no such size")
        return Trial(10, 8, 1, side**2 / 10000, 8, 0, "cpu")

    monkeypatch.setattr(halving, "measured", measured)
    data = SimpleNamespace(modality=IMAGE, stored=np.zeros((5, 3, 16, 16), np.uint8))
    route = Route("a", {"model_type": "a", "backbone": "b", "config": {"backbone_image_size": 224}})
    halving.time_steps([route], dict, data, seconds)
    assert route.given["config"] == {"backbone_image_size": inside}
    assert route.seconds_a_step == inside**2 / 10000 and not route.note


def test_tries_that_a_killed_call_finished_are_taken_up(tmp_path):
    worth = {"a": 50.0, "b": 70.0, "c": 60.0}
    routes, clock, run, runs = made(worth)

    def killed(verb, given):
        if len(runs) == 4:
            raise KeyboardInterrupt
        run(verb, given)
        folder = tmp_path / given["output_dir"].rpartition("/")[2]
        folder.mkdir()
        save_file({"weight": torch.zeros(1)}, folder / "model.safetensors")

    with pytest.raises(KeyboardInterrupt):
        halve(routes, 3000, tmp_path, Judge(worth), killed, clock, of=[20])
    first = list(runs)
    assert [name for name, _ in first] == ["a", "b", "c", "b"]
    routes, clock, run, runs = made(worth)
    tried = halve(routes, 3000, tmp_path, Judge(worth), run, clock, of=[20])
    assert [name for name, _ in runs] == ["c"] and [route.name for route in tried] == ["b", "c", "a"]
    assert tried[2].steps == dict(first)["a"] and tried[2].scores == [50.0, 52.0]
    routes, clock, run, runs = made(worth)
    halve(routes, 3000, tmp_path, Judge(worth), run, clock, of=[30])  # another time
    assert len(runs) == 5
    whole = (tmp_path / "tries.json").read_text()
    for damaged in (
        '{"a_1": {"key": 3}, "b_1": [', "[" * 20000, "[]", whole.replace("50.0", "NaN"),
        whole.replace("50.0", "1e999"), whole.replace('"steps": ', '"steps": -'), whole,
    ):  # fmt: skip
        (tmp_path / "tries.json").write_text(damaged)
        route = Route("a", {"model_type": "a"}, 1.0)
        key = json.dumps([[30], route.given], default=str)
        taken = route.take_up(known(tmp_path / FINISHED).get("a_1"), key, tmp_path / "a_1")
        assert taken == (damaged == whole)
    (tmp_path / "a_1/model.safetensors").write_text("cut off")
    routes, clock, run, runs = made(worth)
    halve(routes, 3000, tmp_path, Judge(worth), run, clock, of=[30])
    assert runs[0][0] == "a" and "b" not in {name for name, _ in runs[:2]}
    (tmp_path / "tries.json").write_text('{"a_1": {"key": 3}, "b_1": [')
    routes, clock, run, runs = made(worth)
    halve(routes, 3000, tmp_path, Judge(worth), run, clock, of=[30])
    assert len(runs) == 5
