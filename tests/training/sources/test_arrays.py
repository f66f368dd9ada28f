"""Files of arrays, and objects in Python; by content."""

import gzip
import json
import struct
import zipfile

import numpy as np
import PIL.Image
import pytest
import torch

import pretune
from pretune.training.command.arguments.data import DataArguments
from pretune.training.data.loading import load_data
from pretune.training.errors import InputError
from pretune.training.modalities.image import IMAGE
from pretune.training.sources.dataset import raw_splits, source_of

IMAGES = np.arange(12 * 16, dtype=np.uint8).reshape(12, 4, 4)
LABELS = np.arange(12) % 3


def splits(dataset, **options):
    found = raw_splits(DataArguments(dataset=dataset, **options), IMAGE)
    return {name: (split.values, split.labels) for name, split in found.splits.items()}


def same(found, expected) -> bool:
    return list(found) == list(expected) and all(
        np.array_equal(found[name][0], images) and (labels is None) == (found[name][1] is None)
        and (labels is None or np.array_equal(found[name][1], labels))
        for name, (images, labels) in expected.items()
    )  # fmt: skip


THREE = {"train": (IMAGES, LABELS), "test": (IMAGES[:4], LABELS[:4]), "validation": (IMAGES[:2], LABELS[:2])}
ARRAYS = {
    "ours": ({"image": IMAGES, "label": LABELS}, {"train": (IMAGES, LABELS)}),
    "without labels": ({"images": IMAGES}, {"train": (IMAGES, None)}),
    "x and y": ({"X": IMAGES, "y": LABELS}, {"train": (IMAGES, LABELS)}),
    "by place": ({"arr_0": IMAGES, "arr_1": LABELS}, {"train": (IMAGES, LABELS)}),
    "medmnist": (
        {"train_images": IMAGES, "train_labels": LABELS[:, None], "val_images": IMAGES[:2],
         "val_labels": LABELS[:2, None], "test_images": IMAGES[:4], "test_labels": LABELS[:4, None]}, THREE),
    "keras": (
        {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES[:4], "y_test": LABELS[:4], "x_val": IMAGES[:2],
         "y_val": LABELS[:2]}, THREE),
    "camel": ({"trainX": IMAGES, "trainY": LABELS, "testX": IMAGES[:4], "testY": LABELS[:4]},
              {"train": (IMAGES, LABELS), "test": (IMAGES[:4], LABELS[:4])}),
    "others beside": ({"image": IMAGES, "label": LABELS, "weight": LABELS, "mask": IMAGES},
                      {"train": (IMAGES, LABELS)}),
    "test without labels": ({"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES[:4]},
                            {"train": (IMAGES, LABELS), "test": (IMAGES[:4], None)}),
}  # fmt: skip


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", ARRAYS)
def test_npz(tmp_path, name, packed):
    arrays, expected = ARRAYS[name]
    (np.savez_compressed if packed else np.savez)(tmp_path / "a.npz", **arrays)
    assert same(splits(str(tmp_path / "a.npz")), expected)


@pytest.mark.parametrize("name", ["medmnist", "keras", "test without labels"])
def test_folder_of_npy(tmp_path, name):
    arrays, expected = ARRAYS[name]
    for key, array in arrays.items():
        np.save(tmp_path / f"{key}.npy", array)
    assert same(splits(str(tmp_path)), expected)


def test_folder_of_npz_for_each_split(tmp_path):
    for name, (images, labels) in THREE.items():
        np.savez(tmp_path / f"{name.title()}.npz", image=images, label=labels)
    assert same(splits(str(tmp_path)), THREE)


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_idx_as_mnist_has_it(tmp_path, ending):
    parts = {
        "train-images-idx3-ubyte": IMAGES, "train-labels-idx1-ubyte": LABELS, "t10k-images-idx3-ubyte": IMAGES[:4],
        "t10k-labels-idx1-ubyte": LABELS[:4],
    }  # fmt: skip
    for name, array in parts.items():
        data = idx(array)
        (tmp_path / f"{name}{ending}").write_bytes(gzip.compress(data) if ending else data)
    assert same(splits(str(tmp_path)), {"train": (IMAGES, LABELS), "test": (IMAGES[:4], LABELS[:4])})
    assert same(splits(str(tmp_path / f"t10k-images-idx3-ubyte{ending}")), {"test": (IMAGES[:4], None)})


def test_a_cut_off_idx_file_is_told(tmp_path):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(IMAGES)[:-5])
    with pytest.raises(InputError, match="it is cut off: 187 numbers, expected 12x4x4"):
        splits(str(tmp_path))


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_hdf5_of_one_or_two_files(tmp_path, compression):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "all.h5", "w") as file:
        for key, array in ARRAYS["keras"][0].items():
            file.create_dataset(key, data=array, compression=compression)
    assert same(splits(str(tmp_path / "all.h5")), THREE)
    (tmp_path / "camelyon").mkdir()
    for split, (images, labels) in list(THREE.items())[:2]:
        for key, array in (("x", images), ("y", labels.reshape(-1, 1, 1, 1))):
            with h5py.File(tmp_path / f"camelyon/level_2_split_{split}_{key}.h5", "w") as file:
                file.create_dataset(key, data=array, compression=compression)
    assert same(splits(str(tmp_path / "camelyon")), {k: THREE[k] for k in ("train", "test")})


@pytest.mark.parametrize("ending, package", [(".h5", "h5py"), (".dcm", "pydicom"), (".nii.gz", "nibabel")])
def test_a_format_whose_package_is_missing_names_it(tmp_path, monkeypatch, ending, package):
    monkeypatch.setitem(__import__("sys").modules, package, None)
    (tmp_path / f"train{ending}").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(200))
    with pytest.raises(InputError, match=rf"read with {package}: pip install \"pretune\[formats\]\""):
        splits(str(tmp_path))


def test_npy_and_stored_npz_are_mapped_not_read(tmp_path):
    np.save(tmp_path / "a.npy", IMAGES)
    np.savez(tmp_path / "b.npz", image=IMAGES, label=LABELS)
    for name in ("a.npy", "b.npz"):
        values, _ = splits(str(tmp_path / name))["train"]
        assert isinstance(values, np.memmap) and np.array_equal(values, IMAGES)
        train, _ = load_data(DataArguments(dataset=str(tmp_path / name), eval_split="none"), IMAGE)
        assert np.shares_memory(train.values, train.values.base) and not train.values.flags.owndata


@pytest.mark.parametrize(
    "arrays, message",
    [
        ({"pictures": IMAGES, "more": IMAGES}, "holds the arrays pictures, more, expected 'image'"),
        ({"x_train": IMAGES, "y_train": LABELS[:3]}, "12 images and 3 labels"),
        ({"x": IMAGES, "data": IMAGES}, "x, .*data are all samples of one split"),
    ],
)
def test_arrays_that_do_not_fit(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(InputError, match=message):
        splits(str(tmp_path / "a.npz"))


# --- DICOM and NIfTI -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["MONOCHROME2", "MONOCHROME1"])
def test_dicom_keeps_hounsfield_units(tmp_path, kind):
    pydicom = pytest.importorskip("pydicom")
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    from pretune.training.modalities.images.volumes import dicom_to_tiff

    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, pydicom.uid.CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    data = FileDataset(str(tmp_path / "0.dcm"), {}, file_meta=meta, preamble=b"\0" * 128)
    data.Rows = data.Columns = 4
    data.BitsAllocated = data.BitsStored = 16
    data.HighBit, data.PixelRepresentation, data.SamplesPerPixel = 15, 0, 1
    data.PhotometricInterpretation, data.RescaleSlope, data.RescaleIntercept = kind, "1", "-1024"
    stored = np.arange(16, dtype=np.uint16).reshape(4, 4) * 200
    data.PixelData = stored.tobytes()
    data.save_as(tmp_path / "0.dcm", enforce_file_format=True)
    dicom_to_tiff(str(tmp_path / "0.dcm"), tmp_path / "0.tif")
    shown = stored.astype(np.int32) if kind == "MONOCHROME2" else 65535 - stored.astype(np.int32)
    assert np.array_equal(np.asarray(PIL.Image.open(tmp_path / "0.tif")), shown - 1024)


def test_nifti_gives_a_page_for_each_slice(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    from pretune.training.modalities.images.volumes import nifti_to_tiff

    volume = np.arange(3 * 4 * 5, dtype=np.int16).reshape(3, 4, 5) - 20
    nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), tmp_path / "v.nii.gz")
    nifti_to_tiff(str(tmp_path / "v.nii.gz"), tmp_path / "v.tif")
    picture = PIL.Image.open(tmp_path / "v.tif")
    assert picture.n_frames == 5
    picture.seek(2)
    assert np.array_equal(np.asarray(picture), volume[:, :, 2].T)


# --- objects in Python -----------------------------------------------------------------------------------------------


class Torch(torch.utils.data.Dataset):
    """Items as torchvision's datasets give them."""

    def __init__(self, picture: bool, label: bool):
        self.picture, self.label = picture, label

    def __len__(self) -> int:
        return 12

    def __getitem__(self, k: int):
        image = PIL.Image.fromarray(IMAGES[k]) if self.picture else torch.from_numpy(IMAGES[k][None])
        return (image, int(LABELS[k])) if self.label else image


def objects():
    import datasets
    import pandas

    pictures = [PIL.Image.fromarray(image) for image in IMAGES]
    rows = datasets.Dataset.from_dict({"image": pictures, "label": LABELS})
    yield "array", IMAGES, False
    yield "tensor", torch.from_numpy(IMAGES), False
    yield "pair", (IMAGES, LABELS), True
    yield "pair of tensors", (torch.from_numpy(IMAGES), torch.from_numpy(LABELS)), True
    yield "pair with a list", (IMAGES, LABELS.tolist()), True
    yield "list of arrays", list(IMAGES), False
    yield "pictures", pictures, False
    yield "pictures and labels", (pictures, LABELS), True
    yield "pairs", list(zip(pictures, LABELS.tolist(), strict=True)), True
    yield "datasets", rows, True
    yield "dataset dict", datasets.DatasetDict({"train": rows}), True
    yield "mapping", {"train": (IMAGES, LABELS)}, True
    yield "torch pictures", Torch(True, True), True
    yield "torch tensors", Torch(False, True), True
    yield "torch without labels", Torch(False, False), False
    yield "frame", pandas.DataFrame({"image": pictures, "label": LABELS}), True


@pytest.mark.parametrize("value, labelled", [pytest.param(v, labelled, id=name) for name, v, labelled in objects()])
def test_objects_in_python(value, labelled):
    train, _ = load_data(DataArguments(dataset=value, eval_split="none"), IMAGE)
    assert np.array_equal(train.values[:, 0], IMAGES)
    assert (train.labels is not None and train.labels.tolist() == LABELS.tolist()) == labelled


def test_a_frame_of_paths(tmp_path):
    import pandas

    paths = [tmp_path / f"{k}.png" for k in range(12)]
    for path, image in zip(paths, IMAGES, strict=True):
        PIL.Image.fromarray(image).save(path)
    frame = pandas.DataFrame({"where": [str(path) for path in paths], "label": LABELS})
    train, _ = load_data(DataArguments(dataset=frame, eval_split="none"), IMAGE)
    assert np.array_equal(train.values[:, 0], IMAGES) and train.files[3] == "3.png"


@pytest.mark.parametrize(
    "mode, size", [("1", 1), ("L", 1), ("P", 1), ("RGB", 3), ("RGBA", 3), ("CMYK", 3), ("I", 1), ("F", 1), ("I;16", 1)]
)
def test_a_picture_in_memory_is_the_same_as_a_file(mode, size):
    from io import BytesIO

    from pretune.training.modalities.images.files import cell_of

    picture = PIL.Image.new(mode, (3, 4), 1)
    again = PIL.Image.open(BytesIO(cell_of(picture)["bytes"]))
    assert again.size == (3, 4) and np.array_equal(np.asarray(again), np.asarray(picture))


@pytest.mark.parametrize(
    "value, message",
    [
        (7, "is of type int, expected a datasets.Dataset"),
        ([], "is an empty list"),
        (["a.png"], "a.png was not found"),
        ([object()], "item 0 of dataset .train. is of type object"),
        ((IMAGES, LABELS[:3]), "12 images and 3 labels"),
        ([IMAGES[0] / 2, IMAGES[0][:2] / 2], "list of arrays of several shapes"),
        ({}, "a mapping of 0 parts"),
    ],
)
def test_objects_that_do_not_fit(value, message):
    with pytest.raises(InputError, match=message):
        splits(value)


def test_a_run_on_an_object_records_that_it_was_in_memory(tiny, blobs):
    result = pretune.pretrain(**{**tiny, "dataset": blobs, "max_steps": 2})
    record = json.loads((result.output_dir / "run.json").read_text())
    assert record["dataset"]["source"] == "memory" and record["dataset"]["name"] == "(tuple in memory, 60 long)"
    assert "digits" not in record["command"] and source_of(DataArguments(dataset=IMAGES).dataset) == "memory"


TERABYTES = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000, 8, 8), }"


def _npy_of(header: bytes, data: bytes = bytes(1000)) -> bytes:
    header += b" " * (117 - len(header)) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def _archive(change):
    """A .npz, its bytes changed."""

    def make(path):
        np.savez_compressed(path, image=IMAGES, label=LABELS)
        path.write_bytes(change(path.read_bytes()))

    return make


def _huge_member(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "image.npy", _npy_of(b"{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000, 8, 8), }")
        )


DAMAGED = {
    "cut.npz": _archive(lambda data: data[: len(data) // 2]),
    "flipped.npz": _archive(lambda data: data[:60] + bytes([data[60] ^ 255]) + data[61:]),
    "empty.npz": lambda path: path.write_bytes(b""),
    "npy.npz": lambda path: np.save(path.open("wb"), IMAGES),
    "npz.npy": lambda path: np.savez(path.open("wb"), image=IMAGES),
    "member.npz": lambda path: zipfile.ZipFile(path, "w").writestr("image", b"raw"),
    "huge.npz": _huge_member,
    "huge.npy": lambda path: path.write_bytes(_npy_of(TERABYTES)),
    "negative.npy": lambda path: path.write_bytes(
        _npy_of(b"{'descr': '|u1', 'fortran_order': False, 'shape': (-1, 8, 8), }")
    ),
    "header.npy": lambda path: path.write_bytes(_npy_of(b"{'descr': '|u1', 'shape': (1,\n", b"")),
    "deep.npy": lambda path: path.write_bytes(_npy_of(b"(" * 110, b"")),
    "cut.npy": lambda path: path.write_bytes(_npy_of(b"{'descr': '|u1', 'shape': (9, 9), }")[:40]),
    "empty.npy": lambda path: path.write_bytes(b""),
    "nolabels.npz": lambda path: np.savez(path, image=IMAGES, label=np.zeros(0, int)),
    "scalar.npz": lambda path: np.savez(path, image=np.uint8(3)),
    "wide-idx3-ubyte": lambda path: path.write_bytes(b"\0\0\x08\x03" + b"\xff" * 12 + bytes(50)),
    "cut-images-idx3-ubyte.gz": lambda path: path.write_bytes(gzip.compress(b"\0\0\x08\x03" + b"\xff" * 12)[:25]),
    "bomb-images-idx3-ubyte.gz": lambda path: path.write_bytes(
        gzip.compress(b"\0\0\x08\x03" + struct.pack(">3I", 1, 2, 2) + bytes(50))
    ),
}


@pytest.mark.parametrize("name", list(DAMAGED))
def test_damaged_arrays_are_one_line_that_names_the_file(tmp_path, name):
    path = tmp_path / name
    DAMAGED[name](path)
    with pytest.raises(InputError) as caught:
        load_data(DataArguments(dataset=str(path), eval_split="none"), IMAGE)
    assert name in str(caught.value) and "\n" not in str(caught.value)
