"""Tables and columns of numbers that are samples: as Kaggle's digits, FER-2013 and lists in cells."""

import datasets
import numpy as np
import pandas
import pytest
import torch

from pretune import InputError
from pretune.training.command.arguments.data import DataArguments, InMemory
from pretune.training.data.kinds import kind_and_found
from pretune.training.data.loading import load_data
from pretune.training.modalities.image import IMAGE
from pretune.training.sources.dataset import raw_splits

PIXELS = np.random.default_rng(0).integers(0, 256, (30, 4, 4))
LABELS = np.arange(30) % 3


def table(path, rows=slice(None), label="label", **more):
    columns = {} if label is None else {label: LABELS[rows]}
    columns |= {f"pixel{i}": PIXELS[rows].reshape(-1, 16)[:, i] for i in range(16)}
    pandas.DataFrame({**columns, **more}).to_csv(path, index=False)
    return str(path)


def loaded(dataset, **more):
    args = DataArguments(dataset=dataset if isinstance(dataset, str) else InMemory(dataset), **more)
    modality, found = kind_and_found(args)
    assert modality is IMAGE
    return load_data(args, modality, found=found)


def same(data, rows=slice(None)):
    order = np.lexsort(data.values.reshape(len(data), -1).T)
    expected = PIXELS[rows][:, None]
    assert (data.values[order] == expected[np.lexsort(expected.reshape(len(expected), -1).T)]).all()


@pytest.mark.parametrize("ending", ["csv", "tsv"])
def test_a_column_a_pixel(tmp_path, ending):
    path = tmp_path / f"d.{ending}"
    table(path)
    if ending == "tsv":
        path.write_text(path.read_text().replace(",", "\t"))
    train, held = loaded(str(path))
    assert (
        len(train) + len(held) == 30 and train.values.shape[1:] == (1, 4, 4) and train.label_names == ["0", "1", "2"]
    )
    train, _ = loaded(str(path), eval_split="none")
    same(train)
    assert train.labels.tolist() == LABELS.tolist()


def test_a_folder_of_a_table_to_learn_from_and_one_to_predict(tmp_path):
    table(tmp_path / "train.csv", slice(24))
    table(tmp_path / "test.csv", slice(24, None), label=None)
    table(tmp_path / "sample_submission.txt")
    train, held = loaded(str(tmp_path))
    assert len(train) + len(held) == 24  # the test table has no labels, so a part is held out
    train, test = loaded(str(tmp_path), eval_split="test")
    same(train, slice(24)), same(test, slice(24, None))


def test_all_pixels_in_one_cell_with_a_column_of_uses(tmp_path):
    uses = ["Training"] * 20 + ["PublicTest"] * 4 + ["PrivateTest"] * 6
    cells = [" ".join(map(str, row.ravel())) for row in PIXELS]
    pandas.DataFrame({"emotion": LABELS, "pixels": cells, "Usage": uses}).to_csv(tmp_path / "f.csv", index=False)
    train, test = loaded(str(tmp_path / "f.csv"))
    same(train, slice(20)), same(test, slice(20, None))
    assert test.labels.tolist() == LABELS[20:].tolist()


def test_the_label_column_may_be_named_and_cells_may_not_be_empty(tmp_path):
    path = table(tmp_path / "d.csv", label="digit", other=LABELS[::-1])
    assert loaded(path, eval_split="none")[0].labels is None  # two columns might be it
    assert loaded(path, eval_split="none", label_column="digit")[0].labels.tolist() == LABELS.tolist()
    with pytest.raises(InputError, match="has no column 'digits'"):
        loaded(path, label_column="digits")
    text = (tmp_path / "d.csv").read_text().splitlines()
    (tmp_path / "d.csv").write_text("\n".join([*text[:5], text[5].replace(f",{PIXELS[4, 0, 1]},", ",,", 1)]))
    with pytest.raises(InputError, match="a cell of column 'pixel1' of .*d.csv is empty"):
        loaded(path)


FLAT = {f"p{i}": PIXELS.reshape(30, 16)[:, i] for i in range(16)}
PAIRS = zip(torch.tensor(PIXELS), torch.tensor(LABELS), strict=True)
IN_MEMORY = {
    "columns of arrays": {"image": PIXELS.astype(np.uint8), "label": LABELS},
    "columns of tensors": {"pixel_values": torch.tensor(PIXELS), "labels": torch.tensor(LABELS)},
    "one-hot": {"image": PIXELS, "label": np.eye(3, dtype=int)[LABELS]},
    "a frame of pixels": pandas.DataFrame({"label": LABELS, **FLAT}),
    "lists in cells": datasets.Dataset.from_dict({"image": PIXELS.tolist(), "label": LABELS.tolist()}),
    "arrays of datasets": datasets.Dataset.from_dict(
        {"image": PIXELS.tolist(), "label": LABELS.tolist()},
        features=datasets.Features({"image": datasets.Array2D((4, 4), "uint8"), "label": datasets.Value("int64")}),
    ).with_format("torch"),
    "items with names": [{"image": picture, "label": label} for picture, label in PAIRS],
}  # fmt: skip


class Items(torch.utils.data.Dataset):
    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, k):
        return self.items[k]


@pytest.mark.parametrize("kind", IN_MEMORY)
def test_numbers_in_memory(kind):
    value = Items(IN_MEMORY[kind]) if kind == "items with names" else IN_MEMORY[kind]
    data, _ = loaded(value, eval_split="none")
    same(data)
    assert (data.labels if data.labels.ndim == 1 else data.labels.argmax(1)).tolist() == LABELS.tolist()


def test_groups_stand_beside_arrays():
    columns = {"image": PIXELS.astype(np.uint8), "label": LABELS, "patient": np.arange(30) // 3}
    train, held = loaded(columns, group_column="patient")
    assert not set(train.groups) & set(held.groups)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ((row for row in PIXELS), "of type generator.*Pass list"),
        (torch.utils.data.DataLoader(Items(list(PIXELS))), "Pass the loader's .dataset"),
        (datasets.Dataset.from_dict({"image": PIXELS.tolist()}).to_iterable_dataset(), "without streaming=True"),
        ({"image": PIXELS, "label": LABELS[:5]}, "image has 30 images and 5 labels; expected as many"),
        (datasets.Dataset.from_dict({"image": [PIXELS[0].tolist(), PIXELS[0, :3].tolist()]}), "several shapes"),
        (PIXELS.reshape(30, 16), r"values.reshape\(-1, 4, 4\)"),
    ],
)
def test_what_cannot_be_taken_says_what_to_pass(value, message):
    with pytest.raises(InputError, match=message):
        args = DataArguments(dataset=InMemory(value))
        load_data(args, IMAGE, found=raw_splits(args, IMAGE))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_tables_of_pixels_in_other_encodings(tmp_path, encoding):
    head = "étiquette," + ",".join(f"pixel{k}" for k in range(16))
    rows = [f"é{row % 2}," + ",".join(str(row + k) for k in range(16)) for row in range(6)]
    (tmp_path / "train.csv").write_bytes("\n".join([head, *rows]).encode(encoding))
    train, held_out = load_data(DataArguments(dataset=str(tmp_path / "train.csv"), eval_split="none"), IMAGE)
    assert held_out is None and train.stored.shape == (6, 1, 4, 4) and train.label_names == ["é0", "é1"]


@pytest.mark.parametrize("form", ["csv", "array and labels", "columns"])
def test_labels_beside_numbers_may_be_words(tmp_path, form):
    words = [f"kind {label}" for label in LABELS]
    held = {
        "csv": lambda: table(tmp_path / "t.csv", label=None, what=words),
        "array and labels": lambda: InMemory((PIXELS.astype(np.uint8), words)),
        "columns": lambda: InMemory({"image": PIXELS.astype(np.uint8), "label": words}),
    }[form]()
    train, _ = load_data(DataArguments(dataset=held, eval_split="none"), IMAGE)
    assert train.label_names == ["kind 0", "kind 1", "kind 2"] and train.labels.tolist() == LABELS.tolist()
