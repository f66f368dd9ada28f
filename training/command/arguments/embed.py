"""Arguments of `pretune embed`."""

from dataclasses import dataclass
from typing import ClassVar

from ...errors import InputError
from ..fields import argument, check_positive
from .data import DataArguments


@dataclass(kw_only=True)
class EmbedArguments(DataArguments):
    """Write the embedding of every sample of a dataset, with labels and row ids, to a table."""

    verb: ClassVar[str] = "embed"
    examples: ClassVar[tuple[str, ...]] = (
        "pretune embed runs/digits --dataset digits --output_file codes.parquet",
        "pretune embed runs/digits --dataset digits --output_file codes.npz --neighbours neighbours.png",
        "pretune embed microsoft/resnet-18 --dataset me/images --split test --output_file codes.npz",
    )

    model: str | None = argument(
        None,
        "run folder, folder of a transformers model or Hub id of the encoder",
        positional=True,
        group="network",
    )
    revision: str | None = argument(None, "branch, tag or commit of a Hub model", group="seldom needed")
    output_file: str | None = argument(None, "a .parquet or .npz file to write", group="files")
    neighbours: str | None = argument(
        None, "a .png to draw: some samples, each with the five that are nearest in the embedding", group="files"
    )
    split: str | None = argument(None, "split to embed (default: train_split)", group="data")
    per_device_eval_batch_size: int = argument(256, "samples encoded at once", group="seldom needed")
    overwrite: bool = argument(False, "replace output_file if it exists", group="files")
    disable_tqdm: bool = argument(False, "no progress bar", group="seldom needed")

    def __post_init__(self):
        super().__post_init__()
        if not self.model:
            raise InputError("model is missing: name a run folder or Hub id.")
        check_positive(self, "per_device_eval_batch_size")
        if not self.output_file or not self.output_file.endswith((".parquet", ".npz")):
            raise InputError(f"output_file must end in .parquet or .npz, got {self.output_file!r}.")
        if self.neighbours is not None and not self.neighbours.endswith(".png"):
            raise InputError(f"neighbours must end in .png, got {self.neighbours!r}.")
