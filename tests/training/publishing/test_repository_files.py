import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from pretune import InputError, pretrain, push
from pretune.training.publishing import commit
from pretune.training.publishing.repository_files import SENT as OF_ALL
from pretune.training.publishing.repository_files import plain_files, repository_files
from pretune.training.runs.folder import finished_record

SENT = (*OF_ALL, "preprocessor_config.json")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    options = {"config": {"hidden_sizes": [8], "latent_size": 2}, "max_steps": 2, "disable_tqdm": True}
    np.savez(folder / "blobs.npz", image=np.random.default_rng(0).integers(0, 255, (20, 8, 8), dtype=np.uint8))
    return pretrain(dataset=str(folder / "blobs.npz"), output_dir=folder / "run", **options).output_dir


@pytest.fixture
def run(finished, tmp_path):
    return Path(shutil.copytree(finished, tmp_path / "run"))


@pytest.mark.parametrize(
    ("name", "data"),
    [("model.safetensors", b"cut"), ("config.json", b"{"), ("preprocessor_config.json", b"[]"), ("config.json", b"")],
)
def test_a_damaged_run_is_not_pushed(run, no_hub, name, data):
    (run / name).write_bytes(data)
    with pytest.raises(InputError, match=f"{name} (is damaged|cannot be read|holds no JSON object).*Restore it"):
        push(run, "me/model")


@pytest.fixture
def no_hub(monkeypatch):
    """Whoever asks the Hub fails the test: what is refused is refused before."""

    def asked(*args, **kwargs):
        raise AssertionError("the Hub was asked")

    monkeypatch.setattr(commit, "HfApi", asked)


@pytest.mark.parametrize("name", SENT)
@pytest.mark.parametrize("kind", ["link outside", "link inside", "dangling link", "folder", "pipe"])
def test_only_plain_files_of_the_folder_are_pushed(run, tmp_path, no_hub, name, kind):
    secret, path = tmp_path / "secret.txt", run / name
    secret.write_bytes((run / "run.json").read_bytes() if name == "run.json" else b"TOP-SECRET")
    path.unlink(missing_ok=True)
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to({"link outside": secret, "link inside": run / "metrics.jsonl"}.get(kind, "/nowhere"))
    if name == "run.json" and kind == "pipe":
        return  # reading it would wait for ever, as for any program
    with pytest.raises(InputError):
        push(run, "me/x")
    with pytest.raises(InputError, match=f"{name} is (a link|a folder|no plain file), and only plain files"):
        plain_files(run)


def test_a_linked_run_folder_may_be_pushed_and_one_without_a_model_not(run, tmp_path):
    (tmp_path / "newest").symlink_to(run)
    assert set(plain_files(tmp_path / "newest")) <= set(SENT)
    (run / "config.json").unlink()
    with pytest.raises(InputError, match=r"lacks config\.json: expected the folder of a finished run"):
        plain_files(run)


def test_paths_of_this_machine_stay_here(run, finished):
    record, folder = finished_record(run), str(finished.parent)
    here = (run / "run.json").read_text(), (run / "README.md").read_text()
    assert folder in here[0] and folder in here[1]
    files = repository_files(run, record, "me/x")
    for name, content in files.items():
        data = content if isinstance(content, bytes) else content.read_bytes()
        assert folder.encode() not in data, name
    public = json.loads(files["run.json"])
    assert public["arguments"]["dataset"] == "blobs.npz" and "--dataset blobs.npz" in public["command"]
    assert public["dataset"]["train"]["name"] == "blobs.npz [train]"
    assert (run / "run.json").read_text() == here[0]
    (run / "README.md").write_text(f"# mine\n\nFrom {folder}/blobs.npz.\n")
    assert repository_files(run, record, "me/x")["README.md"] == b"# mine\n\nFrom blobs.npz.\n"


@pytest.mark.parametrize("text", ["[]", "{", "\ud800", "[" * 100_000])
def test_a_damaged_config_is_told_before_anything_is_sent(run, text):
    (run / "preprocessor_config.json").write_bytes(text.encode(errors="surrogatepass"))
    with pytest.raises(InputError, match="preprocessor_config.json (cannot be read|holds no JSON object)"):
        repository_files(run, finished_record(run), "me/x")
