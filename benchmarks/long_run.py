"""Does a run of many steps keep its speed, its memory and its handles? A tiny network, 200,000 steps by default.

    python benchmarks/long_run.py --steps 200000

A process of its own trains; this one looks at it from outside each tenth of the way, and prints a table. A busy
computer slows any program, so beside each tenth stands what a plain loop of torch, which holds nothing, did at the
same time: where both slow down, it is not the run.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

PARTS = 10
ROW = "| {step:,} | {cpu:.0f} | {wall:.0f} | {plain:.0f} | {megabytes:.0f} | {handles} | {threads} |"
REFERENCE = """
import time, torch
torch.set_num_threads(1)
x, layer = torch.rand(8, 64), torch.nn.Linear(64, 64)
optimizer = torch.optim.Adam(layer.parameters())
def steps(count):
    begin = time.process_time()
    for _ in range(count):
        layer(x).square().mean().backward(); optimizer.step(); optimizer.zero_grad()
    return time.process_time() - begin
steps(500)
import sys
for line in sys.stdin:
    print(2000 / steps(2000), flush=True)
"""


def main() -> None:
    """Train, look, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200_000)
    parser.add_argument("--config", nargs="*", default=["hidden_sizes=16", "latent_size=4"], help="FIELD=VALUE ...")
    args = parser.parse_args()
    print("| steps | CPU steps/s | wall steps/s | a plain loop, CPU steps/s | MB | handles | threads |")
    print("|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        rows = watch(Path(folder), args.steps, args.config)
    first, last = rows[1], rows[-1]  # the first of all holds the imports and the first look at the data
    ours, plain = last["cpu"] / first["cpu"], last["plain"] / first["plain"]
    print(
        f"last part over the second: {ours:.3f} of the speed (a plain loop {plain:.3f}); "
        f"{last['megabytes'] - first['megabytes']:+.0f} MB, {last['handles'] - first['handles']:+d} handles"
    )


def watch(folder: Path, steps: int, config: list[str]) -> list[dict]:
    """Rows of the table, one each time a tenth of the steps is done."""
    rng = np.random.default_rng(0)
    np.savez(folder / "a.npz", image=rng.integers(0, 256, (256, 8, 8), dtype=np.uint8), label=np.arange(256) % 4)
    part = max(1, steps // PARTS)
    words = [
        sys.executable, "-m", "pretune", "pretrain", "--dataset", str(folder / "a.npz"),
        "--output_dir", str(folder / "run"), "--max_steps", str(steps), "--logging_steps", str(max(1, part // 20)),
        "--disable_tqdm", "--per_device_train_batch_size", "8", "--checkpointing_steps", str(part),
        "--save_total_limit", "2", "--eval_strategy", "no", *(word for one in config for word in _option(one)),
    ]  # fmt: skip
    plain = subprocess.Popen(
        [sys.executable, "-c", REFERENCE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    rows, seen = [], (time.perf_counter(), 0.0, 0)
    run = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    process = psutil.Process(run.pid)
    try:
        while run.poll() is None:
            time.sleep(0.2)
            step = _step(folder / "run")
            if step < seen[2] + part:
                continue
            with process.oneshot():
                facts = {"megabytes": process.memory_info().rss / 2**20, "handles": process.num_fds(),
                         "threads": process.num_threads()}  # fmt: skip
                spent = sum(process.cpu_times()[:2])
            now, done = time.perf_counter(), step - seen[2]
            rows.append({"step": step, "cpu": done / (spent - seen[1]), "wall": done / (now - seen[0]), **facts,
                         "plain": _plain(plain)})  # fmt: skip
            print(ROW.format(**rows[-1]), flush=True)
            seen = (time.perf_counter(), sum(process.cpu_times()[:2]), _step(folder / "run"))
    except psutil.NoSuchProcess:
        pass  # it ended while it was looked at
    finally:
        run.kill()
        plain.kill()
    return rows


def _option(text: str) -> list[str]:
    name, _, value = text.partition("=")
    return [f"--config.{name}", value]


def _step(folder: Path) -> int:
    """That of the last whole line of metrics.jsonl."""
    try:
        with open(folder / "metrics.jsonl", "rb") as file:
            file.seek(max(0, file.seek(0, 2) - 4096))
            lines = file.read().splitlines()[:-1] or [b""]
        return int(json.loads(lines[-1])["step"])
    except (OSError, ValueError, KeyError):
        return 0


def _plain(process: subprocess.Popen) -> float:
    process.stdin.write("\n")
    process.stdin.flush()
    return float(process.stdout.readline())


if __name__ == "__main__":
    main()
