"""Arguments of `pretune inspect`."""

from dataclasses import dataclass
from typing import ClassVar

from ..fields import argument
from .data import DataArguments


@dataclass(kw_only=True)
class InspectArguments(DataArguments):
    """Look at a dataset: what is used and left out, what it is like, and what a first run would take here."""

    verb: ClassVar[str] = "inspect"
    examples: ClassVar[tuple[str, ...]] = (
        "pretune inspect photos",
        "pretune inspect photos --output_dir runs/inspected",
    )

    dataset: str | None = argument(
        None,
        "Hub id, folder of files with or without tables beside them, .parquet, .npz, .npy, .csv, .jsonl, .zip, .tar "
        "or 'digits' (built in)",
        positional=True,
        group="data",
    )
    output_dir: str | None = argument(
        None, "folder for contact_sheet.png and inspect.json (default: nothing is written)", group="files"
    )

    def __post_init__(self):
        super().__post_init__()
        self.skip_damaged = True  # what is damaged is named, and the rest is looked at
