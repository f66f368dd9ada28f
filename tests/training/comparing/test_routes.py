"""The ways to an encoder that `try` knows, and what happens when it is stopped."""

import dataclasses
import json

import pytest

import pretune
from pretune.training import try_routes
from pretune.training.command.arguments.pretrain import PretrainArguments
from pretune.training.command.arguments.try_routes import TryArguments
from pretune.training.command.parsing import build_arguments
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


def test_stopped_it_leaves_what_was_tried(tmp_path, monkeypatch, capsys):
    def stopped(routes, seconds, folder, judge, run, of):
        routes[0].steps, routes[0].folder, routes[0].scores = 20, str(tmp_path / "a"), [50.0, 60.0]
        raise KeyboardInterrupt

    monkeypatch.setattr(try_routes, "halve", stopped)
    monkeypatch.setattr(try_routes, "time_steps", lambda *given: None)
    args = TryArguments(dataset="digits", output_dir=str(tmp_path / "r"), routes=["autoencoder"])
    with pytest.raises(pretune.Interrupted, match="what was tried until then stands in"):
        try_routes.run(args)
    assert "best here: autoencoder" in (tmp_path / "r/try.md").read_text()
    assert json.loads((tmp_path / "r/try.json").read_text())["routes"][0]["steps"] == 20
