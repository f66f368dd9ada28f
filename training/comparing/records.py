"""What an earlier call found out, by key, in a JSON file. What a damaged one knew is found out anew."""

import json
from pathlib import Path
from typing import Any

from ..runs.folder import write_whole


def known(path: Path) -> dict[str, Any]:
    """All that `path` knows."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def remember(path: Path, key: str, facts: Any) -> None:
    """Add `facts` to what `path` knows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, (json.dumps({**known(path), key: facts}, indent=1) + "\n").encode())
