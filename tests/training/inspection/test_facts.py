"""What a split is like, held to data made for it."""

import numpy as np
import pytest

from pretune.training.data.captions import captions
from pretune.training.data.samples import Samples
from pretune.training.inspection.facts import facts_of, overlaps
from pretune.training.inspection.sheet import SHOWN, sheet_rows
from pretune.training.modalities.image import IMAGE


def samples(values, labels=None, names=None, **more) -> Samples:
    labels = None if labels is None else np.asarray(labels)
    return Samples(IMAGE, np.asarray(values, dtype=np.uint8), labels, names, "d [train]", "x", **more)


@pytest.fixture
def photos():
    """12 smooth images of 32 pixels, no two alike."""
    rng = np.random.default_rng(0)
    rough = rng.integers(0, 256, (12, 1, 4, 4))
    return np.kron(rough, np.ones((8, 8), dtype=int)).astype(np.uint8)


def test_copies_and_near_copies_are_counted_each_once(photos):
    near = photos[3:5].astype(int)
    near[:, :, ::5, ::5] += np.where(near[:, :, ::5, ::5] < 250, 3, -3)
    values = np.concatenate([photos, photos[:3], photos[:1], near.astype(np.uint8)])
    labels = np.zeros(len(values), dtype=int)
    labels[12] = 1  # the copy of the first has another label
    labels[13] = -1  # that of the second none
    facts = facts_of(samples(values, labels, ["a", "b"]))
    assert (facts["duplicates"], facts["labelled_otherwise"], facts["near_duplicates"]) == (4, 1, 2)
    assert facts["classes"] == {"a": 16, "b": 1} and (facts["labelled"], facts["unlabelled"]) == (17, 1)


def test_what_splits_have_in_common(photos):
    first, second = (
        samples(photos[:8], groups=np.array(list("aabbccdd"))),
        samples(photos[6:], groups=np.array(list("dxyzuv"))),
    )
    assert overlaps({"train": first, "test": second}) == [
        {"of": "test", "in": "train", "same": 2, "nearly": 0, "groups": 1}
    ]


def test_values_and_blank_ones(photos):
    photos[2] = 7
    values = facts_of(samples(photos))["values"]
    assert values["of_one_value"] == 1 and values["looked_at"] == 12
    assert sum(values["histogram"]["shares"]) == pytest.approx(1, abs=1e-3)
    assert values["mean"] == pytest.approx(photos.mean() / 255, rel=1e-5)


def test_damaged_ones_are_named(photos):
    kept = samples(
        photos[:3], rows=np.array([0, 2, 4]), skipped=2, files=["a", "b", "c", None, "e"], damaged={1: "cut"}
    )
    found = facts_of(kept)["damaged"]
    assert found == [{"file": "b", "why": "cut"}, {"file": "row 3", "why": "it cannot be decoded"}]


def test_a_contact_sheet_shows_every_class_in_turn():
    values, labels = np.zeros((3000, 1, 2, 2)), np.repeat([-1, 0, 1], [2900, 90, 10])
    data = samples(values, labels, ["oak", "birch"])
    rows = sheet_rows(data)
    assert len(rows) == len(set(rows.tolist())) <= SHOWN and np.bincount(labels[rows] + 1).tolist() == [19, 19, 10]
    assert captions(data, rows)[:3] == ["unlabelled", "oak", "birch"]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (
            {"labels": np.array([[1, 1], [0, 0], [np.nan, np.nan]], np.float32), "names": ["a", "b"]},
            ["a, b", "none", "unlabelled"],
        ),
        ({"labels": np.array([1.25, -3, np.nan], np.float32), "names": ["t"]}, ["1.25", "-3", "unlabelled"]),
        ({"files": ["x.png", None, "z.png"]}, ["x.png", "row 1", "z.png"]),
        ({"rows": np.array([4, 5, 9])}, ["row 4", "row 5", "row 9"]),
    ],
)
def test_captions_of_every_kind_of_label(more, expected):
    data = samples(np.zeros((3, 1, 2, 2)), **more)
    assert captions(data, sheet_rows(data)) == expected
