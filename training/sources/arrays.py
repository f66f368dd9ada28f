"""Files of arrays: .npy, .npz as MedMNIST and Keras name them, IDX as MNIST has it, HDF5. Mapped where that works."""

import contextlib
import gzip
import math
import os
import struct
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..command.arguments.data import DataArguments
from ..errors import InputError, one_line
from ..files.layout import lay_out
from ..files.left_out import LeftOut
from ..files.tree import File
from ..modalities.faults import UNREADABLE
from ..modalities.modality import Modality
from .found import Found, RawSplit
from .named_arrays import NamedArray, role_of, splits_of_arrays

IDX_TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def array_splits(files: Sequence[File], args: DataArguments, modality: Modality) -> Found:
    """Samples and labels of files of arrays, by their names: x_train, train_labels, image, test-images-idx3-ubyte.

    Raises:
        InputError: a file cannot be read, or no array is called as samples are.
    """
    plain = {file.relative for file in files}
    twins = [file for file in files if file.name.endswith(".gz") and file.relative.removesuffix(".gz") in plain]
    files = [file for file in files if file not in twins]
    what = f"{len(files)} file{'s' * (len(files) > 1)} of arrays"
    if _one_sample_each(files, modality):
        return Found(f"{what}, one a sample", *_stacked(files))
    arrays = []
    for file in files:
        inside = read_arrays(file.path, file.ending)
        told = file.name.partition(".")[0], file.relative, file.folders, len(inside) == 1
        arrays += [NamedArray(key, array, *told) for key, array in inside.items()]
    source = files[0].path if len(files) == 1 else files[0].path.removesuffix(f"/{files[0].name}")
    splits, left_out, notes = splits_of_arrays(arrays, args, modality, source)
    left_out += [LeftOut(file.relative, "it lies unpacked beside it") for file in twins]
    return Found(what, splits, left_out, notes)


def _one_sample_each(files: Sequence[File], modality: Modality) -> bool:
    """Whether each of several .npy files is one sample: none is called as samples or labels of a whole split are."""
    named = any(role_of(file.stem, modality) for file in files)
    if named or len(files) < 2 or any(file.ending != ".npy" for file in files):
        return False
    return all(read_arrays(file.path, file.ending)[""].ndim in (2, 3) for file in (files[0], files[-1]))


def _stacked(files: Sequence[File]) -> tuple[dict[str, RawSplit], list[LeftOut], list[str]]:
    """(splits, what is left out, notes) of such files; their folders are splits and classes."""
    layout, splits = lay_out(list(files)), {}
    for split, members in layout.splits.items():
        arrays = [read_arrays(file.path, file.ending)[""] for file in members]
        shapes = sorted({array.shape for array in arrays})
        if len(shapes) > 1:
            raise InputError(
                f"the {len(members)} .npy files of split {split} hold arrays of several shapes, {shapes[0]} and "
                f"{shapes[1]}: expected one shape. Save them as pictures, or bring them to one."
            )
        labels = None if layout.classes is None else np.asarray(layout.classes[split], dtype=object)
        names = [file.relative for file in members]
        splits[split] = RawSplit(values=np.stack(arrays), labels=labels, files=names)
    return splits, layout.left_out, layout.notes


def read_arrays(path: str, ending: str) -> dict[str, np.ndarray]:
    """{name: array (N, ...)} of one file; "" for the array of a file that holds one. Mapped where that works.

    Raises:
        InputError: it cannot be read, with the cause.
    """
    try:
        if ending == ".npy":
            return {"": _npy(path)}
        if ending == ".npz":
            return _npz(path)
        if ending in (".h5", ".hdf5"):
            return _hdf5(path)
        return {"": _idx(path)}
    except InputError:
        raise
    except UNREADABLE as error:
        cause = one_line(error)
        if any(word in cause for word in ("allow_pickle", "Object arrays", "Python objects")):
            cause = "pickled objects are refused, since they could run code"
        raise InputError(f"{path} cannot be read as arrays: {cause}.") from None


def _npy(path: str) -> np.ndarray:
    if zipfile.is_zipfile(path):
        raise ValueError("it is a .npz archive by another name: call it so")
    found = np.load(path, mmap_mode="c", allow_pickle=False)
    if not isinstance(found, np.ndarray):
        raise ValueError("it is no .npy array")
    return found


def _npz(path: str) -> dict[str, np.ndarray]:
    if not zipfile.is_zipfile(path):
        raise ValueError("it is no .npz archive")
    with np.load(path, allow_pickle=False) as loaded, zipfile.ZipFile(path) as archive:
        found = {}
        for key in loaded.files:
            info = next((i for i in archive.infolist() if i.filename in (f"{key}.npy", key)), None)
            mapped = info is not None and info.compress_type == zipfile.ZIP_STORED and _mapped(path, info)
            found[key] = mapped if isinstance(mapped, np.ndarray) else loaded[key]
        return found


def _mapped(path: str, info: zipfile.ZipInfo) -> np.ndarray | None:
    """An array of a .npz that was stored without compression, mapped from the file."""
    with open(path, "rb") as file:
        file.seek(info.header_offset + 26)
        file.seek(sum(struct.unpack("<HH", file.read(4))), os.SEEK_CUR)
        read = HEADERS.get(np.lib.format.read_magic(file))
        if read is None:
            return None
        shape, fortran, dtype = read(file)
        if dtype.hasobject or not shape or 0 in shape:
            return None
        _require_inside(shape, dtype, info.file_size)
        return np.memmap(path, dtype, "c", file.tell(), shape, "F" if fortran else "C")


def _require_inside(shape: Sequence[int], dtype: np.dtype, size: int) -> None:
    """Raise ValueError if an array is larger than the `size` bytes that hold it."""
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize > size:
        raise ValueError(f"its header promises {'x'.join(map(str, shape))} numbers, more than there are")


def _idx(path: str) -> np.ndarray:
    packed = path.lower().endswith(".gz")
    with gzip.open(path) if packed else open(path, "rb") as file:
        magic = file.read(4)
        if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in IDX_TYPES or not magic[3]:
            raise ValueError("it does not begin as an IDX file does")
        shape = struct.unpack(f">{magic[3]}I", file.read(4 * magic[3]))
        dtype = np.dtype(IDX_TYPES[magic[2]])
        if packed:
            values = np.frombuffer(file.read(math.prod(shape) * dtype.itemsize + 1), dtype)
        else:
            values = np.memmap(path, dtype, "c", file.tell())
    if values.size != math.prod(shape):
        raise ValueError(f"it is cut off: {values.size} numbers, expected {'x'.join(map(str, shape))}")
    values = values.reshape(shape)
    return values if dtype.itemsize == 1 else values.astype(dtype.newbyteorder("="))


def _hdf5(path: str) -> dict[str, np.ndarray]:
    try:
        import h5py
    except ImportError:
        raise InputError(f'{path} is an HDF5 file, read with h5py: pip install "pretune[formats]".') from None
    found: dict[str, Any] = {}

    def add(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.ndim == 1 and h5py.check_string_dtype(item.dtype) is not None:
            found[name] = item.asstr(errors="replace")[()].astype(str)
        elif isinstance(item, h5py.Dataset) and item.shape and item.dtype.kind in "biuf":
            offset = item.id.get_offset() if item.chunks is None and not item.is_virtual else None
            with contextlib.suppress(TypeError):
                plain = offset is not None and not item.external and item.dtype.isnative
                found[name] = np.memmap(path, item.dtype, "c", offset, item.shape) if plain else item[()]

    with h5py.File(path, "r") as file:
        file.visititems(add)
    if all(array.dtype.kind == "U" for array in found.values()):
        raise ValueError("it holds no arrays of numbers")
    return found
