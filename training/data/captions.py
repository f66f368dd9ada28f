"""What stands above a sample in a picture."""

import numpy as np
import torch

from .batches import Columns
from .labels import SEVERAL, SINGLE
from .samples import Samples


def captions(data: Samples, rows: np.ndarray) -> list[str]:
    """What stands above each of the samples at `rows` (N,): its labels, else its file, else its row."""
    labelled, found = data.labelled, []
    for row in rows:
        if data.labels is not None and not labelled[row]:
            found.append("unlabelled")
        elif data.labels is None:
            place = int(row if data.rows is None else data.rows[row])
            found.append((data.files[place] if data.files is not None else None) or f"row {place}")
        elif data.problem_type == SINGLE:
            found.append(str(data.label_names[data.labels[row]]))
        elif data.problem_type == SEVERAL:
            found.append(", ".join(str(data.label_names[k]) for k in np.flatnonzero(data.labels[row] > 0)) or "none")
        else:
            found.append(" ".join(f"{value:.3g}" for value in np.atleast_1d(data.labels[row])))
    return found


def as_drawn(data: Samples, rows: np.ndarray) -> np.ndarray:
    """The samples at `rows` (N,) for a picture: (N, ...) as a model is given them, or as they stand where they are no
    numbers."""
    samples = data.rows_stored[rows]
    if not np.issubdtype(samples.dtype, np.number):
        return samples
    return Columns.of(data, torch.device("cpu"))[torch.from_numpy(rows)][data.modality.input_name].numpy()
