"""The views of a network that goes on, chosen by labelled training samples alone."""

import json
from pathlib import Path

import pytest

import pretune
from pretune.training.command.arguments.compare import CompareArguments
from pretune.training.comparing import continued, view_sets
from pretune.training.comparing.continued import with_continued
from pretune.training.comparing.view_sets import RECORD, _is_whole, best_views
from pretune.training.errors import InputError
from pretune.training.evaluation.cells import MADE
from pretune.training.evaluation.planning import Before
from pretune.training.modalities.image import IMAGE

WORTH = {"photographs": 40.0, "without_colour": 45.0}


class Runs:
    """Stands for runs of pretraining: each leaves a config that says what its views are."""

    def __init__(self):
        self.given, self.broken = [], False

    def __call__(self, verb, given, show=False):
        if self.broken:
            raise InputError("it does not go on.")
        self.given.append(given)
        folder = Path(given["output_dir"])
        folder.mkdir(parents=True, exist_ok=True)
        views = given.get("config", {}).get("views", "photographs")
        (folder / "config.json").write_text(json.dumps({"views": given.get("config.views", views)}))


@pytest.fixture
def runs(monkeypatch):
    found = Runs()
    monkeypatch.setattr(view_sets, "run_verb", found)
    monkeypatch.setattr(continued, "run_verb", found)
    monkeypatch.setattr(continued, "config_and_modality", lambda name, revision: (None, IMAGE, False))

    def judged(self, folder):
        return [WORTH[json.loads((Path(folder) / "config.json").read_text())["views"]]] * 2

    monkeypatch.setattr(view_sets.Judge, "of_encoder", judged)
    return found


def arguments(tmp_path, **more):
    return CompareArguments(model=["me/net+continued"], dataset="digits", output_dir=str(tmp_path), **more)


@pytest.mark.parametrize("steps", [None, 5])
def test_the_views_that_are_better_on_held_out_labels_are_taken(runs, tmp_path, steps):
    args = arguments(tmp_path, continued_steps=steps)
    changed, before = with_continued(args, Before())
    *tried, whole = runs.given
    assert [given["max_steps"] for given in tried] == [steps or view_sets.STEPS] * 2
    assert whole["config.views"] == "without_colour" and changed.model == [whole["output_dir"]]
    facts = before.views["me/net"]
    assert facts["taken"] == "without_colour" and facts["tried"] == WORTH and _is_whole(facts)
    assert sorted(path.name for path in (tmp_path / MADE).iterdir()) == ["me_net", RECORD]  # no try is left
    again = with_continued(args, Before())[1]
    assert again.views == before.views and len(runs.given) == 4  # it goes on, and tries nothing a second time


@pytest.mark.parametrize(("other", "taken"), [(80.0, "usual"), (80.9, "usual"), (81.1, "other"), (60.0, "usual")])
def test_views_that_are_hardly_better_do_not_displace_the_usual_ones(other, taken):
    assert best_views({"usual": 80.0, "other": other}) == taken


def test_views_that_were_asked_for_are_not_tried(runs, tmp_path):
    before = with_continued(arguments(tmp_path, continued_views="photographs"), Before())[1]
    assert len(runs.given) == 1 and runs.given[0]["config.views"] == "photographs" and not before.views


def test_without_enough_labels_the_usual_views_are_taken_and_told(runs, tmp_path, caplog):
    before = with_continued(arguments(tmp_path, max_train_samples=12), Before())[1]
    assert len(runs.given) == 1 and "config.views" not in runs.given[0] and not before.views
    assert "views are not chosen for me/net, but the usual ones taken: 12 images" in caplog.text


def test_a_network_that_cannot_go_on_is_told_as_before(runs, tmp_path):
    runs.broken = True
    with pytest.raises(pretune.InputError, match="it does not go on"):
        with_continued(arguments(tmp_path), Before())


@pytest.mark.parametrize(
    "change",
    [{"taken": "grey"}, {"taken": None}, {"tried": []}, {"tried": {"a": 1}}, {"steps": 0}, {"samples": "60"}],
)
def test_a_record_that_is_damaged_is_none(change):
    facts = {"taken": "photographs", "tried": WORTH, "steps": 30, "samples": 60}
    assert _is_whole(facts) and not _is_whole({**facts, **change}) and not _is_whole(None)
