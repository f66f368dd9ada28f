"""Pictures of any kind -> stored rows (N, C, H, W): looked over, decoded once by one function, cached on disk."""

import functools
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap

from ....modeling.processors.opening import Picture, Refused, is_wide, open_picture
from ...command.arguments.data import DataArguments
from ...errors import InputError, one_line
from ..cache import allocate, cached_path, fingerprint_of, kept_facts, kept_rows, remembered
from ..file_cells import Cell, cell_at, cells_of
from ..modality import Preprocessing, Read
from ..picked import in_parts
from . import arrays as image_arrays
from .digests import image_digests, picture_digest
from .plan import Plan, Planner
from .survey import UNREADABLE, Survey, survey_of
from .values import Extent, extent_of, warn_of_cut, warn_of_stored

CACHE_VERSION = 6
LARGE = 200 * 200  # pixels, from which threads decode faster than one
THREADS = min(8, os.cpu_count() or 1)


class ImageReader:
    """Decodes every split of a dataset to rows of one shape: the first split decides, unless there is a model.

    Args:
        wanted: `image_size` and `num_channels` of a new network, where they are given.
        args: options of the user.
        preprocessing: of the model that the rows are for, if there is one already.
    """

    def __init__(self, wanted: Mapping[str, Any], args: DataArguments, preprocessing: Preprocessing | None = None):
        self.args = args
        self.planner = Planner(wanted, args, preprocessing)

    def from_arrays(self, values: np.ndarray, name: str) -> Read:
        """Arrays (N, H, W), (N, H, W, C) or (N, C, H, W) of 1 to 64 channels, of any number type."""
        looked = image_arrays.looked_over(values, name, self.planner.known, self.args.alpha)
        values, survey = looked.values, looked.survey
        colours = values[:, :-1] if survey.alpha and self.args.alpha != "keep" else values
        parts = functools.partial(extent_of, in_parts(colours, image_arrays.AT_ONCE))
        plan, facts = self.planner.plan(survey, parts, name, looked.value_range)
        if self.args.alpha is None and values.shape[1] in (2, 4):
            facts.append("if the last channel is transparency, pass --alpha drop, or a colour behind it")
        whole = plan.plain and values.shape[1:] == plan.shape
        stored = values if whole else image_arrays.decoded(values, plan, name)
        stored = np.ascontiguousarray(stored)
        warn_of_stored(stored, name)
        warn_of_cut(image_arrays.outside(values, plan.reading.value_range), plan.reading.value_range, name)
        again = None if plan.plain else remembered(lambda other: self._for(other).from_arrays(values, name).values)
        fingerprint = hashlib.sha256(stored).hexdigest()[:16]
        content = None if whole else image_digests(colours)
        rows, traits = np.arange(len(stored)), survey.traits()
        return Read(stored, rows, fingerprint, facts, plan.settings, plan.form, again, content, traits)

    def from_column(self, rows: Any, column: str, name: str) -> Read:
        """A column of files; what is stored is mapped from the cache, which the first call fills."""
        import datasets

        rows = rows.select_columns([column]).cast_column(column, datasets.Image(decode=False))
        survey = self._survey(rows, column, name)
        wide = functools.partial(self._extent, rows, column, survey, name)
        plan, facts = self.planner.plan(survey, wide, name)
        key = [self._identity(rows, column), plan.key, self.args.skip_damaged, self.args.frames]
        path = cached_path(key, ".npy")
        fill = functools.partial(self._fill, rows, column, name, survey, plan)
        stored, found = kept_rows(path, plan.shape, plan.dtype, fill, self._survey_path(rows, column))
        warn_of_stored(stored, name)
        warn_of_cut(found["cut"], plan.reading.value_range, name)
        again = remembered(lambda other: self._for(other).from_column(rows, column, name).values)
        kept = np.asarray(found["rows"]) if found["rows"] is not None else np.arange(len(stored))
        content = None if plan.plain else np.asarray(found["content"], dtype=np.uint64)
        again = None if plan.plain else again
        return Read(
            stored, kept, found["fingerprint"], facts, plan.settings, plan.form, again, content, survey.traits(),
            survey.bad,
        )  # fmt: skip

    def _for(self, preprocessing: Preprocessing) -> "ImageReader":
        """One that reads the same for another model."""
        return ImageReader({}, self.args, preprocessing)

    def _identity(self, rows: Any, column: str) -> list[Any]:
        return [rows._fingerprint, column, len(rows), CACHE_VERSION]

    def _survey_path(self, rows: Any, column: str) -> Path:
        return cached_path(["survey", *self._identity(rows, column)], ".json")

    def _survey(self, rows: Any, column: str, name: str) -> Survey:
        survey = Survey.of(
            kept_facts(self._survey_path(rows, column), lambda: survey_of(cells_of(rows, column)).facts())
        )
        if survey.bad and not self.args.skip_damaged:
            row = next(iter(survey.bad))
            raise _bad(cell_at(rows, column, row), name, survey.bad[row], row in survey.damaged)
        if not len(survey):
            raise InputError(f"{name} is empty: none of its {len(rows)} images could be decoded.")
        return survey

    def _extent(self, rows: Any, column: str, survey: Survey, name: str) -> Extent:
        """Of the values of those pictures that hold more than 8 bits, transparency not counted if it is left out."""

        def values() -> Iterator[np.ndarray]:
            for cell in cells_of(rows, column, 64):
                for frame in self._frames(survey, cell.row) if cell.row not in survey.bad else ():
                    picture = _opened(cell, frame, name, self.args.skip_damaged)
                    if picture is None or not is_wide(picture):
                        continue
                    found = np.asarray(picture)
                    if not np.issubdtype(found.dtype, np.floating) or np.isfinite(found).all():
                        last = survey.alpha and self.args.alpha != "keep" and found.ndim == 3 and len(found) in (2, 4)
                        yield found[:-1] if last else found
                    elif not self.args.skip_damaged:
                        why = "it holds NaN or infinity, expected finite numbers"
                        raise _bad(cell, name, why, damaged=False)

        return extent_of(values())

    def _frames(self, survey: Survey, row: int) -> Sequence[int]:
        """Which pages or frames of a file are samples; of a volume, whose first slice is often empty, the middle."""
        count, wanted = survey.frames.get(row, 1), self.args.frames
        if wanted == "all":
            return range(count)
        return (count // 2,) if wanted == "middle" or (wanted is None and row in survey.volumes) else (0,)

    def _fill(self, rows: Any, column: str, name: str, survey: Survey, plan: Plan, path: Path) -> dict[str, Any]:
        """Decode all into `path`. Returns which rows are there (None: all), fingerprint, content, and how many cut."""
        more = survey.frames if self.args.frames == "all" else {}
        most = len(rows) + sum(more.values()) - len(more)
        out, kept = open_memmap(path, mode="w+", dtype=plan.dtype, shape=(most, *plan.shape)), []
        allocate(path)
        content: list[int] = []
        large = max(h * w for h, w in survey.shapes) >= LARGE
        wanted = (cell for cell in cells_of(rows, column, 64 if large else 1024) if cell.row not in survey.bad)
        jobs = ((cell, frame) for cell in wanted for frame in self._frames(survey, cell.row))
        one = functools.partial(self._one, plan, name)
        cut = 0
        for row, stored, is_cut, digest in _in_order(one, jobs, THREADS if large else 1):
            if stored is not None:
                out[len(kept)] = stored
                kept.append(row)
                content.append(digest)
                cut += is_cut
        if not kept:
            raise InputError(f"{name} is empty: none of its {len(rows)} images could be decoded.")
        values = out[: len(kept)]
        fingerprint = fingerprint_of(values)
        if len(kept) < most:  # the file must hold exactly the images that are left
            values = np.array(values)
            with open(path, "wb") as file:
                np.save(file, values)
        del out, values
        found = {"fingerprint": fingerprint, "content": None if plan.plain else content, "cut": cut}
        return {"rows": None if kept == list(range(len(rows))) else kept, **found}

    def _one(self, plan: Plan, name: str, job: tuple[Cell, int]) -> tuple[int, np.ndarray | None, bool, int | None]:
        cell, frame = job
        picture = _opened(cell, frame, name, self.args.skip_damaged)
        if picture is None:
            return cell.row, None, False, None
        try:
            digest = None if plan.plain else picture_digest(picture)
            return cell.row, plan.row(picture), plan.cuts(picture), digest
        except ValueError as error:
            if self.args.skip_damaged:
                return cell.row, None, False, None
            raise _bad(cell, name, one_line(error), damaged=False) from None


def _opened(cell: Cell, frame: int, name: str, skip: bool) -> Picture | None:
    """The picture in one cell, decoded; None if it is damaged and may be left out."""
    try:
        picture = open_picture(cell.required("image"), frame)
        if not isinstance(picture, np.ndarray):
            picture.load()  # what is cut off shows here
        return picture
    except UNREADABLE as error:
        if skip:
            return None
        raise _bad(cell, name, one_line(error), not isinstance(error, Refused)) from None


def _bad(cell: Cell, name: str, why: str, damaged: bool) -> InputError:
    what = "is damaged" if damaged else "cannot be used"
    return InputError(
        f"image {cell.row} of {name} ({cell.where}) {what}: {why.rstrip('.')}. Mend or remove it, or pass "
        f"--skip_damaged to leave such images out."
    )


def _in_order(one: Callable[[Any], tuple], jobs: Iterable[Any], threads: int) -> Iterator[tuple]:
    """`map`, by several threads where that helps; few results wait at a time."""
    if threads == 1:
        yield from map(one, jobs)
        return
    waiting: list[Any] = []
    with ThreadPoolExecutor(threads) as pool:
        for job in jobs:
            waiting.append(pool.submit(one, job))
            if len(waiting) == 2 * threads:
                yield waiting.pop(0).result()
        for future in waiting:
            yield future.result()
