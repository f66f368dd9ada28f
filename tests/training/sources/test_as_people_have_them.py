"""Datasets as they are downloaded: splits by the words of folders and archives, tables made elsewhere, odd labels."""

import io
import json
import logging
import tarfile
import zipfile

import numpy as np
import PIL.Image
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from pretune.training.command.arguments.data import DataArguments
from pretune.training.data.loading import load_data
from pretune.training.errors import InputError
from pretune.training.modalities.image import IMAGE

RNG = np.random.default_rng(0)
X, Y = RNG.integers(0, 256, (20, 8, 8), dtype=np.uint8), np.arange(20) % 2


def png():
    file = io.BytesIO()
    PIL.Image.fromarray(RNG.integers(0, 256, (8, 8), dtype=np.uint8)).save(file, "PNG")
    return file.getvalue()


def put(path, data=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png() if data is None else data)
    return path


def load(dataset, need_labels=True, **options):
    dataset = dataset if not hasattr(dataset, "parts") else str(dataset)
    return load_data(DataArguments(dataset=dataset, **options), IMAGE, need_labels=need_labels)


@pytest.fixture
def said(caplog):
    caplog.set_level(logging.INFO, "pretune")
    return lambda: caplog.text


# --- splits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("asl_alphabet_train/asl_alphabet_train/{}", "asl_alphabet_test/asl_alphabet_test/{}"),
        ("signs-train/{}", "signs-val/{}"),
        ("{}/train", "{}/val"),
        ("Training/{}", "Testing/{}"),
        ("train/train_images/{}", "test/test_images/{}"),
    ],
)
def test_folders_that_are_splits_by_a_word(tmp_path, train, test):
    for place, count in ((train, 4), (test, 3)):
        for label in ("cat", "dog"):
            for number in range(count):
                put(tmp_path / "d" / place.format(label) / f"{number}.png")
    kept, judged = load(tmp_path / "d")
    assert (len(kept), len(judged), judged.held_out) == (8, 6, False) and kept.label_names == ["cat", "dog"]


def test_folders_of_domains_are_no_splits(tmp_path):
    for place in ("a_train/x", "b_test/x", "a_train/y", "b_test/y"):
        put(tmp_path / "d" / place / "0.png"), put(tmp_path / "d" / place / "1.png")
    assert load(tmp_path / "d", eval_split="none")[0].label_names == ["a_train/x", "a_train/y", "b_test/x", "b_test/y"]


def test_shards_of_a_webdataset_are_splits_by_their_names(tmp_path):
    for split, count in (("train", 12), ("val", 4)):
        for shard in range(2):
            with tarfile.open(tmp_path / f"birds-{split}-{shard:06}.tar", "w") as archive:
                for number in range(count // 2):
                    for ending, data in ((".png", png()), (".cls", str(number % 2).encode())):
                        member = tarfile.TarInfo(f"{number:04}{ending}")
                        member.size = len(data)
                        archive.addfile(member, io.BytesIO(data))
    kept, judged = load(tmp_path)
    assert (len(kept), len(judged), judged.held_out) == (12, 4, False) and judged.labels.tolist() == [0, 1, 0, 1]


def test_archives_and_a_table_that_name_files_alike(tmp_path):
    for split in ("train", "test"):
        with zipfile.ZipFile(tmp_path / f"{split}.zip", "w") as archive:
            for number in range(8):
                archive.writestr(f"{number}.png", png())
    (tmp_path / "train.csv").write_text("id,label\n" + "".join(f"{k},{'ab'[k % 2]}\n" for k in range(8)))
    kept, judged = load(tmp_path)
    assert len(kept) + len(judged) == 8 and kept.labelled.all() and judged.held_out


@pytest.mark.parametrize(
    ("test", "words"),
    [("test/images", "classes of {} [test] (images) is one of training (cat, dog)"), ("test/Cat", "(Cat) is one of")],
)
def test_a_split_whose_classes_are_others_is_not_judged_by(tmp_path, said, test, words):
    for label in ("cat", "dog"):
        for number in range(8):
            put(tmp_path / "d" / "train" / label / f"{number}.png")
    for number in range(4):
        put(tmp_path / "d" / test / f"{number}.png")
    kept, judged = load(tmp_path / "d")
    assert judged.held_out and len(kept) + len(judged) == 16
    assert words.format(tmp_path / "d") in said() and "its labels are not used" in said()


# --- tables ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "cell"),
    [
        ("Images/IMG_{}.JPG", "img_{}.jpg"),
        ("images/{}.png", "/kaggle/input/birds/images/{}.png"),
        ("images/{}.png", "C:\\birds\\{}.png"),
        ("{}.png", "{}"),
    ],
)
def test_names_as_tables_of_other_machines_have_them(tmp_path, file, cell):
    for number in range(8):
        put(tmp_path / file.format(number))
    rows = "".join(f"{cell.format(number)},{'ab'[number % 2]}\n" for number in range(8))
    (tmp_path / "labels.csv").write_text("image,class\n" + rows)
    data, _ = load(tmp_path, eval_split="none")
    assert len(data) == 8 and [data.label_names[k] for k in data.labels] == [
        "ab"[int("".join(c for c in data.files[row] if c.isdigit())) % 2] for row in data.rows
    ]


def test_an_absolute_name_of_another_split_is_no_file_of_this_one(tmp_path):
    for number in range(8):
        put(tmp_path / "train" / f"{number}.png")
    rows = "".join(f"/data/test/{number}.png,{'ab'[number % 2]}\n" for number in range(8))
    (tmp_path / "labels.csv").write_text("image,class\n" + rows)
    with pytest.raises(InputError, match="has no labels, and they are needed.*labels.csv: a table that names no file"):
        load(tmp_path)


def test_class_numbers_are_no_names_of_files(tmp_path):
    for number in range(2):
        put(tmp_path / "elsewhere" / f"{number}.png")
    rows = "".join(f"https://example.org/{k}.jpg,{k % 2}\n" for k in range(12))
    (tmp_path / "urls.csv").write_text("url,label\n" + rows)
    with pytest.raises(InputError, match="column 'url' of .* holds addresses on the web: download the files"):
        load(tmp_path / "urls.csv")


def test_coco_files_whose_names_are_in_both_splits(tmp_path):
    for split in ("train2017", "val2017"):
        images = [{"id": k, "file_name": f"{k:06}.jpg"} for k in range(8)]
        for image in images:
            put(tmp_path / split / image["file_name"])
        boxes = [{"id": k, "image_id": k, "category_id": 1 + k % 2, "bbox": [0, 0, 1, 1]} for k in range(8)]
        found = {"images": images, "annotations": boxes, "categories": [{"id": k, "name": "xab"[k]} for k in (1, 2)]}
        put(tmp_path / "annotations" / f"instances_{split}.json", json.dumps(found).encode())
    kept, judged = load(tmp_path)
    assert kept.labels.tolist() == judged.labels.tolist() == [0, 1] * 4 and kept.label_names == ["a", "b"]


# --- labels ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "row", "names"),
    [
        ("Image Index,Finding Labels,Patient ID", ["Mass|Edema,1", "Edema,2"], ["Edema", "Mass"]),
        ("image_id,lesion_id,dx,age", ["1,nv,20", "2,mel,30"], ["mel", "nv"]),
        ("image,target,note", ["nan,x", "a,y", "b,z", "NULL,y"], ["a", "b"]),
    ],
)
def test_columns_of_labels_as_hospitals_call_them(tmp_path, header, row, names):
    for number in range(16):
        put(tmp_path / f"{number}.png")
    rows = "".join(f"{k}.png,{row[k % len(row)]}\n" for k in range(16))
    (tmp_path / "train.csv").write_text(f"{header}\n{rows}")
    data, _ = load(tmp_path, eval_split="none")
    assert data.label_names == names and data.labelled.sum() == (8 if "nan" in row[0] else 16)


def test_labels_as_bytes_are_words(tmp_path):
    cells = [{"bytes": png(), "path": None} for _ in range(8)]
    pq.write_table(pa.table({"image": cells, "label": [b"a", b"b"] * 4}), tmp_path / "train.parquet")
    assert load(tmp_path, eval_split="none")[0].label_names == ["a", "b"]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"label": [{"name": "a"}] * 8}, "column 'label' has no name or number in any row"),
        ({"label": pa.nulls(8, pa.string())}, "column 'label' has no name or number in any row"),
        ({"age": [1] * 8, "town": ["x"] * 8}, "its columns are age, town, and none is called as labels are"),
    ],
)
def test_why_there_are_no_labels(tmp_path, columns, words):
    cells = [{"bytes": png(), "path": None} for _ in range(8)]
    pq.write_table(pa.table({"image": cells, **columns}), tmp_path / "train.parquet")
    with pytest.raises(InputError, match=words):
        load(tmp_path)
    assert load(tmp_path, need_labels=False, eval_split="none")[0].labels is None


def test_labels_in_names_of_files_are_pointed_at(tmp_path):
    for number in range(6):
        put(tmp_path / "train" / f"cat.{number}.jpg"), put(tmp_path / "train" / f"dog.{number}.jpg")
    with pytest.raises(
        InputError, match=r"their names begin with cat, dog\). Put the files of each class into a fold"
    ):
        load(tmp_path)


# --- arrays, objects and files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "shape", "dtype"),
    [
        (np.floor(RNG.random((6, 9, 9)) * 255), (1, 9, 9), np.uint8),
        (np.repeat(X[:6, None], 13, 1), (13, 8, 8), np.uint8),
        (np.repeat(X[:6, :, :, None], 13, 3), (13, 8, 8), np.uint8),
        (RNG.random((6, 9, 9)).astype(np.float32) * 300, (1, 9, 9), np.uint16),
    ],
)
def test_arrays_of_whole_floats_and_of_many_channels(tmp_path, values, shape, dtype):
    np.save(tmp_path / "a.npy", values)
    data, _ = load(tmp_path / "a.npy", need_labels=False, eval_split="none")
    assert data.values.shape[1:] == shape and data.values.dtype == dtype
    if dtype == np.uint8:
        channels = (
            values[:, None] if values.ndim == 3 else np.moveaxis(values, 3, 1) if values.shape[3] == 13 else values
        )
        assert np.array_equal(data.values, channels)


def test_arrays_that_were_saved_without_names(tmp_path):
    for split in ("train", "test"):
        np.savez(tmp_path / f"k-{split}-imgs.npz", X), np.savez(tmp_path / f"k-{split}-labels.npz", Y)
    kept, judged = load(tmp_path)
    assert np.array_equal(kept.labels, Y) and len(judged) == 20 and not judged.held_out


class Rows(torch.utils.data.Dataset):
    """A dataset of torch that gives mappings."""

    def __len__(self):
        return 20

    def __getitem__(self, row):
        return {"image": PIL.Image.fromarray(X[row]), "label": int(Y[row])}


@pytest.mark.parametrize(
    ("dataset", "judged"),
    [
        (((X, Y), (X[:4], Y[:4])), 4),
        ({"image": X, "label": Y}, None),
        (Rows(), None),
        ([{"image": PIL.Image.fromarray(x), "label": int(y)} for x, y in zip(X, Y, strict=True)], None),
        (torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y)), None),
    ],
)
def test_objects(dataset, judged):
    kept, found = load(dataset)
    assert len(found) == judged if judged else len(kept) + len(found) == 20
    assert kept.label_names == ["0", "1"] and kept.values.shape[1:] == (1, 8, 8)


def test_files_that_are_open_and_tensors_alone():
    assert len(load([io.BytesIO(png()) for _ in range(4)], need_labels=False, eval_split="none")[0]) == 4
    alone = torch.utils.data.TensorDataset(torch.from_numpy(X))
    assert len(load(alone, need_labels=False, eval_split="none")[0]) == 20


def test_a_list_of_folders_is_told_apart(tmp_path):
    with pytest.raises(InputError, match="is a folder, expected a file: give one folder as the dataset"):
        load([str(tmp_path), str(tmp_path)], need_labels=False)


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"", "cannot be used: it is empty"), (b"\n<!DOCTYPE html><html>", "cannot be used: it is a web page or XML")],
)
def test_files_that_are_no_pictures_are_called_what_they_are(tmp_path, data, words):
    for number in range(4):
        put(tmp_path / f"{number}.png")
    put(tmp_path / "x.png", data)
    with pytest.raises(InputError, match=words):
        load(tmp_path, need_labels=False)
    assert len(load(tmp_path, need_labels=False, skip_damaged=True, eval_split="none")[0]) == 4
