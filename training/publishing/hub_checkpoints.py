"""The newest checkpoint on the Hub while a run goes on, and back from there on another machine."""

import json
import logging
import os
import shutil
import tempfile
import threading
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, snapshot_download
from huggingface_hub.errors import HTTPError

from ..errors import InputError, one_line

logger = logging.getLogger(__name__)
FOLDER = "last-checkpoint"


class HubCheckpoints:
    """Sends checkpoints to `last-checkpoint/` of a repository from a thread of its own, one after the other.

    Training never waits: a checkpoint that is still unsent when the next one is saved is left out, and the newest is
    always sent last. A failure is told as a warning; the run goes on, and the next checkpoint is tried again.

    Args:
        repo_id: made if it does not exist.
        private: for a new repository.
        token: default: the one the Hub client finds itself.
        sends: False only fetches.
    """

    def __init__(self, repo_id: str | None, private: bool, token: str | None, sends: bool = True):
        self.repo_id, self.private, self.sends, self.api = repo_id, private, sends, HfApi(token=token)
        self._scratch: Path | None = None
        self._next: Path | None = None
        self._change, self._done = threading.Condition(), False
        self._thread = threading.Thread(target=self._work, name="hub-checkpoints", daemon=True)

    def fetch(self, folder: Path) -> None:
        """Download the checkpoint sent last to `folder/checkpoint-<step>`; see `fetch_hub_checkpoint`."""
        fetch_hub_checkpoint(self.repo_id, folder, self.api.token)

    def send(self, checkpoint: Path) -> None:
        """Queue a whole checkpoint; it may be removed from the run folder at once."""
        if not self.sends:
            return
        if self._scratch is None:
            self._scratch = Path(tempfile.mkdtemp(prefix="pretune-push-"))
            self._thread.start()
        copy = self._scratch / checkpoint.name
        shutil.copytree(checkpoint, copy, copy_function=_link, dirs_exist_ok=True)
        with self._change:
            skipped, self._next = self._next, copy
            self._change.notify()
        if skipped is not None:
            shutil.rmtree(skipped)

    def finish(self) -> None:
        """Wait until the newest checkpoint is sent."""
        with self._change:
            self._done = True
            self._change.notify()
        if self._scratch is not None:
            self._thread.join()

    def stop(self) -> None:
        """Send what is queued and remove the copies."""
        self.finish()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _work(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._next is not None or self._done)
                checkpoint, self._next = self._next, None
            if checkpoint is None:
                return
            try:
                self._commit(checkpoint)
            except (HTTPError, OSError) as error:
                logger.warning("%s was not pushed to %s: %s", checkpoint.name, self.repo_id, self._clean(error))
            shutil.rmtree(checkpoint)

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
        stale = [n for n in present if n.startswith(f"{FOLDER}/") and n not in names]
        operations += [CommitOperationDelete(name) for name in stale]
        self.api.create_commit(repo_id, operations, commit_message=checkpoint.name, parent_commit=head)

    def _clean(self, error: BaseException) -> str:
        text = one_line(error)
        return text.replace(self.api.token, "***") if isinstance(self.api.token, str) else text


def fetch_hub_checkpoint(repo_id: str | None, folder: Path, token: str | None) -> None:
    """Download the checkpoint last pushed to `repo_id` to `folder/checkpoint-<step>`, whole or not at all.

    Raises:
        InputError: no repository named, none there, or it holds no checkpoint.
    """
    if repo_id is None:
        raise InputError("resume_from_checkpoint is 'hub', so --hub_model_id must name the repository.")
    with tempfile.TemporaryDirectory(dir=folder, prefix=".tmp-checkpoint-hub-") as part:
        try:
            snapshot_download(repo_id, allow_patterns=f"{FOLDER}/*", local_dir=part, token=token)
        except (HTTPError, OSError) as error:
            raise InputError(f"no checkpoint could be fetched from {repo_id}: {one_line(error)}") from None
        state = Path(part, FOLDER, "state.json")
        if not state.is_file():
            raise InputError(f"{repo_id} holds no {FOLDER}/: it was not pushed with --hub_strategy checkpoint.")
        final = folder / f"checkpoint-{int(json.loads(state.read_text())['step'])}"
        if not final.exists():
            os.replace(state.parent, final)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)
