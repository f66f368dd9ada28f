"""Labels as people write them, by content: each kind, missing ones, and one numbering for all splits."""

import datasets
import numpy as np
import pytest

from pretune.training.data.columns import labels_of_splits
from pretune.training.data.labels import REAL, SEVERAL, SINGLE, RawLabels, read_labels
from pretune.training.errors import InputError
from pretune.training.sources.found import RawSplit

NAN = float("nan")


def read(*cells, names=None, problem_type=None):
    """[(values, names, kind)] of splits with these cells, NaN as None."""
    found = read_labels([RawLabels(own, names) for own in cells], "d", problem_type)

    def plain(value):
        return [plain(v) for v in value] if isinstance(value, list) else None if value != value else value

    return [labels and (plain(labels.values.tolist()), labels.names, labels.problem_type) for labels in found]


ONE_LABEL = {
    "counted from one": (np.array([1, 2, 3, 1]), [0, 1, 2, 0], ["1", "2", "3"]),
    "ids": ([1001, 52013, 1001], [0, 1, 0], ["1001", "52013"]),
    "gaps": (np.array([7, 0, 7]), [1, 0, 1], ["0", "7"]),
    "a column": (np.array([[4], [5]]), [0, 1], ["4", "5"]),
    "bool": (np.array([True, False]), [1, 0], ["False", "True"]),
    "bool with a gap": ([True, None, False], [1, -1, 0], ["False", "True"]),
    "uint8": (np.array([250, 3], np.uint8), [1, 0], ["3", "250"]),
    "whole floats": (np.array([1.0, 2.0, NAN]), [0, 1, -1], ["1", "2"]),
    "words": (["dog", "cat", "dog"], [1, 0, 1], ["cat", "dog"]),
    "array of words": (np.array(["dog", "cat"]), [1, 0], ["cat", "dog"]),
    "bytes": (np.array([b"dog", b"cat"]), [1, 0], ["cat", "dog"]),
    "blank words": (["", "cat", "  ", None, "dog"], [-1, 0, -1, -1, 1], ["cat", "dog"]),
    "words for none, and a class called so": (["Unlabeled", "none", "cat", "<NA>"], [-1, 1, 0, -1], ["cat", "none"]),
    "words with spaces around": ([" cat", "cat "], [0, 0], ["cat"]),
    "of STL-10": (np.array([-1, -1, 0, 2]), [-1, -1, 0, 1], ["0", "2"]),
    "ignored ones": ([-100, 0, 1, -1], [-1, 0, 1, -1], ["0", "1"]),
    "minus and plus one": (np.array([-1, 1, 1]), [0, 1, 1], ["-1", "1"]),
    "below zero": (np.array([-2, -1, 0, 1]), [0, 1, 2, 3], ["-2", "-1", "0", "1"]),
    "half empty": ([0, None, 1, None], [0, -1, 1, -1], ["0", "1"]),
    "one-hot": (np.array([[0, 1, 0], [1, 0, 0]]), [1, 0], ["0", "1", "2"]),
    "one-hot floats with a gap": (np.array([[0, 1.0], [NAN, NAN], [1, 0]]), [1, -1, 0], ["0", "1"]),
    "one-hot lists": ([[0, 1, 0], None, [0, 0, 1]], [1, -1, 2], ["0", "1", "2"]),
    "lists of one number": ([[3], [5], [3]], [0, 1, 0], ["3", "5"]),
    "large ids": ([2**60, 2**60 + 1], [0, 1], [str(2**60), str(2**60 + 1)]),
    "large ids in an array": (np.array([2**60, 2**60 + 1]), [0, 1], [str(2**60), str(2**60 + 1)]),
}  # fmt: skip


@pytest.mark.parametrize("kind", ONE_LABEL)
def test_one_label_a_sample(kind):
    cells, values, names = ONE_LABEL[kind]
    assert read(cells) == [(values, names, SINGLE)]


SEVERAL_LABELS = {
    "words": ([["a"], ["b", "a"], [], None], [[1, 0], [1, 1], [0, 0], [None, None]], ["a", "b"]),
    "numbers": ([[10, 2], [2], [7, 10]], [[1, 0, 1], [1, 0, 0], [0, 1, 1]], ["2", "7", "10"]),
    "zeros and ones": (np.array([[1, 0], [1, 1], [0, 0]]), [[1, 0], [1, 1], [0, 0]], ["0", "1"]),
    "bools": (np.array([[True, True], [False, True]]), [[1, 1], [0, 1]], ["0", "1"]),
    "uncertain rows": (np.array([[1, 1], [-1, 0], [NAN, 1]]), [[1, 1], [None, None], [None, None]], ["0", "1"]),
    "lists filled up with -1": (
        np.array([[3, -1], [2, 5], [-1, -1]]), [[0, 1, 0], [1, 0, 1], [None] * 3], ["2", "3", "5"],
    ),
    "a missing one among others": ([["a", None], ["b", ""], [""]], [[1, 0], [0, 1], [None, None]], ["a", "b"]),
}  # fmt: skip


@pytest.mark.parametrize("kind", SEVERAL_LABELS)
def test_several_labels_a_sample(kind):
    cells, values, names = SEVERAL_LABELS[kind]
    assert read(cells) == [(values, names, SEVERAL)]


@pytest.mark.parametrize("first", [[-1], None, [None]])
def test_a_missing_label_never_becomes_one(first):
    """Lists of named classes: -1 is not the last, an empty cell is not all of them."""
    (values, names, _) = read([first, [0], [1], [2]], names=["a", "b", "c"])[0]
    assert values == [[None] * 3, [1, 0, 0], [0, 1, 0], [0, 0, 1]] and names == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("cells", "problem_type", "values"),
    [
        (np.array([0.5, 2.0, NAN]), None, [0.5, 2, None]),
        ([1.25, None], None, [1.25, None]),
        (np.array([3, 5, -1]), REAL, [3, 5, -1]),
        (np.array([[0.5, 2], [1, NAN]]), None, [[0.5, 2], [1, None]]),
        ([[0.5, 2.0], None], None, [[0.5, 2], [None, None]]),
    ],
)
def test_real_numbers(cells, problem_type, values):
    assert read(cells, problem_type=problem_type)[0][::2] == (values, REAL)


def test_asked_for_several_labels_a_single_one_is_a_row():
    assert read(np.array([0, 2, -1]), problem_type=SEVERAL)[0][0] == [[1, 0], [0, 1], [None, None]]


@pytest.mark.parametrize(
    ("train", "test", "names", "expected"),
    [
        (["cat", "dog", "fox"], ["dog", "fox"], ["cat", "dog", "fox"], [1, 2]),
        (["cat", "fox"], ["ant", "fox"], ["cat", "fox", "ant"], [2, 1]),
        (np.array([1, 2, 3]), np.array([3, 3]), ["1", "2", "3"], [2, 2]),
        ([1, 3], [2, 3], ["1", "3", "2"], [2, 1]),
        ([0.0, 1.0], np.array([1, -1, 0]), ["0", "1"], [1, -1, 0]),
        (["a", "b"], [None, None], ["a", "b"], None),
    ],
)
def test_splits_have_one_numbering(train, test, names, expected):
    first, second = read(train, test)
    assert first[1] == names and (second is None if expected is None else second[:2] == (expected, names))


def test_names_that_differ_between_splits_are_matched_by_name():
    parts = [RawLabels([0, 1], ["cat", "dog"]), RawLabels([0, 1, 2], ["dog", "eel", "cat"])]
    first, second = read_labels(parts, "d")
    assert first.names == ["cat", "dog", "eel"] and second.values.tolist() == [1, 2, 0]


@pytest.mark.parametrize(
    ("cells", "names", "message"),
    [
        ([0, 1, 5, 7], ["a", "b"], "2 of 4 labels in column 'label' of d are 7 or less, and its 2 names"),
        ([[0], [5]], ["a", "b"], "label 5 in column 'label' of d is outside of its 2 names"),
        ([{"x": 1}], None, "holds dict, expected names, numbers or lists"),
        (np.array([0, np.inf]), None, "hold infinity"),
        (np.zeros((2, 2, 2)), None, r"float64 of shape \(2, 2, 2\), expected one number or name"),
        (["a", ["b"]], None, "mixes words and lists"),
        (np.array([1j]), None, "complex128"),
    ],
)
def test_what_is_no_label_is_told(cells, names, message):
    with pytest.raises(InputError, match=message) as error:
        read(cells, names=names)
    assert "\n" not in str(error.value)


# --- columns ---------------------------------------------------------------------------------------------------------

CLASSES = datasets.ClassLabel(names=["a", "b"])
WORDS, WHOLE = datasets.Value("string"), datasets.Value("int64")


def split(**columns):
    """A split of two rows; {column: feature}."""
    values = {name: ["x", "y"] if feature == WORDS else [0, 1] for name, feature in columns.items()}
    return RawSplit(rows=datasets.Dataset.from_dict(values, features=datasets.Features(columns)))


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"kind": CLASSES, "age": WHOLE}, ["a", "b"]),
        ({"label": WORDS, "age": WHOLE}, ["x", "y"]),
        ({"target": WHOLE}, ["0", "1"]),
        ({"label": CLASSES, "coarse": CLASSES}, ["a", "b"]),  # of two of label type, the one called so
        ({"age": WHOLE, "name": WORDS}, None),
    ],
)
def test_the_obvious_column_of_labels(columns, expected):
    (found,) = labels_of_splits([split(**columns)], "d", needed=True)
    assert (found and found.names) == expected


def test_without_an_obvious_column_only_those_who_need_labels_stop(caplog):
    data = split(fine=CLASSES, coarse=CLASSES)
    with pytest.raises(InputError, match="several label columns: fine, coarse. Pass --label_column"):
        labels_of_splits([data], "d", needed=True)
    assert labels_of_splits([data], "d") == [None] and len(caplog.records) == 1
    assert labels_of_splits([data], "d", "coarse", needed=True)[0].names == ["a", "b"]
    with pytest.raises(InputError, match="has no column 'label'"):
        labels_of_splits([data], "d", "label")


def test_a_split_without_the_column_has_no_labels():
    found = labels_of_splits([split(label=WORDS), split(age=WHOLE)], "d", "label", needed=True)
    assert found[0].names == ["x", "y"] and found[1] is None
