"""What a small trial of each recipe costs: CPU seconds beyond imports and data, peak memory, and how many minutes of
training the whole recipe would take at that speed (on as many threads; evaluation and pictures come on top; it is an
upper bound where a step takes milliseconds, since a trial logs every step).

    OMP_NUM_THREADS=1 python benchmarks/trials.py --data FOLDER [RECIPE ...]

FOLDER holds the recipes' datasets by their last names: `mnist`, `cifar10`, `signs` (for recipes of photographs of
one's own too), `fsdd`, `ag_news_small`. Each recipe takes six steps on 1,000 samples in a process of its own; one that
fine-tunes goes on from the trial of the recipe before it. Recipes around published weights are left out, and those
without data.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ENOUGH = 60  # CPU seconds beyond imports and data
TRIAL = {"max_steps": 6, "max_train_samples": 1000, "disable_tqdm": True}
BEFORE = {  # what a recipe that fine-tunes goes on from
    "mnist_finetune": "mnist", "mnist_conv_finetune": "mnist_conv", "mnist_fixmatch": "mnist_conv",
    "cifar10_masked_finetune": "cifar10_masked_resnet", "photos_finetune": "photos",
    "fsdd_joint_embedding_finetune": "fsdd_joint_embedding", "ag_news_finetune": "ag_news_bag",
}  # fmt: skip
OF_OTHERS = ("ag_news_autoencoder", "ag_news_mlm")  # around published weights
FOLDERS = {"photos": "signs", "ag_news": "ag_news_small"}  # by how a recipe is called, if not by its first word


def folder_of(recipe: str) -> str:
    """The dataset's name below --data."""
    first = "ag_news" if recipe.startswith("ag_news") else recipe.partition("_")[0]
    return FOLDERS.get(first, first)


def trial(recipe: str, dataset: str, runs: Path) -> dict[str, float]:
    """One trial, in this process: {what: CPU seconds, wall seconds or MB}."""
    import pretune
    from pretune.training.command.arguments.finetune import FinetuneArguments
    from pretune.training.command.arguments.pretrain import PretrainArguments
    from pretune.training.command.parsing import build_arguments
    from pretune.training.command.recipes import recipe_names
    from pretune.training.data.loading import load_data
    from pretune.training.modalities.listing import MODALITIES

    kind = {"fsdd": "speech", "ag_news_small": "text"}.get(folder_of(recipe), "image")
    pretrains = recipe in recipe_names("pretrain")
    verb = pretune.pretrain if pretrains else pretune.finetune
    given = {**TRIAL, "dataset": dataset, "output_dir": str(runs / recipe)}
    given |= {"model": str(runs / BEFORE[recipe])} if recipe in BEFORE else {}
    given |= {"unlabelled_dataset": dataset} if "fixmatch" in recipe else {}
    imports = time.process_time()
    args = build_arguments(PretrainArguments if pretrains else FinetuneArguments, recipe, given)
    for _ in range(2):  # the second time as the trial itself finds it
        began = time.process_time()
        train, _ = load_data(args, MODALITIES[kind], args.config)
        data = time.process_time() - began
    began, wall = time.process_time(), time.perf_counter()
    verb(recipe, **given)
    found = {
        "imports": imports, "data": data, "beyond": time.process_time() - began - data,
        "wall": time.perf_counter() - wall, "MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }  # fmt: skip
    whole = build_arguments(type(args), recipe, {k: v for k, v in given.items() if k != "max_steps"})
    mine = min(1.0, (found["beyond"] + data) / found["wall"])  # of the seconds that passed: other work is not counted
    return found | {"minutes": mine * minutes(whole, train, runs / recipe)}


def minutes(args: Any, train: Any, folder: Path) -> float:
    """Of training by a whole recipe, at the speed of its trial in `folder`; the first step is not counted."""
    lines = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    rates = sorted([line["samples_per_second"] for line in lines if "samples_per_second" in line][1:])
    if args.max_steps:
        samples = args.max_steps * args.per_device_train_batch_size * args.gradient_accumulation_steps
    else:  # recipes of few labels have a number of steps
        samples = args.num_train_epochs * len(train)
    return samples / rates[len(rates) // 2] / 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*")
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)  # recipe, dataset, folder of runs
    args = parser.parse_args()
    if args.one:
        print(json.dumps(trial(args.one[0], args.one[1], Path(args.one[2]))))
        return
    from pretune.training.command.recipes import recipe_names

    wanted = args.recipes or [name for name in recipe_names() if name not in OF_OTHERS]
    wanted = sorted({*wanted, *(BEFORE[name] for name in wanted if name in BEFORE)}, key=lambda n: (n in BEFORE, n))
    print(
        f"{'recipe':32} imports   data  beyond    wall      MB  minutes   (CPU seconds, but for the last three)",
        flush=True,
    )
    over = []
    with tempfile.TemporaryDirectory() as runs:
        for name in wanted:
            dataset = "digits" if name == "digits" else str(args.data / folder_of(name))
            if dataset != "digits" and not Path(dataset).exists():
                print(f"{name:32} no {dataset}", flush=True)
                continue
            command = [sys.executable, __file__, "--data", str(args.data), "--one", name, dataset, runs]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                print(f"{name:32} failed: {done.stderr.strip().splitlines()[-1]}", flush=True)
                over.append(name)
                continue
            found = json.loads(done.stdout.strip().splitlines()[-1])
            over += [name] if found["beyond"] > ENOUGH else []
            columns = zip(found.values(), (7.1, 6.1, 7.1, 7.1, 7.0, 8.1), strict=True)
            print(f"{name:32}", *(f"{value:{width}f}" for value, width in columns), flush=True)
    print(f"over {ENOUGH} CPU seconds, or failed: {', '.join(over) or 'none'}")
    sys.exit(bool(over))


if __name__ == "__main__":
    main()
