"""Tables of paths and labels, of texts and of pixels, with anything in their cells or damaged in all ways."""

import csv
import io
import itertools
import json

import numpy as np
import PIL.Image
from fuzz.guarded import answered, damaged, examples, guarded, jsons, numbers, parts, words
from hypothesis import given
from hypothesis import strategies as st

from pretune.training.command.arguments.data import DataArguments
from pretune.training.data.loading import load_data
from pretune.training.modalities.image import IMAGE
from pretune.training.modalities.text import TEXT

MODALITIES = {"image": IMAGE, "text": TEXT}
FILES = [f"{k}.png" for k in range(4)]
NAMES = ["metadata", "labels", "train", "a"]
HEADS = ["file_name", "image", "label", "text", "split", "id", "pixel0", "emotion", "", "path"]
_counter = itertools.count()


def place(folder, name: str):
    """A folder of its own for an example, with four pictures and a table of this name."""
    folder = folder / f"{next(_counter)}"
    folder.mkdir()
    for k, file in enumerate(FILES):
        PIL.Image.fromarray(np.full((8, 8), 40 * k, np.uint8)).save(folder / file)
    return folder / name


def load(path, modality: str, alone: bool):
    """The table alone, or the folder that it lies in."""
    return load_data(DataArguments(dataset=str(path if alone else path.parent)), MODALITIES[modality])


def written(rows: list[dict], ending: str) -> bytes:
    if ending == "jsonl":
        return "\n".join(map(json.dumps, rows)).encode("utf-8", "surrogatepass")
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter="\t" if ending == "tsv" else ",")
    writer.writerow(rows[0])
    writer.writerows([row.values() for row in rows])
    return buffer.getvalue().encode("utf-8", "surrogatepass")


@parts
def test_any_cells_under_any_heads(tmp_path, tenths):
    cell = st.one_of(
        st.sampled_from(FILES), words, numbers, st.sampled_from(["../0.png", "/dev/zero", "[1, 2", "1 2 3"])
    )
    heads = st.lists(st.one_of(st.sampled_from(HEADS), words), min_size=1, max_size=4, unique=True)

    @examples(24 * tenths)
    @given(
        heads,
        st.data(),
        st.sampled_from(["csv", "tsv", "jsonl"]),
        st.sampled_from(NAMES),
        st.sampled_from(list(MODALITIES)),
        st.booleans(),
    )
    def each(heads, data, ending, name, modality, alone):
        cells = st.one_of(cell, jsons) if ending == "jsonl" else cell
        rows = [{head: data.draw(cells) for head in heads} for _ in range(data.draw(st.integers(1, 5)))]
        path = place(tmp_path, f"{name}.{ending}")
        path.write_bytes(written(rows, ending))
        answered(load, path, modality, alone)

    with guarded(tmp_path):
        each()


@parts
def test_damaged_tables(tmp_path, tenths):
    whole = [
        {"file_name": file, "label": f"kind {k % 2}", "text": f"some words, {k}\nand more"}
        for k, file in enumerate(FILES)
    ]
    pixels = [{"label": k, **{f"pixel{n}": n * k for n in range(16)}} for k in range(4)]

    @examples(20 * tenths)
    @given(
        st.booleans(),
        st.sampled_from(["csv", "tsv", "jsonl"]),
        st.sampled_from(NAMES),
        st.sampled_from(list(MODALITIES)),
        st.booleans(),
        st.data(),
    )
    def each(of_pixels, ending, name, modality, alone, data):
        path = place(tmp_path, f"{name}.{ending}")
        path.write_bytes(data.draw(damaged(written(pixels if of_pixels else whole, ending))))
        answered(load, path, modality, alone)

    with guarded(tmp_path):
        each()
