"""Which kind of input a dataset holds, where the verb was not told."""

import pytest

import pretune
from pretune.training.errors import NotReached
from pretune.training.sources import dataset as module


@pytest.mark.parametrize(
    "ask",
    [
        lambda folder: pretune.pretrain(dataset="phots", output_dir=folder / "run", model_type="joint_embedding"),
        lambda folder: pretune.inspect("phots"),
    ],
    ids=["pretrain", "inspect"],
)
def test_a_dataset_that_is_nowhere_is_asked_for_once(monkeypatch, tmp_path, ask):
    """Each kind of input asked the Hub anew: over a minute of retries without a network."""
    asked = []

    def nowhere(args):
        asked.append(args.dataset)
        raise NotReached("phots is nowhere.")

    monkeypatch.setattr(module, "hub_splits", nowhere)
    with pytest.raises(pretune.InputError, match="phots is nowhere"):
        ask(tmp_path)
    assert asked == ["phots"]
