"""What a run that is to go on finds in its folder: itself, finished; or another attempt, whose steps it leaves."""

import json
import logging
from pathlib import Path
from typing import Any

from ...modeling.shared.loading import damaged_weights
from ..errors import InputError
from .checkpoints import BEST, drop_newer, link_or_copy
from .folder import checked_record, read_record
from .restoring import Checkpoint, require_same

logger = logging.getLogger(__name__)


def finished_before(
    folder: Path, identity: dict[str, Any], besides: dict[str, Any]
) -> tuple[dict[str, Any] | None, str | None]:
    """(the record of this very run if it is finished, why it may not start over if it finds no checkpoint).

    Args:
        folder: of the run.
        identity, besides: of this run; see `runs.identity`. A longer run is no other run, and goes on.

    Raises:
        InputError: a finished run of other data, another network or other arguments that its weights depend on.
    """
    record = read_record(folder)
    if record is None or record.get("status") != "finished":
        return None, None
    theirs, path = record.get("identity"), folder / "run.json"
    theirs = theirs if isinstance(theirs, dict) else {}
    require_same(theirs.get("checkpoint"), identity, path, "is of a finished run with")
    other = theirs.get("besides")
    differs = [name for name, value in besides.items() if not isinstance(other, dict) or other.get(name) != value]
    if not differs and not _has_its_model(folder):
        return None, (
            f"{path} is of a finished run whose config.json or model.safetensors is gone or damaged, and there is no "
            f"whole checkpoint to make them from. Restore them, or pass --overwrite_output_dir without "
            f"--resume_from_checkpoint."
        )
    if not differs:
        logger.info("%s is finished already (step %s); nothing is left to do", folder, record.get("global_step"))
        return checked_record(folder, record), None
    if {"num_train_epochs", "max_steps"}.issuperset(differs):
        return None, None
    return None, (
        f"{path} is of a finished run with another {', '.join(differs)}, and there is no whole checkpoint to go on "
        f"from. Choose another --output_dir, or pass --overwrite_output_dir without --resume_from_checkpoint."
    )


def _has_its_model(folder: Path) -> bool:
    """Whether weights and config are there and can be read; a checkpoint, if there is one, gives them again."""
    try:
        known = isinstance(json.loads((folder / "config.json").read_text()), dict)
    except (OSError, ValueError, RecursionError):
        known = False
    return known and any(folder.glob("model*.safetensors")) and not damaged_weights(folder)


def leave_other_attempts(folder: Path, found: Checkpoint | None) -> None:
    """Remove checkpoints after the one that is gone on from: of an attempt that is given up, or damaged; the next
    resume would take them for this attempt's. Of early stopping's best weights keep those that were best by then.

    Args:
        folder: of the run.
        found: where it goes on; None: from its beginning. Damaged ones then stay until others take their place.
    """
    (folder / BEST).unlink(missing_ok=True)
    if found is None:
        return
    ours = found.folder.parent.resolve() == folder.resolve()
    left = drop_newer(folder, found.step if ours else found.step - 1)
    if left:
        names = ", ".join(path.name for path in left)
        logger.warning("removed %s: of another attempt than the one that goes on, or damaged", names)
    if found.history:
        link_or_copy(found.folder / BEST, folder / BEST)


def require_within(step: int, total_steps: int, folder: Path) -> None:
    """Raise InputError if a run goes on from after its own end: its weights would be those of a longer one."""
    if step > total_steps:
        raise InputError(
            f"the checkpoint in {folder} is of step {step}, and this run ends at step {total_steps}. Name an earlier "
            f"checkpoint by --resume_from_checkpoint, or pass a larger --max_steps or --num_train_epochs."
        )
