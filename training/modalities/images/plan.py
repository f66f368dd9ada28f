"""What the pictures of a dataset are decoded to: size, channels, bits, range; and what is said of it."""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import PIL.ImageColor

from ....configuration.image import MOST
from ....modeling.processors.opening import is_wide
from ....modeling.processors.pictures import MOST_CHANNELS, Reading, fit, numbers_of
from ...command.arguments.data import DataArguments
from ...command.yaml_text import shown
from ...errors import InputError
from ..modality import PLAIN, Preprocessing
from .survey import Survey
from .values import Extent, tell_range

logger = logging.getLogger(__name__)
MODEST = 64  # pixels a side of a new network, where images are larger and no size is given
COLOURS = {1: "grey", 3: "colour"}
WAYS = {
    "crop": "what is not square is cropped to the square in its middle",
    "pad": "what is not square gets black borders",
    "stretch": "what is not square is stretched",
}


@dataclass(frozen=True)
class Plan:
    """How one split is decoded.

    Args:
        reading: from a picture to numbers.
        height, width: of the stored rows.
        resize_mode: how pictures of another size are brought to it.
        plain: the rows are the pictures as they are, each of this size.
        preprocessing: of a network that is not ours: what it makes of the numbers is stored.
        square: with `preprocessing`: pictures are made square by `resize_mode` first.
    """

    reading: Reading
    height: int
    width: int
    resize_mode: str = "crop"
    plain: bool = False
    preprocessing: Preprocessing | None = None
    square: bool = False

    @property
    def key(self) -> str:
        """Changes with all that decides the stored rows."""
        other = None if self.preprocessing is None else [self.preprocessing.key, self.square]
        return json.dumps([asdict(self.reading), self.height, self.width, self.resize_mode, other])

    @property
    def form(self) -> str:
        """What the rows are in the form of; see `Read`."""
        if self.plain:
            return PLAIN
        return self.key if self.preprocessing is None else self.preprocessing.key

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of a stored row."""
        if self.preprocessing is not None:
            return self.preprocessing.shape
        return self.reading.num_channels, self.height, self.width

    @property
    def dtype(self) -> type:
        """Of the stored rows."""
        return np.uint8 if self.reading.bits == 8 or self.preprocessing is not None else np.uint16

    @property
    def settings(self) -> dict[str, Any]:
        """For the processor that is saved beside a model."""
        return {
            "resize_mode": self.resize_mode,
            "value_range": self.reading.value_range and list(self.reading.value_range),
            "stored_bits": self.reading.bits,
            "alpha": self.reading.alpha,
        }

    def cuts(self, picture: Any) -> bool:
        """Whether a picture or array (C, H, W) of more than 8 bits holds values outside the range."""
        if self.reading.value_range is None or not is_wide(picture):
            return False
        values, (low, high) = np.asarray(picture), self.reading.value_range
        return bool(values.min() < low or values.max() > high)

    def row(self, picture: Any) -> np.ndarray:
        """A picture or array (C, H, W) -> the stored row, of `shape`."""
        numbers = numbers_of(picture, self.reading, first_axis=True)
        if self.preprocessing is None:
            return fit(numbers, self.height, self.width, self.resize_mode)
        if self.square:
            side = (max if self.resize_mode == "pad" else min)(numbers.shape[1:])
            numbers = fit(numbers, side, side, self.resize_mode)
        return self.preprocessing.prepared(numbers)


class Planner:
    """Decides from the first split that it sees, which is the training split, and keeps to that for the others.

    Args:
        wanted: `image_size` and `num_channels` that a new network was given.
        args: options of the user.
        preprocessing: of the model that the rows are for, if there is one already.
    """

    def __init__(self, wanted: Mapping[str, Any], args: DataArguments, preprocessing: Preprocessing | None):
        for name, value in wanted.items():
            most = MOST.get(name)
            if most is not None and value is not None and (type(value) is not int or not 1 <= value <= most):
                raise InputError(f"config.{name} must be at least 1 and at most {most:,}, got {shown(value)}.")
        self.wanted, self.args, self.preprocessing = wanted, args, preprocessing
        self.theirs = preprocessing is not None and not preprocessing.ours
        self.saved = preprocessing.processor if preprocessing is not None and preprocessing.ours else None
        self.reading: Reading | None = None
        self.size: int | None = None

    @property
    def square(self) -> bool:
        """Whether pictures are made square before another network's own image processor has them."""
        return self.args.resize is not None or self.preprocessing.ragged

    @property
    def known(self) -> Reading | None:
        """How pictures are read, as far as an earlier split, the user or a model of ours has decided it."""
        if self.reading is not None:
            return self.reading
        saved = self.saved.reading if self.saved is not None else None
        if self.args.value_range is None:
            return saved
        return Reading(1, saved.bits if saved is not None else 8, tuple(self.args.value_range))

    @property
    def resize_mode(self) -> str:
        """As the user says, else as the model was trained."""
        return self.args.resize or (self.saved.resize_mode if self.saved is not None else "crop")

    def plan(
        self, survey: Survey, extent: Callable[[], Extent], name: str, own_range: tuple[int, int] | None = None
    ) -> tuple[Plan, list[str]]:
        """How a split is decoded, and what to say of it.

        Args:
            survey: of its pictures.
            extent: computes the values of those of more than 8 bits, if these must be known.
            name: of the split.
            own_range: what its 8-bit numbers go by, where their type says otherwise.

        Raises:
            InputError: more channels than a network can have.
        """
        told, first = [], self.reading is None
        if first:
            self.reading, told = self._read_as(survey, extent, name, own_range)
            self.size = self._side(survey)
        plan = self._of_split(survey)
        given = self.preprocessing is not None or self.wanted.get("image_size")
        if first and not given and min(survey.usual_shape) > plan.height:
            size = f"{plan.height}x{plan.width} pixels (--config.image_size of a new network)"
            told.insert(0, f"no size is given, so a modest one is taken: {size}")
        return plan, [*self._told(survey, plan, name), *told]

    def _read_as(
        self, survey: Survey, extent: Callable[[], Extent], name: str, own_range: tuple[int, int] | None
    ) -> tuple[Reading, list[str]]:
        saved, told = self.saved, []
        alpha = self.args.alpha or (saved.alpha if saved is not None else "drop")
        _check_alpha(alpha)
        channels = survey.usual_channels + (alpha == "keep" and 2 * survey.alpha >= len(survey))
        if self.wanted.get("num_channels"):
            channels = self.wanted["num_channels"]
        if self.preprocessing is not None:
            channels = self.preprocessing.shape[0]
        if channels > MOST_CHANNELS:
            raise InputError(f"{name} has images of {channels} channels, expected 1 to {MOST_CHANNELS}. Choose some.")
        wide = 2 * survey.wide >= len(survey)
        value_range = self.args.value_range or (saved.value_range if saved is not None else None) or own_range
        if wide and value_range is None:
            found = extent()
            value_range = found.value_range()
            told.append(tell_range(found, value_range, name))
            if self.theirs:
                logger.warning(
                    "warning: the network takes 8 bits, to which these are brought; give `pipeline` images of 8 bits"
                )
        elif survey.wide and value_range is None:
            _warn_of_few(extent(), survey.wide, name)
        bits = 16 if wide or (saved is not None and saved.stored_bits == 16) else 8
        return Reading(channels, bits, value_range and tuple(value_range), alpha), told

    def _side(self, survey: Survey) -> int:
        """Of the square that networks of ours take."""
        if self.saved is not None:
            return self.saved.size["height"]
        return self.wanted.get("image_size") or min(*survey.usual_shape, MODEST)

    def _of_split(self, survey: Survey) -> Plan:
        reading, (height, width) = self.reading, survey.usual_shape
        whole = len(survey.shapes) == 1 and not survey.wide and reading.as_they_are
        whole &= reading.alpha == "drop" or not survey.alpha
        most = max(survey.channels)
        if self.theirs:
            _, *inside = self.preprocessing.shape
            if whole and height * width <= inside[0] * inside[1] and most in (1, 3):  # small: fitted as it is used
                return Plan(Reading(most, alpha=reading.alpha), height, width, self.resize_mode, True)
            return Plan(reading, *inside, self.resize_mode, False, self.preprocessing, self.square)
        plain = whole and (height, width) == (self.size, self.size) and reading.num_channels >= most
        return Plan(reading, self.size, self.size, self.resize_mode, plain)

    def _told(self, survey: Survey, plan: Plan, name: str) -> list[str]:
        lines, count = [], len(survey)
        if not plan.plain:
            lines.append(f"{name}: {survey.in_words()}")
            if plan.preprocessing is not None:
                shape = "x".join(map(str, plan.shape))
                lines.append(f"all {count} go through the model's own image processor, which makes {shape} of each")
            else:
                lines += self._told_of_size(survey, plan)
        if survey.usual_channels not in COLOURS:
            lines.append(f"{name}: images of {survey.usual_channels} channels")
        if plan.reading.num_channels in COLOURS and plan.preprocessing is None:
            others = count - survey.channels[plan.reading.num_channels]
            if others:
                lines.append(f"{others} of {count} are converted to {COLOURS[plan.reading.num_channels]}")
        if survey.alpha and plan.reading.alpha == "drop":
            lines.append(f"{survey.alpha} of {count} have transparency, which is left out (--alpha keep, or a colour)")
        lines += self._told_of_frames(survey)
        if survey.narrowed:
            logger.warning(
                "warning: %d images of %s have 16 bits a colour, of which 8 are kept", survey.narrowed, name
            )
        if survey.wide and plan.reading.bits == 8:
            logger.warning("warning: %d images of %s have more than 8 bits, 8 are kept", survey.wide, name)
        return lines

    def _told_of_frames(self, survey: Survey) -> list[str]:
        if not survey.frames or self.args.frames == "all":
            return []
        volumes = len(survey.volumes) if self.args.frames is None else 0
        which = {
            f"{volumes} are volumes: the middle slice of each is read (--frames all for every slice)": volumes,
            f"{len(survey.frames) - volumes} have several pages or frames: the {self.args.frames or 'first'} is read "
            f"(--frames all for each)": len(survey.frames) - volumes,
        }
        return [line for line, count in which.items() if count]

    def _told_of_size(self, survey: Survey, plan: Plan) -> list[str]:
        lines, size = [], f"{plan.height}x{plan.width}"
        changed = sum(count for shape, count in survey.shapes.items() if shape != (plan.height, plan.width))
        if changed:
            how = f"; {WAYS[plan.resize_mode]} (--resize)" if any(h != w for h, w in survey.shapes) else ""
            lines.append(f"{changed} of {len(survey)} images are brought to {size} pixels{how}")
        return lines


def _warn_of_few(found: Extent, count: int, name: str) -> None:
    """Warn of pictures of more than 8 bits that come out dark as 8 bits, since they use a part of theirs."""
    low, high = found.value_range()
    if (low, high) not in ((0, 65535), (0, 1)):
        logger.warning(
            "warning: %d images of %s hold values from %g to %g of more than 8 bits, and beside the others the whole "
            "range of their type becomes 0 to 255, so they come out too dark: bring all to one range", count, name,
            found.low, found.high,
        )  # fmt: skip


def _check_alpha(alpha: str) -> None:
    try:
        if alpha not in ("drop", "keep"):
            PIL.ImageColor.getrgb(alpha)
    except ValueError:
        raise InputError(
            f"alpha is {alpha!r}, expected drop, keep or a colour to put behind, such as white or '#202020'."
        ) from None
