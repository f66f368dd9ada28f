"""Sending checkpoints, without a Hub: what is sent, what failures do, what is fetched."""

import json
import logging
import threading
from pathlib import Path

import pytest

from pretune import InputError, PushFailed
from pretune.training.publishing import hub_checkpoints
from pretune.training.publishing.commit import pushing
from pretune.training.publishing.hub_checkpoints import HubCheckpoints, fetch_hub_checkpoint


@pytest.fixture(autouse=True)
def shown(caplog):
    logging.getLogger("pretune.training").propagate = True
    caplog.set_level(logging.INFO, logger="pretune.training")


def checkpoint(root: Path, step: int) -> Path:
    folder = root / f"checkpoint-{step}"
    folder.mkdir()
    for name in ("model.safetensors", "optimizer.safetensors", "state.json"):
        (folder / name).write_text(json.dumps({"step": step}))
    return folder


@pytest.fixture
def mirror(monkeypatch):
    """One that notes what it would commit; `mirror.errors` are raised first, one a checkpoint."""
    made = HubCheckpoints("me/x", False, "hf_secret_token")
    made.sent, made.errors, made.go = [], [], threading.Event()
    made.go.set()

    def commit(folder: Path) -> None:
        made.go.wait(10)
        if made.errors:
            raise made.errors.pop(0)
        made.sent.append((folder.name, sorted(path.name for path in folder.iterdir())))

    monkeypatch.setattr(made, "_commit", commit)
    yield made
    made.stop()
    assert made._scratch is None or not made._scratch.exists()


@pytest.mark.parametrize("error", [RuntimeError, ValueError, OSError, KeyError, MemoryError, AssertionError])
def test_whatever_was_raised_the_next_one_is_sent_and_it_is_told(mirror, tmp_path, caplog, error):
    mirror.errors = [error("403 for Bearer hf_secret_token\r\n"), error()]
    for step in (1, 2, 3):
        mirror.send(checkpoint(tmp_path, step))
        mirror._sender.submit(lambda: None).result(10)  # until it was tried
    assert [name for name, _ in mirror.sent] == ["checkpoint-3"]
    assert "checkpoint-1 was not pushed to me/x" in caplog.text and "checkpoint-2 was not pushed" in caplog.text
    assert "hf_secret" not in caplog.text and caplog.text.count("The next one is tried again.") == 2


def test_the_newest_is_always_sent_and_those_that_waited_are_left_out(mirror, tmp_path):
    mirror.go.clear()
    mirror.send(checkpoint(tmp_path, 1))
    while mirror._waiting is not None:  # until the sender has taken it
        pass
    for step in (2, 3, 4):
        mirror.send(checkpoint(tmp_path, step))
    mirror.go.set()
    mirror.finish()
    assert [name for name, _ in mirror.sent] == ["checkpoint-1", "checkpoint-4"]


def test_only_a_checkpoints_own_plain_files_are_sent(mirror, tmp_path):
    folder = checkpoint(tmp_path, 1)
    (tmp_path / "secret").write_text("mine")
    (folder / "best.safetensors").symlink_to(tmp_path / "secret")
    (folder / "notes.txt").write_text("mine")
    mirror.send(folder)
    mirror.finish()
    assert mirror.sent == [("checkpoint-1", ["model.safetensors", "optimizer.safetensors", "state.json"])]


def test_no_room_for_the_copy_does_not_end_the_run(mirror, tmp_path, monkeypatch, caplog):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(hub_checkpoints, "link_or_copy", full)
    mirror.send(checkpoint(tmp_path, 1))
    assert "checkpoint-1 was not pushed to me/x: [Errno 28]" in caplog.text


@pytest.mark.parametrize(
    "state", ["{}", "[]", "3", "{", '{"step": "7"}', '{"step": true}', '{"step": -1}', '{"step": 1e400}']
)
def test_what_says_no_step_is_not_fetched(tmp_path, monkeypatch, state):
    def download(repo_id, allow_patterns, local_dir, token):
        folder = Path(local_dir, "last-checkpoint")
        folder.mkdir()
        (folder / "state.json").write_text(state)

    monkeypatch.setattr(hub_checkpoints, "snapshot_download", download)
    with pytest.raises(InputError, match="says no step"):
        fetch_hub_checkpoint("me/x", tmp_path, None)
    assert list(tmp_path.iterdir()) == []


def test_what_is_fetched_takes_the_place_of_the_same_step_and_nothing_else(tmp_path, monkeypatch):
    def download(repo_id, allow_patterns, local_dir, token):
        assert all(pattern.startswith("last-checkpoint/") and "*" not in pattern for pattern in allow_patterns)
        checkpoint(Path(local_dir), 7).rename(Path(local_dir, "last-checkpoint"))

    old = checkpoint(tmp_path, 7)
    (old / "model.safetensors").write_text("damaged")
    (old / "notes.txt").write_text("mine")
    checkpoint(tmp_path, 9)
    monkeypatch.setattr(hub_checkpoints, "snapshot_download", download)
    assert fetch_hub_checkpoint("me/x", tmp_path, None) == tmp_path / "checkpoint-7"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-7", "checkpoint-9"]
    assert (old / "model.safetensors").read_text() == '{"step": 7}' and (old / "notes.txt").read_text() == "mine"


def test_the_errors_of_a_fetch_hold_no_token(tmp_path, monkeypatch):
    def refused(*args, **kwargs):
        raise OSError(f"400: Bearer {kwargs['token']} and secret-of-the-environment")

    monkeypatch.setenv("HF_TOKEN", "secret-of-the-environment")
    monkeypatch.setattr(hub_checkpoints, "snapshot_download", refused)
    with pytest.raises(InputError, match=r"no checkpoint could be fetched from me/x: 400: Bearer \*\*\* and \*\*\*"):
        fetch_hub_checkpoint("me/x", tmp_path, "hf_given")
    with pytest.raises(InputError, match="--hub_model_id must name the repository"):
        fetch_hub_checkpoint(None, tmp_path, None)


@pytest.mark.parametrize(
    "error", [RuntimeError("Bearer hf_given_0"), OSError(), ValueError("x"), TypeError("y"), KeyError("z")]
)
def test_a_push_that_fails_says_how_to_try_again_whatever_was_raised(error):
    options = {"private": True, "create_pr": False, "revision": "v 2", "commit_message": None}
    with (
        pytest.raises(PushFailed, match="push to me/x failed: ") as caught,
        pushing("runs/a b", "me/x", options, "hf_given_0"),
    ):
        raise error
    said = str(caught.value)
    assert said.endswith("pretune push 'runs/a b' --hub_model_id me/x --private --revision 'v 2'")
    assert "hf_given" not in said and "failed:  " not in said and caught.value.__cause__ is None


@pytest.mark.parametrize("error", [InputError("mend this"), KeyboardInterrupt()])
def test_what_the_user_can_mend_or_asked_for_is_no_failed_push(error):
    with pytest.raises(type(error)), pushing("runs/a", "me/x", {}, None):
        raise error
