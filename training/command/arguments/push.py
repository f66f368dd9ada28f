"""Arguments of `pretune push`."""

from dataclasses import dataclass
from typing import ClassVar

from ...errors import InputError, checked_token
from ..fields import argument, coerce_all


@dataclass(kw_only=True)
class PushArguments:
    """Push a run folder to the Hub in one commit: weights, config, card, pictures and code."""

    verb: ClassVar[str] = "push"
    examples: ClassVar[tuple[str, ...]] = (
        "pretune push runs/digits --hub_model_id me/digits --dry_run",
        "pretune push runs/digits --hub_model_id me/digits",
    )

    run_dir: str | None = argument(None, "folder of a finished run", positional=True, group="files")
    hub_model_id: str | None = argument(None, "repository to push to, name or organisation/name", group="Hub")
    private: bool = argument(False, "make the repository private, if it is new", group="Hub")
    revision: str | None = argument(None, "branch to push to (default: main); made if it is missing", group="Hub")
    create_pr: bool = argument(False, "open a pull request instead", group="Hub")
    dry_run: bool = argument(False, "list what would change and send nothing", group="Hub")
    commit_message: str | None = argument(None, "title of the commit", group="seldom needed")
    hub_token: str | None = argument(
        None, "Hub token, if not the one you are logged in with; never stored", group="seldom needed"
    )

    def __post_init__(self):
        coerce_all(self)
        self.hub_token = checked_token(self.hub_token)
        if not self.run_dir:
            raise InputError("run_dir is missing: name the folder of a finished run.")
        if not self.hub_model_id:
            raise InputError("hub_model_id is missing: pass --hub_model_id organisation/name.")
