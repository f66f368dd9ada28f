"""Parts of a large set take no memory, and are to all who use them what copies were."""

import numpy as np
import pytest
import torch

import pretune
from pretune.training.command.arguments.data import DataArguments
from pretune.training.data.batches import Batches, Columns
from pretune.training.data.holding_out import hold_out
from pretune.training.data.loading import load_data
from pretune.training.data.samples import Samples, overlap, split_off, subset
from pretune.training.modalities.image import IMAGE
from pretune.training.modalities.picked import Picked, in_parts

VALUES = np.random.default_rng(0).integers(0, 256, (120, 1, 8, 8), dtype=np.uint8)
CPU = torch.device("cpu")


@pytest.fixture
def whole():
    return Samples(IMAGE, VALUES, np.arange(120) % 3, ["a", "b", "c"], "d", "f")


def of_size(side):
    return pretune.AutoencoderConfig(image_size=side, num_channels=1, hidden_sizes=[4], latent_size=2)


def of_part(whole):
    """A part of a part, in an order of its own, and its rows."""
    first = np.random.default_rng(1).permutation(120)[:90]
    return whole.select(first).select(np.arange(80, 10, -2)), first[np.arange(80, 10, -2)]


def test_a_part_is_a_view_that_reads_as_a_copy(whole):
    part, rows = of_part(whole)
    copied = Samples(IMAGE, VALUES[rows], whole.labels[rows], whole.label_names, "d", "f")
    assert np.shares_memory(part.stored, VALUES) and len(part) == len(rows) == 35
    assert np.array_equal(part.values, copied.values) and np.array_equal(part.labels, copied.labels)
    assert np.array_equal(part.digests, copied.digests) and np.array_equal(part.rows, rows)
    assert np.array_equal(np.concatenate(list(in_parts(part.rows_stored))), copied.values)
    ours, theirs = (Columns.of(samples, CPU, with_labels=True) for samples in (part, copied))
    assert len(ours) == len(theirs) and ours.numbers == theirs.numbers == 64
    for step in range(6):
        pairs = zip(Batches(ours, 8, seed=3)(step), Batches(theirs, 8, seed=3)(step), strict=True)
        assert all(torch.equal(a[name], b[name]) for a, b in pairs for name in a)
    for one, other in zip(ours.in_order(16), theirs.in_order(16), strict=True):
        assert torch.equal(one["pixel_values"], other["pixel_values"])
    assert vars(overlap(whole, part)) == vars(overlap(whole, copied))


@pytest.mark.parametrize(
    "parts",
    [
        lambda whole: hold_out(whole),
        lambda whole: split_off(whole, 0.3, 0, "none"),
        lambda whole: (subset(whole, 50, None, 0), subset(whole, None, 5, 0)),
    ],
)
def test_no_part_is_copied_until_it_is_asked_for(whole, parts):
    for part in parts(whole):
        assert part.stored is VALUES and "values" not in vars(part) and isinstance(part.rows_stored, Picked)
        assert part.taken_by(IMAGE.preprocessing(None, None, of_size(8), {})).stored is VALUES
        smaller = part.taken_by(IMAGE.preprocessing(None, None, of_size(4), {}))
        assert smaller.values.shape == (len(part), 1, 4, 4) and np.array_equal(smaller.digests, part.digests)


def test_an_array_on_disk_is_held_out_of_where_it_lies(tmp_path):
    np.save(tmp_path / "a.npy", VALUES[:, 0])
    train, evaluation = load_data(DataArguments(dataset=str(tmp_path / "a.npy")), IMAGE)
    assert np.shares_memory(train.stored, evaluation.stored) and len(train) + len(evaluation) == 120
    base = train.stored
    while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
        base = base.base
    assert isinstance(base, np.memmap)
