"""What every test stands on: no network, no cache or run outside the test's own folder, small pictures."""

import os
import tempfile

# Before any Hugging Face library is imported: they read these once.
_HOME = tempfile.mkdtemp(prefix="pretune-tests-")
os.environ.update(
    HF_HOME=_HOME,
    HF_HUB_OFFLINE="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    HF_UPDATE_DOWNLOAD_COUNTS="0",
    DISABLE_SAFETENSORS_CONVERSION="1",
    PRETUNE_CACHE=f"{_HOME}/pretune",
)
for _name in ("HF_TOKEN", "HF_HUB_CACHE", "HF_DATASETS_CACHE", "HF_MODULES_CACHE"):
    os.environ.pop(_name, None)

from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
import pytest  # noqa: E402

import pretune  # noqa: E402, F401 - before transformers, which imports a torchvision that may want mending

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def seeded():
    import torch

    torch.manual_seed(0)
    np.random.seed(0)


@pytest.fixture(autouse=True)
def no_accelerator_of_another_test():
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state(reset_partial_state=True)  # transformers' Trainer leaves one behind


@pytest.fixture
def blobs() -> tuple[np.ndarray, np.ndarray]:
    """60 grey images of 8x8 in 3 classes (a bright quadrant each), with their labels."""
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    images = rng.integers(0, 60, (60, 8, 8), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[4 * (label // 2) :, 4 * (label % 2) :][:4, :4] += 150
    return images, labels


@pytest.fixture
def npz(tmp_path, blobs) -> str:
    """Those images in a .npz file."""
    path = tmp_path / "blobs.npz"
    np.savez(path, image=blobs[0], label=blobs[1])
    return str(path)


TINY = {"config": {"hidden_sizes": [16, 8], "latent_size": 4}, "disable_tqdm": True, "logging_steps": 5}


@pytest.fixture
def tiny(npz, tmp_path) -> dict:
    """Arguments of a run that takes a moment."""
    return {
        **TINY,
        "dataset": npz,
        "output_dir": str(tmp_path / "run"),
        "num_train_epochs": 4,
        "per_device_train_batch_size": 8,
    }


@pytest.fixture
def launch():
    """Run a command line as a user does, in a process of its own; returns the finished process."""
    import subprocess
    import sys

    def run(*words: str, env: dict | None = None, check: int | None = 0, cwd=None, timeout: int = 240):
        words = [sys.executable, *map(str, words)] if words[0] in ("-m", "-c") or words[0].endswith(".py") else words
        process = subprocess.run(
            words, env={**os.environ, **(env or {})}, cwd=cwd or ROOT, text=True, capture_output=True, timeout=timeout
        )
        if check is not None:
            assert process.returncode == check, process.stderr[-3000:]
        return process

    return run
