"""Files of a dataset whose columns differ: a test split without labels, shards with more columns, other types."""

import io
import json

import numpy as np
import PIL.Image
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pretune.training.command.arguments.data import DataArguments
from pretune.training.data.loading import load_data
from pretune.training.modalities.image import IMAGE

RNG = np.random.default_rng(0)


def png():
    file = io.BytesIO()
    PIL.Image.fromarray(RNG.integers(0, 256, (8, 8), dtype=np.uint8)).save(file, "PNG")
    return file.getvalue()


def parquet(path, count, name="image", **columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [{"bytes": png(), "path": None} for _ in range(count)]
    pq.write_table(pa.table({name: cells, **columns}), path)


def table(folder, name, rows):
    """A table of pictures beside it, by its ending."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for row in rows:
        (folder / row["file"]).write_bytes(png())
    lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
    text = "\n".join(lines if name.endswith("csv") else map(json.dumps, rows))
    (folder / name).write_text(text + "\n")


def load(folder):
    return load_data(DataArguments(dataset=str(folder)), IMAGE)


@pytest.mark.parametrize(
    ("train", "test", "judged"),
    [
        ({"label": [0, 1] * 6}, {}, False),
        ({"label": ["a", "b"] * 6, "age": [1.5] * 12}, {"label": ["b", "a", "b"]}, True),
        ({"label": ["a", "b"] * 6}, {"label": ["b", "a", "b"], "patient": [1, 2, 3]}, True),
        ({"label": [0, 1] * 6}, {"label": ["0", "1", "1"]}, True),
        ({"label": pa.array([0, 1] * 6, pa.int8())}, {"label": [0, 1, 1]}, True),
        ({"label": [0, 1] * 6}, {"label": [0, 1, 1], "name": "picture"}, True),
        ({"label": [0, 1] * 6}, {"label": [None] * 3}, False),
    ],
)
def test_splits_of_parquet(tmp_path, train, test, judged):
    parquet(tmp_path / "train.parquet", 12, **train)
    parquet(tmp_path / "test.parquet", 3, test.pop("name", "image"), **test)
    kept, evaluation = load(tmp_path)
    assert len(kept.label_names) == 2 and evaluation.labels is not None and evaluation.held_out is not judged
    assert len(kept) + len(evaluation) == (15 if judged else 12)


def test_shards_of_one_split(tmp_path):
    parquet(tmp_path / "train-00000-of-00003.parquet", 6, label=[0, 1] * 3)
    parquet(tmp_path / "train-00001-of-00003.parquet", 4, note=["x"] * 4)
    parquet(tmp_path / "train-00002-of-00003.parquet", 6, label=[1, 0] * 3, note=["y"] * 6)
    data, _ = load_data(DataArguments(dataset=str(tmp_path), eval_split="none"), IMAGE)
    assert data.labels.tolist() == [0, 1] * 3 + [-1] * 4 + [1, 0] * 3


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
@pytest.mark.parametrize("more", [{}, {"age": 3}])
def test_tables(tmp_path, ending, more):
    rows = [{"file": f"images/{k}.png"} for k in range(15)]
    table(tmp_path, f"train.{ending}", [{**row, "label": "ab"[k % 2], "score": k} for k, row in enumerate(rows[:12])])
    table(tmp_path, f"test.{ending}", [{**row, **more} for row in rows[12:]])
    kept, evaluation = load(tmp_path)
    assert evaluation.held_out and len(kept) + len(evaluation) == 12 and kept.label_names == ["a", "b"]
