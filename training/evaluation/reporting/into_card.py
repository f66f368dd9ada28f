"""A report's verdict, table and figure in the card of the run it is about."""

import shutil
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...runs.card_file import write_card
from ...runs.folder import card_was_edited, finished_record, read_record
from .report import FIGURE


def check_card(run_folder: Path) -> dict[str, Any]:
    """The record of a finished run whose card may be rendered again.

    Raises:
        InputError: the folder is no finished run's, or its card was edited by hand.
    """
    record = read_record(run_folder) if run_folder.is_dir() else None
    if record is None or record.get("status") != "finished":
        raise InputError(f"update_card needs the folder of a finished run, and {run_folder} is none. Leave it out.")
    record = finished_record(run_folder)
    if card_was_edited(run_folder / "README.md", record):
        raise InputError(
            f"{run_folder / 'README.md'} was edited by hand and would be lost. Move it away, or drop --update_card."
        )
    return record


def add_to_card(run_folder: Path, folder: Path, report: dict[str, Any], model: str) -> None:
    """Put verdict, table and figure of a report into the record and card of a run."""
    record = check_card(run_folder)
    facts = report["models"][model]
    record["evaluation"] = {
        "protocol_version": report["protocol"]["version"],
        "metric": report["metric"],
        "dataset": report["dataset"],
        "test_samples": facts["test_samples"],
        "verdict": facts["verdict"],
        "table": facts["table"],
        "health": facts["health"],
        "command": report["command"],
    }
    if folder.resolve() != run_folder.resolve():
        (run_folder / FIGURE).unlink(missing_ok=True)  # a link would be followed
        shutil.copyfile(folder / FIGURE, run_folder / FIGURE)
    record["pictures"] = list(dict.fromkeys([*record.get("pictures", []), FIGURE]))
    write_card(run_folder, record)
