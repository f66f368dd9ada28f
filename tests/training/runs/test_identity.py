import dataclasses

import numpy as np
import pytest
import torch

from pretune import AutoencoderConfig, AutoencoderForImageClassification, AutoencoderModel
from pretune.training.command.arguments.finetune import FinetuneArguments
from pretune.training.command.arguments.pretrain import PretrainArguments
from pretune.training.data.samples import Samples
from pretune.training.modalities.image import IMAGE
from pretune.training.runs.identity import MAY_CHANGE, OF_LOOKING, OF_PLACES, identity_of

FIELDS = {f.name: f for kind in (PretrainArguments, FinetuneArguments) for f in dataclasses.fields(kind)}
LEFT_OUT = OF_PLACES | OF_LOOKING | set(MAY_CHANGE)


def samples(labels=(0, 1, 2, 0), names=("a", "b", "c")) -> Samples:
    values = np.zeros((4, 1, 8, 8), np.uint8)
    return Samples(IMAGE, values, labels and np.array(labels), names and list(names), "x [train]", "abc")


def identity(kind=FinetuneArguments, data=None, first_weights=0, **changes):
    """(of a checkpoint, besides) of a tiny run whose arguments are set without their checks."""
    args = kind(dataset="x", output_dir="out", **({"from_scratch": True} if kind is FinetuneArguments else {}))
    for name, value in changes.items():
        setattr(args, name, value)
    torch.manual_seed(first_weights)
    family = AutoencoderForImageClassification if kind is FinetuneArguments else AutoencoderModel
    model = family(AutoencoderConfig(image_size=8, hidden_sizes=[4], latent_size=2))
    roles = {"train": samples(), "unlabelled": None, "validation": None, "evaluation": None} | (data or {})
    return identity_of("finetune", args, model, model, "no", 1, roles)


def test_what_is_left_out_are_arguments_and_each_for_one_reason():
    assert LEFT_OUT <= FIELDS.keys()
    assert len(OF_PLACES) + len(OF_LOOKING) + len(MAY_CHANGE) == len(LEFT_OUT)


@pytest.mark.parametrize("name", sorted(FIELDS.keys() - LEFT_OUT))
def test_every_other_argument_makes_another_run(name):
    """So does one that is added tomorrow."""
    kind = FinetuneArguments if name in {f.name for f in dataclasses.fields(FinetuneArguments)} else PretrainArguments
    if name == "mixed_precision":  # as decided, not as asked for
        assert identity(kind, mixed_precision="auto") == identity(kind)
        return
    assert identity(kind, **{name: "another"})[0] != identity(kind)[0]


@pytest.mark.parametrize("name", sorted(OF_LOOKING))
def test_what_is_only_looked_at_makes_no_other_run(name):
    kind = FinetuneArguments if name in {f.name for f in dataclasses.fields(FinetuneArguments)} else PretrainArguments
    assert identity(kind, **{name: "another"}) == identity(kind)


@pytest.mark.parametrize("name", MAY_CHANGE)
def test_rates_and_length_may_change_on_the_way_but_are_not_the_finished_run(name):
    (mine, besides), (theirs, others) = identity(**{name: 7}), identity()
    assert mine == theirs and besides != others


@pytest.mark.parametrize("role", ["train", "validation", "evaluation"])
@pytest.mark.parametrize("other", [samples((0, 1, 2, 1)), samples(names=("a", "b", "d")), samples(None, None)])
def test_labels_are_part_of_the_data(role, other):
    before, after = identity(data={role: samples()}), identity(data={role: other})
    assert before != after
    assert (before[0] == after[0]) == (role == "evaluation")  # no weight depends on what it is judged by


def test_pretraining_goes_on_when_labels_were_mended_but_is_not_the_finished_run():
    before, after = identity(PretrainArguments), identity(PretrainArguments, {"train": samples((2, 1, 0, 0))})
    assert before[0] == after[0] and before[1] != after[1]


def test_the_checkpoint_it_starts_from_counts_by_its_weights_and_not_by_its_place():
    one = identity(model="runs/a", from_scratch=False)
    moved = identity(model="/elsewhere/a", from_scratch=False)
    other = identity(model="runs/a", from_scratch=False, first_weights=1)
    assert one == moved and one[0]["first_weights"] != other[0]["first_weights"]
    assert identity()[0]["first_weights"] is None  # new weights follow from config and seed, perhaps not to the bit


def test_fingerprints_of_labels():
    assert samples(None, None).labels_fingerprint is None
    found = {
        samples(labels, names).labels_fingerprint
        for labels, names in (((0, 1), ("a", "b")), ((1, 0), ("a", "b")), ((0, 1), ("b", "a")))
    }
    assert len(found) == 3
