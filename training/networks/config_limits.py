"""What a config.json of anybody's may say before transformers builds anything of it."""

from collections.abc import Iterator
from typing import Any

from ...configuration.encoder import MOST_LABELS
from ..command.yaml_text import shown

MOST_LAYERS = 10_000
LARGEST = 2**26  # of any other size or number; the largest known are vocabularies of a quarter of a million
KINDS = {"model_type": str, "architectures": list, "id2label": dict, "label2id": dict, "auto_map": dict}
UNBOUNDED = ("id", "ids", "seed", "theta", "version")  # last words of names of numbers that count or measure nothing


def require_plausible(values: Any) -> None:
    """Raise ValueError unless a config, as read from JSON, is a mapping whose numbers a network can have: a thousand
    million labels alone would take 100 GB.

    Args:
        values: of a config.json.
    """
    if not isinstance(values, dict):
        raise ValueError(f"its config.json holds {shown(values)}, expected a mapping of fields to values.")
    for name, kind in KINDS.items():
        if values.get(name) is not None and not isinstance(values[name], kind):
            raise ValueError(f"its config.json says that {name} is {shown(values[name])}, expected a {kind.__name__}.")
    if not all(isinstance(name, str) for name in values.get("architectures") or ()):
        raise ValueError(f"its config.json has architectures {shown(values['architectures'])}, expected names.")
    for name, number in _whole_numbers(values):
        words = name.split("_")
        if words[-1] in UNBOUNDED:
            continue
        most = MOST_LABELS if "labels" in words else MOST_LAYERS if {"layers", "depths"} & {*words} else LARGEST
        if number > most:
            raise ValueError(f"its config.json says that {name} is {shown(number)}, expected at most {most:,}.")


def _whole_numbers(values: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """(name, number) at any depth; those of a list bear the list's name."""
    pending: list[tuple[str, Any]] = list(values.items())
    while pending:
        name, value = pending.pop()
        if isinstance(value, dict):
            pending.extend(value.items())
        elif isinstance(value, list):
            pending.extend((name, inner) for inner in value)
        elif isinstance(value, int) and not isinstance(value, bool):
            yield str(name), value
