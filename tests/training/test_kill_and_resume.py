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

# Imports once, then forks a child for each run, which is quicker than dozens of cold starts. The parent uses no torch
# threads before it forks. WHERE is the moment the child sends itself SIGKILL.
DRIVER = """
import os, signal, sys
from pathlib import Path
from pretune.training import finetune, pretrain
from pretune.training.learning import loop
from pretune.training.runs import checkpoints, run

def kill():
    os.kill(os.getpid(), signal.SIGKILL)

def killed_at(where):
    if where.startswith("step "):
        real = loop.seed_step
        def seed_step(seed, step, *rest):
            kill() if step == int(where.split()[1]) else real(seed, step, *rest)
        loop.seed_step = seed_step
    elif where == "half a checkpoint":
        real_save, seen = checkpoints.save_file, []
        def save_file(*args, **kwargs):
            seen.append(1)
            kill() if len(seen) == 6 else real_save(*args, **kwargs)
        checkpoints.save_file = save_file
    elif where == "before the rename":
        real_replace = os.replace
        def replace(a, b):
            kill() if Path(b).name == "checkpoint-21" else real_replace(a, b)
        checkpoints.os.replace = replace
    elif where == "while pruning":
        real_remove = checkpoints.shutil.rmtree
        def rmtree(path, *args, **kwargs):
            (Path(path) / "checkpoint-7" / "state.json").exists() and kill()
            real_remove(path, *args, **kwargs)
        checkpoints.shutil.rmtree = rmtree
    elif where == "before the pictures":
        run.Run.finish = run.Run.read_metrics = lambda *a: kill()
    elif where == "before the record":
        real_record = run.write_record
        def write_record(folder, record):
            kill() if record["status"] == "finished" else real_record(folder, record)
        run.write_record = write_record

VIT = {"model_type": "vit", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
       "intermediate_size": 32, "patch_size": 2}
COMMON = dict(dataset="digits", disable_tqdm=True, max_steps=66, checkpointing_steps=7, logging_steps=5,
              resume_from_checkpoint="latest", lr_scheduler_type="cosine", weight_decay=0.01, eval_strategy="epoch")
FEW = dict(model=sys.argv[1] + "/base", labels_per_class=12, per_device_train_batch_size=16)
KINDS = {
    "dense": (pretrain.pretrain, {}),
    "masked vit": (pretrain.pretrain, dict(model_type="masked_image_model", config={"backbone_config": VIT})),
    "early stopping": (finetune.finetune, dict(FEW, early_stopping_patience=20, mixup_alpha=0.3, ema_decay=0.8)),
    "lora": (finetune.finetune, dict(FEW, lora_rank=2)),
}

def child(kind, folder, where=None):
    if where:
        killed_at(where)
    verb, arguments = KINDS[kind]
    verb(output_dir=folder, **COMMON, **arguments)

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
fork("masked vit", root / "base")
print("whole", fork(sys.argv[2], root / "whole"), flush=True)
for number, where in enumerate(sys.argv[3:]):
    print(where, fork(sys.argv[2], root / str(number), where), fork(sys.argv[2], root / str(number)), flush=True)
"""
RESUMED = {
    "step 3": 0, "step 24": 21, "step 60": 56, "half a checkpoint": 14, "before the rename": 14, "while pruning": 21,
    "before the pictures": 63, "before the record": 63,
}  # fmt: skip


def lines_of(folder: Path) -> list[dict]:
    """metrics.jsonl without what a clock says."""
    found = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "samples_per_second"} for line in found]


@pytest.mark.parametrize(
    ("kind", "moments"),
    [
        ("dense", list(RESUMED)),
        ("masked vit", ["step 24", "before the pictures"]),
        ("early stopping", ["step 3", "step 24", "step 60"]),
        ("lora", ["step 60", "before the record"]),
    ],
)
def test_sigkill_at_many_moments(tmp_path, launch, kind, moments):
    out = launch("-c", DRIVER, tmp_path, kind, *moments, timeout=1200).stdout.splitlines()
    assert out == ["whole 0", *(f"{moment} -9 0" for moment in moments)]
    whole, steps = tmp_path / "whole", {}
    for number, moment in enumerate(moments):
        folder = tmp_path / str(number)
        names = [path.relative_to(whole) for path in whole.rglob("*.safetensors")]
        assert len(names) > 4
        for name in names:
            last, ours = load_file(whole / name), load_file(folder / name)
            assert last.keys() == ours.keys() and all(torch.equal(last[key], ours[key]) for key in last), (
                moment,
                name,
            )
        assert lines_of(folder) == lines_of(whole), moment
        assert not list(folder.glob(".tmp*")) and (folder / "loss.png").is_file()
        record = json.loads((folder / "run.json").read_text())
        steps[moment] = record["resumed_from_step"]
        assert record["metrics"] == json.loads((whole / "run.json").read_text())["metrics"]
    assert steps == {moment: RESUMED[moment] for moment in moments}


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
