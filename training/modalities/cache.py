"""Where decoded, converted and unpacked samples are kept."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """`$PRETUNE_CACHE`, or `pretune` under `$HF_HOME`."""
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(os.environ.get("PRETUNE_CACHE") or Path(home) / "pretune").expanduser()
