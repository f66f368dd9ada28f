"""Which samples, and how they are read: what all scripts that read samples share."""

from dataclasses import dataclass

from ..errors import InputError
from .fields import argument, coerce_all


@dataclass(kw_only=True)
class DataArguments:
    """Which samples, and how they are read: what all scripts that read samples share."""

    dataset: str | None = argument(
        None,
        "Hub id, folder in Hub layout, folder of files, .parquet, .npz, .npy, or 'digits' (built in)",
        group="data",
    )
    dataset_config: str | None = argument(None, "configuration of a Hub dataset that has several", group="data")
    input_column: str | None = argument(None, "column of the samples (default: the one whose type fits)", group="data")
    label_column: str | None = argument(None, "column of labels (default: the one of label type)", group="data")
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
    frames: str = argument(
        "first",
        "which pages or frames of a file are samples",
        choices=("first", "all"),
        group="seldom needed",
    )
    fit_images: bool = argument(
        False,
        "no longer needed: images of another size are brought to the model's",
        group="seldom needed",
    )
    skip_damaged: bool = argument(
        False, "leave out samples that cannot be decoded, and count them", group="seldom needed"
    )

    def __post_init__(self):
        coerce_all(self)
        if self.value_range is not None and (len(self.value_range) != 2 or self.value_range[0] >= self.value_range[1]):
            given = " ".join(f"{value:g}" for value in self.value_range)
            raise InputError(f"value_range is {given}, expected two numbers, the lower first.")
        if not self.dataset:
            raise InputError("dataset is missing: pass --dataset, or name a recipe that has it.")
