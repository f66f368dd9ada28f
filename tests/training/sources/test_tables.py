"""Tables beside samples, and alone: which file a row is about, what becomes of the rest; by content."""

import base64
import io
import json
import os
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import PIL.Image
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pretune.training.command.arguments.data import DataArguments
from pretune.training.data.loading import load_split
from pretune.training.data.sample_column import with_sample_column
from pretune.training.data.telling import block
from pretune.training.errors import InputError
from pretune.training.modalities.image import IMAGE
from pretune.training.sources.dataset import raw_splits


def png(value: int = 0) -> bytes:
    file = io.BytesIO()
    PIL.Image.new("L", (4, 4), value).save(file, "PNG")
    return file.getvalue()


def write(root: Path, files: dict[str, str | bytes | list | dict]) -> Path:
    """Text, bytes, or JSON; names that end in .png or .jpg get a picture for 0."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content == 0:
            content = png()
        elif isinstance(content, (list, dict)):
            content = json.dumps(content)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def pictures(*names: str) -> dict[str, int]:
    return dict.fromkeys(names, 0)


def found(root, **options):
    return raw_splits(DataArguments(dataset=str(root), **options), IMAGE)


def content(root, **options) -> dict[str, dict[str, object]]:
    """{split: {file: its label}}."""
    result = {}
    for name, split in found(root, **options).splits.items():
        labels = split.rows[split.label_column][:] if split.label_column else [None] * len(split)
        result[name] = dict(zip(split.files, labels, strict=True))
    return result


def told(root, **options) -> str:
    return block(found(root, **options), "x")


FOUR = pictures("0.png", "1.png", "2.png", "3.png")
COCO = {
    "images": [{"id": 7, "file_name": "0.png"}, {"id": 8, "file_name": "1.png"}, {"id": 9, "file_name": "2.png"}],
    "annotations": [
        {"image_id": 7, "category_id": 1},
        {"image_id": 7, "category_id": 2},
        {"image_id": 8, "category_id": 1},
    ],
    "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
}
TABLES = {
    "metadata.csv": (
        {**FOUR, "metadata.csv": "file_name,label\n0.png,a\n1.png,b\n2.png,a\n3.png,b\n"},
        {"train": {"0.png": "a", "1.png": "b", "2.png": "a", "3.png": "b"}},
    ),
    "metadata.jsonl": (
        {**pictures("0.png", "1.png"),
         "metadata.jsonl": '{"file_name": "0.png", "label": 3}\n\n{"file_name": "1.png"}\n'},
        {"train": {"0.png": 3, "1.png": None}},
    ),
    "a part is listed": (
        {**FOUR, "metadata.csv": "file_name,label\n0.png,a\n2.png,b\n"},
        {"train": {"0.png": "a", "1.png": None, "2.png": "b", "3.png": None}},
    ),
    "splits in the paths": (
        {**pictures("train/0.png", "test/0.png"), "metadata.csv": "file_name,label\ntrain/0.png,5\ntest/0.png,6\n"},
        {"train": {"train/0.png": 5}, "test": {"test/0.png": 6}},
    ),
    "kaggle": (
        {**pictures("train/a1.png", "train/a2.png", "test/b1.png"), "train.csv": "id,label\na1,x\na2,y\n",
         "sample_submission.csv": "id,label\nb1,x\n"},
        {"train": {"train/a1.png": "x", "train/a2.png": "y"}, "test": {"test/b1.png": None}},
    ),
    "kaggle numbers": (
        {**pictures("train/1.png", "train/2.png"), "trainLabels.csv": "id,label\n1,frog\n2,truck\n"},
        {"train": {"train/1.png": "frog", "train/2.png": "truck"}},
    ),
    "ids with zeros": (
        {**pictures("images/007.png", "images/8.png"), "labels.csv": "image_id,breed\n007,a\n8,b\n"},
        {"train": {"images/007.png": "a", "images/8.png": "b"}},
    ),
    "one table a split": (
        {**pictures("images/0.png", "images/1.png", "images/2.png"), "train.csv": "image,label\n0.png,a\n",
         "test.csv": "image,label\n1.png,b\n"},
        {"train": {"images/0.png": "a"}, "test": {"images/1.png": "b"}, "unlabelled": {"images/2.png": None}},
    ),
    "a column of splits": (
        {**FOUR, "all.csv": "path,split,label\n0.png,train,a\n1.png,Training,b\n2.png,valid,a\n3.png,test,b\n"},
        {"train": {"0.png": "a", "1.png": "b"}, "test": {"3.png": "b"}, "validation": {"2.png": "a"}},
    ),
    "semicolons": ({**pictures("0.png", "1.png"), "l.csv": "Filename;ClassId\n0.png;4\n1.png;7\n"},
                   {"train": {"0.png": 4, "1.png": 7}}),
    "no headings": ({**pictures("0.png", "1.png"), "l.csv": "0.png,4\n1.png,7\n"},
                    {"train": {"0.png": 4, "1.png": 7}}),
    "tabs and a byte order mark": (
        {**pictures("0.png", "1.png"), "l.tsv": "\ufefffile\tclass\n0.png\tcat, big\n1.png\tdog\n"},
        {"train": {"0.png": "cat, big", "1.png": "dog"}},
    ),
    "windows": ({**pictures("a/0.png", "a/1.png"), "l.csv": 'file,label\r\na\\0.png,"x"\r\n.\\a\\1.png,y\r\n'},
                {"train": {"a/0.png": "x", "a/1.png": "y"}}),
    "classes with their files": (
        {**pictures("images/pie/1.png", "images/pie/2.png", "images/cake/3.png", "images/cake/4.png"),
         "meta/train.json": {"pie": ["pie/1"], "cake": ["cake/3"]},
         "meta/test.json": {"pie": ["pie/2"], "cake": ["cake/4"]}},
        {"train": {"images/pie/1.png": "pie", "images/cake/3.png": "cake"},
         "test": {"images/pie/2.png": "pie", "images/cake/4.png": "cake"}},
    ),
    "splits as numbers, and -1 and 1 for classes": (
        {**FOUR, "list_eval_partition.csv": "image_id,partition\n0.png,0\n1.png,0\n2.png,1\n3.png,2\n",
         "list_attr.csv": "image_id,young,old\n0.png,1,-1\n1.png,-1,-1\n2.png,1,-1\n3.png,1,1\n"},
        {"train": {"0.png": ["young"], "1.png": []}, "validation": {"2.png": ["young"]},
         "test": {"3.png": ["young", "old"]}},
    ),
    "captions": (
        {**pictures(*(f"{k}.png" for k in range(12))),
         "metadata.csv": "file_name,text\n" + "".join(f"{k}.png,picture of {k}\n" for k in range(12))},
        {"train": {f"{k}.png": None for k in range(12)}},
    ),
    "one-hot": ({**pictures("0.png", "1.png"), "l.csv": "image,MEL,NV,BCC\n0,1.0,0.0,0.0\n1,0.0,0.0,1.0\n"},
                {"train": {"0.png": "MEL", "1.png": "BCC"}}),
    "several of them": ({**pictures("0.png", "1.png"), "l.csv": "image,rust,scab\n0,1,1\n1,0,0\n"},
                        {"train": {"0.png": ["rust", "scab"], "1.png": []}}),
    "as CelebA": ({**pictures("0.png", "1.png"), "l.csv": "image_id,Bald,Young\n0.png,-1,1\n1.png,-1,-1\n"},
                  {"train": {"0.png": ["Young"], "1.png": []}}),
    "json of pairs": ({**pictures("0.png", "1.png"), "labels.json": [["0.png", "x"], ["1.png", "y"]]},
                      {"train": {"0.png": "x", "1.png": "y"}}),
    "several rows a file": ({**pictures("0.png", "1.png"), "l.csv": "image,label\n0.png,a\n0.png,b\n1.png,a\n"},
                            {"train": {"0.png": ["a", "b"], "1.png": ["a"]}}),
    "missing labels": ({**FOUR, "l.csv": "file,label\n0.png,1\n1.png,\n2.png,NaN\n3.png,0\n"},
                       {"train": {"0.png": 1, "1.png": None, "2.png": None, "3.png": 0}}),
    "coco": (
        {**pictures("train2017/0.png", "train2017/1.png", "train2017/2.png"),
         "annotations/instances_train2017.json": COCO},
        {"train": {"train2017/0.png": ["cat", "dog"], "train2017/1.png": ["cat"], "train2017/2.png": []}},
    ),
    "json of names": ({**pictures("0.png", "1.png"), "labels.json": {"0.png": "x", "1.png": "y"}},
                      {"train": {"0.png": "x", "1.png": "y"}}),
    "class folders and captions": (
        {**pictures("a/0.png", "b/1.png"), "metadata.csv": "file_name,text,words\na/0.png,hello,1\nb/1.png,you,1\n"},
        {"train": {"a/0.png": 0, "b/1.png": 1}},
    ),
    "annotations of single files": (
        {**{f"{k}.png": 0 for k in range(12)}, **{f"{k}.json": {"shapes": []} for k in range(12)}},
        {"train": {f"{k}.png": None for k in range(12)}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_table_beside_samples(tmp_path, name):
    files, expected = TABLES[name]
    got = content(write(tmp_path / "d", files))
    assert {k: dict(sorted(v.items())) for k, v in got.items()} == {
        k: dict(sorted(v.items())) for k, v in expected.items()
    }


@pytest.mark.parametrize("ending, table", [
    ("csv", "path,label\nfiles/0.png,a\nfiles/1.png,b\n"),
    ("tsv", "path\tlabel\nfiles/0.png\ta\nfiles/1.png\tb\n"),
    ("jsonl", '{"path": "files/0.png", "label": "a"}\n{"path": "files/1.png", "label": "b"}\n'),
    ("json", '[{"path": "files/0.png", "label": "a"}, {"path": "files/1.png", "label": "b"}]'),
    ("json", '{"files/0.png": {"label": "a", "by": "me"}, "files/1.png": {"label": "b", "by": "me"}}'),
])  # fmt: skip
def test_table_alone(tmp_path, ending, table):
    write(tmp_path, {**pictures("files/0.png", "files/1.png", "files/2.png"), f"t.{ending}": table})
    assert content(tmp_path / f"t.{ending}") == {"train": {"files/0.png": "a", "files/1.png": "b"}}


def test_table_alone_with_names_without_folder_or_ending(tmp_path):
    write(tmp_path, {**pictures("files/x0.png", "files/x1.png"), "t.csv": "id,label\nx1,b\nx0,a\n"})
    assert content(tmp_path / "t.csv") == {"train": {"files/x1.png": "b", "files/x0.png": "a"}}


@pytest.mark.parametrize("alone", [True, False])
def test_numbers_mean_files_whose_names_begin_with_zeros(tmp_path, alone):
    """An editor of spreadsheets makes 00007 into 7; where a file is called 7 it is that one."""
    write(tmp_path, {**pictures("files/00007.png", "files/00010.png", "files/007.jpg", "files/10.png", "files/0.png")})
    write(tmp_path, {"t.csv": "id,label\n7,a\n10,b\n0,c\n8,d\n"})
    found = content(tmp_path / "t.csv" if alone else tmp_path)["train"]
    assert {name: label for name, label in found.items() if label} == {"files/10.png": "b", "files/0.png": "c"}
    (tmp_path / "files/007.jpg").unlink()  # then 7 is one file
    found = content(tmp_path / "t.csv" if alone else tmp_path)["train"]
    assert found["files/00007.png"] == "a" and found.get("files/00010.png") is None


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet", "struct"])
@pytest.mark.parametrize("way", ["absolute", "up", "link", "linked folder", "fifo", "folder"])
def test_names_are_followed_only_to_plain_files_of_the_own_folder(tmp_path, form, way):
    write(tmp_path, pictures("home/secret.png", "d/own.png"))
    (tmp_path / "d/link.png").symlink_to(tmp_path / "home/secret.png")
    (tmp_path / "d/linked").symlink_to(tmp_path / "home")
    os.mkfifo(tmp_path / "d/fifo.png")
    (tmp_path / "d/folder.png").mkdir()
    name = {
        "absolute": str(tmp_path / "home/secret.png"), "up": "../home/secret.png", "link": "link.png",
        "linked folder": "linked/secret.png", "fifo": "fifo.png", "folder": "folder.png",
    }[way]  # fmt: skip
    path = tmp_path / f"d/t.{'parquet' if form == 'struct' else form}"
    if form == "csv":
        path.write_text(f"image,label\n{name},1\n")
    elif form == "jsonl":
        path.write_text(json.dumps({"image": name, "label": 1}) + "\n")
    else:
        cells = [{"bytes": None, "path": name}] if form == "struct" else [name]
        pq.write_table(pa.table({"image": cells, "label": [1]}), path)
    args = DataArguments(dataset=str(path), input_column="image")
    with pytest.raises(InputError, match="names? files such as"):
        for split in raw_splits(args, IMAGE).splits.values():
            with_sample_column(split, args, IMAGE, "d")


def test_some_rows_without_a_file_are_told(tmp_path):
    write(tmp_path / "d", {**FOUR, "l.csv": "file,label\n0.png,a\n1.png,b\nnine.png,a\n"})
    text = told(tmp_path / "d")
    assert "1 of 3 rows of l.csv (nine.png): no file of the dataset's own folder has that name, or several" in text
    assert "l.csv: 2 of 4 files are in it, labels in its column label" in text


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "is empty: the file has no bytes"),
        ("file,label\n", "has no rows"),
        ("a,b\n1,2\n", "no column of .* names files: it has a, b. Pass --input_column"),
        ("file,label\nnine.png,1\n", "names files such as 'nine.png', and .* has no such file"),
        ("file,label\n0.png,1,2,3\n", "row 2 of .* has 4 cells, expected 2"),
    ],
)
def test_a_table_that_is_no_dataset_says_why(tmp_path, text, message):
    write(tmp_path, {"0.png": 0, "t.csv": text})
    with pytest.raises(InputError, match=message):
        found(tmp_path / "t.csv")


@pytest.mark.parametrize("form", ["jsonl", "parquet", "list"])
def test_pictures_as_text_are_called_so(tmp_path, form):
    cells = [base64.b64encode(png(k)).decode() for k in range(4)]
    dataset = cells
    if form != "list":
        dataset = tmp_path / f"t.{form}"
        dataset.write_text("\n".join(json.dumps({"image": cell, "label": 1}) for cell in cells))
    if form == "parquet":
        pq.write_table(pa.table({"image": cells, "label": [0, 1, 0, 1]}), dataset)
    with pytest.raises(InputError, match="holds pictures as base64 text: save their bytes") as caught:
        load_split(DataArguments(dataset=dataset), "train", IMAGE)
    assert cells[0] not in str(caught.value)


def test_a_line_that_is_no_json_is_named(tmp_path):
    write(tmp_path, {"0.png": 0, "t.jsonl": '{"file": "0.png"}\nnonsense\n'})
    with pytest.raises(InputError, match="line 2 of .*t.jsonl is no JSON"):
        found(tmp_path / "t.jsonl")


@pytest.mark.parametrize("form", ["bytes", "paths", "absolute paths", "struct of paths", "struct"])
def test_parquet_with_bytes_or_paths(tmp_path, form):
    write(tmp_path, {f"files/{k}.png": png(k) for k in range(5)})
    paths = [f"files/{k}.png" for k in range(5)]
    cells = {
        "bytes": [png(k) for k in range(5)],
        "paths": paths,
        "absolute paths": [str(tmp_path / path) for path in paths],
        "struct of paths": [{"bytes": None, "path": path} for path in paths],
        "struct": [{"bytes": png(k), "path": f"{k}.png"} for k in range(5)],
    }[form]
    pq.write_table(pa.table({"image": cells, "label": [0, 1, 0, 1, 0]}), tmp_path / "t.parquet")
    data = load_split(DataArguments(dataset=str(tmp_path / "t.parquet")), "train", IMAGE)
    assert data.values[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4] and data.labels.tolist() == [0, 1, 0, 1, 0]
    assert form == "bytes" or [data.files[k] for k in range(5)] == [f"{k}.png" for k in range(5)]


@pytest.mark.parametrize("names, expected", [
    (("train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00001"), {"train": 2, "test": 1}),
    (("Train", "Testing"), {"train": 1, "test": 1}),
    (("data/mnist_train", "data/mnist_val"), {"train": 1, "validation": 1}),
    (("part-0", "part-1"), {"train": 2}),
    (("train/x", "test/x"), {"train": 1, "test": 1}),
])  # fmt: skip
def test_folder_of_parquet(tmp_path, names, expected):
    for name in names:
        path = tmp_path / f"d[1]/{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"image": [{"bytes": png(), "path": None}]}), path)
    write(tmp_path / "d[1]", {"README.md": "# A dataset", "figure.png": 0})
    splits = found(tmp_path / "d[1]").splits
    assert {name: len(split) for name, split in splits.items()} == expected
    assert "1 single files (figure.png): the images in .parquet files are the dataset" in told(tmp_path / "d[1]")


def test_names_of_files_keep_the_folders_that_tell_them_apart(tmp_path):
    names = [f"set/{folder}/{k}.png" for folder in ("a", "b") for k in range(3)]
    cells = [{"bytes": png(k), "path": name} for k, name in enumerate(names)]
    pq.write_table(pa.table({"image": cells}), tmp_path / "x.parquet")
    data = load_split(DataArguments(dataset=str(tmp_path / "x.parquet")), "train", IMAGE)
    assert list(data.files) == [name.removeprefix("set/") for name in names]


@pytest.mark.parametrize("split", [False, True])
def test_folder_of_save_to_disk(tmp_path, split):
    import datasets

    rows = datasets.Dataset.from_dict(
        {"image": [{"bytes": png(k), "path": None} for k in range(3)], "label": [0, 1, 0]},
        features=datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["x", "y"])}),
    )
    (datasets.DatasetDict({"train": rows, "valid": rows}) if split else rows).save_to_disk(str(tmp_path / "saved"))
    data = load_split(DataArguments(dataset=str(tmp_path / "saved")), "validation" if split else "train", IMAGE)
    assert data.values[:, 0, 0, 0].tolist() == [0, 1, 2] and data.label_names == ["x", "y"]


# --- archives --------------------------------------------------------------------------------------------------------


def tar(path: Path, members: dict[str, bytes], mode: str = "w") -> None:
    with tarfile.open(path, mode) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("PRETUNE_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tgz"])
def test_archive_alone(tmp_path, kind):
    members = {f"{split}/{c}/{k}.png": png() for split in ("train", "test") for c in "ab" for k in range(2)}
    if kind == "zip":
        with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
            for name, data in members.items():
                archive.writestr(name, data)
    else:
        tar(tmp_path / f"d.{kind}", members, "w" if kind == "tar" else "w:gz")
    got = content(tmp_path / f"d.{kind}")
    assert got["train"] == {"train/a/0.png": 0, "train/a/1.png": 0, "train/b/0.png": 1, "train/b/1.png": 1}
    assert len(got["test"]) == 4 and len(content(tmp_path / f"d.{kind}")["test"]) == 4  # a second time from the cache


def test_zip_beside_metadata(tmp_path):
    (tmp_path / "d").mkdir()
    with zipfile.ZipFile(tmp_path / "d/images.zip", "w") as archive:
        for k in range(3):
            archive.writestr(f"{k}.png", png(k))
    write(tmp_path / "d", {"metadata.csv": "file_name,label\n0.png,a\n1.png,b\n2.png,a\n"})
    data = load_split(DataArguments(dataset=str(tmp_path / "d")), "train", IMAGE)
    assert data.values[:, 0, 0, 0].tolist() == [0, 1, 2]
    assert list(content(tmp_path / "d")["train"].values()) == ["a", "b", "a"]
    assert "images.zip was unpacked into the cache: 3 files" in told(tmp_path / "d")


def test_an_archive_that_lies_unpacked_beside_is_left_out(tmp_path):
    write(tmp_path / "d", pictures("train/a/0.png", "train/b/0.png"))
    with zipfile.ZipFile(tmp_path / "d/train.zip", "w") as archive:
        archive.writestr("a/0.png", png())
    assert len(content(tmp_path / "d")["train"]) == 2
    assert "train.zip: folder train beside it is taken" in told(tmp_path / "d")


def test_an_archive_whose_files_lie_beside_it_is_left_out(tmp_path):
    files = {f"pictures/{c}/{k}.png": png(k) for c in "ab" for k in range(3)}
    write(tmp_path / "d", files)
    with zipfile.ZipFile(tmp_path / "d/download.zip", "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    assert len(content(tmp_path / "d")["train"]) == 6
    assert "download.zip: its files lie unpacked beside it" in told(tmp_path / "d")


def test_webdataset_shards(tmp_path):
    (tmp_path / "d").mkdir()
    for shard in range(2):
        members = {}
        for k in range(2):
            members |= {f"{shard}{k}.cls": str(k).encode(), f"{shard}{k}.png": png(k), f"{shard}{k}.json": b'{"w": 1}'}
        tar(tmp_path / f"d/train-{shard:06}.tar", members)
    tar(tmp_path / "d/test-000000.tar", {"9.png": png(), "9.cls": b"1"})
    got = content(tmp_path / "d")
    assert list(got["train"].values()) == [0, 1, 0, 1] and list(got["test"].values()) == [1]


def test_members_that_lead_out_and_links_are_not_unpacked(tmp_path):
    with tarfile.open(tmp_path / "d.tar", "w") as archive:
        for name, kind in (("../out.png", None), ("link.png", tarfile.SYMTYPE), ("ok.png", None)):
            info = tarfile.TarInfo(name)
            if kind:
                info.type, info.linkname = kind, "/etc/hostname"
                archive.addfile(info)
            else:
                info.size = len(png())
                archive.addfile(info, io.BytesIO(png()))
    assert content(tmp_path / "d.tar") == {"train": {"ok.png": None}}


@pytest.mark.parametrize(
    "data, message", [(b"PK\x03\x04broken", "cannot be unpacked"), (b"x" * 600, "cannot be unpacked")]
)
def test_a_broken_archive_is_told(tmp_path, data, message):
    (tmp_path / "d.zip").write_bytes(data)
    with pytest.raises(InputError, match=message):
        found(tmp_path / "d.zip")


def test_labels_of_all_splits_are_read_as_one_kind(tmp_path):
    write(tmp_path / "d", TABLES["a column of splits"][0])
    splits = found(tmp_path / "d").splits
    assert {str(split.rows.features["label"].dtype) for split in splits.values()} == {"string"}
    assert np.all([split.label_column == "label" for split in splits.values()])


# --- the Hub ---------------------------------------------------------------------------------------------------------


def test_what_comes_from_the_hub_may_not_name_files_elsewhere(tmp_path, monkeypatch):
    import datasets

    from pretune.training.sources import dataset
    from pretune.training.sources.found import Found, RawSplit

    write(tmp_path, {"home/secret.png": 0, "cache/own.png": 0})
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    for name, allowed in (("cache/own.png", True), ("home/secret.png", False), ("cache/../home/secret.png", False)):
        cells = [{"bytes": png(), "path": None}, {"bytes": None, "path": str(tmp_path / name)}]
        rows = datasets.Dataset.from_dict({"image": cells}, features=datasets.Features({"image": datasets.Image()}))
        monkeypatch.setattr(
            dataset, "hub_splits", lambda args, rows=rows: Found("hub", {"train": RawSplit(rows=rows)})
        )
        args = DataArguments(dataset="me/images")
        if allowed:
            assert len(load_split(args, "train", IMAGE)) == 2
        else:
            with pytest.raises(InputError, match="1 of 2 cells .* the Hub may not name files elsewhere"):
                load_split(args, "train", IMAGE)


@pytest.mark.parametrize(
    "name, message",
    [
        ("runs/photo", r"there is no such file or folder in runs. Did you mean runs/photos\?"),
        ("runs/zzz/q", r"there is no such file or folder \(runs is there\)"),
        ("./phtoos", "was not found: there is no such file or folder"),
        ("~/nowhere/at/all", "was not found"),
        ("/nowhere/at/all", "was not found"),
        ("my photos", "was not found: there is no such file or folder"),
        ("labels.csv", "was not found: there is no such file or folder"),
    ],
)
def test_what_is_meant_to_be_here_is_never_looked_for_on_the_hub(tmp_path, monkeypatch, name, message):
    from pretune.training.sources import dataset

    write(tmp_path, {"runs/photos/0.png": 0, "photos/0.png": 0})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dataset, "hub_splits", lambda args: pytest.fail("asked the Hub"))
    with pytest.raises(InputError, match=message):
        found(name)


def test_a_missing_run_folder_is_never_looked_for_on_the_hub(tmp_path, monkeypatch):
    from pretune.training.networks import bare_encoders, loading

    (tmp_path / "runs/digits").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(loading.AutoConfig, "from_pretrained", lambda *a, **k: pytest.fail("asked the Hub"))
    for load in (loading.load_config, bare_encoders.bare_config):
        with pytest.raises(InputError, match=r"model runs/digit was not found.* in runs. Did you mean runs/digits\?"):
            load("runs/digit", None)


def test_the_folder_called_digits_is_not_taken_for_the_built_in_one(tmp_path, monkeypatch):
    monkeypatch.chdir(write(tmp_path, {"digits/a/0.png": 0, "digits/b/0.png": 0}))
    with pytest.raises(InputError, match="is both a folder here and built in. Pass --dataset ./digits"):
        found("digits")
    assert len(found("./digits").splits["train"]) == 2


def test_near_names_of_splits_and_columns(tmp_path):
    write(tmp_path / "d", {"train/0.png": 0, "validation/0.png": 0, "extra.csv": "file,kind\ntrain/0.png,a\n"})
    with pytest.raises(InputError, match="it has train, validation. Pass --eval_split validation"):
        load_split(DataArguments(dataset=str(tmp_path / "d")), "validaton", IMAGE, argument="eval_split")
    with pytest.raises(InputError, match="has no column 'kin'.* Pass --label_column kind"):
        load_split(DataArguments(dataset=str(tmp_path / "d"), label_column="kin"), "train", IMAGE)


@pytest.mark.parametrize("name, text, words", [
    ("x.csv", "file,label\n0.png,1,2,3\n", "x.csv: row 2 of"),
    ("x.json", "{broken", "x.json: table"),
    ("x.csv", "a,b\n1,2\n", "x.csv: a table that names no file that is here"),
    ("sample_submission.csv", "file,label\n0.png,1\n", "sample_submission.csv: an example of answers"),
    ("labels.xlsx", "x", "1 .xlsx file: spreadsheets are not read; save them as .csv"),
    ("labels.pkl", "x", "1 .pkl file: pickles are not opened, since they could run code"),
    ("train_32x32.mat", "x", "1 .mat file: MATLAB files are not read"),
])  # fmt: skip
def test_a_table_of_no_use_beside_samples_is_told_and_stops_nothing(tmp_path, name, text, words):
    write(tmp_path / "d", {"0.png": 0, name: text})
    assert content(tmp_path / "d") == {"train": {"0.png": None}} and words in told(tmp_path / "d")


def test_embeddings_beside_samples_are_no_table_of_labels(tmp_path):
    write(tmp_path / "d", {"0.png": 0})
    pq.write_table(
        pa.table({"id": [0], "latents": [[1.0]], "file": ["0.png"], "label": [3]}), tmp_path / "d/c.parquet"
    )
    assert content(tmp_path / "d") == {"train": {"0.png": None}} and "c.parquet: embeddings" in told(tmp_path / "d")


def test_embed_writes_the_files_names(tmp_path, tiny):
    import pretune

    run = pretune.pretrain(**{**tiny, "max_steps": 1})
    write(
        tmp_path / "photos",
        {f"a/holiday {k}.png": png(k) for k in range(3)} | {f"b/{k}.png": png(k) for k in range(3)},
    )
    (tmp_path / "photos/a/holiday 1.png").write_bytes(png()[:40])
    for ending in ("parquet", "npz"):
        path = tmp_path / f"codes.{ending}"
        pretune.embed(
            run.output_dir, dataset=str(tmp_path / "photos"), output_file=path, disable_tqdm=True, skip_damaged=True,
            fit_images=True,
        )  # fmt: skip
        files = pq.read_table(path).to_pydict()["file"] if ending == "parquet" else np.load(path)["file"].tolist()
        assert files == ["a/holiday 0.png", "a/holiday 2.png", "b/0.png", "b/1.png", "b/2.png"]


def test_what_the_hub_does_not_have_may_be_nearly_here(tmp_path, monkeypatch):
    monkeypatch.chdir(write(tmp_path, {"photos/0.png": 0}))
    with pytest.raises(InputError, match=r"dataset phtoos cannot be loaded: .*Did you mean photos\?"):
        found("phtoos")


@pytest.mark.parametrize(
    ("name", "message"),
    [("x.pkl", "cannot be used: pickles are not opened"), ("x.xlsx", "spreadsheets are not read; save them as .csv")],
)
def test_a_file_of_a_kind_that_is_not_read_says_what_to_save(tmp_path, name, message):
    write(tmp_path, {name: "x"})
    with pytest.raises(InputError, match=message):
        found(tmp_path / name)
