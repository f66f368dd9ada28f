"""Accuracy on groups nobody gave labels of (speakers, patients, cameras): each is held out in turn.

    python benchmarks/held_out_groups.py --model runs/fsdd_joint_embedding --dataset FOLDER --group_column speaker
    python benchmarks/held_out_groups.py --pretrain fsdd_joint_embedding --dataset FOLDER --group_column speaker

Fits to all labels of the other groups' training samples, and counts on all samples of the group; prints a line for
each group, and means. What pretraining saw of the group, it saw without labels: the second column says how much. With
--pretrain RECIPE a network is pretrained for each group on the others alone, and has seen nothing of it.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import pretune

if TYPE_CHECKING:
    import datasets


def held_out(dataset: str, column: str):
    """(group, {"train": the others of the training split, "test": all of the group}) for each group."""
    import datasets

    splits = dict(datasets.load_dataset(dataset))
    whole = datasets.concatenate_datasets(list(splits.values()))
    for group in sorted(set(splits["train"][column])):
        others = np.flatnonzero(np.asarray(splits["train"][column]) != group)
        own = np.flatnonzero(np.asarray(whole[column]) == group)
        yield group, {"train": splits["train"].select(others), "test": whole.select(own)}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--model")
    which.add_argument("--pretrain", metavar="RECIPE")
    parser.add_argument("--max_steps", type=int, help="of --pretrain (default: the recipe's)")
    parser.add_argument("--groups", nargs="+", help="these alone")
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--group_column", required=True)
    parser.add_argument("--methods", nargs="+", default=["knn", "linear", "raw_linear", "pca_knn"])
    args = parser.parse_args()
    rows = []
    for group, splits in held_out(args.dataset, args.group_column):
        if args.groups is not None and group not in args.groups:
            continue
        with tempfile.TemporaryDirectory() as folder:
            model = args.model or _pretrained(args, splits["train"], Path(folder, "model"))
            report = pretune.evaluate(
                model=model, dataset=splits, labels_per_class=["all"], draws=1, methods=args.methods,
                output_dir=Path(folder, "report"), disable_tqdm=True,
            ).report  # fmt: skip
        found = {row["method"]: row["mean"] for row in report["models"][model]["table"]}
        seen = report["models"][model]["test_samples"]
        rows.append([found[method] for method in args.methods])
        print(group, seen, dict(zip(args.methods, rows[-1], strict=True)), file=sys.stdout, flush=True)
    print("mean", {m: round(float(v), 1) for m, v in zip(args.methods, np.mean(rows, 0), strict=True)})


def _pretrained(args: argparse.Namespace, others: "datasets.Dataset", folder: Path) -> str:
    steps = {} if args.max_steps is None else {"max_steps": args.max_steps}
    pretune.pretrain(
        args.pretrain, dataset={"train": others}, eval_split="none", output_dir=folder, disable_tqdm=True, **steps
    )
    return str(folder)


if __name__ == "__main__":
    main()
