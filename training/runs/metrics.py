"""metrics.jsonl: one object a line, added to while a run goes on, cut when it goes on from a checkpoint."""

import json
import os
from pathlib import Path
from typing import Any

FILE = "metrics.jsonl"


def add_line(folder: Path, line: dict[str, Any]) -> None:
    """Write one line."""
    with open(folder / FILE, "a") as file:
        file.write(json.dumps(line) + "\n")


def read_lines(folder: Path) -> list[dict[str, Any]]:
    """All lines; what is no object with a step, such as a line cut off by a kill, is left out."""
    path, found = folder / FILE, []
    for text in path.read_text(errors="replace").splitlines() if path.is_file() else []:
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(line, dict) and isinstance(line.get("step"), int):
            found.append(line)
    return found


def cut_lines(folder: Path, step: int, look_anew: bool = False) -> None:
    """Drop the lines after `step`, which will be written again; whole or not at all.

    Args:
        look_anew: also what was seen between epochs at this very step: the run ends here and looks once more.
    """
    if not (folder / FILE).is_file():
        (folder / FILE).unlink(missing_ok=True)  # a link to nothing, through which the next line would be written
        return
    kept = [
        line for line in read_lines(folder)
        if line["step"] <= step and not (look_anew and line["step"] == step and "loss" not in line)
    ]  # fmt: skip
    part = folder / f".{FILE}.tmp"
    part.write_text("".join(json.dumps(line) + "\n" for line in kept))
    os.replace(part, folder / FILE)


def flush_lines(folder: Path) -> None:
    """To disk, before a checkpoint says that they are there."""
    if (folder / FILE).is_file():
        with open(folder / FILE, "rb") as file:
            os.fsync(file.fileno())
