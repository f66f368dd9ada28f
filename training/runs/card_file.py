"""A run's README.md: its card, never written over a user's own words."""

import hashlib
import logging
from pathlib import Path
from typing import Any

from ...model_cards.card import render_card
from ..errors import InputError
from .folder import card_was_edited, write_record, write_whole

logger = logging.getLogger(__name__)


def write_card(folder: Path, record: dict[str, Any], overwrite: bool = False) -> None:
    """Render README.md from `record` and note its hash in run.json, by which a later edit is known.

    Raises:
        InputError: README.md was edited since, and not `overwrite`.
    """
    path = folder / "README.md"
    if not overwrite and card_was_edited(path, record):
        raise InputError(f"{path} was edited by hand and would be lost. Pass --overwrite, or move it away.")
    if path.is_dir() and not path.is_symlink():
        raise InputError(f"{path} is a folder, expected a file or nothing. Move it away.")
    text = card_bytes(render_card(record, str(folder)))
    write_whole(path, text)
    record["card_sha256"] = hashlib.sha256(text).hexdigest()
    write_record(folder, record)


def write_card_unless_edited(folder: Path, record: dict[str, Any]) -> None:
    """The same at the end of a run, where an edited card stays and is told of."""
    path = folder / "README.md"
    if card_was_edited(path, record):
        logger.warning("%s was edited by hand and stays; `pretune card` renders a new one", path)
    else:
        write_card(folder, record)


def card_bytes(text: str) -> bytes:
    """As it is written: names of files that are no text stand in it as question marks."""
    return text.encode(errors="replace")
