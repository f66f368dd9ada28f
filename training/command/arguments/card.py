"""Arguments of `pretune card`."""

from dataclasses import dataclass
from typing import ClassVar

from ...errors import InputError
from ..fields import argument, coerce_all


@dataclass(kw_only=True)
class CardArguments:
    """Render a run's model card (README.md) again, from its run.json."""

    verb: ClassVar[str] = "card"
    examples: ClassVar[tuple[str, ...]] = ("pretune card runs/digits",)

    run_dir: str | None = argument(None, "folder of a run", positional=True, group="files")
    overwrite: bool = argument(False, "also if README.md was edited by hand", group="files")

    def __post_init__(self):
        coerce_all(self)
        if not self.run_dir:
            raise InputError("run_dir is missing: name the folder of a run.")
