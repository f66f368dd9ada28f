import numpy as np
import pytest
import torch

from pretune.training.data.batches import Batches, ChangedBatches, Columns
from pretune.training.errors import InputError
from pretune.training.modalities.image import to_pixels
from pretune.training.modalities.text import TEXT

CPU = torch.device("cpu")


def batches(n=50, **arguments):
    columns = Columns(np.arange(n, dtype=np.uint8)[:, None], to_pixels, CPU, np.arange(n, dtype=np.int64))
    return Batches(columns, **arguments)


def rows(source, step):
    return [batch["labels"].tolist() for batch in source(step)]


def test_every_epoch_is_a_new_order_of_different_samples():
    source = batches(batch_size=8, seed=3)
    assert source.steps_per_epoch == 6
    epochs = [[x for step in range(6) for x in rows(source, 6 * epoch + step)[0]] for epoch in (0, 1)]
    assert all(len(set(epoch)) == 48 for epoch in epochs) and epochs[0] != epochs[1]


def test_a_step_is_a_function_of_the_seed_alone():
    ahead = batches(batch_size=8, seed=3)
    ahead(40), list(ahead(41))
    assert rows(ahead, 7) == rows(batches(batch_size=8, seed=3), 7) != rows(batches(batch_size=8, seed=4), 7)


def test_processes_and_accumulation_share_out_the_same_samples():
    whole = rows(batches(batch_size=12, seed=1), 5)[0]
    parts = [rows(batches(batch_size=3, accumulation=2, processes=2, rank=rank, seed=1), 5) for rank in (0, 1)]
    assert sorted(x for rank in parts for part in rank for x in part) == sorted(whole)
    assert [len(part) for rank in parts for part in rank] == [3, 3, 3, 3]


def test_fewer_samples_than_a_batch_are_all_taken():
    source = batches(n=5, batch_size=128)
    assert source.steps_per_epoch == 1 and sorted(rows(source, 9)[0]) == [0, 1, 2, 3, 4]
    with pytest.raises(InputError, match="1 samples cannot be shared by 2 processes"):
        batches(n=1, batch_size=8, processes=2)


def test_eight_bit_columns_come_out_as_floats_in_zero_to_one():
    batch = batches(n=256, batch_size=256).columns[slice(0, 256)]
    assert batch["pixel_values"].dtype == torch.float32 and batch["labels"].dtype == torch.int64
    assert (batch["pixel_values"].min(), batch["pixel_values"].max()) == (0, 1)
    assert torch.equal(batch["pixel_values"][:, 0], torch.arange(256) / 255)


def test_samples_of_different_lengths_are_put_together_by_length():
    lengths = np.random.default_rng(0).integers(1, 60, 300)
    rows = np.zeros((300, 60), np.uint16)
    for row, length in enumerate(lengths):
        rows[row, :length] = row + 1
    columns = Columns(rows, TEXT.to_model, torch.device("cpu"), lengths=TEXT.lengths(rows))
    batches = Batches(columns, 10, seed=3)
    assert batches.parts_per_sample == pytest.approx(lengths.mean())
    for epoch in range(2):
        seen, wide, needed = [], 0, 0
        for step in range(30 * epoch, 30 * epoch + 30):
            (batch,) = batches(step)
            seen += batch["input_ids"][:, 0].tolist()
            wide, needed = wide + batch["attention_mask"].numel(), needed + int(batch["attention_mask"].sum())
        assert sorted(seen) == list(range(300)) and needed / wide > 0.85
    again = [b["input_ids"][:, 0].tolist() for b in Batches(columns, 10, seed=3)(7)]
    assert again == [b["input_ids"][:, 0].tolist() for b in batches(7)]
    halves = [[b["input_ids"][:, 0].tolist() for b in Batches(columns, 5, 1, 2, rank, 3)(7)][0] for rank in (0, 1)]
    assert sorted(sum(halves, [])) == sorted(again[0])


def test_changed_batches_are_a_function_of_the_seed_and_the_step():
    columns = Columns(np.zeros((8, 3), np.float32), lambda rows: {"x": rows}, torch.device("cpu"), np.arange(8))

    def changed(seed):
        return ChangedBatches(Batches(columns, 4, seed=seed), lambda inputs: {"x": inputs["x"] + torch.rand(4, 3)})

    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = [next(changed(1)(step)) for step in (0, 1, 0)]
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(first[0]["x"], first[2]["x"]) and not torch.equal(first[0]["x"], first[1]["x"])
    assert torch.equal(first[0]["labels"], next(Batches(columns, 4, seed=1)(0))["labels"])
    assert not torch.equal(first[0]["x"], next(changed(2)(0))["x"])
