"""Arrays are what their names say; what is not used is told, and names of classes are kept."""

import gzip
import struct

import numpy as np
import pytest

from pretune.training.command.arguments.data import DataArguments
from pretune.training.data.loading import load_data
from pretune.training.errors import InputError
from pretune.training.files.tree import walk
from pretune.training.modalities.image import IMAGE
from pretune.training.sources.dataset import raw_splits

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (12, 6, 6)).astype(np.uint8)
LABELS = np.arange(12) % 3
NAMES = np.array(["ant", "bee", "cat"])


def loaded(path, **more):
    args = DataArguments(dataset=str(path), **{"eval_split": "none", **more})
    found = raw_splits(args, IMAGE)
    return load_data(args, IMAGE, found=found)[0], "\n".join(map(str, [*found.left_out, *found.notes]))


@pytest.mark.parametrize(
    ("arrays", "names", "told"),
    [
        ({"image": IMAGES, "label": LABELS, "label_names": NAMES}, ["ant", "bee", "cat"], ""),
        ({"x_train": IMAGES, "y_train": LABELS, "class_names": NAMES}, ["ant", "bee", "cat"], ""),
        ({"image": IMAGES, "label": LABELS + 1, "classes": NAMES}, ["1", "2", "3"], "no numbers of these names"),
        ({"image": IMAGES, "label": NAMES[LABELS]}, ["ant", "bee", "cat"], ""),
        ({"features": IMAGES, "labels": LABELS, "ids": np.arange(12)}, ["0", "1", "2"], "features is taken for the"),
        ({"image": IMAGES, "label": LABELS, "coarse_label": LABELS > 0}, ["0", "1", "2"], "coarse_label: label holds"),
        ({"image": IMAGES, "label": LABELS, "feature_names": NAMES}, ["0", "1", "2"], "feature_names: neither"),
    ],
)
def test_npz(tmp_path, arrays, names, told):
    np.savez(tmp_path / "d.npz", **arrays)
    data, said = loaded(tmp_path / "d.npz")
    assert np.array_equal(data.values[:, 0], IMAGES) and data.label_names == names
    assert data.labels.tolist() == LABELS.tolist() and told in said


def test_words_of_hdf5_are_labels(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file["image"], file["label"] = IMAGES, [name.encode() for name in NAMES[LABELS]]
    data, _ = loaded(tmp_path / "d.h5")
    assert [data.label_names[k] for k in data.labels] == NAMES[LABELS].tolist()


def test_one_file_a_sample_in_folders_of_classes(tmp_path):
    for k, image in enumerate(IMAGES):
        (tmp_path / NAMES[LABELS[k]]).mkdir(exist_ok=True)
        np.save(tmp_path / NAMES[LABELS[k]] / f"slice{k:02}.npy", image)
    data, _ = loaded(tmp_path)
    order = np.argsort(LABELS, kind="stable")
    assert np.array_equal(data.values[:, 0], IMAGES[order]) and data.labels.tolist() == LABELS[order].tolist()
    assert data.label_names == NAMES.tolist() and data.files[0] == "ant/slice00.npy"
    np.save(tmp_path / "ant" / "slice99.npy", IMAGES[0, :3])
    with pytest.raises(InputError, match="hold arrays of several shapes"):
        loaded(tmp_path)


def test_packed_files_beside_unpacked_ones_are_left_out(tmp_path):
    for name, array in (("train-images-idx3-ubyte", IMAGES), ("train-labels-idx1-ubyte", LABELS.astype(np.uint8))):
        head = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
        (tmp_path / name).write_bytes(head + array.tobytes())
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(head + array.tobytes()))
    data, said = loaded(tmp_path)
    assert np.array_equal(data.values[:, 0], IMAGES) and data.labels.tolist() == LABELS.tolist()
    assert said.count("it lies unpacked beside it") == 2


def test_dicom_without_an_ending_is_known_by_its_mark(tmp_path):
    for name in ("IM0001", "1.2.840.113619", "DICOMDIR", "notes"):
        (tmp_path / name).write_bytes(b"\0" * 128 + (b"DICM" if name != "notes" else b"text"))
    tree = walk(tmp_path, frozenset((".dcm", ".png")))
    assert [(file.name, file.stem, file.ending) for file in tree.samples] == [
        ("1.2.840.113619", "1.2.840.113619", ".dcm"),
        ("IM0001", "IM0001", ".dcm"),
    ]
    assert not walk(tmp_path, frozenset((".png",))).samples
