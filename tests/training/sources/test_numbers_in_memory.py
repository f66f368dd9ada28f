"""Numbers in Python as people hold them: nested lists, mappings of arrays, torch datasets that know their classes."""

import numpy as np
import pandas
import PIL.Image
import pytest
import torch
from sklearn.utils import Bunch

from pretune.training.command.arguments.data import DataArguments
from pretune.training.data.loading import load_data
from pretune.training.errors import InputError
from pretune.training.modalities.image import IMAGE
from pretune.training.modalities.images.files import cell_of

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (12, 6, 6, 3)).astype(np.uint8)
LABELS = np.arange(12) % 3
GREY = IMAGES[..., 0]


def as_pandas_reads(picture):
    """A cell of a parquet file with nested lists."""
    rows = np.empty(len(picture), dtype=object)
    for k, row in enumerate(picture):
        rows[k] = np.array([*row, None], dtype=object)[:-1] if row.ndim > 1 else row
    return rows


class Torch(torch.utils.data.Dataset):
    classes = ("ant", "bee", "cat")

    def __init__(self, picture=None):
        self.picture = picture or PIL.Image.fromarray

    def __len__(self) -> int:
        return len(IMAGES)

    def __getitem__(self, k: int):
        return self.picture(IMAGES[k]), int(LABELS[k])


BUNCH = Bunch(
    data=GREY.reshape(12, -1), images=GREY, target=LABELS, DESCR="text", feature_names=["a"] * 36,
    target_names=["ant", "bee", "cat"],
)  # fmt: skip
OBJECTS = {
    "a frame of nested lists": (pandas.DataFrame({"image": IMAGES.tolist(), "label": LABELS}), IMAGES, False),
    "of grey": (pandas.DataFrame({"image": GREY.tolist(), "label": LABELS}), GREY, False),
    "as read": (pandas.DataFrame({"image": [*map(as_pandas_reads, IMAGES)], "label": LABELS}), IMAGES, False),
    "columns": ({"image": IMAGES.tolist(), "label": LABELS.tolist()}, IMAGES, False),
    "nested lists": ((IMAGES.tolist(), LABELS.tolist()), IMAGES, False),
    "x and y": ({"x": IMAGES, "y": LABELS}, IMAGES, False),
    "as keras": ({"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES, "y_test": LABELS}, IMAGES, False),
    "a bunch": (BUNCH, GREY, True),
    "torch": (Torch(), IMAGES, True),
    "a part of torch": (torch.utils.data.Subset(Torch(torch.tensor), range(12)), IMAGES, True),
}


@pytest.mark.parametrize("kind", OBJECTS)
def test_numbers_and_names_are_kept(kind):
    value, images, named = OBJECTS[kind]
    data, _ = load_data(DataArguments(dataset=value, eval_split="none"), IMAGE)
    pixels = data.values[:, 0] if images.ndim == 3 else data.values.transpose(0, 2, 3, 1)
    assert np.array_equal(pixels, images) and data.labels.tolist() == LABELS.tolist()
    assert data.label_names == (["ant", "bee", "cat"] if named else ["0", "1", "2"])


def test_nested_lists_of_several_shapes():
    value = pandas.DataFrame({"image": [image[: 4 + k % 2].tolist() for k, image in enumerate(IMAGES)], "y": LABELS})
    args = DataArguments(dataset=value, eval_split="none", label_column="y")
    data, _ = load_data(args, IMAGE, {"image_size": 4})
    assert np.array_equal(data.values[0].transpose(1, 2, 0), IMAGES[0, :4, 1:5])
    assert data.labels.tolist() == LABELS.tolist()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([(IMAGES[0], 1, 7)], r"tuple of 3 \(ndarray, int, int\), expected the image alone or \(image, label\)"),
        (pandas.DataFrame({"image": [GREY[0].tolist(), [[1, 2], [3]]]}), "row 1 of .* no rows of numbers"),
    ],
)
def test_what_is_no_picture_says_what_would_be(value, message):
    with pytest.raises(InputError, match=message):
        load_data(DataArguments(dataset=value, eval_split="none"), IMAGE)


def test_a_picture_that_stands_at_a_later_frame_is_that_frame(tmp_path):
    first, *rest = map(PIL.Image.fromarray, GREY[:3])
    first.save(tmp_path / "a.tif", save_all=True, append_images=rest)
    with PIL.Image.open(tmp_path / "a.tif") as picture:
        picture.seek(2)
        assert cell_of(picture)["path"] is None
        data, _ = load_data(DataArguments(dataset=[picture, rest[0]], eval_split="none"), IMAGE)
    assert np.array_equal(data.values[:, 0], GREY[[2, 1]])
