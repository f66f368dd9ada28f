"""The card of a run folder: written at the end of a run, rendered again on request, never over a user's own words.

pretune card runs/ae
"""

import logging
from pathlib import Path
from typing import Any

from pretune.model_cards.card import render_card
from pretune.training.command.card_arguments import CardArguments
from pretune.training.errors import InputError
from pretune.training.runs.folder import card_hash, card_was_edited, read_record, write_record

logger = logging.getLogger("pretune.training.card")


def write_card(folder: Path, record: dict[str, Any], overwrite: bool = False) -> None:
    """Render README.md from `record` and note its hash in run.json, by which a later edit is known.

    Raises:
        InputError: README.md was edited since, and not `overwrite`.
    """
    path = folder / "README.md"
    if not overwrite and card_was_edited(path, record):
        raise InputError(f"{path} was edited by hand and would be lost. Pass --overwrite, or move it away.")
    text = render_card(record, str(folder))
    path.write_text(text)
    record["card_sha256"] = card_hash(text)
    write_record(folder, record)


def card_for_hub(folder: Path, record: dict[str, Any], repo_id: str) -> str:
    """The card to push: rendered for `repo_id`, or README.md as it is if the user has edited it."""
    path = folder / "README.md"
    return path.read_text() if card_was_edited(path, record) else render_card(record, repo_id)


def run(args: CardArguments) -> None:
    """`pretune card RUN_DIR`."""
    folder = Path(args.run_dir)
    record = read_record(folder)
    if record is None or record.get("status") != "finished":
        raise InputError(f"{folder} is not the folder of a finished run: expected run.json with status 'finished'.")
    write_card(folder, record, args.overwrite)
    logger.info("wrote %s", folder / "README.md")
