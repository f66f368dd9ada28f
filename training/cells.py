"""The cells of a report: accuracy of one method with one draw of labels, each computed once and kept at once."""

import dataclasses
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from .errors import InputError
from .protocol import PROTOCOL

WORKING_FILE, FEATURES = "cells.jsonl", "features"
REPORT_FILES = ("report.json", "report.md", "few_labels.png", "confusion.png", WORKING_FILE)


@dataclass(frozen=True)
class Cell:
    """What one accuracy is of.

    Args:
        source: fingerprint of the encoder; "raw" or "pca-WIDTH" for what does not depend on it.
        method: one of the protocol's METHODS or FLOORS.
        labels_per_class: a number or "all".
        draw: from 0.
    """

    source: str
    method: str
    labels_per_class: int | str
    draw: int


class Cells:
    """The cells known so far, kept in a folder: a killed evaluation goes on where it was.

    Args:
        folder: made if missing.
        dataset: fingerprints of the training and test split.
        overwrite: begin anew.

    Raises:
        InputError: the folder holds other files, another evaluation is running in it, or one of another protocol
            version or of other data was begun there.
    """

    def __init__(self, folder: Path, dataset: dict[str, str], overwrite: bool):
        self.folder, self.path = folder, folder / WORKING_FILE
        self.accuracy: dict[Cell, float] = {}
        self.confusion: dict[Cell, list[list[int]]] = {}
        if folder.exists() and not folder.is_dir():
            raise InputError(f"output_dir {folder} is a file, expected a folder. Choose another --output_dir.")
        holds = sorted(path.name for path in folder.glob("*") if path.name != ".lock")
        if holds and not self.path.is_file():
            raise InputError(
                f"output_dir {folder} holds files, but no {WORKING_FILE}, so it is not an evaluation's. "
                f"Choose another --output_dir."
            )
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(folder / ".lock")
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise InputError(
                f"another evaluation is writing to {folder}. Wait, or choose another --output_dir."
            ) from None
        identity = {"protocol": PROTOCOL.version, "dataset": dataset}
        if overwrite:
            for name in REPORT_FILES:
                (folder / name).unlink(missing_ok=True)
            shutil.rmtree(folder / FEATURES, ignore_errors=True)
        if self.path.is_file():
            self._read(identity)
        else:
            self._write_line({"identity": identity})

    def _read(self, identity: dict[str, Any]) -> None:
        whole = []
        for line in self.path.read_text().splitlines():
            try:
                whole.append(json.loads(line))
            except ValueError:  # the line that a kill cut off
                break
        found = whole[0].get("identity") if whole else identity
        for name, mine in identity.items():
            if found.get(name) != mine:
                raise InputError(
                    f"{self.folder} holds an evaluation with another {name} ({found.get(name)}, now {mine}); their "
                    f"numbers must not be mixed. Choose another --output_dir, or pass --overwrite_output_dir."
                )
        part = self.path.with_suffix(".tmp")
        part.write_text("".join(json.dumps(line) + "\n" for line in whole or [{"identity": identity}]))
        os.replace(part, self.path)
        for line in whole[1:]:
            confusion, accuracy = line.pop("confusion", None), line.pop("accuracy")
            cell = Cell(**line)
            self.accuracy[cell] = accuracy
            if confusion is not None:
                self.confusion[cell] = confusion

    def add(self, cell: Cell, accuracy: float, confusion: list[list[int]] | None) -> None:
        """Keep a cell, in memory and in the folder."""
        self.accuracy[cell] = accuracy
        line = {**dataclasses.asdict(cell), "accuracy": accuracy}
        if confusion is not None:
            self.confusion[cell] = line["confusion"] = confusion
        self._write_line(line)

    def close(self, finished: bool) -> None:
        """Give the folder free; features are of no more use once the report is whole."""
        if finished:
            shutil.rmtree(self.folder / FEATURES, ignore_errors=True)
        self._lock.release()

    def _write_line(self, line: dict[str, Any]) -> None:
        with open(self.path, "a") as file:
            file.write(json.dumps(line) + "\n")
