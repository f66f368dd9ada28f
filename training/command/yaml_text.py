"""YAML that people write: plain values only, and one kind of error for all that is wrong with it."""

import reprlib
from typing import Any

import yaml

from ..errors import InputError, one_line

# ValueError, OverflowError: dates and numbers that no type holds; RecursionError: too deep; TypeError: of such tags
BROKEN = (yaml.YAMLError, ValueError, OverflowError, RecursionError, TypeError)
LONGEST = 120  # characters of a value that a message shows


class _PlainLoader(yaml.SafeLoader):
    """Without aliases: a few of them, one inside the other, stand for more values than any memory holds."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """As ever, but an alias is an error."""
        if self.check_event(yaml.events.AliasEvent):
            event = self.peek_event()
            raise yaml.composer.ComposerError(
                None, None, f"aliases (*{event.anchor}) are not read, write the value itself", event.start_mark
            )
        return super().compose_node(parent, index)


def read_yaml(text: str, what: str, quoted: bool = False) -> Any:
    """The value of a YAML document.

    Args:
        what: how the message calls it.
        quoted: the message shows it.

    Raises:
        InputError: it is no valid YAML, or holds aliases.
    """
    try:
        return yaml.load(text, _PlainLoader)
    except BROKEN as error:
        cause = "it is nested too deep" if isinstance(error, RecursionError) else one_line(error)
        raise InputError(f"{what} is not valid YAML: {f'{shown(text)} ({cause})' if quoted else cause}") from None


def shown(value: Any) -> str:
    """A value for a message, shortened: its size is the user's."""
    try:
        text = reprlib.repr(value)
    except (ValueError, RecursionError):  # numbers of more digits than Python writes out
        text = f"a {type(value).__name__}"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
