"""The newest checkpoint on the Hub while a run goes on, and back from there on another machine."""

import json
import logging
import os
import shutil
import tempfile
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, snapshot_download

from ..errors import InputError, checked_token, one_line
from ..modalities.faults import LOADING_ERRORS
from ..runs.checkpoints import FILES, STATE, link_or_copy, make_room

logger = logging.getLogger(__name__)
FOLDER = "last-checkpoint"


class HubCheckpoints:
    """Sends checkpoints to `last-checkpoint/` of a repository from a thread of its own, one after the other.

    Training never waits: a checkpoint that is still unsent when the next one is saved is left out, and the newest is
    always sent last. A failure, whatever was raised, is told as a warning; the run goes on, and the next checkpoint is
    sent.

    Args:
        repo_id: made if it does not exist.
        private: for a new repository.
        token: default: the one the Hub client finds itself.
        sends: False only fetches.
    """

    def __init__(self, repo_id: str | None, private: bool, token: str | None, sends: bool = True):
        self.repo_id, self.private, self.sends, self.token = repo_id, private, sends, checked_token(token)
        self.api = HfApi(token=self.token)
        self._scratch: Path | None = None
        self._waiting: Path | None = None
        self._sending = ""  # the name of the one that is being sent
        self._lock = threading.Lock()
        self._sender = ThreadPoolExecutor(1, thread_name_prefix="hub-checkpoints")

    def fetch(self, folder: Path) -> Path:
        """Download the checkpoint sent last to `folder/checkpoint-<step>`; see `fetch_hub_checkpoint`."""
        return fetch_hub_checkpoint(self.repo_id, folder, self.token)

    def send(self, checkpoint: Path) -> None:
        """Queue a whole checkpoint; it may be removed from the run folder at once."""
        if not self.sends:
            return
        try:
            if self._scratch is None:
                self._scratch = Path(tempfile.mkdtemp(prefix="pretune-push-"))
            copy = Path(tempfile.mkdtemp(dir=self._scratch)) / checkpoint.name
            copy.mkdir()
            for name in FILES:
                if (checkpoint / name).is_file() and not (checkpoint / name).is_symlink():
                    link_or_copy(checkpoint / name, copy / name)
        except OSError as error:  # no room for the copy, for example
            logger.warning("%s was not pushed to %s: %s", checkpoint.name, self.repo_id, one_line(error, self.token))
            return
        with self._lock:
            skipped, self._waiting = self._waiting, copy
        if skipped is not None:
            shutil.rmtree(skipped.parent, ignore_errors=True)
        self._sender.submit(self._send_waiting).add_done_callback(self._tell)

    def finish(self) -> None:
        """Wait until the newest checkpoint is sent."""
        self._sender.shutdown(wait=True)

    def stop(self) -> None:
        """Send what is queued and remove the copies."""
        self.finish()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _send_waiting(self) -> None:
        """Send the checkpoint that waits; nothing if an earlier call took it, since only the newest waits."""
        with self._lock:
            checkpoint, self._waiting = self._waiting, None
        if checkpoint is None:
            return
        self._sending = checkpoint.name
        try:
            self._commit(checkpoint)
        finally:
            shutil.rmtree(checkpoint.parent, ignore_errors=True)

    def _tell(self, done: Future) -> None:
        """Warn of what a thread would keep to itself."""
        error = done.exception()
        if error is not None:
            what = one_line(error, self.token) or type(error).__name__
            logger.warning(
                "%s was not pushed to %s: %s The next one is tried again.", self._sending, self.repo_id, what
            )

    def _commit(self, checkpoint: Path) -> None:
        repo_id = self.api.create_repo(self.repo_id, private=self.private or None, exist_ok=True).repo_id
        head = self.api.repo_info(repo_id).sha
        present = (
            {entry.path for entry in self.api.list_repo_tree(repo_id, revision=head, recursive=True)}
            if head
            else set()
        )
        names = {f"{FOLDER}/{path.name}": path for path in checkpoint.iterdir()}
        operations = [CommitOperationAdd(name, path) for name, path in names.items()]
        stale = [n for n in present if n.startswith(f"{FOLDER}/") and n not in names and ".." not in n.split("/")]
        operations += [CommitOperationDelete(name) for name in stale]
        self.api.create_commit(repo_id, operations, commit_message=checkpoint.name, parent_commit=head)


def fetch_hub_checkpoint(repo_id: str | None, folder: Path, token: str | None) -> Path:
    """Download the checkpoint last pushed to `repo_id` to `folder/checkpoint-<step>`, whole or not at all. One of that
    step that is there already is replaced. What it holds is checked by whoever loads it; see `runs.restoring`.

    Raises:
        InputError: no repository named, none there, or it holds no checkpoint.
    """
    if repo_id is None:
        raise InputError("resume_from_checkpoint is 'hub', so --hub_model_id must name the repository.")
    with tempfile.TemporaryDirectory(dir=folder, prefix=".tmp-checkpoint-hub-") as part:
        try:
            snapshot_download(repo_id, allow_patterns=[f"{FOLDER}/{n}" for n in FILES], local_dir=part, token=token)
        except LOADING_ERRORS as error:
            raise InputError(f"no checkpoint could be fetched from {repo_id}: {one_line(error, token)}") from None
        state = Path(part, FOLDER, STATE)
        if not state.is_file():
            raise InputError(f"{repo_id} holds no {FOLDER}/: it was not pushed with --hub_strategy checkpoint.")
        try:
            step = json.loads(state.read_text())["step"]
        except (ValueError, KeyError, TypeError, RecursionError):
            step = None
        if not isinstance(step, int) or isinstance(step, bool) or not 0 <= step < 10**15:
            raise InputError(f"{repo_id}: {FOLDER}/{STATE} says no step, so it is no whole checkpoint of a run.")
        final = folder / f"checkpoint-{step}"
        make_room(final, state.parent)
        os.replace(state.parent, final)
    return final
