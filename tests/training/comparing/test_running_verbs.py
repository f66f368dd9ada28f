"""Verbs in processes of their own: what they said last is told, and they are shown while they run."""

import pytest

import pretune
from pretune.training.comparing import continued


class Process:
    """Stands for a process: says two lines, with a bar between them, and ends with a status."""

    def __init__(self, words, stderr):
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
    monkeypatch.setattr(continued.subprocess, "Popen", Process)
    ticks = []
    with pytest.raises(pretune.InputError, match="pretune pretrain in r failed: the size is wrong."):
        continued.run_verb("pretrain", {"output_dir": "r"}, show, lambda: ticks.append(1))
    assert ticks and ("its end" in capsys.readouterr().err) is show
