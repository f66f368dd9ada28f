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
    fit_images: bool = argument(
        False, "resize and convert images that do not have the model's size and channels", group="data"
    )
    skip_damaged: bool = argument(
        False, "leave out samples that cannot be decoded, and count them", group="seldom needed"
    )

    def __post_init__(self):
        coerce_all(self)
        if not self.dataset:
            raise InputError("dataset is missing: pass --dataset, or name a recipe that has it.")
