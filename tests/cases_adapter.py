"""How samples are read today, for scripts that try inputs from outside of the tests."""

from typing import Any

from pretune.training.command.arguments.data import DataArguments
from pretune.training.data.loading import load_data
from pretune.training.modalities.image import IMAGE


class Split:
    """One split, by the names that scripts know.

    Args:
        samples: as pretune reads them.
    """

    def __init__(self, samples: Any):
        self.images, self.labels, self.label_names = samples.values, samples.labels, samples.label_names

    def __len__(self) -> int:
        return len(self.images)


def splits(
    dataset: str, size: int | None = None, channels: int | None = None, **options: Any
) -> tuple[Split, Split | None]:
    """(training, evaluation) of a dataset, decoded to `size` and `channels` if they are given."""
    wanted = {"image_size": size, "num_channels": channels}
    train, evaluation = load_data(DataArguments(dataset=dataset, **options), IMAGE, wanted)
    return Split(train), evaluation and Split(evaluation)
