"""Files that stand beside samples and are none: masks of photographs, and copies in another format."""

import re
from collections import Counter, defaultdict

from .left_out import LeftOut, counted
from .tree import File

MASK_FOLDERS = frozenset(
    "mask masks label labels annotation annotations groundtruth ground_truth gt gtfine gtcoarse segmentation "
    "segmentations segmentationclass segmentationobject trimaps".split()
)
# Of these, whatever is called as photographs beside them, the words say it without the names of their files.
SURELY_MASKS = frozenset(
    "mask masks groundtruth ground_truth gtfine gtcoarse segmentation segmentations segmentationclass "
    "segmentationobject trimaps".split()
)
PHOTO_FOLDERS = frozenset(
    "image images imgs img photo photos picture pictures jpegimages leftimg8bit input inputs".split()
)
MARKED = re.compile(r"(.+?)[ _-](?:masks?|seg|segmentation|gt|labels?)(?:[_-]?\d+)?")
# Of a file in two formats the first one of these is the sample.
FIRST = (".jpg", ".jpeg", ".heic", ".heif", ".tif", ".tiff", ".webp", ".png", ".bmp", ".gif", ".flac", ".wav", ".mp3")


def without_companions(files: list[File]) -> tuple[list[File], list[LeftOut]]:
    """(the samples, what is left out): masks in folders of their own, masks by name, second formats of one file."""
    left_out = []
    for find, why in (
        (_in_mask_folders, "they lie in a folder of masks or annotations beside the samples"),
        (_masks_by_name, "their names say that they are masks of files beside them"),
        (_second_formats, "each stands beside a file of the same name in another format: a mask or a copy"),
    ):
        gone = find(files)
        if gone:
            folders = sorted({"/".join(file.folders) for file in gone if file.folders})
            where = f" (in {folders[0]}{' and others' * (len(folders) > 1)})" if folders else ""
            endings = Counter(file.ending for file in gone)
            left_out.append(LeftOut(f"{counted(endings)} files{where}", why))
            dropped = {id(file) for file in gone}
            files = [file for file in files if id(file) not in dropped]
    return files, left_out


def _in_mask_folders(files: list[File]) -> list[File]:
    """Files below a folder `masks` (or so) with a folder `images` (or so) beside it that has files of these names."""
    photos: dict[tuple[str, ...], set[str]] = defaultdict(set)
    masks: dict[tuple[tuple[str, ...], str], list[File]] = defaultdict(list)
    for file in files:
        for depth, folder in enumerate(file.folders):
            if folder.lower() in PHOTO_FOLDERS:
                photos[file.folders[:depth]].add(file.stem.lower())
            elif folder.lower() in MASK_FOLDERS:
                masks[file.folders[:depth], folder].append(file)
    gone = []
    for (above, folder), candidates in masks.items():
        known = photos.get(above, set())
        if known and folder.lower() in SURELY_MASKS:
            gone += candidates
            continue
        paired = sum(_unmarked(file.stem.lower()) in known or file.stem.lower() in known for file in candidates)
        if paired * 2 > len(candidates):
            gone += candidates
    return gone


def _unmarked(stem: str) -> str:
    """A mask's name without what says that it is one: "x_mask_1" is x."""
    marked = MARKED.fullmatch(stem)
    return marked[1] if marked else stem


def _masks_by_name(files: list[File]) -> list[File]:
    """`x_mask.png`, where there is an `x.png` or `x.jpg` in the same folder."""
    stems = {(file.folders, file.stem.lower()) for file in files}
    pairs = ((file, _unmarked(file.stem.lower())) for file in files)
    return [file for file, plain in pairs if plain != file.stem.lower() and (file.folders, plain) in stems]


def _second_formats(files: list[File]) -> list[File]:
    """Files with a twin of the same name in another format, if all files of that format in these folders have one."""
    endings: dict[tuple[tuple[str, ...], str], dict[str, File]] = defaultdict(dict)
    for file in files:
        endings[file.folders, file.stem.lower()][file.ending] = file
    twins = [found for found in endings.values() if len(found) > 1]
    if not twins:
        return []
    gone = [file for found in twins for file in sorted(found.values(), key=_rank)[1:]]
    folders = {file.folders for file in gone}
    there = Counter(file.ending for file in files if file.folders in folders)
    paired = Counter(file.ending for file in gone)
    return [file for file in gone if paired[file.ending] == there[file.ending]]


def _rank(file: File) -> tuple[int, str]:
    return (FIRST.index(file.ending) if file.ending in FIRST else len(FIRST), file.ending)
