"""Folders as people have them: which files are samples, in which split, of which class; by content."""

import dataclasses
import io
import os
import zipfile
from pathlib import Path

import numpy as np
import PIL.Image
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pretune.training.command.arguments.data import DataArguments
from pretune.training.data.loading import load_data
from pretune.training.data.telling import block
from pretune.training.errors import InputError
from pretune.training.modalities.image import IMAGE
from pretune.training.sources.dataset import raw_splits

PLAIN = dataclasses.replace(IMAGE, endings=IMAGE.endings - {".heic", ".heif"})  # whatever is installed here


def png(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    PIL.Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def picture(path: Path, value: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.new("L", (4, 4), value).save(path)


def make(root: Path, *names: str) -> Path:
    """An empty file or a small picture for each name; "a/{3}.png" stands for 0.png to 2.png."""
    for name in names:
        stem, _, rest = name.partition("{")
        count, _, end = rest.partition("}")
        for file in [f"{stem}{k}{end}" for k in range(int(count))] if rest else [name]:
            path = root / file
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix.lower() in PLAIN.endings:
                picture(path)
            else:
                path.write_text("x")
    return root


def found(root, **options):
    return raw_splits(DataArguments(dataset=str(root), **options), PLAIN)


def content(root, **options) -> dict[str, dict[str, int]]:
    """{split: {class or "-": number of files}}."""
    result = {}
    for name, split in found(root, **options).splits.items():
        counts: dict[str, int] = {}
        labels = split.rows[split.label_column] if split.label_column else [None] * len(split)
        feature = split.rows.features.get(split.label_column)
        for label in labels:
            label = "-" if label is None else feature.int2str(label) if hasattr(feature, "int2str") else str(label)
            counts[label] = counts.get(label, 0) + 1
        result[name] = counts
    return result


def told(root, **options) -> str:
    return block(found(root, **options), "x")


AB = {"a": 2, "b": 2}
LAYOUTS = {
    "loose": (["{3}.png"], {"train": {"-": 3}}),
    "one folder": (["images/{3}.png"], {"train": {"-": 3}}),
    "classes": (["a/{2}.png", "b/{2}.png"], {"train": AB}),
    "classes below one folder": (["PetImages/a/{2}.png", "PetImages/b/{2}.png"], {"train": AB}),
    "hub": (["train/{3}.png", "test/{2}.png"], {"train": {"-": 3}, "test": {"-": 2}}),
    "one split alone": (["test/{3}.png"], {"test": {"-": 3}}),
    "train alone": (["train/a/{2}.png", "train/b/{2}.png"], {"train": AB}),
    "capitals": (["Training/a/{2}.png", "Training/b/{2}.png", "Testing/a/{2}.png"], {"train": AB, "test": {"a": 2}}),
    "shouting": (["TRAIN/a/{2}.png", "TRAIN/b/{2}.png", "VALID/b/{2}.png"], {"train": AB, "validation": {"b": 2}}),
    "words around": (["train_set/a/{2}.png", "train_set/b/{2}.png", "test-images/a/{1}.png"],
                     {"train": AB, "test": {"a": 1}}),
    "camel": (["TrainImages/a/{2}.png", "TrainImages/b/{2}.png", "ValImages/a/{1}.png"],
              {"train": AB, "validation": {"a": 1}}),
    "years": (["train2017/{3}.jpg", "val2017/{2}.jpg"], {"train": {"-": 3}, "validation": {"-": 2}}),
    "dev": (["train/{3}.png", "dev/{2}.png"], {"train": {"-": 3}, "validation": {"-": 2}}),
    "holdout": (["train/{3}.png", "hold-out/{2}.png"], {"train": {"-": 3}, "test": {"-": 2}}),
    "holdout beside test": (["train/{3}.png", "test/{1}.png", "holdout/{2}.png"],
                            {"train": {"-": 3}, "holdout": {"-": 2}, "test": {"-": 1}}),
    "unlabelled": (["train/a/{2}.png", "train/b/{2}.png", "unlabeled/{5}.png"],
                   {"train": AB, "unlabelled": {"-": 5}}),
    "unlabelled among classes": (["a/{2}.png", "b/{2}.png", "unlabelled/{5}.png"], {"train": {**AB, "-": 5}}),
    "doubled": (["seg_train/seg_train/a/{2}.png", "seg_train/seg_train/b/{2}.png", "seg_test/seg_test/a/{1}.png"],
                {"train": AB, "test": {"a": 1}}),
    "splits below a folder": (["images/train/{3}.png", "images/val/{2}.png"],
                              {"train": {"-": 3}, "validation": {"-": 2}}),
    "a folder below splits": (["train/images/a/{2}.png", "train/images/b/{2}.png", "test/images/a/{1}.png"],
                              {"train": AB, "test": {"a": 1}}),
    "class called train": (["bus/{2}.png", "car/{2}.png", "train/{2}.png"],
                           {"train": {"bus": 2, "car": 2, "train": 2}}),
    "class called test": (["control/{2}.png", "test/{2}.png"], {"train": {"control": 2, "test": 2}}),
    "class called train in splits": (["train/bus/{2}.png", "train/train/{2}.png", "test/bus/{1}.png",
                                      "test/train/{1}.png"],
                                     {"train": {"bus": 2, "train": 2}, "test": {"bus": 1, "train": 1}}),
    "split words inside names": (["test tubes/{2}.png", "train station/{2}.png", "validated/{2}.png"],
                                 {"train": {"test tubes": 2, "train station": 2, "validated": 2}}),
    "split words in file names": (["a/train_{2}.png", "b/test_{2}.png"], {"train": AB}),
    "test beside classes": (["a/{2}.png", "b/{2}.png", "test/a/{1}.png", "test/b/{1}.png"],
                            {"train": AB, "test": {"a": 1, "b": 1}}),
    "train with classes beside others": (["train/a/{2}.png", "train/b/{2}.png", "misc/{3}.png"], {"train": AB}),
    "others beside splits": (["train/a/{2}.png", "train/b/{2}.png", "test/a/{1}.png", "extra/{7}.png", "fig.png"],
                             {"train": AB, "test": {"a": 1}}),
    "class missing from test": (["train/a/{2}.png", "train/b/{2}.png", "test/b/{1}.png"],
                                {"train": AB, "test": {"b": 1}}),
    "inner folders of one name": (["Greek/c1/{2}.png", "Greek/c2/{2}.png", "Latin/c1/{2}.png", "Latin/c2/{2}.png"],
                                  {"train": {"Greek/c1": 2, "Greek/c2": 2, "Latin/c1": 2, "Latin/c2": 2}}),
    "uneven depth": (["train/Lemon/{2}.png", "train/Apple/Gala/{2}.png", "test/Lemon/{1}.png"],
                     {"train": {"Lemon": 2, "Apple/Gala": 2}, "test": {"Lemon": 1}}),
    "the same last folder": (["a/Imgs/{2}.png", "b/Imgs/{2}.png"], {"train": AB}),
    "loose beside classes": (["a/{2}.png", "b/{2}.png", "{3}.png"], {"train": {**AB, "-": 3}}),
    "brackets": (["[1]/{2}.png", "b*?/{2}.png"], {"train": {"[1]": 2, "b*?": 2}}),
    "hidden": ([".cache/{4}.png", "a/{2}.png", "b/{2}.png", "a/._0.png", "__MACOSX/a/{2}.png"], {"train": AB}),
    "yolo": (["images/train/{3}.jpg", "images/val/{2}.jpg", "labels/train/{3}.txt", "labels/val/{2}.txt"],
             {"train": {"-": 3}, "validation": {"-": 2}}),
    "voc": (["JPEGImages/{3}.jpg", "Annotations/{3}.xml", "ImageSets/Main/train.txt"], {"train": {"-": 3}}),
    "masks in a folder": (["images/{3}.jpg", "masks/{3}.png"], {"train": {"-": 3}}),
    "masks in a folder of splits": (["train/images/{3}.jpg", "train/masks/{3}.png", "test/images/{2}.jpg",
                                     "test/masks/{2}.png"], {"train": {"-": 3}, "test": {"-": 2}}),
    "masks below annotations": (["images/{3}.jpg", "annotations/trimaps/{3}.png", "annotations/xmls/{3}.xml"],
                                {"train": {"-": 3}}),
    "labelled beside unlabelled": (["labeled/a/{2}.png", "labeled/b/{2}.png", "unlabeled/{5}.png"],
                                   {"train": {**AB, "-": 5}}),
    "masks in folders of their own": (
        [f"stage1_train/{k}/{f}" for k in range(12) for f in (f"images/{k}.png", "masks/x.png")],
        {"train": {"-": 12}},
    ),
    "label maps of two names": (["leftImg8bit/train/x/{2}_l.png", "leftImg8bit/val/x/{1}_l.png",
                                 "gtFine/train/x/{4}_g.png", "gtFine/val/x/{2}_g.png"],
                                {"train": {"-": 2}, "validation": {"-": 1}}),
    "photographs below classes and below splits": (["train/a/images/{2}.png", "train/b/images/{2}.png",
                                                    "val/images/{3}.png"], {"train": AB, "validation": {"-": 3}}),
    "a class inside another of its name": (["cat/{2}.png", "big/cat/{2}.png"], {"train": {"cat": 2, "big/cat": 2}}),
    "masks by name": (["a/{2}.png", "a/0_mask.png", "a/0_mask_1.png", "a/1_mask.png", "b/{2}.png"], {"train": AB}),
    "masks beside": (["a/Imgs/{2}.jpg", "a/Imgs/{2}.png", "b/Imgs/{2}.jpg", "b/Imgs/{2}.png"], {"train": AB}),
    "a class called mask": (["mask/{2}.png", "no_mask/{2}.png"], {"train": {"mask": 2, "no_mask": 2}}),
    "two formats": (["a/{2}.jpg", "a/x.png", "b/{2}.png"], {"train": {"a": 3, "b": 2}}),
    "a folder for each file": ([f"patient{k}/scan.png" for k in range(12)], {"train": {"-": 12}}),
    "capital endings": (["a/0.PNG", "a/1.JPG", "b/{2}.Jpeg"], {"train": AB}),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
def test_layout(tmp_path, name):
    files, expected = LAYOUTS[name]
    assert content(make(tmp_path / "d", *files)) == expected


@pytest.mark.parametrize("source", ["folders", "table", "table alone", "parquet", "arrays", "in memory"])
def test_any_split_can_be_trained_on_by_any_of_its_names(tmp_path, source):
    """A split that nothing named was once given the name asked for: `--train_split test` took both."""
    sizes, values, rows = {"train": 3, "valid": 2, "test": 1}, np.arange(6, dtype=np.uint8)[:, None, None], {}
    for split, count in sizes.items():
        first = sum(map(len, rows.values()))
        rows[split] = values[first : first + count].repeat(4, 1).repeat(4, 2)
    root = tmp_path / "d"
    root.mkdir()
    if source == "in memory":
        root = {"train": rows["train"], "validation": rows["valid"], "test": rows["test"]}
    elif source == "arrays":
        np.savez(root / "x.npz", **{f"x_{split}": images for split, images in rows.items()})
    elif source == "parquet":
        for split, images in rows.items():
            table = {"image": [{"bytes": png(image), "path": None} for image in images]}
            pq.write_table(pa.table(table), root / f"{split}-0.parquet")
    else:
        folder = "{}/a" if source == "folders" else "images"
        names = [(f"{folder.format(s)}/{s}{k}.png", s, image) for s in rows for k, image in enumerate(rows[s])]
        for name, _, image in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(png(image))
        if source != "folders":
            lines = "".join(f"{name},{split}\n" for name, split, _ in names)
            (root / "all.csv").write_text(f"file,split\n{lines}")
            root = root / "all.csv" if source == "table alone" else root
    for asked, split in (
        ("train", "train"),
        ("Training", "train"),
        ("valid", "valid"),
        ("dev", "valid"),
        ("test", "test"),
    ):
        args = DataArguments(dataset=root, train_split=asked, eval_split="none")
        taken, _ = load_data(args, PLAIN)
        assert sorted(taken.values[:, 0, 0, 0]) == rows[split][:, 0, 0].tolist(), asked
    with pytest.raises(InputError, match="has no split 'other': it has train, "):
        load_data(DataArguments(dataset=root, train_split="other"), PLAIN)


def test_a_folder_called_with_brackets_and_a_linked_one(tmp_path):
    make(tmp_path / "data[1]", "a/{2}.png", "b/{2}.png")
    (tmp_path / "link").symlink_to(tmp_path / "data[1]")
    assert content(tmp_path / "data[1]") == content(tmp_path / "link") == {"train": AB}


def test_linked_folders_are_followed_once_and_told(tmp_path):
    make(tmp_path / "elsewhere", "{2}.png")
    make(tmp_path / "d", "a/{2}.png")
    (tmp_path / "d/b").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "d/a/loop").symlink_to(tmp_path / "d")
    (tmp_path / "d/a/again").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "d/0_first").symlink_to(tmp_path / "d/a")
    (tmp_path / "d/gone.png").symlink_to(tmp_path / "nowhere.png")
    os.mkfifo(tmp_path / "d/a/fifo.png")
    text = told(tmp_path / "d")
    assert content(tmp_path / "d") == {"train": AB}
    assert f"linked folder b is followed to {tmp_path}/elsewhere" in text
    for name in ("a/loop", "a/again", "0_first"):
        assert f"linked folder {name}: it leads to a folder that is read already" in text
    assert "a/fifo.png" in text and "gone.png" in text and "no plain file" in text


@pytest.mark.parametrize(
    "files, words",
    [
        (["IMG_1.HEIC", "IMG_2.heic"], "2 .heic files: HEIC pictures are read with pillow-heif"),
        (["x.CR2", "y.nef"], "camera raw is not read"),
        (["clip.mp4"], "1 .mp4 file: video is not read"),
        (["notes.txt", "x.xml", "y.xml"], "2 .xml, 1 .txt files: of no kind that is read here"),
        (["Testing/0.png", "Training/0.png"], "Testing/ is split test"),
        (["a/0.jpg", "a/1.jpg", "a/0.png", "a/1.png"], "2 .png files (in a): each stands beside"),
        (["images/0.jpg", "masks/0.png"], "1 .png files (in masks): they lie in a folder of masks"),
        (["train/0.png", "test/0.png", "other/0.png"], "1 files in folder other: test, train are splits"),
        (["bus/0.png", "train/0.png"], "folder train is taken as a class, since bus beside it can be no split"),
        (["a/x/0.png", "a/x/1.png", "b/0.png"], "every folder with files (of different depth) is a class, such as a"),
        (["a/train/0.png", "a/test/1.png", "b/train/0.png", "b/test/0.png"], "they are splits, and the others cla"),
        (["a/train/0.png", "a/x/1.png", "b/train/0.png", "b/y/0.png"], "give one of the outer folders"),
        ([".git/x", ".DS_Store"], "2 hidden files and folders"),
        (["a/0.png", "b/0.png", "codes.npz"], "1 files of arrays (codes.npz): the images beside them are the dataset"),
    ],
)  # fmt: skip
def test_what_is_left_out_or_decided_is_told(tmp_path, files, words):
    pictures = any(name.endswith((".png", ".jpg")) for name in files)
    assert words in told(make(tmp_path / "d", *files, *([] if pictures else ["z.png"])))


def test_the_outer_folders_can_be_labels_too(tmp_path):
    make(tmp_path / "d", "Greek/c1/{2}.png", "Greek/c2/{2}.png", "Latin/c1/{2}.png")
    rows = found(tmp_path / "d").splits["train"].rows
    assert rows["folder_1"][:] == ["Greek"] * 4 + ["Latin"] * 2
    assert "--label_column folder_1 takes the outer folders alone, 2 classes" in told(tmp_path / "d")


def test_a_run_inside_is_left_out_and_a_run_itself_is_refused(tmp_path):
    make(tmp_path / "d", "{3}.png", "runs/ae/originals.png", "runs/ae/checkpoint-5/x.png")
    (tmp_path / "d/runs/ae/run.json").write_text('{"command": "pretune pretrain digits"}')
    assert content(tmp_path / "d") == {"train": {"-": 3}}
    assert "folder runs/ae: pretune wrote it" in told(tmp_path / "d")
    with pytest.raises(InputError, match="is a run of pretune, expected a folder of images"):
        found(tmp_path / "d/runs/ae")


def test_a_folder_with_a_record_of_somebody_else_is_read(tmp_path):
    make(tmp_path / "d", "a/{2}.png", "b/{2}.png")
    for name in ("a/run.json", "b/report.json"):
        (tmp_path / "d" / name).write_text('{"camera": 3}')
    assert content(tmp_path / "d") == {"train": AB}


def test_names_that_are_no_text_are_read(tmp_path):
    folder = os.fsencode(tmp_path / "d")
    os.mkdir(folder)
    picture(tmp_path / "x.png")
    os.rename(tmp_path / "x.png", os.path.join(folder, b"caf\xe9.png"))
    split = found(tmp_path / "d").splits["train"]
    assert len(split) == 1 and split.rows.with_format("arrow")[:]["image"][0]["bytes"].as_py().startswith(b"\x89PNG")


def test_git_lfs_pointers_are_called_so(tmp_path):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:1234\nsize 5\n"
    make(tmp_path / "d", "a/{2}.png", "b/{2}.png")
    (tmp_path / "d/a/2.png").write_text(pointer)
    assert content(tmp_path / "d") == {"train": AB} and "1 files: they are Git LFS pointers" in told(tmp_path / "d")
    for path in (tmp_path / "d").rglob("*.png"):
        path.write_text(pointer)
    with pytest.raises(
        InputError, match="all 5 data files in .* are Git LFS pointers, not the files: run `git lfs pull`"
    ):
        found(tmp_path / "d")
    for name in ("x.npz", "x.parquet", "x.csv"):
        (tmp_path / name).write_text(pointer)
        with pytest.raises(InputError, match="Git LFS pointer"):
            found(tmp_path / name)


@pytest.mark.parametrize(
    "files, message",
    [
        ([], "is an empty folder"),
        ([".hidden.png"], "holds no files that are looked at .1 hidden"),
        (["a.txt", "b.txt"], "holds no images: of 2 files none can be read as one. 2 .txt files"),
        (["a.heic"], "HEIC pictures are read with pillow-heif"),
        (["train.csv"], "a table that names no file that is here"),
    ],
)
def test_no_samples_is_told_by_what_is_there(tmp_path, files, message):
    (tmp_path / "d").mkdir()
    make(tmp_path / "d", *files)
    with pytest.raises(InputError, match=message) as caught:
        found(tmp_path / "d")
    assert "damaged" not in str(caught.value)


def test_a_changed_file_changes_the_fingerprint_and_a_moved_folder_does_not(tmp_path):
    make(tmp_path / "d", "a/{2}.png", "b/{2}.png")
    first = found(tmp_path / "d").splits["train"].rows._fingerprint
    os.rename(tmp_path / "d", tmp_path / "moved")
    assert found(tmp_path / "moved").splits["train"].rows._fingerprint == first
    picture(tmp_path / "moved/a/0.png", 9)
    os.utime(tmp_path / "moved/a/0.png", ns=(1, 1))
    assert found(tmp_path / "moved").splits["train"].rows._fingerprint != first


def test_archives_are_unpacked_once_and_never_outside(tmp_path, monkeypatch):
    monkeypatch.setenv("PRETUNE_CACHE", str(tmp_path / "cache"))
    make(tmp_path / "src", "train/a/{2}.png", "train/b/{2}.png", "test/a/{1}.png")
    (tmp_path / "d").mkdir()
    for split in ("train", "test"):
        with zipfile.ZipFile(tmp_path / f"d/{split}.zip", "w") as archive:
            for path in sorted((tmp_path / "src" / split).rglob("*.png")):
                archive.write(path, path.relative_to(tmp_path / "src"))
            archive.writestr("../../evil.png", b"x")
            archive.writestr("/abs/evil.txt", b"x")
    assert content(tmp_path / "d")["test"] == {"a": 1}
    assert not list(tmp_path.glob("evil.png")) and not list(tmp_path.parent.glob("evil.png"))


def test_splits_are_found_by_any_spelling(tmp_path):
    from pretune.training.files.split_names import default_evaluation, find_split

    assert find_split({"train": 0, "test": 0}, "Testing") == "test"
    assert find_split({"train": 0, "unlabeled": 0}, "unlabelled") == "unlabeled"
    assert find_split({"Train": 0, "dev": 0}, "train") == "Train"
    assert find_split({"train": 0}, "other") is None
    assert default_evaluation({"Training": 0, "Valid": 0}, "Training") == "Valid"
    assert default_evaluation({"train": 0}, "train") is None


def test_fifty_thousand_names_are_laid_out_without_opening_a_file(monkeypatch):
    from pretune.training.files.layout import lay_out
    from pretune.training.files.tree import File

    monkeypatch.setattr("builtins.open", lambda *a, **k: pytest.fail("opened a file"))
    files = [File((f"c{k % 100}",), f"{k}.jpg", f"/x/{k}.jpg", 1, 1) for k in range(50_000)]
    layout = lay_out(files)
    assert len(layout.splits["train"]) == 50_000 and len(layout.class_names) == 100


def test_labels_are_the_same_numbers_in_all_splits(tmp_path):
    make(tmp_path / "d", "train/a/{2}.png", "train/b/{2}.png", "test/b/{2}.png")
    splits = found(tmp_path / "d").splits
    assert splits["test"].rows.features["label"].names == ["a", "b"] and splits["test"].rows["label"][:] == [1, 1]
    assert np.array_equal(splits["train"].rows["label"][:], [0, 0, 1, 1])
