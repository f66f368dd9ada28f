"""Which samples, and how they are read: what all scripts that read samples share."""

import os
from dataclasses import dataclass, fields
from typing import Any

from ...errors import InputError
from ..fields import argument, coerce_all

DATASETS = ("dataset", "unlabelled_dataset")  # arguments that may be an object in Python


class InMemory(str):
    """A dataset that is an object in Python: to all who only name it, a text; `value` is the object."""

    value: Any

    def __new__(cls, value: Any) -> "InMemory":
        """Wrap an object of any kind."""
        inner = value[0] if isinstance(value, tuple) and len(value) == 2 else value
        size = f", {len(inner):,} long" if hasattr(inner, "__len__") else ""
        held = super().__new__(cls, f"({type(value).__name__} in memory{size})")
        held.value = value
        return held

    def __deepcopy__(self, memo: dict[int, Any]) -> str:
        """Its name alone: records keep no data."""
        return str(self)

    def __eq__(self, other: object) -> bool:
        """Whether it is the same object; a mere name never is."""
        return isinstance(other, InMemory) and self.value is other.value

    __hash__ = str.__hash__


def held(dataset: Any) -> Any:
    """A dataset as an argument keeps it: a name or path as text, any other object wrapped, None as it is."""
    if dataset is None or isinstance(dataset, str):
        return dataset
    return os.fspath(dataset) if isinstance(dataset, os.PathLike) else InMemory(dataset)


@dataclass(kw_only=True)
class DataArguments:
    """Which samples, and how they are read: what all scripts that read samples share."""

    dataset: str | None = argument(
        None,
        "Hub id, folder of files with or without tables beside them, .parquet, .npz, .npy, .csv, .jsonl, .zip, .tar "
        "or 'digits' (built in)",
        group="data",
    )
    dataset_config: str | None = argument(None, "configuration of a Hub dataset that has several", group="data")
    input_column: str | None = argument(None, "column of the samples (default: the one whose type fits)", group="data")
    image_column: str | None = argument(None, "the same as input_column, for images", group="seldom needed")
    label_column: str | None = argument(None, "column of labels (default: the one of label type)", group="data")
    group_column: str | None = argument(
        None,
        "column of what samples belong to (patient, speaker, camera): no group is on both sides of a held-out part",
        group="data",
    )
    train_split: str = argument("train", "split to train on", group="data")
    eval_split: str | None = argument(
        None,
        "split to evaluate on (default: test or validation, else a held-out fifth; 'none' for no evaluation)",
        group="data",
    )
    resize: str | None = argument(
        None,
        "what is done to images of another shape than the model's (default: as it was trained, for a new one crop)",
        choices=("crop", "pad", "stretch"),
        group="data",
    )
    value_range: list[float] | None = argument(
        None,
        "two values that become 0 and 1, for images of more than 8 bits or that use few (default: by the data)",
        group="data",
    )
    alpha: str | None = argument(
        None,
        "what becomes of transparency: drop (default), keep (one more channel), or a colour behind it, such as white",
        group="data",
    )
    frames: str | None = argument(
        None,
        "which pages or frames of a file are samples (default: first, of volumes the middle); of sound the middle, or "
        "all windows, each half over the last. All of a file stay on one side of a held-out part",
        choices=("first", "middle", "all"),
        group="seldom needed",
    )
    fit_images: bool = argument(
        False,
        "no longer needed: images of another size are brought to the model's",
        group="seldom needed",
    )
    encoding: str | None = argument(None, "how .txt files are written (default: UTF-8)", group="seldom needed")
    txt: str | None = argument(
        None,
        "what a sample is in .txt files (default: a line of one given alone or called as a split is, else the file)",
        choices=("line", "file"),
        group="seldom needed",
    )
    skip_damaged: bool = argument(
        False, "leave out samples that cannot be decoded, and count them", group="seldom needed"
    )

    def of_the_data(self) -> dict[str, Any]:
        """What was said of the dataset, without defaults, as arguments of another verb."""
        names = {f.name: f.default for f in fields(DataArguments)}
        return {name: getattr(self, name) for name in names if getattr(self, name) not in (None, names[name])}

    def __post_init__(self):
        objects = {f.name: held(getattr(self, f.name)) for f in fields(self) if f.name in DATASETS}
        self.__dict__.update(objects)
        coerce_all(self)
        self.__dict__.update(objects)  # as they were, not as text
        self.input_column, self.image_column = self.input_column or self.image_column, None
        if self.value_range is not None and (len(self.value_range) != 2 or self.value_range[0] >= self.value_range[1]):
            given = " ".join(f"{value:g}" for value in self.value_range)
            raise InputError(f"value_range is {given}, expected two numbers, the lower first.")
        if self.dataset is None or self.dataset == "":
            recipe = ", or name a recipe that has it" if hasattr(self, "recipe") else ""
            raise InputError(f"dataset is missing: pass --dataset{recipe}.")
