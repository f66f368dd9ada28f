"""One commit to the Hub: what is added, changed and deleted, on the head that was read at the start.

The commit deletes every weight, index or checkpoint file that would shadow or mix with ours, whoever put it there, and
what an earlier push by pretune listed and this one lacks; all other files stay. Its parent is the head read at the
start, so a commit that arrives meanwhile makes the push fail rather than be overwritten.
"""

import fnmatch
import hashlib
import json
import logging
import shlex
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, RevisionNotFoundError
from huggingface_hub.utils import validate_repo_id

from ..command.arguments.training import TrainingArguments
from ..errors import InputError, PushFailed, checked_token, one_line
from ..runs.folder import finished_record
from .hub_checkpoints import HubCheckpoints
from .repository_files import MANIFEST, plain_files, processor_files_of, repository_files, require_whole

logger = logging.getLogger(__name__)
SHADOWING = ("*.safetensors", "*.index.json", "pytorch_model*", "last-checkpoint/*")


@dataclass
class PushResult:
    """What a push did, or with `dry_run` would do.

    Args:
        repo_id: with its organisation.
        added, changed, deleted: file names in the repository.
        commit_url: of the commit or pull request; None if nothing changed or on a dry run.
    """

    repo_id: str
    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    commit_url: str | None = None


def push(
    run_dir: str | Path,
    hub_model_id: str,
    *,
    private: bool = False,
    revision: str | None = None,
    create_pr: bool = False,
    dry_run: bool = False,
    commit_message: str | None = None,
    hub_token: str | None = None,
) -> PushResult:
    """Push a finished run to the Hub in one commit, as `pretune push` does.

    Args:
        run_dir: folder of a finished run.
        hub_model_id: "name" or "organisation/name"; made if it does not exist.
        private: for a new repository.
        revision: branch to push to; made if it is missing.
        create_pr: open a pull request instead of committing to the branch.
        dry_run: find out what would change and send nothing.
        commit_message: title of the commit.
        hub_token: default: the one the Hub client finds itself. Never stored or shown.

    Raises:
        InputError: no finished run, one with links among its files, a name the Hub does not allow, or a token that is
            none.
        PushFailed: the Hub could not be reached or refused; the run folder is as it was.
    """
    folder = Path(run_dir)
    record, hub_token = finished_record(folder), checked_token(hub_token)
    require_whole(folder, plain_files(folder, processor_files_of(record)))
    try:
        validate_repo_id(hub_model_id)
    except HFValidationError as error:
        raise InputError(f"hub_model_id: {one_line(error)}") from None
    options = {"private": private, "create_pr": create_pr, "revision": revision, "commit_message": commit_message}
    with pushing(f"{folder}", hub_model_id, options, hub_token):
        api = HfApi(token=hub_token)
        result = PushResult(hub_model_id)
        if not dry_run:
            url = api.create_repo(hub_model_id, private=private or None, exist_ok=True)
            result.repo_id = url.repo_id
        elif "/" not in hub_model_id:
            result.repo_id = f"{api.whoami()['name']}/{hub_model_id}"
        head, present = _head_and_files(api, result.repo_id, revision)
        files = repository_files(folder, record, result.repo_id)
        known = _manifest(api, result.repo_id, head) if MANIFEST in present else []
        _compare(result, files, present, known)
        if dry_run or not (result.added or result.changed or result.deleted):
            return result
        if revision is not None:
            api.create_branch(result.repo_id, branch=revision, exist_ok=True)
        operations: list[Any] = [
            CommitOperationAdd(name, files[name]) for name in sorted([*result.added, *result.changed])
        ]
        operations += [CommitOperationDelete(name) for name in result.deleted]
        commit = api.create_commit(
            result.repo_id, operations, commit_message=commit_message or f"{record['verb']} run by pretune",
            revision=revision, create_pr=create_pr, parent_commit=head,
        )  # fmt: skip
        result.commit_url = commit.pr_url or str(commit.commit_url)
    return result


def tell(result: PushResult, dry_run: bool = False) -> None:
    """Say what a push did, or would do."""
    for what in ("added", "changed", "deleted"):
        for name in getattr(result, what):
            logger.info("%s %s", f"{'would be ' if dry_run else ''}{what}:", name)
    if not (result.added or result.changed or result.deleted):
        logger.info("%s is up to date: nothing changed, no commit was made", result.repo_id)
    elif not dry_run:
        logger.info("pushed to %s: %s", result.repo_id, result.commit_url)


def push_finished(args: TrainingArguments) -> None:
    """Push the run that `args` named, if they ask for it.

    Raises:
        PushFailed: the Hub did not take it; the run is whole on disk.
    """
    if args.push_to_hub:
        where = {"private": args.hub_private_repo, "hub_token": args.hub_token}
        tell(push(args.output_dir, args.hub_model_id, **where))


def mirror_of(args: TrainingArguments) -> HubCheckpoints | None:
    """Where on the Hub the run's checkpoints go, or come from; None where they stay here."""
    sends = args.push_to_hub and args.hub_strategy == "checkpoint"
    if not sends and args.resume_from_checkpoint != "hub":
        return None
    return HubCheckpoints(args.hub_model_id, args.hub_private_repo, args.hub_token, sends)


class pushing(AbstractContextManager):  # noqa: N801 (reads as a function, like contextlib's own)
    """Turns whatever is raised inside, but what the user can mend, into `PushFailed` with the command that tries again
    and no token in it: the Hub's client and its transports raise errors of many kinds.

    Args:
        folder, repo_id, options: of that command.
        hub_token: is masked.
    """

    def __init__(self, folder: str, repo_id: str, options: dict[str, Any], hub_token: str | None):
        self.folder, self.repo_id, self.options, self.hub_token = folder, repo_id, options, hub_token

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Raise `PushFailed` in place of the error."""
        if not isinstance(error, Exception) or isinstance(error, InputError):
            return
        words = ["pretune", "push", self.folder, "--hub_model_id", self.repo_id]
        for name, value in self.options.items():
            words += [f"--{name}"] * bool(value) + [str(value)] * (isinstance(value, str) and bool(value))
        status = getattr(getattr(error, "response", None), "status_code", None)
        why = "another commit arrived meanwhile. " if status == 412 else ""
        what = one_line(error, self.hub_token) or type(error).__name__
        raise PushFailed(
            f"push to {self.repo_id} failed: {why}{what} The run folder is as it was; try again with: "
            + " ".join(map(shlex.quote, words))
        ) from None


def _head_and_files(api: HfApi, repo_id: str, revision: str | None) -> tuple[str | None, dict[str, Any]]:
    """(commit the push stands on, {name: file there}); of `main` where the branch does not exist yet."""
    try:
        head = api.repo_info(repo_id, revision=revision).sha
    except RevisionNotFoundError:
        head = api.repo_info(repo_id).sha
    except HfHubHTTPError as error:
        if getattr(error.response, "status_code", None) == 404:  # a dry run of a repository that is still to be made
            return None, {}
        raise
    if head is None:
        return None, {}
    entries = api.list_repo_tree(repo_id, revision=head, recursive=True)
    files = {entry.path: entry for entry in entries if hasattr(entry, "blob_id")}
    return head, {name: entry for name, entry in files.items() if ".." not in name.split("/")}  # none of ours


def _manifest(api: HfApi, repo_id: str, head: str | None) -> list[str]:
    path = api.hf_hub_download(repo_id, MANIFEST, revision=head)
    try:
        return [name for name in json.loads(Path(path).read_text())["files"] if isinstance(name, str)]
    except (ValueError, KeyError, TypeError, RecursionError):
        logger.warning("%s in %s cannot be read: files of earlier pushes may stay", MANIFEST, repo_id)
        return []


def _compare(result: PushResult, files: dict[str, bytes | Path], present: dict[str, Any], known: list[str]) -> None:
    """Fill in what is added, changed and deleted."""
    for name, content in files.items():
        if name not in present:
            result.added.append(name)
        elif not _same(content, present[name]):
            result.changed.append(name)
    for name in sorted(present):
        shadows = any(fnmatch.fnmatch(name, p) and ("/" in p or "/" not in name) for p in SHADOWING)
        if name not in files and (shadows or name in known):
            result.deleted.append(name)


def _same(content: bytes | Path, entry: Any) -> bool:
    data = content.read_bytes() if isinstance(content, Path) else content
    if entry.lfs is not None:
        return hashlib.sha256(data).hexdigest() == entry.lfs.sha256
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest() == entry.blob_id
