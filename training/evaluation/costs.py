"""What a candidate costs: to obtain, to keep, and to ask, here."""

import contextlib
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..command.yaml_text import read_yaml
from ..data.samples import Samples
from ..modalities.faults import UNREADABLE
from ..networks.encoders import Encoder
from .candidates import Candidate, Encoded
from .embedders import OfEncoder

ALONE, TOGETHER = 15, 256  # passes of one sample, and samples at once, that are timed
MOST = 1e12  # seconds and megabytes, above which run.json is damaged


def cost_of(candidate: Candidate, test: Samples) -> dict[str, Any]:
    """What is known of it; what is not is left out.

    Args:
        candidate: it.
        test: samples to ask it about.

    Returns:
        `minutes` and `peak_memory_mb` of its training, the published weights that it `went_on_from`, `parameters`,
        `bytes` of its file, `licence`; and measured here `milliseconds` for one sample (median) and
        `samples_per_second`.
    """
    candidate = candidate.encoder if isinstance(candidate, Encoded) else candidate
    if not isinstance(candidate, Encoder):
        return {}
    model = candidate.classifier(True, 0)
    parameters = OfEncoder(candidate, model).cost
    return {
        "parameters": parameters,
        **_on_disk(Path(candidate.name)),
        **_speed(candidate, model, candidate.rows(test)[:TOGETHER]),
    }


def _on_disk(folder: Path) -> dict[str, Any]:
    """Of a local folder: size, licence, and what its run took."""
    found: dict[str, Any] = {}
    if not folder.is_dir():
        return found
    found["bytes"] = sum(path.stat().st_size for path in folder.glob("*.safetensors") if path.is_file())
    with contextlib.suppress(*UNREADABLE):  # no run of ours, or one of an older version, or damaged
        record = json.loads((folder / "run.json").read_text())
        seconds, memory = record["timings"]["train_seconds"], record["timings"]["peak_memory_mb"]
        if all(type(value) in (int, float) and 0 <= value < MOST for value in (seconds, memory)):
            found |= {"minutes": seconds / 60, "peak_memory_mb": memory}
        base = record["arguments"].get("backbone")
        found |= {"went_on_from": base} if isinstance(base, str) else {}
    with contextlib.suppress(*UNREADABLE):
        _, front, _ = (folder / "README.md").read_text().split("---\n", 2)
        licence = read_yaml(front, "README.md")["license"]
        found |= {"licence": licence} if isinstance(licence, str) else {}
    return found


def _speed(candidate: Encoder, model: torch.nn.Module, values: np.ndarray) -> dict[str, float]:
    times = []
    for _ in range(ALONE):
        began = time.perf_counter()
        candidate.features(model, values[:1])
        times.append(time.perf_counter() - began)
    began = time.perf_counter()
    candidate.features(model, values)
    return {
        "milliseconds": 1000 * float(np.median(times)),
        "samples_per_second": len(values) / (time.perf_counter() - began),
    }
