"""Killed at random moments and gone on with, do runs end as if nothing had happened? One command prints the table:

    python benchmarks/kills.py                                   # 30 kills of each kind, 10 of two on two processes
    python benchmarks/kills.py --kills 4 --kinds dense lora      # fewer

Every attempt is killed (SIGKILL) at a random moment, resumed, killed again, and resumed to its end. Then its weights,
the weights and moments of its last checkpoint, and its lines of metrics (but for samples per second) are compared with
those of a run that was never killed; of a report all but what a clock says, of embeddings every byte. The data are
scikit-learn's digits, made-up texts and made-up clips; `killed_kinds.py` lists the kinds. Runs are forked from one
process that has imported everything and computed nothing; a kill falls anywhere from opening the folder to writing the
record.
"""

import argparse
import json
import logging
import os
import random
import signal
import socket
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", HF_HUB_OFFLINE="1")

import torch  # noqa: E402
from killed_kinds import KINDS, differences  # noqa: E402

ON_TWO = ("dense", "finetune_mixup")


@dataclass
class Row:
    """What came out for one kind.

    Args:
        kills: processes that were killed, of a run on two both at once.
        runs: that were resumed to their end.
        resumed: steps that were gone on from.
        unlike: what differed, and in which runs.
    """

    kills: int = 0
    runs: int = 0
    resumed: list[int] = field(default_factory=list)
    unlike: list[str] = field(default_factory=list)
    seconds: float = 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=KINDS, help="all by default")
    parser.add_argument("--on_two", nargs="*", default=list(ON_TWO), choices=KINDS, help="kinds on two processes too")
    parser.add_argument("--kills", type=int, default=30, help="of each kind")
    parser.add_argument("--kills_on_two", type=int, default=10, help="of each kind on two processes")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    args = parser.parse_args()
    logging.getLogger("pretune").addHandler(logging.StreamHandler(sys.stderr))
    bad = False
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PRETUNE_CACHE"] = f"{folder}/cache"
        print(
            f"{'kind':<18}{'processes':>10}{'kills':>7}{'runs':>6}{'resumed from steps':>20}{'s':>7}  unlike",
            flush=True,
        )
        wanted = [(kind, 1, args.kills) for kind in args.kinds] + [
            (kind, 2, args.kills_on_two) for kind in args.on_two
        ]
        for kind, processes, kills in wanted:
            row = measure(Path(folder), kind, processes, kills, random.Random(f"{args.seed} {kind} {processes}"))
            steps = f"{min(row.resumed)} to {max(row.resumed)}" if row.resumed else "-"
            unlike = ", ".join(row.unlike) or "nothing"
            print(
                f"{kind:<18}{processes:>10}{row.kills:>7}{row.runs:>6}{steps:>20}{row.seconds:>7.0f}  {unlike}",
                flush=True,
            )
            bad |= bool(row.unlike)
    sys.exit(bad)


def measure(folder: Path, kind: str, processes: int, kills: int, moments: random.Random) -> Row:
    """Run one kind whole, then killed at random `moments` until that many `kills` fell."""
    for base in KINDS[kind].base:
        if not (folder / f"base-{base}").exists():
            run_to_its_end(folder / f"base-{base}", base, 1)
    row, began = Row(), time.perf_counter()
    whole = folder / f"{kind}-{processes}-whole"
    seconds = run_to_its_end(whole, kind, processes)
    while row.kills < kills:
        mine = folder / f"{kind}-{processes}-{row.runs}"
        left = seconds
        for _ in range(2):
            after = moments.uniform(0, left)
            if killed(start(mine, kind, processes), after, moments):
                row.kills += 1
                left = max(0.2 * seconds, left - after)
        run_to_its_end(mine, kind, processes)
        row.runs += 1
        if KINDS[kind].trains:
            row.resumed.append(json.loads((mine / "run.json").read_text()).get("resumed_from_step", 0))
        row.unlike += [f"{what} of run {row.runs}" for what in differences(KINDS[kind], whole, mine)]
    row.seconds = time.perf_counter() - began
    return row


def run_to_its_end(folder: Path, kind: str, processes: int) -> float:
    """Start or resume a run; returns its seconds."""
    began = time.perf_counter()
    statuses = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in start(folder, kind, processes)]
    if any(statuses):
        raise SystemExit(f"{folder.name} ended with {statuses}:\n{folder.with_suffix('.log').read_text()[-3000:]}")
    return time.perf_counter() - began


def killed(pids: list[int], after: float, moments: random.Random) -> bool:
    """Kill processes `after` so many seconds, one first; False if they were done before."""
    time.sleep(after)
    done = {pid for pid in pids if os.waitpid(pid, os.WNOHANG)[0]}
    for pid in moments.sample(pids, len(pids)):
        if pid not in done:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    return len(done) < len(pids)


def start(folder: Path, kind: str, processes: int) -> list[int]:
    """Fork a run, which goes on with what is in its folder."""
    port, pids = free_port() if processes > 1 else 0, []
    for rank in range(processes):
        pid = os.fork()
        if pid == 0:
            try:
                child(folder, kind, rank, processes, port)
                os._exit(0)
            except Exception:
                traceback.print_exc()  # into the log
            finally:
                os._exit(1)
        pids.append(pid)
    return pids


def child(folder: Path, kind: str, rank: int, processes: int, port: int) -> None:
    """One process of a run; what it says goes to a file beside the folder."""
    log = os.open(folder.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if processes > 1:
        names = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": processes, "LOCAL_WORLD_SIZE": processes}
        os.environ |= {name: str(value) for name, value in names.items()}
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "ACCELERATE_USE_CPU": "true"}
    torch.set_num_threads(1)
    KINDS[kind].run(folder)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


if __name__ == "__main__":
    main()
