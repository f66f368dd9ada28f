"""Files that are not used, and why: for people."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

SHOWN = 5  # names in a list that is cut


@dataclass(frozen=True)
class LeftOut:
    """Files or folders that are not used.

    Args:
        what: which, with their number: "3 .heic files", "folder runs/ae".
        why: the cause, and what would help.
    """

    what: str
    why: str

    def __str__(self) -> str:
        return f"{self.what}: {self.why}"


def shortened(names: Sequence[Any], shown: int = SHOWN) -> str:
    """The first few of `names`, and how many more there are."""
    text = ", ".join(map(str, names[:shown]))
    return f"{text} and {len(names) - shown:,} more" if len(names) > shown else text


def counted(endings: Counter) -> str:
    """ "12 .txt, 3 .xml" of a count of file endings; most frequent first."""
    return shortened([f"{count:,} {ending or 'unnamed'}" for ending, count in endings.most_common()])
