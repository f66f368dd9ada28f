"""What clips are like before they are decoded: rates, channels and lengths, read from headers once and kept."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...errors import one_line
from ..file_cells import Cell
from .decoding import UNREADABLE, header_of

MOST_RATE = 16000  # samples a second of a new network, unless it is given
LONGEST = 5.0  # seconds of its window
SHARE = 0.99  # of the clips lie in the window whole, unless that is longer


@dataclass
class Survey:
    """Counts over the clips of a split.

    Args:
        rates, channels, kinds: clips of each.
        seconds: of each clip, as its header says.
        bad: {row: why}, clips that cannot be read.
    """

    rates: Counter = field(default_factory=Counter)
    channels: Counter = field(default_factory=Counter)
    kinds: Counter = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    bad: dict[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.seconds)

    @property
    def rate(self) -> int:
        """Of most clips, but no more than `MOST_RATE`."""
        return min(self.rates.most_common(1)[0][0], MOST_RATE)

    @property
    def window(self) -> float:
        """Seconds, to a tenth: as long as all but the longest hundredth, and at most `LONGEST`."""
        wanted = float(np.quantile(self.seconds, SHARE))
        return min(max(float(np.ceil(wanted * 10)) / 10, 0.1), LONGEST)

    def in_words(self) -> str:
        """Lengths, rates and kinds, the usual ones first."""
        low, middle, high = (float(np.quantile(self.seconds, q)) for q in (0, 0.5, 1))
        rates = ", ".join(f"{rate} Hz" + f" ({n})" * (len(self.rates) > 1) for rate, n in self.rates.most_common(4))
        kinds = ", ".join(f"{kind}" + f" ({n})" * (len(self.kinds) > 1) for kind, n in self.kinds.most_common(4))
        return f"{low:.2f} to {high:.2f} seconds long, half of them up to {middle:.2f}; {rates}; {kinds}"

    def facts(self) -> dict[str, Any]:
        """All of it, as JSON holds it."""
        facts = {name: list(getattr(self, name).items()) for name in ("rates", "channels", "kinds", "bad")}
        return {**facts, "seconds": self.seconds}

    @classmethod
    def of(cls, facts: dict[str, Any]) -> "Survey":
        """From its facts."""
        counters = {name: Counter(dict(facts[name])) for name in ("rates", "channels", "kinds")}
        return cls(**counters, seconds=facts["seconds"], bad=dict(facts["bad"]))


def survey_of(cells: Iterable[Cell]) -> Survey:
    """Read all headers."""
    survey = Survey()
    for cell in cells:
        try:
            header = header_of(cell.required("clip"))
        except UNREADABLE as error:
            survey.bad[cell.row] = one_line(error)
            continue
        survey.rates[header.rate] += 1
        survey.channels[header.channels] += 1
        survey.kinds[header.kind] += 1
        survey.seconds.append(round(header.frames / header.rate, 4))
    return survey
