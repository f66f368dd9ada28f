"""Render a run's model card again, from its run.json.

pretune card runs/ae
"""

import logging
from pathlib import Path

from pretune.training.command.arguments.card import CardArguments
from pretune.training.command.paths import written_to
from pretune.training.command.running import run_command
from pretune.training.runs.card_file import write_card
from pretune.training.runs.folder import finished_record

logger = logging.getLogger("pretune.training.card")


def run(args: CardArguments) -> None:
    """`pretune card RUN_DIR`.

    Raises:
        InputError: no finished run, or a card that was edited by hand.
    """
    folder = Path(args.run_dir)
    with written_to(folder, "run_dir"):
        write_card(folder, finished_record(folder), args.overwrite)
    logger.info("wrote %s", folder / "README.md")


if __name__ == "__main__":
    run_command(CardArguments, run)
