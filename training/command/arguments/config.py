"""Arguments of `pretune config`."""

from dataclasses import dataclass
from typing import ClassVar

from ..fields import argument, coerce_all


@dataclass(kw_only=True)
class ConfigArguments:
    """List the fields of a family's config with texts, types and defaults, or the families."""

    verb: ClassVar[str] = "config"
    examples: ClassVar[tuple[str, ...]] = ("pretune config", "pretune config conv_autoencoder")

    family: str | None = argument(
        None, "a family, as in --model_type (default: list them)", positional=True, group="network"
    )

    def __post_init__(self):
        coerce_all(self)
