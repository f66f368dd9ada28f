"""Arrays, tables of labels and pictures, damaged in all ways."""

import gzip
import io
import itertools
import struct
import zipfile

import numpy as np
import PIL.Image
from fuzz.guarded import answered, damaged, examples, guarded, numbers, parts, words
from hypothesis import given
from hypothesis import strategies as st

from pretune.training.command.arguments.data import DataArguments
from pretune.training.data.labels import PROBLEM_TYPES, RawLabels, read_labels
from pretune.training.data.loading import load_data
from pretune.training.modalities.image import IMAGE

IMAGES = np.arange(6 * 16, dtype=np.uint8).reshape(6, 4, 4)


def _saved(save, *args, **kwargs) -> bytes:
    buffer = io.BytesIO()
    save(buffer, *args, **kwargs)
    return buffer.getvalue()


def _idx(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def _npy(shape: tuple, dtype: str) -> bytes:
    head = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape!r}, }}".encode()
    head += b" " * (-(len(head) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + IMAGES.tobytes()


ARRAYS = {
    "a.npz": _saved(np.savez, image=IMAGES, label=np.arange(6)),
    "packed.npz": _saved(np.savez_compressed, image=IMAGES, label=np.arange(6)),
    "a.npy": _saved(np.save, IMAGES),
    "train-images-idx3-ubyte": _idx(IMAGES),
    "train-images-idx3-ubyte.gz": gzip.compress(_idx(IMAGES), mtime=0),
}
PICTURE = PIL.Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8))
PICTURES = {ending: _saved(PICTURE.save, ending) for ending in ("png", "jpeg", "bmp", "gif", "tiff", "webp")}
_counter = itertools.count()


def place(folder, name: str):
    """A folder of its own for an example, so that no cache knows it."""
    folder = folder / f"{next(_counter)}"
    folder.mkdir()
    return folder / name


def load(path, **more):
    return load_data(DataArguments(dataset=str(path), **more), IMAGE)


@parts
def test_damaged_arrays(tmp_path, tenths):
    @examples(30 * tenths)
    @given(st.sampled_from(list(ARRAYS)), st.data())
    def each(name, data):
        path = place(tmp_path, name)
        path.write_bytes(data.draw(damaged(ARRAYS[name])))
        answered(load, path)

    with guarded(tmp_path):
        each()


@parts
def test_headers_that_promise_anything(tmp_path, tenths):
    side = st.one_of(st.integers(-2, 9), st.sampled_from([10**6, 10**12, 2**31, 2**62, 2**64, 10**30]))
    kinds = st.sampled_from(
        ["|u1", "<f4", "<i8", ">f8", "|b1", "<U10", "<U999999999", "|V0", "|O", "<c16", "<M8[s]", "x"]
    )

    @examples(16 * tenths)
    @given(st.lists(side, max_size=4), kinds, st.booleans())
    def each(shape, dtype, packed):
        held = _npy(tuple(shape), dtype)
        path = place(tmp_path, "a.npz" if packed else "a.npy")
        if packed:
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("image.npy", held)
        else:
            path.write_bytes(held)
        answered(load, path)

    with guarded(tmp_path):
        each()


@parts
def test_arrays_of_any_kind_with_any_labels(tmp_path, tenths):
    shapes = st.lists(st.sampled_from([0, 1, 2, 3, 5]), min_size=1, max_size=5)
    kinds = st.sampled_from([np.uint8, np.int64, np.uint16, np.float32, np.float64, np.bool_, np.complex64])
    floats = numbers.filter(lambda number: abs(number) <= 1e308 or number != number).map(float)
    filled = st.sampled_from([0, 1, 255, 1e12, -1e12, np.nan, np.inf, 1e-300, 1e308])

    @examples(20 * tenths)
    @given(shapes, kinds, filled, st.lists(floats, min_size=1, max_size=5), st.booleans())
    def each(shape, kind, value, labels, several):
        with np.errstate(all="ignore"):
            images = np.full(shape, value).astype(kind)
            images.reshape(-1)[::3] = 1
            labels = np.asarray([labels[k % len(labels)] for k in range(len(images))], dtype=np.float64)
        labels = labels[:, None].repeat(3, 1) if several else labels
        path = place(tmp_path, "a.npz")
        np.savez(path, image=images, label=labels)
        answered(load, path, need_labels=True)

    def load(path, **more):
        return load_data(DataArguments(dataset=str(path)), IMAGE, **more)

    with guarded(tmp_path):
        each()


@parts
def test_labels_of_any_kind(tmp_path, tenths):
    cell = st.one_of(st.none(), st.booleans(), numbers, words, st.binary(max_size=4))
    cells = st.one_of(cell, st.lists(cell, max_size=4), st.dictionaries(words, cell, max_size=2))
    column = st.one_of(st.lists(cells, max_size=6), st.lists(numbers, max_size=6), st.lists(words, max_size=6))
    names = st.one_of(st.none(), st.lists(words, max_size=4, unique=True))

    @examples(24 * tenths)
    @given(st.lists(column, min_size=1, max_size=2), names, st.sampled_from([None, *PROBLEM_TYPES]))
    def each(columns, names, problem_type):
        answered(read_labels, [RawLabels(cells, names) for cells in columns], "it", problem_type)

    with guarded():
        each()


@parts
def test_damaged_pictures(tmp_path, tenths):
    @examples(14 * tenths)
    @given(st.sampled_from(list(PICTURES)), st.booleans(), st.data())
    def each(ending, skip, data):
        path = place(tmp_path, f"a.{ending}")
        path.write_bytes(data.draw(damaged(PICTURES[ending])))
        for k in range(3):
            PICTURE.save(path.parent / f"whole{k}.png")
        answered(load, path.parent, skip_damaged=skip)

    with guarded(tmp_path):
        each()
