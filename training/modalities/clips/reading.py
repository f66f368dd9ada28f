"""Clips of any kind -> stored rows (N, samples) int16: looked over, decoded once, cached on disk."""

import functools
import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ....modeling.processors.speech import as_stored, in_window
from ...command.arguments.data import DataArguments
from ...errors import InputError, one_line
from ..cache import cached_path, kept_facts, kept_rows, remembered
from ..file_cells import Cell, cell_at, cells_of
from ..modality import Preprocessing, Read
from .decoding import UNREADABLE, Piece, Plan, pieces_of
from .files import feature, sound_libraries
from .floors import Waves
from .survey import Survey, survey_of

logger = logging.getLogger(__name__)
CACHE_VERSION = 2
NAMED = 3  # files of which something is said


class ClipReader:
    """Decodes every split of a dataset to windows of one length: the first split decides, unless there is a model.

    Args:
        wanted: `sampling_rate` and `window_seconds` of a new network, where they are given.
        args: options of the user.
        preprocessing: of the model that the rows are for, if there is one already.
    """

    def __init__(self, wanted: Mapping[str, Any], args: DataArguments, preprocessing: Preprocessing | None = None):
        self.args = args
        self.rate, self.seconds = (_positive(wanted, name) for name in ("sampling_rate", "window_seconds"))
        if preprocessing is not None:
            self.rate, self.seconds = preprocessing.rate, preprocessing.seconds or self.seconds
        self.given = self.seconds is not None
        self.new = preprocessing is None
        self.plan: Plan | None = None

    def from_arrays(self, values: np.ndarray, name: str) -> Read:
        """Arrays (N, samples) of int16, or of floats in [-1, 1], at the rate of the model.

        Raises:
            InputError: another shape or type, NaN, or nobody knows their rate.
        """
        if values.ndim != 2 or values.dtype.kind not in "f" and values.dtype != np.int16 or 0 in values.shape:
            raise InputError(
                f"clips of {name} are {values.dtype} of shape {values.shape}, expected (N, samples) of int16 or of "
                f"floats in [-1, 1]: one channel."
            )
        if self.rate is None:
            raise InputError(
                f"nothing says how many samples a second the clips of {name} have. Pass --config.sampling_rate."
            )
        if self.plan is None:
            self.plan = Plan(int(self.rate), self.seconds or values.shape[1] / self.rate)
        samples = self.plan.samples
        stored = np.empty((len(values), samples), np.int16)
        for row, clip in enumerate(values):
            if not np.isfinite(clip).all():
                raise InputError(f"clip {row} of {name} holds NaN or infinity, expected finite numbers. Remove it.")
            clip = clip if clip.dtype == np.int16 else as_stored(clip)
            start = max(0, (len(clip) - samples) // 2)
            stored[row] = in_window(clip[start : start + samples], samples)
        stored = Waves.of(stored, self.plan.rate)
        fingerprint = hashlib.sha256(stored).hexdigest()[:16]
        again = remembered(lambda other: other.fitted(self._for(other).from_arrays(values, name).values))
        return Read(stored, np.arange(len(stored)), fingerprint, (), self._settings(), self._form(), again)

    def from_column(self, rows: Any, column: str, name: str) -> Read:
        """A column of files; what is stored is mapped from the cache, which the first call fills."""
        sound_libraries()
        rows = rows.select_columns([column]).cast_column(column, feature())
        survey = self._survey(rows, column, name)
        if self.plan is None:
            seconds = self.seconds or survey.window
            self.plan = Plan(int(self.rate or survey.rate), seconds, self.args.frames == "all")
        path = cached_path([*self._identity(rows, column), vars(self.plan), self.args.skip_damaged], ".npy")
        fill = functools.partial(self._fill, rows, column, name, survey)
        stored, found = kept_rows(path, (self.plan.samples,), np.int16, fill, self._survey_path(rows, column))
        stored = Waves.of(stored, self.plan.rate)
        _warn(found, name)
        again = remembered(lambda other: other.fitted(self._for(other).from_column(rows, column, name).values))
        content = np.asarray(found["content"], dtype=np.uint64)
        facts, damaged = self._facts(survey, len(stored), name), dict(found["bad"])
        kept = np.asarray(found["rows"])
        return Read(
            stored, kept, found["fingerprint"], facts, self._settings(), self._form(), again, content, damaged=damaged
        )

    def _for(self, preprocessing: Preprocessing) -> "ClipReader":
        """One that reads the same for another model: at its rate, in windows as long as these if it has none."""
        return ClipReader({"window_seconds": self.plan.seconds}, self.args, preprocessing)

    def _form(self) -> str:
        return json.dumps(["waves", vars(self.plan)])

    def _settings(self) -> dict[str, Any]:
        return {"sampling_rate": self.plan.rate, "window_seconds": self.plan.seconds}

    def _identity(self, rows: Any, column: str) -> list[Any]:
        return ["clips", rows._fingerprint, column, len(rows), CACHE_VERSION]

    def _survey_path(self, rows: Any, column: str) -> Path:
        return cached_path(["survey", *self._identity(rows, column)], ".json")

    def _survey(self, rows: Any, column: str, name: str) -> Survey:
        survey = Survey.of(
            kept_facts(self._survey_path(rows, column), lambda: survey_of(cells_of(rows, column)).facts())
        )
        if survey.bad and not self.args.skip_damaged:
            row = next(iter(survey.bad))
            raise _bad(cell_at(rows, column, row), name, survey.bad[row])
        if not len(survey):
            raise InputError(f"{name} is empty: none of its {len(rows)} clips could be decoded.")
        return survey

    def _fill(self, rows: Any, column: str, name: str, survey: Survey, path: Path) -> dict[str, Any]:
        """Decode all into `path`. Returns which rows are there, fingerprint, content, and what is amiss."""
        kept: list[int] = []
        bad = dict(survey.bad)
        found: dict[str, Any] = {"content": [], "silent": 0, "cut_off": []}
        digest = hashlib.sha256()
        with open(path, "wb") as file:
            _write_header(file, 0, self.plan.samples)
            for cell in cells_of(rows, column, 256):
                if cell.row in survey.bad:
                    continue
                pieces, lacking = self._pieces(cell, name, bad)
                if lacking:
                    found["cut_off"].append([cell.where, round(lacking, 2)])
                for piece in pieces:
                    kept.append(cell.row)
                    found["content"].append(piece.digest)
                    found["silent"] += not piece.stored.any()
                    digest.update(piece.stored)
                    file.write(piece.stored.tobytes())
            if not kept:
                raise InputError(f"{name} is empty: none of its {len(rows)} clips could be decoded.")
            file.seek(0)
            _write_header(file, len(kept), self.plan.samples)
        return {"rows": kept, "fingerprint": digest.hexdigest()[:16], "bad": list(bad.items()), **found}

    def _pieces(self, cell: Cell, name: str, bad: dict[int, str]) -> tuple[list[Piece], float]:
        try:
            return pieces_of(cell.required("clip"), self.plan)
        except UNREADABLE as error:
            if self.args.skip_damaged and not isinstance(error, InputError):
                bad[cell.row] = one_line(error)
                return [], 0.0
            raise _bad(cell, name, one_line(error)) from None

    def _facts(self, survey: Survey, count: int, name: str) -> list[str]:
        """What is said of how a split is read."""
        plan, total = self.plan, len(survey)
        lines = [f"{name}: {survey.in_words()}"]
        other = total - survey.rates[plan.rate]
        if other:
            lines.append(f"{other} of {total} are resampled to {plan.rate} Hz")
        mixed = total - survey.channels[1]
        if mixed:
            lines.append(f"{mixed} of {total} have several channels, of which the mean is taken")
        longer = sum(seconds > plan.seconds for seconds in survey.seconds)
        told = f"each lies in a window of {plan.seconds:g} seconds, in silence where it is shorter"
        if not self.given and self.new:
            told += " (--config.window_seconds N for another)"
        lines.append(told)
        if longer and plan.every:
            lines.append(f"{longer} of {total} are longer: {count} windows in all, each half over the one before")
        elif longer:
            lines.append(f"{longer} of {total} are longer, and their middle is taken (--frames all: window by window)")
        return lines


def _write_header(file: Any, count: int, samples: int) -> None:
    """Of a .npy file; numpy leaves room in it for a larger count."""
    facts = {"descr": "<i2", "fortran_order": False, "shape": (count, samples)}
    np.lib.format.write_array_header_1_0(file, facts)


def _warn(found: Mapping[str, Any], name: str) -> None:
    """Of files that are cut off, and of silence."""
    cut = found["cut_off"]
    if cut:
        shown = "; ".join(f"{where}: {lacking:g} seconds are missing" for where, lacking in cut[:NAMED])
        logger.warning("warning: %d files of %s are cut off, and what is there is used (%s)", len(cut), name, shown)
    if found["silent"]:
        logger.warning("warning: %d of %d clips of %s are silent", found["silent"], len(found["rows"]), name)


def _bad(cell: Cell, name: str, why: str) -> InputError:
    return InputError(
        f"clip {cell.row} of {name} ({cell.where}) cannot be used: {why.rstrip('.')}. Mend or remove it, or pass "
        f"--skip_damaged to leave such clips out."
    )


def _positive(wanted: Mapping[str, Any], name: str) -> float | None:
    value = wanted.get(name)
    if value is not None and (type(value) not in (int, float) or not 0 < value < 1e6):
        raise InputError(f"config.{name} must be a number larger than 0, got {value!r}.")
    return value
