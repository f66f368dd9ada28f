"""Look at a dataset before anything is trained: what is used and left out, what it is like, what to run first.

    pretune inspect photos
    pretune inspect photos --output_dir runs/inspected

With --output_dir it leaves contact_sheet.png and inspect.json there; else nothing is written. The file has another
name than the verb, since a script's folder comes first on the path, where `inspect` is the standard library's.
"""

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pretune.training.command.arguments.inspect import InspectArguments
from pretune.training.command.paths import require_folders, require_outside, written_to
from pretune.training.command.running import run_command
from pretune.training.data.captions import as_drawn, captions
from pretune.training.data.kinds import kind_and_found
from pretune.training.data.loading import load_every_split
from pretune.training.data.samples import Samples
from pretune.training.data.telling import block
from pretune.training.errors import InputError
from pretune.training.inspection.advice import advice_for
from pretune.training.inspection.facts import facts_of, group_columns, overlaps
from pretune.training.inspection.sheet import COLUMNS, sheet_rows
from pretune.training.inspection.text import told, told_advice

logger = logging.getLogger("pretune.training.inspect_data")
SHEET, RECORD = "contact_sheet.png", "inspect.json"


@dataclass
class InspectionResult:
    """What `inspect` returns.

    Args:
        text: what the command prints.
        record: all of inspect.json.
        command: of a recommended first run.
        output_dir: where the files are, if any were written.
    """

    text: str
    record: dict[str, Any]
    command: str
    output_dir: Path | None


def inspect(dataset: Any, **arguments: Any) -> InspectionResult:
    """Look at a dataset, as `pretune inspect DATASET --name value` does.

    Args:
        dataset: its name or path, or an object such as an array or a `datasets.Dataset`.
        arguments: the command line's, under the same names.

    Raises:
        InputError: there is no such dataset, or nothing in it can be used; the message names the repair.
    """
    return look(InspectArguments(dataset=dataset, **arguments))


def look(args: InspectArguments) -> InspectionResult:
    """`inspect` with arguments that are read already."""
    folder = Path(args.output_dir) if args.output_dir else None
    if folder is not None:
        _check_folder(folder, str(args.dataset))
    modality, found = kind_and_found(args)
    splits, facts = load_every_split(found, args, modality)
    name, train = next(iter(splits.items()))
    described = {split: facts_of(data) for split, data in splits.items()}
    record = {
        "dataset": str(args.dataset),
        "found": found.what,
        "kind": modality.name,
        "splits": described,
        "overlaps": overlaps(splits),
        "group_columns": group_columns(found.splits[name]),
        "facts": [*facts, *found.notes],
        "left_out": [{"what": part.what, "why": part.why} for part in found.left_out],
    }
    damaged = any(facts["damaged"] for facts in described.values())
    advice = advice_for(args, train, damaged)
    trial = advice.trial and advice.trial.record()
    record |= {"command": advice.command, "takes": trial, "notes": advice.notes, "then": advice.following}
    head = block(found, str(args.dataset), splits.values(), facts)
    text = "\n".join([head, "", told(record, modality.words), "", told_advice(advice)])
    if folder is not None:
        with written_to(folder, "output_dir"):
            folder.mkdir(parents=True, exist_ok=True)
            _draw(folder / SHEET, train)
            (folder / RECORD).write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return InspectionResult(text, record, advice.command, folder)


def run(args: InspectArguments) -> InspectionResult:
    """`pretune inspect DATASET`: print what `look` finds."""
    result = look(args)
    print(result.text)
    if result.output_dir is not None:
        logger.info("%s and %s in %s", SHEET, RECORD, result.output_dir)
    return result


def _check_folder(folder: Path, dataset: str) -> None:
    require_folders(folder, "output_dir")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"output_dir {folder} is a file, expected a folder. Choose another --output_dir.")
    require_outside(folder, dataset, "output_dir")


def _draw(path: Path, data: Samples) -> None:
    """The contact sheet: samples of all classes as a network is given them."""
    rows = sheet_rows(data)
    data.modality.show_samples(path, as_drawn(data, rows), captions(data, rows), COLUMNS)


if __name__ == "__main__":
    run_command(InspectArguments, run)
