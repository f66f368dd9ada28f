"""Verbs in processes of their own: what they said last is told, and they are shown while they run."""

import os
import signal
import subprocess
import sys

import pytest

import pretune
from pretune.training.comparing import verbs
from pretune.training.runs.folder import STARTED_BY


class Process:
    """Stands for a process: says two lines, with a bar between them, and ends with a status."""

    def __init__(self, words, stderr, env):
        assert env[STARTED_BY] == str(os.getpid())
        self.stderr, self.returncode, self.waits = self, None, 0
        self.chunks = [b"a bar\rits end\n", b"error: the size is wrong.\n", b""]

    def read1(self):
        return self.chunks.pop(0)

    def poll(self):
        return self.returncode

    def wait(self, seconds):
        self.returncode = 2


@pytest.mark.parametrize("show", [True, False])
def test_a_verb_that_fails_is_told_by_its_last_line(monkeypatch, capsys, show):
    monkeypatch.setattr(verbs.subprocess, "Popen", Process)
    ticks = []
    with pytest.raises(pretune.InputError, match="pretune pretrain in r failed: the size is wrong."):
        verbs.run_verb("pretrain", {"output_dir": "r"}, show, lambda: ticks.append(1))
    assert ticks and ("its end" in capsys.readouterr().err) is show


@pytest.mark.slow
def test_a_killed_verb_leaves_no_run_behind(npz, tmp_path):
    """Whoever waits for a run is killed: the run saves a checkpoint, and ends."""
    folder = tmp_path / "run"
    given = {"dataset": npz, "output_dir": str(folder), "max_steps": 10**6, "logging_steps": 1}
    waits = f"from pretune.training.comparing.verbs import run_verb; run_verb('pretrain', {given!r})"
    started = subprocess.Popen([sys.executable, "-c", waits], stdout=subprocess.PIPE)  # the run holds its other end
    metrics = folder / "metrics.jsonl"
    while not (metrics.exists() and metrics.read_text()):
        with pytest.raises(subprocess.TimeoutExpired):  # it is still there
            started.wait(0.1)
    started.send_signal(signal.SIGKILL)
    started.communicate(timeout=120)
    (saved,) = folder.glob("checkpoint-*")
    assert (saved / "model.safetensors").is_file()
    assert not (folder / "model.safetensors").exists()
