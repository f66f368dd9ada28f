"""Where scripts may write."""

from pathlib import Path

from ..errors import InputError


def require_folders(folder: Path, argument: str) -> None:
    """Raise InputError if `folder`, or one above it, is a file."""
    for part in (folder, *folder.parents):
        if part.exists() and not part.is_dir():
            raise InputError(f"{argument} {folder}: {part} is a file, expected a folder. Choose another --{argument}.")
