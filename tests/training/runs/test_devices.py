"""What is said of the machine a run is computed on."""

import pytest
import torch

from pretune.training.runs import devices


@pytest.mark.parametrize(
    ("status", "expected"), [("VmPeak:\t9 kB\nVmHWM:\t 3000000 kB\n", 3072), ("", None), (None, None)]
)
def test_peak_memory_is_of_this_process_alone(tmp_path, monkeypatch, status, expected):
    """A run that a process of 13 GB had started was said to take 13 GB."""
    monkeypatch.setattr(devices, "STATUS", tmp_path / "status")
    if status is not None:
        (tmp_path / "status").write_text(status)
    found = devices.peak_memory(torch.device("cpu"))
    assert found == expected if expected is not None else 50 < found < 100_000
