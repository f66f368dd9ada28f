"""Splits and classes from the folders that files lie in: by whole folder names, never by a word inside one."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field

from .companions import PHOTO_FOLDERS
from .left_out import LeftOut, shortened
from .split_names import SECOND, SPLIT_OF, TRAIN, settle, split_in_name, split_of_folder, words_of
from .tree import File

Folders = tuple[str, ...]
FEW = 10  # files from which on a folder for each of them is no class


@dataclass
class Layout:
    """Where files of a folder belong.

    Args:
        splits: {split: its files}.
        classes: {split: the class of each file, or None}; None if folders say nothing of classes.
        inner: {split: for each file the folders below its split's}.
        left_out, notes: for the block.
    """

    splits: dict[str, list[File]]
    classes: dict[str, list[str | None]] | None = None
    inner: dict[str, list[Folders]] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def class_names(self) -> list[str]:
        """All classes, sorted."""
        return sorted({name for names in (self.classes or {}).values() for name in names if name is not None})


def lay_out(files: list[File]) -> Layout:
    """Splits and classes of `files`.

    The top-level folders are splits if all are called so, or if they hold a training and another split (the rest is
    then left out), or if what is in one of them repeats the folders beside it. Every other folder with files in it is
    a class, called by its path.
    """
    depth = _common(file.folders for file in files)
    kept = len(next(iter(files)).folders[:depth]) if files else 0
    if depth and split_of_folder(files[0].folders[depth - 1]):
        kept = depth - 1  # all files in one folder `test`: a split all the same
    inner = {id(file): file.folders[kept:] for file in files}
    layout = _split(files, inner)
    for split, members in layout.splits.items():
        layout.inner[split] = [inner[id(file)] for file in members]
    _strip_carriers(layout)
    _name_classes(layout)
    return layout


def _common(folders: Collection[Folders]) -> int:
    """How many leading folders are the same everywhere."""
    folders = list(folders)
    if not folders:
        return 0
    low, high = min(folders), max(folders)
    same = 0
    while same < min(len(low), len(high)) and low[same] == high[same]:
        same += 1
    return same


def _split(files: list[File], inner: dict[int, Folders]) -> Layout:
    below: dict[str, set[str]] = defaultdict(set)
    for file in files:
        folders = inner[id(file)]
        if folders:
            below[folders[0]].update(folders[1:2])
    named, notes = _split_folders(below)
    if not named and _splits_in_classes(below) and all(len(inner[id(file)]) > 1 for file in files):
        for file in files:  # class/train/x.jpg -> train/class/x.jpg
            outer, split, *rest = inner[id(file)]
            inner[id(file)] = (split, outer, *rest)
        named = {name: split_of_folder(name) for names in below.values() for name in names}
        below = {name: set() for name in named}
        notes = [f"folders {shortened(sorted(named))} lie inside all others: they are splits, and the others classes"]
    if not named:
        return Layout({TRAIN: files} if files else {}, notes=notes)
    final = settle(named.values())
    splits: dict[str, list[File]] = defaultdict(list)
    strays: dict[str, int] = defaultdict(int)
    rest_is_train = TRAIN not in named.values() and any(name not in named for name in below)
    for file in files:
        folders = inner[id(file)]
        top = folders[0] if folders else None
        if top in named:
            inner[id(file)] = folders[1:]
            splits[final[named[top]]].append(file)
        elif rest_is_train:
            splits[TRAIN].append(file)
        else:
            strays[top or ""] += 1
    layout = Layout(dict(sorted(splits.items(), key=lambda item: (item[0] != TRAIN, item[0]))), notes=notes)
    for name, count in sorted(strays.items()):
        what = f"{count} files in folder {name}" if name else f"{count} files beside the folders of splits"
        layout.left_out.append(LeftOut(what, f"{', '.join(sorted(named))} are splits, and this is none"))
    spelled = [f"{name}/ is split {final[split]}" for name, split in sorted(named.items()) if name != final[split]]
    layout.notes += [", ".join(spelled)] if spelled else []
    return layout


def _split_folders(below: dict[str, set[str]]) -> tuple[dict[str, str], list[str]]:
    """({top-level folder: split}, notes); nothing where they are classes.

    Args:
        below: {top-level folder: the folders in it}.
    """
    named = {name: split for name in below if (split := split_of_folder(name)) is not None}
    others = [name for name in below if name not in named]
    roles = set(named.values())
    judged = roles & {"test", "validation", *SECOND}
    alike = _same_but_for_the_split(below) if not named else {}
    if alike:
        return alike, []
    if not named:
        inside = {name for names in below.values() for name in names if split_of_folder(name)}
        if inside and all(any(split_of_folder(name) for name in names) for names in below.values()):
            hint = (
                f"folders {shortened(sorted(inside))} lie inside others and are taken as parts of class names; to have"
            )
            return {}, [f"{hint} splits, give one of the outer folders as --dataset"]
        return {}, []
    if not others or ("train" in roles and len(roles) > 1) or {"test", "validation"} <= roles:
        return named, []
    if judged and "train" not in roles:
        repeated = {name: split for name, split in named.items() if below[name] and below[name] <= set(others)}
        if repeated:
            return repeated, []
    if roles == {"train"} and all(below[name] for name in named) and not any(below[name] for name in others):
        return named, []
    taken = [name for name, split in named.items() if split != "unlabelled"]
    if not taken:
        return {}, []
    also = "is taken as a class" if len(taken) == 1 else "are taken as classes"
    return {}, [f"folder {shortened(taken)} {also}, since {shortened(sorted(others))} beside it can be no split"]


def _same_but_for_the_split(names: Collection[str]) -> dict[str, str]:
    """{folder: split} of folders whose names differ by the word for a split alone: signs_train and signs_test."""
    found: dict[tuple[str, ...], dict[str, str]] = defaultdict(dict)
    for name in names:
        split = split_in_name(name)
        if split is not None:
            rest = tuple(word for word in words_of(name) if SPLIT_OF.get(word, word) != split)
            found[rest][name] = split
    fits = [named for named in found.values() if "train" in named.values() and len(set(named.values())) > 1]
    return fits[0] if len(fits) == 1 else {}


def _splits_in_classes(below: dict[str, set[str]]) -> bool:
    """Whether every folder is divided into a training and another split: cat/train, cat/val, dog/train, dog/val."""
    roles = [{split_of_folder(name) for name in names} for names in below.values()]
    return len(roles) > 1 and all(None not in own and "train" in own and len(own) > 1 for own in roles)


def _strip_carriers(layout: Layout) -> None:
    """Take away folders that say nothing: those around all classes, and those that end every one of them."""
    for split, members in layout.inner.items():  # seg_train/seg_train/...
        while members and len({folders[:1] for folders in members}) == 1 and members[0]:
            if split not in (split_of_folder(members[0][0]), split_in_name(members[0][0])):
                break
            members = layout.inner[split] = [folders[1:] for folders in members]
    depth = _common({folders for members in layout.inner.values() for folders in members if not _unlabelled(folders)})
    for split, members in layout.inner.items():
        layout.inner[split] = [folders if _unlabelled(folders) else folders[depth:] for folders in members]
    distinct = {folders for members in layout.inner.values() for folders in members}
    while len(distinct) > 1 and min(map(len, distinct)) > 0 and len({folders[-1] for folders in distinct}) == 1:
        if min(map(len, distinct)) == 1 and next(iter(distinct))[-1].lower() not in PHOTO_FOLDERS:
            break  # a class, and one of that name inside another
        distinct = {folders[:-1] for folders in distinct}
        for split, members in layout.inner.items():
            layout.inner[split] = [folders[:-1] for folders in members]


def _name_classes(layout: Layout) -> None:
    """Classes by path, unless no folder, one alone or one for each file is there."""
    count: dict[Folders, int] = defaultdict(int)
    for members in layout.inner.values():
        for folders in members:
            count[folders] += 1
    named = {folders for folders in count if folders and not _unlabelled(folders)}
    if not named:
        return
    if len(named) == 1 and () not in count and len(count) == 1:
        return
    if sum(count.values()) >= FEW and max(count[folders] for folders in named) == 1:
        layout.notes.append(f"each of {len(named):,} folders holds one file alone: they are taken as no classes")
        return
    layout.classes = {
        split: [None if not folders or _unlabelled(folders) else "/".join(folders) for folders in members]
        for split, members in layout.inner.items()
    }
    loose = count.get((), 0)
    if loose:
        layout.notes.append(f"{loose:,} files in no folder of a class are unlabelled")
    depths = {len(folders) for folders in named}
    if max(depths) > 1:
        tops = len({folders[0] for folders in named})
        example = max(named, key=lambda folders: (len(folders), count[folders]))
        uneven = " (of different depth)" if len(depths) > 1 else ""
        layout.notes.append(
            f"every folder with files{uneven} is a class, such as {'/'.join(example)}; --label_column folder_1 takes "
            f"the outer folders alone, {tops} classes"
        )


def _unlabelled(folders: Folders) -> bool:
    """Whether files in a folder have no class: it is called so."""
    return bool(folders) and split_of_folder(folders[0]) == "unlabelled"
