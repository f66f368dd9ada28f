"""Arguments of `pretune compare`."""

from dataclasses import dataclass
from typing import ClassVar

from ...errors import InputError
from ..fields import argument, check_positive
from .evaluate import EvaluateArguments

AUTO, OWN = "auto", "own"  # input sizes
CONTINUED = "+continued"  # after the name of a published model: pretrained further on these data


@dataclass(kw_only=True)
class CompareArguments(EvaluateArguments):
    """Hold models against each other: your own, published ones, and published ones pretrained further on your data."""

    verb: ClassVar[str] = "compare"
    examples: ClassVar[tuple[str, ...]] = (
        "pretune compare --model runs/photos microsoft/resnet-18 microsoft/resnet-18+continued --dataset photos "
        "--output_dir runs/compared",
        "pretune compare --model runs/photos runs/photos+api --embeddings api=vectors.parquet --dataset photos "
        "--output_dir runs/compared",
    )

    continued_epochs: float = argument(
        6.0, "passes over the training samples of a model named ID+continued", group="measurement"
    )
    continued_steps: int | None = argument(None, "steps of it, in place of passes", group="measurement")
    continued_views: str = argument(
        AUTO,
        "what may change between two views of an image there; 'auto': with and without changes of colour are tried "
        "for 30 steps on labelled training samples, never on the test split",
        choices=(AUTO, "photographs", "without_colour", "grey", "symbols"),
        group="measurement",
    )

    input_size: str = argument(
        AUTO,
        "side to which images are brought for published networks: 'own' (what each was published with), a number, or "
        "'auto': small images are tried at up to three sizes on labelled training samples, never on the test split",
        group="measurement",
    )

    def __post_init__(self):
        super().__post_init__()
        if self.input_size not in (AUTO, OWN) and not (self.input_size.isdecimal() and int(self.input_size) > 0):
            raise InputError(f"input_size must be {AUTO}, {OWN} or a number of pixels, got {self.input_size!r}.")
        check_positive(self, "continued_epochs", "continued_steps")
        if self.output_dir is None:
            raise InputError("output_dir is missing: pass --output_dir for the report and the models that are made.")
