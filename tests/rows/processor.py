"""What is saved beside a model of rows."""

from typing import Any

import torch
from transformers import BatchFeature
from transformers.feature_extraction_utils import FeatureExtractionMixin


class RowsProcessor(FeatureExtractionMixin):
    """Rows of numbers as they are.

    Args:
        row_size: numbers in a row.
    """

    model_input_names = ["numbers"]

    def __init__(self, row_size: int = 10, **kwargs: Any):
        super().__init__(**kwargs)
        self.row_size = row_size

    @classmethod
    def for_config(cls, config: Any) -> "RowsProcessor":
        """The one that fits a model of this config."""
        return cls(row_size=config.row_size)

    def __call__(self, rows: Any) -> BatchFeature:
        return BatchFeature({"numbers": torch.as_tensor(rows, dtype=torch.float32)})
