"""The ways to an encoder that `try` knows, and what happens when it is stopped."""

import dataclasses
import json

import pytest

import pretune
from pretune.training import try_routes
from pretune.training.command.arguments.pretrain import PretrainArguments
from pretune.training.command.arguments.try_routes import TryArguments
from pretune.training.command.parsing import build_arguments
from pretune.training.comparing.report_time import Look
from pretune.training.data.loading import load_data
from pretune.training.errors import InputError
from pretune.training.evaluation.planning import Before
from pretune.training.modalities.image import IMAGE
from pretune.training.modalities.speech import SPEECH
from pretune.training.modalities.text import TEXT
from pretune.training.networks.building import named_family


@pytest.mark.parametrize("modality", [IMAGE, SPEECH, TEXT], ids=lambda modality: modality.name)
def test_every_kind_of_input_has_ways_of_its_own(modality):
    ways = {**modality.routes, **({"continued": modality.goes_on} if modality.goes_on else {})}
    assert len(modality.routes) > 1
    for given in ways.values():
        args = build_arguments(PretrainArguments, None, {**given, "dataset": "d", "output_dir": "o"})
        family = named_family(args.model_type)
        assert family.modality == modality.name
        assert set(args.config) <= {field.name for field in dataclasses.fields(family.config)}


@pytest.mark.parametrize("size", [None, 96])
def test_a_published_model_goes_on_at_the_size_that_suits_the_samples(size):
    args = TryArguments(dataset="digits", output_dir="r", backbone="me/network")
    ways = {route.name: route.given for route in try_routes._routes(args, IMAGE, size)}
    went_on = {name: given for name, given in ways.items() if name.startswith("continued")}
    assert went_on and len(went_on) < len(ways)
    for name, given in went_on.items():
        assert given["backbone"] == "me/network" and given.get("config", {}).get("backbone_image_size") == size
        views = name.replace("continued", "joint embedding")
        assert {**ways[views].get("config", {}), **given.get("config", {})} == given.get("config", {})


@pytest.mark.parametrize("held_out", [True, False])
def test_stopped_it_leaves_what_was_tried(npz, held_out, tmp_path, monkeypatch, capsys):
    dataset, given = npz if held_out else "digits", {}

    def stopped(routes, seconds, folder, judge, run, of):
        given.update(routes[0].given)
        routes[0].steps, routes[0].folder, routes[0].scores = (
            20,
            str(tmp_path / "a"),
            [101.0, 101.0],
        )  # above all raw ones
        raise KeyboardInterrupt

    monkeypatch.setattr(try_routes, "halve", stopped)
    monkeypatch.setattr(try_routes, "time_steps", lambda *given: None)
    args = TryArguments(dataset=dataset, output_dir=str(tmp_path / "r"), routes=["autoencoder"])
    with pytest.raises(pretune.Interrupted, match="what was tried until then stands in"):
        try_routes.run(args)
    assert "best here: autoencoder" in (tmp_path / "r/try.md").read_text()
    record = json.loads((tmp_path / "r/try.json").read_text())
    assert record["routes"][0]["steps"] == 20 and "eval_split" not in record["command"]
    # without a test split a part is held out in every try too, so that none learns from what the report measures on
    assert given.get("eval_split") == (None if held_out else "none")


def test_the_command_in_full_says_of_the_data_what_try_was_told(tmp_path):
    args = TryArguments(dataset="d", eval_split="valid", output_dir=str(tmp_path / "r"))
    tried = dataclasses.replace(TRIED, given={"dataset": "d", "seed": 42, "eval_split": "none"}, steps=30)
    words = try_routes._in_full(tried, args).split()
    assert words[words.index("--eval_split") + 1] == "valid" and words.count("--dataset") == 1


class Scores:
    """A judge that knows what everything comes to."""

    data = range(60)

    def __init__(self, published, raw):
        self.published, self.raw = published, raw

    def of_encoder(self, name, untrained=False, size=None, folder=None):
        if self.published is None:
            raise InputError("cannot be loaded.")
        return [self.published + 20]

    def of_raw(self):
        return self.raw


TRIED = try_routes.Route("continued", {"config": {"backbone_image_size": 32}, "backbone": "me/network"})


@pytest.mark.parametrize(
    ("published", "raw", "best"),
    [(40.0, [10.0], "as published"), (2.0, [10.0], "continued"), (None, [10.0], "continued"), (2.0, [70.0], None)],
)
def test_a_published_model_as_it_is_is_one_of_the_ways(tmp_path, published, raw, best):
    args = TryArguments(dataset="digits", output_dir=str(tmp_path / "r"), backbone="me/network")
    judge = Scores(published, raw)
    route = dataclasses.replace(TRIED, steps=30, scores=[50.0], folder=str(tmp_path / "a"))
    found = (
        None if published is None else {"draws": [published + 20], "seconds": 3.0}
    )  # no size is found of what cannot be loaded
    before = Before() if found is None else Before({"me/network": 20}, {"me/network": found})
    as_it_is = try_routes._as_published(args, judge, before, tmp_path)
    tried = try_routes._ranked([route], as_it_is)
    told, commands = try_routes._tell([*as_it_is, route], tried, judge, args, tmp_path / "r")
    command = commands["command"]
    if best is None:
        assert "no way is better than raw samples so far" in told
    else:
        assert f"best here: {best}. In full" in told and tried[0].name == best
    if best == "as published":
        assert command.startswith("pretune finetune") and "--model me/network" in command
        assert "--freeze_encoder" in command and "60.0 %" in told and "at 20 pixels" in told
    else:
        assert command.startswith("pretune pretrain") and "--max_steps 300" in command
    assert ("could not be tried: cannot be loaded." in told) == (published is None)


@pytest.mark.parametrize(("steps", "untold"), [(30, True), (400, False)])
def test_a_way_that_had_too_little_time_to_tell_is_named_beside_the_best(tmp_path, steps, untold):
    args = TryArguments(dataset="digits", output_dir=str(tmp_path / "r"), backbone="me/network")
    found = Before({"me/network": 20}, {"me/network": {"draws": [60.0], "seconds": 3.0}})
    judge = Scores(60.0, [10.0])
    own = try_routes.Route("own", {"model_type": "a"}, 2.0, 0.1, 30, steps, str(tmp_path / "a"), [50.0], [40.0])
    published = try_routes._as_published(args, judge, found, tmp_path)
    told, commands = try_routes._tell(published, try_routes._ranked([own], published), judge, args, tmp_path / "r")
    assert "best here: as published. In full:" in told and commands["command"].startswith("pretune finetune")
    assert ("may_overtake" in commands) == untold
    if untold:
        assert "own had too little time to tell, 3 passes over the samples, and may be better" in told
        assert "In full, 600 steps, about 20 min:" in told and "--max_steps 600" in commands["may_overtake"]
        folders = {words[words.index("--output_dir") + 1] for words in map(str.split, commands.values())}
        assert len(folders) == 2  # both can be run


@pytest.mark.parametrize(("start", "worth"), [(45.0, True), (49.5, False)])
def test_going_on_that_is_worth_something_at_a_small_size_is_named_at_the_size_of_the_best(tmp_path, start, worth):
    args = TryArguments(dataset="digits", output_dir=str(tmp_path / "r"), backbone="me/network")
    found = Before({"me/network": 224}, {"me/network": {"draws": [60.0], "seconds": 3.0}})
    judge, published = Scores(60.0, [10.0]), try_routes._as_published(args, Scores(60.0, None), found, tmp_path)
    given = {"model_type": "a", "backbone": "me/network", "config": {"backbone_image_size": 56, "views": "grey"}}
    went_on = try_routes.Route(
        "continued", given, 2.0, steps=30, folder=str(tmp_path / "a"), scores=[50.0], start=[start]
    )
    told, commands = try_routes._tell(published, try_routes._ranked([went_on], published), judge, args, tmp_path / "r")
    assert ("at_its_size" in commands) == worth and commands["command"].startswith("pretune finetune")
    if worth:
        assert "5.0 points better than the published network at 56 pixels. The same at 224, 30 steps, about 16" in told
        assert (
            "--config.backbone_image_size 224" in commands["at_its_size"]
            and "--max_steps 30" in commands["at_its_size"]
        )
        assert "--config.views grey" in commands["at_its_size"]


def test_the_report_holds_the_best_of_two_networks_and_the_published_one(tmp_path, monkeypatch):
    asked = {}
    monkeypatch.setattr(
        try_routes, "run_evaluation", lambda args, verb, before: asked.update(args=args, before=before)
    )
    args = TryArguments(dataset="digits", output_dir=str(tmp_path / "r"), backbone="me/network")
    own, twin, went_on = (
        try_routes.Route(name, given, steps=20, folder=str(tmp_path / name), scores=[score])
        for name, given, score in [
            ("own", {"model_type": "a"}, 50.0), ("twin", {"model_type": "a"}, 49.0),
            ("went_on", {"model_type": "a", "backbone": "me/network"}, 40.0),
        ]
    )  # fmt: skip
    train, _ = load_data(args, IMAGE)
    folder = tmp_path / "r"
    try_routes._report(args, [own, twin, went_on], {"dataset": "digits"}, folder, train, Before(), Look(300, 200, 9.0))
    assert asked["args"].model == [own.folder, went_on.folder, "me/network"]
    assert (asked["args"].max_train_samples, asked["args"].max_eval_samples) == (300, 200)
    # a published network with new weights is asked for by nobody, and takes as long as all else
    assert list(asked["before"].vectors_alone) == [went_on.folder, "me/network"]
    assert asked["before"].called == {own.folder: "own", went_on.folder: "went_on"}


def test_raw_samples_that_are_better_than_a_published_model_are_told(tmp_path):
    args = TryArguments(dataset="digits", output_dir=str(tmp_path / "r"), backbone="me/network")
    found = Before({"me/network": 20}, {"me/network": {"draws": [60.0], "seconds": 3.0}})
    tried = try_routes._as_published(args, Scores(60.0, None), found, tmp_path)
    told, _ = try_routes._tell(tried, tried, Scores(60.0, [70.0]), args, tmp_path / "r")
    assert "no way is better than raw samples, and a classifier of those may do." in told and "--minutes" not in told


def test_of_views_that_had_too_little_time_the_usual_ones_are_advised(tmp_path):
    args = TryArguments(dataset="digits", output_dir=str(tmp_path / "r"))
    own, kept = (
        try_routes.Route(
            name, {"config": config}, 2.0, 0.1, 30, 20, str(tmp_path / name), [score], [40.0], place=place
        )
        for place, (name, config, score) in enumerate([("own", {}, 50.0), ("kept", {"views": "without_colour"}, 55.0)])
    )
    told, commands = try_routes._tell(
        [own, kept], try_routes._ranked([own, kept], []), Scores(0, None), args, tmp_path
    )
    assert "own had too little time to tell, as what stands above it, and is most often better. In full" in told
    assert "without_colour" not in commands["command"]
    assert json.loads((tmp_path / "try.json").read_text())["best"] == "own"
    own.steps = kept.steps = 400  # both saw the samples many times
    told, commands = try_routes._tell(
        [own, kept], try_routes._ranked([own, kept], []), Scores(0, None), args, tmp_path
    )
    assert "best here: kept. In full" in told and "without_colour" in commands["command"]
