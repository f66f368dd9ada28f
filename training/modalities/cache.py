"""Where decoded, converted and unpacked samples are kept."""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .modality import Preprocessing


def cache_folder() -> Path:
    """`$PRETUNE_CACHE`, or `pretune` under `$HF_HOME`."""
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(os.environ.get("PRETUNE_CACHE") or Path(home) / "pretune").expanduser()


def cached_path(key: list[Any], ending: str) -> Path:
    """The file there of this key, whether or not it is there yet."""
    return cache_folder() / f"{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:32]}{ending}"


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A file to write that takes the place of `path` at the end, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def remembered(read: Callable[[Preprocessing], np.ndarray]) -> Callable[[Preprocessing], np.ndarray]:
    """`read`, which gives rows (N, ...), once for each way of preprocessing."""
    known: dict[str, np.ndarray] = {}

    def again(preprocessing: Preprocessing) -> np.ndarray:
        if preprocessing.key not in known:
            known[preprocessing.key] = read(preprocessing)
        return known[preprocessing.key]

    return again
