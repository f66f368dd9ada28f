"""One object of transformers, saved and pushed with a card that claims nothing."""

import tempfile
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import CommitInfo, CommitOperationAdd, HfApi


def push_saved(
    saved: Any,
    repo_id: str,
    what: str,
    front_matter: dict[str, Any],
    commit_message: str | None,
    *,
    private: bool | None,
    token: str | bool | None,
    revision: str | None,
    create_pr: bool,
    commit_description: str | None = None,
    **saving: Any,
) -> CommitInfo:
    """Upload what `saved.save_pretrained` writes, and a minimal card if the repository has none, in one commit.

    transformers' own method writes a card full of "More Information Needed" and reads the present one from `main`
    whatever the revision; the Hub client's upload of a folder may make several commits of many files, and whoever
    loads in between gets half a model.

    Args:
        saved: what has `save_pretrained`.
        what: it is, for the card.
        front_matter: of that card.
        saving: options of `save_pretrained`.
    """
    token = token.strip() if isinstance(token, str) else token  # a line end would be quoted by an error, token and all
    api = HfApi(token=token)
    repo_id = api.create_repo(repo_id, private=private, exist_ok=True).repo_id
    if revision is not None:
        api.create_branch(repo_id, branch=revision, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        saved.save_pretrained(folder, **saving)
        if not api.file_exists(repo_id, "README.md", revision=revision):
            Path(folder, "README.md").write_text(
                f"---\n{yaml.safe_dump(front_matter)}---\n\n# {repo_id.split('/')[-1]}\n\n{what}, made with pretune. "
                f"Nothing is recorded here of training data or quality.\n"
            )
        message = commit_message or f"Upload {type(saved).__name__}"
        files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
        operations = [CommitOperationAdd(path.relative_to(folder).as_posix(), path) for path in files]
        return api.create_commit(
            repo_id, operations, commit_message=message, commit_description=commit_description, revision=revision,
            create_pr=create_pr,
        )  # fmt: skip
