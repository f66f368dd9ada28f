"""Whether a change of the code changed what it computes: record before it, compare after it.

    python benchmarks/unchanged.py record before.json --mnist ylecun/mnist --cifar10 uoft-cs/cifar10
    python benchmarks/unchanged.py compare before.json --mnist ylecun/mnist --cifar10 uoft-cs/cifar10

Recorded are the SHA-256 of the weights after 50 steps of every shipped recipe (2,000 samples, one thread, float32),
the cells of a small report on digits, and the files of a pushed repository. Equal on one machine and one
version of torch only. Compare prints what differs and exits with 1 if anything does.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
ROOT = Path(__file__).resolve().parents[1]
TOKEN = "hf_of_the_loopback_hub"
OF_THESE = ("mnist", "cifar10", "digits")  # recipes whose data are at hand
# fine-tuning recipes and the run each starts from
BASES = {
    "mnist_finetune": "mnist", "mnist_conv_finetune": "mnist_conv", "mnist_fixmatch": "mnist_conv_finetune",
    "cifar10_masked_finetune": "cifar10_masked_resnet", "cifar10_supervised": None,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("record", "compare"))
    parser.add_argument("file", type=Path, help="the record, JSON")
    parser.add_argument("--mnist", required=True, help="Hub id, or a local copy of that dataset")
    parser.add_argument("--cifar10", required=True, help="likewise")
    parser.add_argument("--only", nargs="*", default=["recipes", "cells", "pushed"], help="parts of the record")
    args = parser.parse_args()
    found = measure(args)
    if args.action == "record":
        args.file.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
        return
    before = json.loads(args.file.read_text())
    differing = [(part, name) for part in found for name in {*found[part], *before[part]}
                 if found[part].get(name) != before[part].get(name)]  # fmt: skip
    for part, name in sorted(differing):
        print(f"{part}: {name}: {before[part].get(name)} before, {found[part].get(name)} now")
    print(f"{sum(map(len, found.values())) - len(differing)} equal, {len(differing)} not")
    sys.exit(bool(differing))


def measure(args: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """{part of the record: {what: its hash or number}}."""
    found: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        if "recipes" in args.only:
            found["recipes"] = recipes(Path(folder), {"mnist": args.mnist, "cifar10": args.cifar10})
        if "cells" in args.only:
            found["cells"] = cells(Path(folder))
        if "pushed" in args.only:
            found["pushed"] = pushed(Path(folder))
    return found


def recipes(folder: Path, datasets: dict[str, str]) -> dict[str, str]:
    """{recipe: SHA-256 of its weights}."""
    import torch

    import pretune

    torch.set_num_threads(1)
    found = {}
    names = sorted(path.stem for path in (ROOT / "training/recipes").glob("*.yaml"))
    names = [name for name in names if name.startswith(OF_THESE)]
    for name in sorted(names, key=lambda n: (n in BASES, n)):
        dataset = datasets.get(name.partition("_")[0], "digits")
        options = {
            "dataset": dataset, "output_dir": folder / name, "max_train_samples": 2000, "max_steps": 50,
            "eval_split": "none", "mixed_precision": "no", "checkpointing_steps": "no", "disable_tqdm": True,
        }  # fmt: skip
        if name == "mnist_fixmatch":
            options["unlabelled_dataset"] = dataset
        if name in BASES:
            options |= {} if BASES[name] is None else {"model": folder / BASES[name]}
            pretune.finetune(name, **options)
        else:
            pretune.pretrain(name, **options)
        found[name] = digest_of(folder / name / "model.safetensors")
        print(name, found[name], flush=True)
    return found


def digest_of(weights: Path) -> str:
    """SHA-256 of all tensors by name, whatever else the file says."""
    from safetensors.torch import load_file

    digest = hashlib.sha256()
    for name, value in sorted(load_file(weights).items()):
        digest.update(name.encode() + value.contiguous().numpy().tobytes())
    return digest.hexdigest()[:32]


def cells(folder: Path) -> dict[str, float]:
    """{cell: accuracy} of a report on digits."""
    import torch

    import pretune

    torch.set_num_threads(1)
    quiet = {"disable_tqdm": True, "dataset": "digits"}
    pretune.pretrain("digits", output_dir=folder / "base", max_steps=200, **quiet)
    counts = {"labels_per_class": ["1", "10"], "draws": 2}
    report = pretune.evaluate(model=str(folder / "base"), output_dir=str(folder / "report"), **counts, **quiet).report
    return {f"{r['method']} {r['labels_per_class']} {r['draw']}": r["accuracy"] for r in report["results"]}


def pushed(folder: Path) -> dict[str, str]:
    """{file of the repository: SHA-256 of its content, or "there" for what holds times, versions and paths}."""
    sys.path.insert(0, str(ROOT / "tests"))
    from hub.server import HubServer

    with HubServer(tokens={TOKEN: ("me", "write")}, orgs=[]) as hub:
        env = {**os.environ, **hub.env(folder / "home", TOKEN)}
        run = folder / "to-push"
        options = ["--output_dir", run, "--max_steps", "20", "--push_to_hub", "--hub_model_id", "me/digits"]
        words = [sys.executable, "-m", "pretune", "pretrain", "digits", *map(str, options)]
        subprocess.run(words, env=env, check=True, cwd=folder)
        shutil.rmtree(run)
        files = hub.files("me/digits")
        same = (".safetensors", "config.json")
        return {n: hashlib.sha256(c).hexdigest()[:32] if n.endswith(same) else "there" for n, c in files.items()}


if __name__ == "__main__":
    main()
