"""The cells of a report: scores of one method with one draw of labels, each computed once and kept at once."""

import base64
import binascii
import dataclasses
import json
import logging
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from ...model_cards.words import CALIBRATION
from ..command.paths import require_folders, require_room
from ..errors import InputError
from ..protocol import PROTOCOL
from ..runs.folder import write_whole

logger = logging.getLogger(__name__)
MADE = "continued"  # folder of models that a comparison makes beside its report
WORKING_FILE, FEATURES = "cells.jsonl", "features"
REPORT_FILES = (
    "report.json",
    "report.md",
    "report.html",
    "few_labels.png",
    "confusion.png",
    "most_wrong.png",
    WORKING_FILE,
)


@dataclass(frozen=True)
class Cell:
    """What scores are of.

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
        dataset: fingerprints of the samples of the training and test split, and of their labels, and how these were
            chosen.
        metrics: which scores a cell has; one that lacks some is computed again. CALIBRATION is one more of those that
            give chances.
        overwrite: begin anew.
        began: `time.perf_counter()` from which the time of this call counts.

    Attributes:
        scores: {metric: per cent}, by cell.
        hits: (M,), which test samples were right, by cell, where one label a sample makes that a question.
        confusion: of every first draw with one label a sample, for whichever cell is to be shown: [true class,
            predicted class, samples] for each pair that occurs, which stays small with many classes.

    Raises:
        InputError: the folder holds other files or damaged cells, another evaluation is running in it, or one of
            another protocol version or of other data was begun there.
    """

    def __init__(self, folder: Path, dataset: dict[str, Any], metrics: Sequence[str], overwrite: bool, began: float):
        self.folder, self.path = folder, folder / WORKING_FILE
        self.metrics = tuple(metrics)
        self.scores: dict[Cell, dict[str, float]] = {}
        self.hits: dict[Cell, np.ndarray] = {}
        self.confusion: dict[Cell, list[list[int]]] = {}
        self._spent, self._mark = 0.0, began  # seconds of earlier calls and lines; when the last line was written
        require_folders(folder, "output_dir")
        require_room(folder, "output_dir", REPORT_FILES, (FEATURES, MADE), "an evaluation")
        holds = sorted(path.name for path in folder.glob("*") if path.name not in (".lock", MADE, FEATURES))
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
            for name in REPORT_FILES:  # but the one by which it is known as an evaluation's
                if name != WORKING_FILE:
                    (folder / name).unlink(missing_ok=True)
            shutil.rmtree(folder / FEATURES, ignore_errors=True)
        if self.path.is_file() and not overwrite:
            self._read(identity)
        else:
            self._write_all([{"identity": identity}])

    def _read(self, identity: dict[str, Any]) -> None:
        lines = dict(enumerate(map(_parsed, self.path.read_text(errors="replace").splitlines()), 1))
        whole = {number: line for number, line in lines.items() if line is not None} or {1: {"identity": identity}}
        lost = [number for number in lines if number not in whole and number < len(lines)]  # a kill cuts the last one
        if lost:
            logger.warning("warning: %d damaged lines of %s are left out, and computed again", len(lost), self.path)
        try:
            found = {name: whole[1]["identity"][name] for name in identity}
        except (KeyError, TypeError):
            raise self._damaged(1) from None
        for name, mine in identity.items():
            if found[name] != mine:
                raise InputError(
                    f"{self.folder} holds an evaluation with another {name} ({found[name]}, now {mine}); their "
                    f"numbers must not be mixed. Choose another --output_dir, or pass --overwrite_output_dir."
                )
        for number, line in whole.items():
            try:
                if number > 1:
                    self._take(line)
            except (KeyError, TypeError, ValueError, OverflowError, binascii.Error):
                raise self._damaged(number) from None
        self._write_all(list(whole.values()))

    def _take(self, line: dict[str, Any]) -> None:
        """Know the cell of a line; what raises here is no cell."""
        cell = Cell(**{field.name: line[field.name] for field in dataclasses.fields(Cell)})
        scores = {name: _number(line[name]) for name in self.metrics if name in line}
        self._spent += _number(line["seconds"])
        if len(scores) < len(self.metrics):
            return
        self.scores[cell] = scores | ({CALIBRATION: _number(line[CALIBRATION])} if CALIBRATION in line else {})
        if "hits" in line:
            self.hits[cell] = _unpacked(line["hits"])
        if "confusion" in line:
            self.confusion[cell] = [_counts(row) for row in line["confusion"]]

    def require_of(self, samples: int, classes: int) -> None:
        """Raise InputError unless all that is known is of so many test samples and classes."""
        wrong = any(len(hits) != samples for hits in self.hits.values())
        wrong |= any(max(true, given) >= classes for rows in self.confusion.values() for true, given, _ in rows)
        if wrong:
            raise InputError(
                f"{self.path} is damaged: it holds cells of other test samples than the {samples:,} of now. Restore "
                f"it, choose another --output_dir, or pass --overwrite_output_dir."
            )

    def _damaged(self, line: int) -> InputError:
        return InputError(
            f"line {line} of {self.path} is not as evaluate writes it. Restore the file, choose another --output_dir, "
            f"or pass --overwrite_output_dir."
        )

    def add(
        self, cell: Cell, scores: dict[str, float], confusion: list[list[int]] | None, hits: np.ndarray | None = None
    ) -> None:
        """Keep a cell, in memory and in the folder, with the time it took."""
        self.scores[cell] = scores
        line = {**dataclasses.asdict(cell), **scores}
        if hits is not None:
            self.hits[cell] = hits
            line["hits"] = [len(hits), base64.b64encode(np.packbits(hits)).decode()]
        if cell.draw == 0 and confusion is not None:
            self.confusion[cell] = line["confusion"] = confusion
        spent = round(time.perf_counter() - self._mark, 3)
        self._spent, self._mark = self._spent + spent, self._mark + spent
        self._write_line({**line, "seconds": spent})

    def seconds(self) -> float:
        """Time spent on all cells, by every call that went on here, until now."""
        return self._spent + time.perf_counter() - self._mark

    def close(self, finished: bool) -> None:
        """Give the folder free; features are of no more use once the report is whole."""
        if finished:
            shutil.rmtree(self.folder / FEATURES, ignore_errors=True)
        self._lock.release()

    def _write_all(self, lines: list[dict[str, Any]]) -> None:
        write_whole(self.path, "".join(json.dumps(line) + "\n" for line in lines).encode())

    def _write_line(self, line: dict[str, Any]) -> None:
        with open(self.path, "a") as file:
            file.write(json.dumps(line) + "\n")


def _parsed(text: str) -> Any:
    """A line's value; None of one that is no JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _number(value: Any) -> float:
    if type(value) not in (int, float):
        raise TypeError(f"{value!r} is no number")
    return float(value)  # NaN where a score has no meaning


def _counts(row: Any) -> list[int]:
    """[true class, predicted class, samples]."""
    true, given, samples = row
    if not all(type(number) is int and 0 <= number < 2**31 for number in row):
        raise ValueError(f"{row} are no counts")
    return [true, given, samples]


def _unpacked(kept: list[Any]) -> np.ndarray:
    """[samples, bits in base64] -> (samples,) bool."""
    count, bits = kept
    return np.unpackbits(np.frombuffer(base64.b64decode(bits, validate=True), np.uint8), count=count).astype(bool)
