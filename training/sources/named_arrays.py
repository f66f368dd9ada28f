"""Arrays by their names: which are samples, labels, groups or names of classes, and of which split."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..command.arguments.data import DataArguments
from ..errors import InputError
from ..files.left_out import LeftOut, shortened
from ..files.split_names import TRAIN, settle, split_in_name, words_of
from ..modalities.modality import Modality
from .found import RawSplit

LABELS = frozenset("label labels y target targets class classes".split())
SAMPLES = frozenset("x data sample samples input inputs".split())


@dataclass(frozen=True)
class NamedArray:
    """One array.

    Args:
        key: its name; "" for that of a file that holds one.
        array: (N, ...).
        stem: the name of its file, without the ending.
        where: the file, for messages.
        folders: those of the file.
        alone: no other is in its file.
    """

    key: str
    array: np.ndarray
    stem: str = ""
    where: str = ""
    folders: tuple[str, ...] = ()
    alone: bool = False

    @property
    def shown(self) -> str:
        """Its name for people."""
        return f"{self.where} {self.key}".strip()

    @property
    def split(self) -> str | None:
        """The split that its name, its file's or a folder's stands for."""
        names = [*([self.key] if self.key else []), self.stem, *self.folders]
        return next((split for name in names if (split := split_in_name(name))), None)


@dataclass
class _Parts:
    """Arrays of one split by what they are; `unknown` might be samples."""

    roles: dict[str, list[NamedArray]] = field(default_factory=dict)
    unknown: list[NamedArray] = field(default_factory=list)


def splits_of_arrays(
    arrays: Sequence[NamedArray], args: DataArguments, modality: Modality, source: str
) -> tuple[dict[str, RawSplit], list[LeftOut], list[str]]:
    """The splits in arrays, the training split first; what is left out; notes.

    Args:
        source: where they come from, for errors.

    Raises:
        InputError: none is called as samples are, or several are for one split.
    """
    left_out, notes, parts = [], [], {}
    names, arrays = _names_of_classes(arrays, args)
    for one in arrays:
        role = _role(one, args, modality, len(arrays) == 1)
        own = parts.setdefault(one.split, _Parts())
        if role is None or one.array.ndim == 0:  # a single number is a note of somebody's
            own.unknown.append(one)
        else:
            own.roles.setdefault(role, []).append(one)
    for own in parts.values():
        notes += _take_the_only_one(own, modality)
    if not any("samples" in own.roles for own in parts.values()):
        raise InputError(_no_samples(source, [one.key or os.path.basename(one.where) for one in arrays], modality))
    final = settle(split for split, own in parts.items() if own.roles)
    nameless = parts.pop(None, None)
    if nameless is not None:
        own = parts.setdefault(TRAIN, _Parts())
        own.unknown += nameless.unknown
        for role, named in nameless.roles.items():
            if role in own.roles:  # x beside x_train and x_test is of none of these
                own.unknown += named
            else:
                own.roles[role] = named
    found = [(final.get(split, split), own) for split, own in parts.items()]
    splits: dict[str, RawSplit] = {}
    for split, own in sorted(found, key=lambda item: (item[0] != TRAIN, item[0])):
        if "samples" in own.roles:
            splits[split] = _split(own.roles, modality, left_out)
        elif "labels" in own.roles:
            left_out.append(LeftOut(shortened([one.shown for one in own.roles["labels"]]), "labels of no samples"))
    if unknown := [one.key or one.stem for own in parts.values() for one in own.unknown]:
        left_out.append(LeftOut(f"arrays {shortened(unknown)}", "neither samples nor labels by their names"))
    if names is not None and not _call(splits, names):
        left_out.append(LeftOut(f"array {names.key}", "the labels are no numbers of these names"))
    return splits, left_out, notes


def role_of(name: str, modality: Modality) -> str | None:
    """ "samples" or "labels", by a word of an array's or a file's name."""
    words = set(words_of(name)) | ({"labels"} if "idx1" in name.lower() else set())
    if words & LABELS:
        return "labels"
    own = {modality.array_name, modality.words.one, modality.words.many, f"{modality.array_name}s", "imgs", "img"}
    return "samples" if words & (SAMPLES | own) or name in ("arr_0",) else "labels" if name == "arr_1" else None


def _role(one: NamedArray, args: DataArguments, modality: Modality, only: bool) -> str | None:
    """What an array is: as the user says, by its name, or by that of its file."""
    nameless = one.key == "arr_0" and one.alone  # np.savez without a name
    by_names = (role_of(name, modality) for name in ((one.stem, one.key) if nameless else (one.key, one.stem)))
    role = _named(one.key, args) or next(filter(None, by_names), None)
    return "samples" if role is None and only and one.array.ndim > 1 and not one.key else role


def _named(key: str, args: DataArguments) -> str | None:
    """The role of an array that the user named, or of one that is called as labels are beside it."""
    if key and key == args.group_column:
        return "groups"
    if args.label_column is None or not key:
        return None
    return "labels" if key == args.label_column else "other labels" if set(words_of(key)) & LABELS else None


def _names_of_classes(arrays: Sequence[NamedArray], args: DataArguments) -> tuple[NamedArray | None, list[NamedArray]]:
    """(the array of names that numbers of classes stand for, the others): words that are not as many as samples."""
    lengths = {len(one.array) for one in arrays if one.array.ndim > 1}
    found = [
        one
        for one in arrays
        if one.array.ndim == 1 and one.array.dtype.kind in "US" and _are_names(one.key)
        if len(one.array) not in lengths and one.key != args.label_column
    ]
    if len(found) != 1:
        return None, list(arrays)
    return found[0], [one for one in arrays if one is not found[0]]


def _are_names(key: str) -> bool:
    """Whether an array is called as names of classes are: class_names, target_names, list_classes."""
    words = set(words_of(key))
    return bool(words & {"classes", "categories"} or ("names" in words and words & LABELS))


def _call(splits: Mapping[str, RawSplit], names: NamedArray) -> bool:
    """Give the classes of all splits their names; False where labels are no numbers of these."""
    labels = [split.labels for split in splits.values() if split.labels is not None]
    whole = all(own.ndim == 1 and own.dtype.kind in "iu" and own.max(initial=0) < len(names.array) for own in labels)
    if not labels or not whole:
        return False
    words = names.array if names.array.dtype.kind == "U" else np.char.decode(names.array, "utf-8", "replace")
    for split in splits.values():
        split.label_names = words.tolist()
    return True


def _take_the_only_one(own: _Parts, modality: Modality) -> list[str]:
    """Make the only array of three dimensions or more the samples, where none is called so. Returns what to say."""
    rows = [len(one.array) for one in own.roles.get("labels", ())]
    many = [one for one in own.unknown if one.array.ndim > 2 and one.array.dtype.kind in "biuf"]
    if "samples" in own.roles or len(many) != 1 or (rows and len(many[0].array) not in rows):
        return []
    own.unknown.remove(many[0])
    own.roles["samples"] = many
    return [f"array {many[0].key or many[0].stem} is taken for the {modality.words.many}"]


def _split(roles: Mapping[str, list[NamedArray]], modality: Modality, left_out: list[LeftOut]) -> RawSplit:
    chosen: dict[str, Any] = {}
    for role, found in roles.items():
        if role == "other labels":
            left_out.append(LeftOut(shortened([one.shown for one in found]), "other labels were asked for"))
            continue
        usual = [one for one in found if one.key in (modality.array_name, modality.words.many, "label", "labels")]
        if len(found) > 1 and len(usual) != 1:
            usual = [one for one in found if one.key == "target"]
        if len(found) > 1 and len(usual) != 1:
            raise InputError(
                f"arrays {shortened([one.shown for one in found])} are all {role} of one split: expected one. Save "
                f"them as one array, or name their splits (x_train, x_test)."
            )
        chosen[role] = (usual or found)[0] if len(found) > 1 else found[0]
        others = [one.shown for one in found if one is not chosen[role]]
        if others:
            left_out.append(LeftOut(f"arrays {shortened(others)}", f"{chosen[role].key} holds the {role}"))
    values = chosen["samples"].array
    labels, groups = (chosen[role].array if role in chosen else None for role in ("labels", "groups"))
    if labels is not None:
        labels = np.asarray(labels)
        if labels.ndim > 1 and labels.size == len(labels):
            labels = labels.reshape(len(labels))
        if len(labels) != len(values):
            many = modality.words.many
            raise InputError(
                f"{chosen['samples'].shown} has {len(values)} {many} and {len(labels)} labels; expected as many."
            )
    return RawSplit(values=values, labels=labels, groups=groups)


def _no_samples(source: str, names: list[str], modality: Modality) -> str:
    many = f"{modality.array_name!r} (or x, {modality.words.many}, x_train, train_{modality.words.many} ...)"
    return f"{source} holds the arrays {shortened(names, 8)}, expected {many} and optionally 'label'."
