"""Files of arrays: .npy, .npz as MedMNIST and Keras name them, IDX as MNIST has it, HDF5. Mapped where that works."""

import contextlib
import gzip
import math
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..command.arguments.data import DataArguments
from ..errors import InputError, one_line
from ..files.left_out import LeftOut, shortened
from ..files.split_names import settle, split_in_name, words_of
from ..files.tree import File
from ..modalities.modality import Modality
from .found import Found, RawSplit

LABELS = frozenset("label labels y target targets class classes".split())
SAMPLES = frozenset("x data sample samples input inputs".split())
IDX_TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
UNREADABLE = (  # SyntaxError, TokenError: of a header that is cut off or flipped
    ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error, struct.error, TypeError, MemoryError,
    OverflowError, NotImplementedError, RuntimeError, SyntaxError, tokenize.TokenError, RecursionError,
)  # fmt: skip


def array_splits(files: Sequence[File], args: DataArguments, modality: Modality) -> Found:
    """Samples and labels of files of arrays, by their names: x_train, train_labels, image, test-images-idx3-ubyte.

    Raises:
        InputError: a file cannot be read, or no array is called as samples are.
    """
    found, arrays = Found(f"{len(files)} file{'s' * (len(files) > 1)} of arrays", {}), []
    for file in files:
        for key, array in read_arrays(file.path, file.ending).items():
            arrays.append((file, key, array))
    splits: dict[str | None, dict[str, list]] = {}
    unknown = []
    for file, key, array in arrays:
        stem = file.name.partition(".")[0]
        inside = f"{stem} {key}" if key else stem
        nameless = key == "arr_0" and sum(other is file for other, _, _ in arrays) == 1  # np.savez without a name
        by_names = (_role(name, modality) for name in ((stem, key) if nameless else (key, stem)))
        role = _named(key, args) or next(filter(None, by_names), None)
        alone = len(arrays) == 1 and array.ndim > 1 and not key
        role = "samples" if alone and role is None else role
        split = (split_in_name(key) if key else None) or split_in_name(stem)
        split = split or next((name for folder in file.folders if (name := split_in_name(folder))), None)
        if role is None or array.ndim == 0:  # a single number is a note of somebody's
            unknown.append(inside if key == "" else key)
            continue
        splits.setdefault(split, {}).setdefault(role, []).append((f"{file.relative} {key}".strip(), key, array))
    if not any("samples" in parts for parts in splits.values()):
        raise InputError(_no_samples(files, [key or file.name for file, key, _ in arrays], modality))
    final = settle(splits)
    names = splits.pop(None, None)
    ordered = [
        *([(args.train_split, names)] if names else []),
        *((final[name], parts) for name, parts in splits.items()),
    ]
    for split, parts in sorted(ordered, key=lambda item: (item[0] not in (args.train_split, "train"), item[0])):
        if "samples" not in parts:
            found.left_out.append(LeftOut(shortened([name for name, _, _ in parts["labels"]]), "labels of no samples"))
            continue
        found.splits[split] = _split(parts, modality)
    if unknown:
        found.left_out.append(LeftOut(f"arrays {shortened(unknown)}", "neither samples nor labels by their names"))
    return found


def _named(key: str, args: DataArguments) -> str | None:
    """The role of an array that the user named, or of one that is called as labels are beside it."""
    if key and key == args.group_column:
        return "groups"
    if args.label_column is None or not key:
        return None
    return "labels" if key == args.label_column else "other labels" if set(words_of(key)) & LABELS else None


def _role(name: str, modality: Modality) -> str | None:
    """ "samples" or "labels", by a word of an array's or a file's name."""
    words = set(words_of(name)) | ({"labels"} if "idx1" in name.lower() else set())
    if words & LABELS:
        return "labels"
    own = {modality.array_name, modality.words.one, modality.words.many, f"{modality.array_name}s", "imgs", "img"}
    return "samples" if words & (SAMPLES | own) or name in ("arr_0",) else "labels" if name == "arr_1" else None


def _split(parts: Mapping[str, list], modality: Modality) -> RawSplit:
    chosen = {}
    for role, found in parts.items():
        if role == "other labels":
            continue
        if len(found) > 1:
            found = [
                one for one in found if one[1] in (modality.array_name, modality.words.many, "label", "labels")
            ] or found
        if len(found) > 1:
            raise InputError(
                f"arrays {shortened([name for name, _, _ in found])} are all {role} of one split: expected one. Save "
                f"them as one array, or name their splits (x_train, x_test)."
            )
        chosen[role] = found[0][2]
    labels, values, groups = chosen.get("labels"), chosen["samples"], chosen.get("groups")
    if labels is not None:
        labels = np.asarray(labels)
        if labels.ndim > 1 and labels.size == len(labels):
            labels = labels.reshape(len(labels))
        if len(labels) != len(values):
            name = parts["samples"][0][0]
            many = modality.words.many
            raise InputError(f"{name} has {len(values)} {many} and {len(labels)} labels; expected as many.")
    return RawSplit(values=values, labels=labels, groups=groups)


def _no_samples(files: Sequence[File], names: list[str], modality: Modality) -> str:
    many = f"{modality.array_name!r} (or x, {modality.words.many}, x_train, train_{modality.words.many} ...)"
    where = files[0].path if len(files) == 1 else os.path.dirname(files[0].path)
    return f"{where} holds the arrays {shortened(names, 8)}, expected {many} and optionally 'label'."


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
        if isinstance(item, h5py.Dataset) and item.shape and item.dtype.kind in "biuf":
            offset = item.id.get_offset() if item.chunks is None and not item.is_virtual else None
            with contextlib.suppress(TypeError):
                plain = offset is not None and not item.external and item.dtype.isnative
                found[name] = np.memmap(path, item.dtype, "c", offset, item.shape) if plain else item[()]

    with h5py.File(path, "r") as file:
        file.visititems(add)
    if not found:
        raise ValueError("it holds no arrays of numbers")
    return found
