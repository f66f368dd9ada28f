"""What pictures are like before they are decoded: sizes, modes and pages, read from headers once and kept."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ....modeling.processors.opening import Header, Refused, header_of
from ...errors import one_line
from ..file_cells import Cell
from .sizes import SIZES

# What PIL and its plugins raise at files that are cut off or no pictures.
UNREADABLE = (OSError, ValueError, SyntaxError, TypeError, IndexError, EOFError)


@dataclass
class Survey:
    """Counts over the pictures of a split.

    Args:
        shapes: by "height x width".
        kinds: by mode, as people know it.
        channels: by their number, alpha not counted.
        wide: hold more than 8 bits a number.
        alpha, narrowed: see `Header`.
        frames: {row: pages or frames}, where there are several.
        volumes: rows whose pages are slices of a volume.
        bad: {row: why}, whole pictures that are not read, and damaged ones.
        damaged: rows of `bad` that are damaged.
    """

    shapes: Counter = field(default_factory=Counter)
    kinds: Counter = field(default_factory=Counter)
    channels: Counter = field(default_factory=Counter)
    wide: int = 0
    alpha: int = 0
    narrowed: int = 0
    frames: dict[int, int] = field(default_factory=dict)
    volumes: list[int] = field(default_factory=list)
    bad: dict[int, str] = field(default_factory=dict)
    damaged: list[int] = field(default_factory=list)

    def add(self, header: Header, count: int = 1) -> None:
        """Count pictures of this header."""
        self.shapes[header.height, header.width] += count
        self.kinds[header.kind] += count
        self.channels[header.channels] += count
        self.wide += count * header.wide
        self.alpha += count * header.alpha
        self.narrowed += count * header.narrowed

    def __len__(self) -> int:
        return self.shapes.total()

    @property
    def usual_shape(self) -> tuple[int, int]:
        """(height, width) of half of the pictures or more; if there is none, that in the middle by its short side."""
        shape, count = self.shapes.most_common(1)[0]
        if 2 * count >= len(self):
            return shape
        ordered = sorted(self.shapes, key=min)
        seen = np.cumsum([self.shapes[shape] for shape in ordered])
        return ordered[int(np.searchsorted(seen, seen[-1] / 2))]

    @property
    def usual_channels(self) -> int:
        """That most of the pictures have; of equally frequent numbers the larger."""
        return max(self.channels, key=lambda channels: (self.channels[channels], channels))

    def in_words(self) -> str:
        """Sizes and modes, the usual ones first."""
        (height, width), rest = self.usual_shape, len(self.shapes) - 1
        sizes = f"{height}x{width} pixels (height x width)"
        if rest:
            shorts, longs = [min(shape) for shape in self.shapes], [max(shape) for shape in self.shapes]
            share, others = f"{self.shapes[height, width]} of {len(self)}", f"{rest} other size{'s' * (rest > 1)}"
            sizes = f"{sizes} for {share}, {others} with sides from {min(shorts)} to {max(longs)}"
        kinds = ", ".join(
            f"{kind} ({count})" if len(self.kinds) > 1 else kind for kind, count in self.kinds.most_common(6)
        )
        return f"{sizes}; {kinds}"

    def traits(self) -> dict[str, dict[str, int]]:
        """Its counts under the names that people read, the most frequent first."""
        found = {
            SIZES: {f"{h}x{w}": count for (h, w), count in self.shapes.most_common()},
            "modes": dict(self.kinds.most_common()),
            "more": {
                "more than 8 bits": self.wide, "transparency": self.alpha, "several pages or frames": len(self.frames),
            },
        }  # fmt: skip
        found["more"] = {name: count for name, count in found["more"].items() if count}
        return {name: counts for name, counts in found.items() if counts}

    def facts(self) -> dict[str, Any]:
        """All of it, as JSON holds it."""
        facts = {**vars(self), "shapes": [[*shape, count] for shape, count in self.shapes.items()]}
        return facts | {name: list(facts[name].items()) for name in ("channels", "frames", "bad")}

    @classmethod
    def of(cls, facts: dict[str, Any]) -> "Survey":
        """From its facts."""
        facts = dict(facts)
        shapes = Counter({(height, width): count for height, width, count in facts.pop("shapes")})
        counters = {"kinds": Counter(facts.pop("kinds")), "channels": Counter(dict(facts.pop("channels")))}
        return cls(shapes, **counters, frames=dict(facts.pop("frames")), bad=dict(facts.pop("bad")), **facts)


def survey_of(cells: Iterable[Cell]) -> Survey:
    """Read all headers."""
    survey = Survey()
    for cell in cells:
        try:
            header = header_of(cell.required("image"))
        except UNREADABLE as error:
            survey.bad[cell.row] = one_line(error)
            if not isinstance(error, Refused):
                survey.damaged.append(cell.row)
            continue
        survey.add(header)
        if header.frames > 1:
            survey.frames[cell.row] = header.frames
            survey.volumes += [cell.row] if header.volume else []
    return survey
