"""Arguments of `pretune try`."""

from dataclasses import dataclass
from typing import ClassVar

from ...errors import InputError
from ..fields import argument, check_positive
from .data import DataArguments


@dataclass(kw_only=True)
class TryArguments(DataArguments):
    """Try the ways to an encoder that suit a dataset, within a time, and say which is best on it."""

    verb: ClassVar[str] = "try"
    examples: ClassVar[tuple[str, ...]] = (
        "pretune try photos --minutes 20 --output_dir runs/tried",
        "pretune try photos --minutes 20 --backbone microsoft/resnet-18 --output_dir runs/tried",
    )

    dataset: str | None = argument(
        None, "as of the other verbs; some of its training samples must have labels", positional=True, group="data"
    )
    output_dir: str | None = argument(None, "folder for the report and for each try", group="files")
    minutes: float = argument(20.0, "how long it may take in all", group="optimisation")
    backbone: str | None = argument(
        None, "a published model: tried as it is, and pretrained further on these samples", group="network"
    )
    routes: list[str] | None = argument(
        None,
        'which ways to try, by the words that the report has for them, such as autoencoder, "joint embedding", '
        'continued, "as published" (default: all)',
        group="network",
    )
    seed: int = argument(42, "seed of every draw", group="optimisation")

    def __post_init__(self):
        super().__post_init__()
        check_positive(self, "minutes")
        if self.output_dir is None:
            raise InputError("output_dir is missing: pass --output_dir for the report and the tries.")
