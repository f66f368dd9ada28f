"""How people spell splits: train, Training, valid, dev, test_set, train2017, unlabeled ..."""

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import InputError

WORDS = {
    "train": ("train", "training", "trn", "trainset", "trainingset", "traindata"),
    "test": ("test", "testing", "tst", "testset", "testdata"),
    "validation": ("validation", "valid", "val", "valset", "validationset", "dev", "devel", "development", "devset"),
    "unlabelled": (
        "unlabelled",
        "unlabeled",
        "unlabel",
        "unannotated",
        "unsupervised",
        "unsup",
        "nolabel",
        "nolabels",
    ),
}
TRAIN = "train"  # also the split of whatever names none
SPLIT_OF = {word: split for split, words in WORDS.items() for word in words}
SECOND = ("holdout", "heldout", "eval", "evaluation")  # a test split, unless another one is called so
# Words beside the one that counts: train_set, seg_train, images_val, test-images.
FILLERS = frozenset(
    "set sets data dataset split splits images image imgs img pictures photos samples files folder seg of public "
    "private".split()
)
SHOWN = 8


def words_of(name: str) -> list[str]:
    """The words of a file's or folder's name, in lower case, without numbers: "trainX_2017" is train and x."""
    name = re.sub(r"(?i)t10k", "test", re.sub(r"(?i)(hold|held)[ _-]out", "holdout", name))
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]


def split_of_folder(name: str) -> str | None:
    """The split that a folder's whole name stands for, or None: "Training" and "test_set", never "test tubes"."""
    words = [word for word in words_of(name) if word not in FILLERS]
    return SPLIT_OF.get(words[0], words[0] if words[0] in SECOND else None) if len(words) == 1 else None


def split_in_name(name: str) -> str | None:
    """The one split that a word of the name of a table, an array or an archive stands for, or None."""
    found = {SPLIT_OF.get(word, word) for word in words_of(name) if word in SPLIT_OF or word in SECOND}
    return found.pop() if len(found) == 1 else None


def settle(splits: Iterable[str | None]) -> dict[str, str]:
    """{split as it was read: its final name}: a held-out part is the test split where there is no other."""
    found = {split for split in splits if split}
    seconds = [split for split in SECOND if split in found]
    names = {split: split for split in found}
    if seconds and "test" not in found:
        names[seconds[0]] = "test"
    return names


def find_split(splits: Mapping[str, Any], wanted: str) -> str | None:
    """The split of `splits` that `wanted` means: of that name, else the only one that is the same word for it."""
    if wanted in splits:
        return wanted
    meant = split_of_folder(wanted) or wanted.lower()
    meant = "test" if meant in SECOND else meant
    found = [name for name in splits if name.lower() == wanted.lower() or split_of_folder(name) == meant]
    return found[0] if len(found) == 1 else None


def named_split(splits: Mapping[str, Any], wanted: str, dataset: str, argument: str) -> str:
    """The split that `--argument wanted` means.

    Raises:
        InputError: there is none; names the nearest.
    """
    found = find_split(splits, wanted)
    if found is not None:
        return found
    near = difflib.get_close_matches(wanted, splits, n=1, cutoff=0.5) or (list(splits) if len(splits) == 1 else [])
    hint = f"Pass --{argument} {near[0]}." if near else f"Pass --{argument} with one of them."
    names = ", ".join(list(splits)[:SHOWN]) + (f" and {len(splits) - SHOWN} more" if len(splits) > SHOWN else "")
    raise InputError(f"{dataset} has no split {wanted!r}: it has {names}. {hint}")


def default_evaluation(splits: Mapping[str, Any], train: str) -> str | None:
    """The split to judge by if none is named: test, else validation, however they are spelled; None without one."""
    for wanted in ("test", "validation"):
        found = find_split(splits, wanted)
        if found is not None and found != train:
            return found
    return None
