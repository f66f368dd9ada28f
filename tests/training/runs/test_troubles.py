"""A disk that does not take a run's files ends it in one line, with the checkpoint to go on from."""

import errno
import shutil

import pytest
from safetensors import SafetensorError

import pretune
from pretune.training.runs import run as runs
from pretune.training.runs.troubles import disk_told, troubles_told

TINY = {
    "dataset": "digits", "max_steps": 12, "checkpointing_steps": 4, "logging_steps": 1, "disable_tqdm": True,
    "config": {"hidden_sizes": [8], "latent_size": 2},
}  # fmt: skip


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_the_checkpoint_to_go_on_from_is_named_and_the_run_goes_on(tmp_path, monkeypatch, number):
    folder, write = tmp_path / "run", runs.add_line

    def full(where, line):
        if line["step"] == 10:
            raise OSError(number, "the disk says no")
        write(where, line)

    with monkeypatch.context() as patched:
        patched.setattr(runs, "add_line", full)
        with pytest.raises(
            pretune.InputError, match="the disk says no; .*checkpoint-8 is kept: .*--resume_from_check"
        ):
            pretune.pretrain(output_dir=str(folder), **TINY)
    result = pretune.pretrain(output_dir=str(folder), resume_from_checkpoint="latest", **TINY)
    assert result.record["resumed_from_step"] == 8 and result.record["status"] == "finished"


def test_a_folder_that_is_removed_meanwhile_is_one_line(tmp_path, monkeypatch):
    folder, write = tmp_path / "run", runs.add_line

    def remove(where, line):
        if line["step"] == 6:
            shutil.rmtree(where)
        write(where, line)

    monkeypatch.setattr(runs, "add_line", remove)
    with pytest.raises(pretune.InputError, match="cannot be written: .*metrics.jsonl.*no checkpoint was there") as it:
        pretune.pretrain(output_dir=str(folder), **TINY)
    assert "\n" not in str(it.value)


@pytest.mark.parametrize(("number", "told"), [(28, True), (30, True), (2, True), (104, False)])
def test_weights_that_are_not_taken(tmp_path, number, told):
    with pytest.raises(pretune.InputError if told else SafetensorError), disk_told(tmp_path):
        raise SafetensorError(f"Error while serializing: I/O error: it says no (os error {number})")


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOENT, "none", "/elsewhere/x"), ConnectionResetError(errno.ECONNRESET, "gone"), OSError("odd")],
)
def test_other_errors_are_left_as_they_are(tmp_path, error):
    with pytest.raises(OSError) as caught, disk_told(tmp_path):
        raise error
    assert caught.value is error


CLOSED = "[../third_party/gloo/gloo/transport/tcp/pair.cc:534] Connection closed by peer [127.0.0.1]:36114"


def test_a_process_that_died_is_told_with_the_checkpoint_to_go_on_from(tmp_path):
    (tmp_path / "checkpoint-8").mkdir()
    (tmp_path / "checkpoint-8" / "state.json").write_text("{}")
    with pytest.raises(
        pretune.InputError, match="another of the 2 processes .* closed by peer.*checkpoint-8 is kept: .*resume"
    ):
        with troubles_told(tmp_path, 2):
            raise RuntimeError(CLOSED)


@pytest.mark.parametrize("processes, error", [(1, RuntimeError(CLOSED)), (2, RuntimeError("shapes do not fit"))])
def test_other_errors_stay_what_they_are(tmp_path, processes, error):
    with pytest.raises(RuntimeError) as caught:
        with troubles_told(tmp_path, processes):
            raise error
    assert caught.value is error


@pytest.mark.parametrize(
    "error", [MemoryError("Unable to allocate 6.9 EiB"), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
)
def test_too_little_memory_is_told(tmp_path, error):
    with pytest.raises(
        pretune.InputError, match="the memory does not hold what was asked for .*allocate.*Ask for fewer"
    ):
        with troubles_told(tmp_path, 1):
            raise error
