"""The weights with the best score on held-out samples, kept on disk while training goes on."""

import os
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import nn

from ..runs.checkpoints import BEST


class BestWeights:
    """Which epoch was best so far.

    Args:
        folder: of the run.
        history: the score of each epoch up to where the run goes on from; later ones are added to it. The run keeps
            it in its checkpoints, with the best weights.
    """

    def __init__(self, folder: Path, history: list[float]):
        self.path, self.history = folder / BEST, history

    @property
    def epochs_since(self) -> int:
        """Epochs since the best one; the first of equals is the best."""
        return len(self.history) - 1 - self.history.index(max(self.history)) if self.history else 0

    def add(self, score: float, model: nn.Module, writes: bool) -> None:
        """Note an epoch's score and, if it is the best, keep its weights."""
        self.history.append(score)
        if self.epochs_since == 0 and writes:
            part = self.path.with_suffix(".tmp")
            save_file({name: value.contiguous().cpu() for name, value in model.state_dict().items()}, part)
            os.replace(part, self.path)

    def restore(self, model: nn.Module) -> None:
        """Give `model` the best weights."""
        model.load_state_dict(load_file(self.path))

    def remove(self) -> None:
        """The file is of no more use once the run is whole."""
        self.path.unlink(missing_ok=True)
