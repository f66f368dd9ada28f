"""Paths that users name: where scripts may write, and what is meant to be here and is not."""

import difflib
import re
from pathlib import Path

from ..errors import InputError


def require_folders(folder: Path, argument: str) -> None:
    """Raise InputError if `folder`, or one above it, is a file."""
    for part in (folder, *folder.parents):
        if part.exists() and not part.is_dir():
            raise InputError(f"{argument} {folder}: {part} is a file, expected a folder. Choose another --{argument}.")


def folder_name(text: str, otherwise: str) -> str:
    """`text` as the name of a folder: what is no letter, digit, dot or dash becomes "_"; `otherwise` of nothing."""
    return re.sub(r"[^\w.-]+", "_", text).strip("._") or otherwise


def missing_here(name: str, argument: str) -> str | None:
    """Why `name` can be no Hub id though nothing of that name is here; None if it is here or may be on the Hub.

    A name that is absolute, begins with `.` or `~`, has several slashes, or whose parent folder is here means a path.
    """
    path = Path(name).expanduser()
    if path.exists():
        return None
    parent = path.parent
    looks_local = path.is_absolute() or name.startswith((".", "~")) or name.rstrip("/").count("/") > 1
    if not looks_local and ("/" not in name or not parent.exists()):
        return None
    above = next((folder for folder in (parent, *parent.parents) if folder.exists()), None)
    text = f"{argument} {name} was not found: there is no such file or folder"
    if above is None or not above.is_dir() or str(above) in ("", "."):
        return f"{text}."
    near = difflib.get_close_matches(path.name, [inner.name for inner in above.iterdir()], n=1, cutoff=0.6)
    if above != parent:
        return f"{text} ({above} is there)."
    return f"{text} in {above}." + (f" Did you mean {above / near[0]}?" if near else "")
