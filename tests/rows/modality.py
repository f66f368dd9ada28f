"""The kind of input: (N, D) float32 rows, from arrays called `row` or a column of lists."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ...training.errors import InputError
from ...training.modalities.figures import new_figure, save_figure
from ...training.modalities.modality import Changes, Modality, Read, Words


class Rows:
    """Reads rows of one length.

    Args:
        wanted: {"row_size": numbers} or nothing.
    """

    def __init__(self, wanted: Mapping[str, Any], args: Any, preprocessing: Any):
        self.size = wanted.get("row_size") if preprocessing is None else preprocessing.size

    def from_arrays(self, values: np.ndarray, name: str) -> Read:
        values = np.ascontiguousarray(values, dtype=np.float32)
        if values.ndim != 2 or not np.isfinite(values).all():
            raise InputError(f"rows of {name} are of shape {values.shape}, expected (N, D) finite numbers.")
        self.size = self.size or values.shape[1]
        if values.shape[1] != self.size:
            raise InputError(f"rows of {name} have {values.shape[1]} numbers, expected {self.size}.")
        return Read(values, np.arange(len(values)), hashlib.sha256(values).hexdigest()[:16])

    def from_column(self, rows: Any, column: str, name: str) -> Read:
        return self.from_arrays(np.asarray(rows[column][:]), name)


class Preprocessing:
    """Rows need none."""

    ours, key, fitting = True, "rows", None

    def __init__(self, name: str | None, revision: str | None, config: Any, settings: Mapping[str, Any]):
        from .processor import RowsProcessor

        self.processor, self.on_device, self.size = RowsProcessor.for_config(config), nn.Identity(), config.row_size

    def fitted(self, values: np.ndarray) -> np.ndarray:
        return values


def is_row(feature: Any) -> bool:
    inner = getattr(feature, "feature", None)
    return str(getattr(inner, "dtype", "")).startswith("float")


def draw(path: Path, originals: np.ndarray, rebuilt: np.ndarray, hidden: np.ndarray | None) -> None:
    draw_samples(path, np.stack([originals[0], rebuilt[0]]), None, 1)


def draw_samples(path: Path, samples: np.ndarray, captions: list[str] | None, columns: int) -> None:
    figure = new_figure(4, 3)
    for row in samples:
        figure.add_subplot().plot(row)
    save_figure(figure, path)


def unchanged(inputs: Any, kinds: Any) -> Any:
    return inputs


ROWS = Modality(
    name="row",
    words=Words("row", "rows", "number", "numbers"),
    input_name="numbers",
    array_name="row",
    shape_fields=("row_size",),
    shape_of=lambda values: {"row_size": values.shape[1]},
    fits=is_row,
    may_hold=is_row,
    reader=Rows,
    to_model=lambda stored: {"numbers": stored.to(torch.float32)},
    preprocessing=Preprocessing,
    advise=lambda config: None,
    changes=Changes((), unchanged, unchanged, unchanged, lambda inputs, targets, alpha: (inputs, targets)),
    raw=lambda values: values,
    show=draw,
    show_samples=draw_samples,
    describe=lambda config: f"{config.row_size} numbers",
    auto_classes=("AutoModelForSequenceClassification", "AutoFeatureExtractor"),
    tasks={"encoder": "feature-extraction", "classifier": "tabular-classification"},
    example={"encoder": "model = AutoModel.from_pretrained(MODEL_ID)", "classifier": "classify(MODEL_ID)"},
)
