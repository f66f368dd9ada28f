"""Arguments of `pretune evaluate`."""

import os
from dataclasses import dataclass
from typing import ClassVar

from ...errors import InputError
from ...protocol import FLOORS, METHODS, PROTOCOL
from ..fields import argument, check_positive
from .data import DataArguments


@dataclass(kw_only=True)
class EvaluateArguments(DataArguments):
    """Measure what pretraining is worth: accuracy against number of labels, beside honest floors."""

    verb: ClassVar[str] = "evaluate"
    examples: ClassVar[tuple[str, ...]] = (
        "pretune evaluate --model runs/digits --dataset digits --labels_per_class 1 10 --update_card",
        "pretune evaluate --model runs/conv microsoft/resnet-18 --dataset me/images --output_dir runs/report",
    )

    model: list[str] | None = argument(
        None,
        "run folders, folders of transformers models or Hub ids; several are compared on the same draws; A+B is both "
        "side by side",
        group="network",
    )
    embeddings: list[str] | None = argument(
        None,
        "NAME=TABLE: vectors that something else made of these samples, in a .parquet or .npz with 'latents' and "
        "'file', as pretune embed writes it; NAME=TRAIN NAME=TEST for tables with 'id' alone",
        group="network",
    )
    revision: str | None = argument(None, "branch, tag or commit of a Hub model", group="seldom needed")
    output_dir: str | None = argument(
        None, "folder for the report (default: 'evaluation' in the first model's folder)", group="files"
    )
    labels_per_class: list[str] | None = argument(
        None,
        f"numbers of labels, or 'all' (default: those of {' '.join(map(str, PROTOCOL.labels_per_class))} that fit)",
        group="measurement",
    )
    draws: int = argument(
        PROTOCOL.draws, "draws of labelled samples; more make narrower intervals", group="measurement"
    )
    methods: list[str] | None = argument(
        None,
        f"which to compute (default: all of {' '.join(METHODS + FLOORS)}); whole networks take longest",
        group="measurement",
    )
    metric: str | None = argument(
        None,
        "what verdict, tables and figure are of (default: accuracy, or with several labels a sample mean average "
        "precision); all are in the report",
        choices=("accuracy", "balanced_accuracy", "macro_f1", "mean_average_precision"),
        group="measurement",
    )
    augmentation: list[str] | None = argument(
        None,
        "random changes of training samples for whole networks, fine-tuned and from scratch alike: names as of "
        "pretune finetune, or none (default: all of them for sound, none for anything else)",
        group="measurement",
    )
    allow_short_classes: bool = argument(
        False, "a class with fewer samples than are drawn gives all it has", group="measurement"
    )
    confusion_cell: str | None = argument(
        None,
        "METHOD:LABELS whose confusion matrix is drawn (default: finetune with 10 labels per class)",
        group="seldom needed",
    )
    max_train_samples: int | None = argument(None, "use a seeded random subset of the training split", group="data")
    max_eval_samples: int | None = argument(None, "use a seeded random subset of the test split", group="data")
    per_device_eval_batch_size: int = argument(256, "samples encoded at once", group="seldom needed")
    update_card: bool = argument(
        False, "put table, figure and numbers into the card of each model's run folder", group="files"
    )
    overwrite_output_dir: bool = argument(
        False, "begin anew; without it the same command goes on where it was", group="files"
    )
    disable_tqdm: bool = argument(False, "no progress bar", group="seldom needed")

    def __post_init__(self):
        super().__post_init__()
        if not self.model:
            raise InputError("model is missing: pass --model with a run folder or Hub id.")
        if len(set(map(os.path.realpath, self.model))) < len(self.model):
            raise InputError(f"--model names the same model twice: {', '.join(self.model)}.")
        check_positive(self, "draws", "per_device_eval_batch_size", "max_train_samples", "max_eval_samples")
        for name in ("labels_per_class", "methods", "augmentation"):
            if getattr(self, name) == []:
                raise InputError(f"{name} is empty: name at least one, or leave it out for the default.")
        for text in self.labels_per_class or []:
            if text != "all" and not (text.isdecimal() and int(text) > 0):
                raise InputError(f"labels_per_class must be numbers larger than 0, or 'all', got {text!r}.")
        for name in self.methods or []:
            if name not in METHODS + FLOORS:
                raise InputError(f"unknown method {name!r}: expected one of {', '.join(METHODS + FLOORS)}.")
