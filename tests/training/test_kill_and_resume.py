"""Killed at any moment and resumed, a run ends bit for bit as if it had never been killed."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

pytestmark = pytest.mark.slow

# Imports once, then forks a child for each run, which is quicker than a dozen cold starts. The parent uses no torch
# threads before it forks. WHERE is the moment the child sends itself SIGKILL.
DRIVER = """
import os, signal, sys
from pathlib import Path
from pretune.training import pretrain
from pretune.training.learning import loop
from pretune.training.runs import checkpoints, run

def kill():
    os.kill(os.getpid(), signal.SIGKILL)

def child(folder, where=None):
    if where and where.startswith("step "):
        real = loop.seed_step
        def seed_step(seed, step, *rest):
            kill() if step == int(where.split()[1]) else real(seed, step, *rest)
        loop.seed_step = seed_step
    elif where == "half a checkpoint":
        real_save, seen = checkpoints.save_file, []
        def save_file(*args, **kwargs):
            seen.append(1)
            kill() if len(seen) == 3 else real_save(*args, **kwargs)
        checkpoints.save_file = save_file
    elif where == "before the rename":
        real_replace = os.replace
        def replace(a, b):
            kill() if Path(b).name == "checkpoint-21" else real_replace(a, b)
        checkpoints.os.replace = replace
    elif where == "before the record":
        run.Run.finish = lambda *a: kill()
    pretrain.pretrain("digits", output_dir=folder, disable_tqdm=True, num_train_epochs=4, checkpointing_steps=7,
                      logging_steps=5, resume_from_checkpoint="latest", lr_scheduler_type="cosine", weight_decay=0.01)

def fork(*args):
    pid = os.fork()
    if pid == 0:
        try:
            child(*args)
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

root = Path(sys.argv[1])
print("whole", fork(root / "whole"), flush=True)
for number, where in enumerate(sys.argv[2:]):
    print(where, fork(root / str(number), where), fork(root / str(number)), flush=True)
"""
MOMENTS = ["step 3", "step 24", "step 60", "half a checkpoint", "before the rename", "before the record"]


def test_sigkill_at_six_moments(tmp_path, launch):
    out = launch("-c", DRIVER, tmp_path, *MOMENTS).stdout.splitlines()
    assert out == ["whole 0", *(f"{moment} -9 0" for moment in MOMENTS)]
    whole = load_file(tmp_path / "whole" / "model.safetensors")
    steps = {}
    for number, moment in enumerate(MOMENTS):
        folder = tmp_path / str(number)
        weights = load_file(folder / "model.safetensors")
        assert all(torch.equal(weights[key], value) for key, value in whole.items()), moment
        for name in ("optimizer.safetensors", "model.safetensors"):
            last, ours = (load_file(f / "checkpoint-84" / name) for f in (tmp_path / "whole", folder))
            assert all(torch.equal(last[key], ours[key]) for key in last), moment
        steps[moment] = json.loads((folder / "run.json").read_text())["resumed_from_step"]
        metrics = [json.loads(line)["step"] for line in (folder / "metrics.jsonl").read_text().splitlines()]
        assert metrics == sorted(metrics) and not list(folder.glob(".tmp*"))
    assert list(steps.values()) == [0, 21, 56, 14, 14, 84]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_says_how_to_go_on(tmp_path, launch, number):
    folder = tmp_path / "run"
    words = ["-m", "pretune", "pretrain", "digits", "--output_dir", str(folder), "--checkpointing_steps", "no"]
    process = subprocess.Popen(
        [sys.executable, *words, "--num_train_epochs", "100000"], stderr=subprocess.PIPE, text=True, env=os.environ
    )
    while "samples" not in process.stderr.read(1) + process.stderr.read(60):  # the bar: training has begun
        assert process.poll() is None
    process.send_signal(number)
    last = process.stderr.read().strip().splitlines()[-1]
    assert process.wait() == 128 + number
    saved = list(folder.glob("checkpoint-*"))
    assert len(saved) == 1 and saved[0].name.removeprefix("checkpoint-") in last
    assert f"stopped by {number.name} after step" in last and "--resume_from_checkpoint" in last
    step = int(saved[0].name.removeprefix("checkpoint-"))
    more = ["--num_train_epochs", str((step + 30) / 22)]
    said = launch(*words, *more, "--resume_from_checkpoint").stderr
    assert f"going on from {saved[0]}" in said
    assert json.loads((folder / "run.json").read_text())["resumed_from_step"] == step


def test_two_processes_train_as_one_and_resume(tmp_path, launch):
    def torchrun(*words):
        launch(
            "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone", "-m", "pretune.training.pretrain",
            "digits", "--per_device_train_batch_size", "32", "--num_train_epochs", "2", "--disable_tqdm", *words,
            env={"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"},
        )  # fmt: skip

    torchrun("--output_dir", tmp_path / "two", "--checkpointing_steps", "20")
    torchrun("--output_dir", tmp_path / "again", "--resume_from_checkpoint", tmp_path / "two" / "checkpoint-20")
    launch(
        "-m", "pretune", "pretrain", "digits", "--per_device_train_batch_size", "64", "--num_train_epochs", "2",
        "--output_dir", tmp_path / "one",
    )  # fmt: skip
    one, two, again = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two", "again"))
    assert all(torch.equal(two[key], again[key]) for key in two)
    for key in one:
        torch.testing.assert_close(one[key], two[key], rtol=1e-3, atol=1e-4)
    records = [json.loads((tmp_path / name / "run.json").read_text()) for name in ("one", "two")]
    assert records[0]["metrics"]["eval_loss"] == pytest.approx(records[1]["metrics"]["eval_loss"], rel=1e-4)
    assert records[1]["hardware"]["processes"] == 2


def test_accelerate_launch_and_plain_python_run_the_scripts(tmp_path, launch):
    """The four ways to start a script; `pretune VERB` and `-m` are used above."""
    common = ["--max_steps", "3", "--disable_tqdm", "--dataset", "digits"]
    launch(
        str(Path(sys.executable).with_name("accelerate")), "launch", "--cpu", "training/pretrain.py", "digits",
        "--output_dir", str(tmp_path / "ae"), *common,
    )  # fmt: skip
    launch("training/finetune.py", "--model", tmp_path / "ae", "--output_dir", tmp_path / "head", *common)
    record = json.loads((tmp_path / "head" / "run.json").read_text())
    assert record["status"] == "finished" and record["loading_report"].endswith("classifier is new")
