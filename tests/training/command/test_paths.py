"""Names that no disk takes, and disks that take nothing: one line each."""

import errno
import zipfile
from pathlib import Path

import pytest

import pretune
from pretune.training.card import run as render_card
from pretune.training.command.arguments.card import CardArguments
from pretune.training.command.paths import missing_here, named_path, require_folders, written_to
from pretune.training.errors import InputError

NAMES = ["x" * 300, "a/" + "y" * 5000, "~nobody-of-this-name/x", "a\0b"]


@pytest.mark.parametrize("name", NAMES[:3])
def test_a_name_that_no_disk_takes_is_one_short_line(name):
    asked = (lambda: named_path(name, "model"), lambda: missing_here(name, "model"))
    for ask in asked if name.startswith("~") else (*asked, lambda: require_folders(Path(name), "model")):
        with pytest.raises(InputError, match=r"model .* cannot be looked for: \w.* Pass another name\.") as caught:
            ask()
        assert len(str(caught.value)) < 250 and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("verb", ["pretrain", "embed", "inspect"])
def test_every_verb_says_so(name, verb, tmp_path):
    given = {"pretrain": {"output_dir": str(tmp_path / "o")}, "inspect": {},
             "embed": {"model": name, "output_file": str(tmp_path / "e.npz")}}[verb]  # fmt: skip
    with pytest.raises(InputError):
        getattr(pretune, verb)(dataset=name, **given)


FULL, LOST = OSError(errno.ENOSPC, "No space left on device"), OSError(errno.EROFS, "Read-only file system")


@pytest.mark.parametrize("error", [FULL, LOST])
@pytest.mark.parametrize("argument", ["output_dir", "output_file"])
def test_a_disk_that_takes_nothing_is_one_line(error, argument, tmp_path):
    with pytest.raises(InputError, match=f"^{argument} .* cannot be written: .*; m.*choose another --{argument}"):
        with written_to(tmp_path / "x.npz", argument):
            raise error


@pytest.mark.parametrize(
    ("name", "told"),
    [("run/metrics", True), (".run.host-1", True), ("", True), ("data/1.png", False), ("ru", False)],
)
def test_only_a_file_of_the_place_is_about_its_disk(name, told, tmp_path):
    with pytest.raises(InputError if told else FileNotFoundError), written_to(tmp_path / "run", "output_dir"):
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(tmp_path / name))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "run"
    arguments = {"dataset": "digits", "max_steps": 1, "disable_tqdm": True, "eval_split": "none"}
    pretune.pretrain(output_dir=str(folder), config={"hidden_sizes": [8], "latent_size": 2}, **arguments)
    return folder


@pytest.mark.parametrize("verb", ["embed .npz", "embed .parquet", "card", "evaluate", "inspect"])
def test_a_full_disk_under_each_verb(run, verb, tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    kind, ending = verb.split()[0], verb.split()[-1]
    place = str(run) if kind == "card" else str(tmp_path / f"x{ending}" if kind == "embed" else tmp_path / "x")
    if ending == ".npz":
        monkeypatch.setattr(zipfile.ZipFile, "open", full)
    if ending == ".parquet":
        monkeypatch.setattr("pyarrow.parquet.ParquetWriter.write_table", full)
    if kind in ("card", "evaluate", "inspect"):
        monkeypatch.setattr(Path, "write_bytes", full)
        monkeypatch.setattr(Path, "write_text", full)
    calls = {
        "embed": lambda: pretune.embed(model=run, dataset="digits", output_file=place, disable_tqdm=True),
        "card": lambda: render_card(CardArguments(run_dir=place, overwrite=True)),
        "evaluate": lambda: pretune.evaluate(
            model=run, dataset="digits", output_dir=place, methods=["knn"], labels_per_class=["1"], draws=1,
            max_train_samples=60, max_eval_samples=60, disable_tqdm=True,
        ),
        "inspect": lambda: pretune.inspect("digits", output_dir=place),
    }  # fmt: skip
    with pytest.raises(InputError, match="cannot be written: .*No space left"):
        calls[kind]()
    assert not list(tmp_path.glob(".x*"))  # nothing begun is left


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "README.md", "loss.png"])
@pytest.mark.parametrize("how", ["resume_from_checkpoint", "overwrite_output_dir"])
def test_a_folder_where_a_run_writes_a_file_is_told_before_training(name, how, tmp_path):
    (tmp_path / name).mkdir()
    given = {"resume_from_checkpoint": "latest"} if how.startswith("resume") else {"overwrite_output_dir": True}
    with pytest.raises(InputError, match=f"{name} is a folder, and a run writes a file of that name"):
        pretune.pretrain(dataset="digits", output_dir=str(tmp_path), max_steps=1, disable_tqdm=True, **given)
