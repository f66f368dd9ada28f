"""Accuracy on groups nobody gave labels of (speakers, patients, cameras): each is held out in turn.

    python benchmarks/held_out_groups.py --model runs/fsdd_joint_embedding --dataset FOLDER --group_column speaker

Fits to all labels of the other groups' training samples, and counts on all samples of the group; prints a line for
each group, and means. What pretraining saw of the group, it saw without labels: the first column says how much.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

import pretune


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
    parser.add_argument("--model", required=True)
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--group_column", required=True)
    parser.add_argument("--methods", nargs="+", default=["knn", "linear", "raw_linear", "pca_knn"])
    args = parser.parse_args()
    rows = []
    for group, splits in held_out(args.dataset, args.group_column):
        with tempfile.TemporaryDirectory() as folder:
            report = pretune.evaluate(
                model=args.model, dataset=splits, labels_per_class=["all"], draws=1, methods=args.methods,
                output_dir=Path(folder, "report"), disable_tqdm=True,
            ).report  # fmt: skip
        found = {row["method"]: row["mean"] for row in report["models"][args.model]["table"]}
        seen = report["models"][args.model]["test_samples"]
        rows.append([found[method] for method in args.methods])
        print(group, seen, dict(zip(args.methods, rows[-1], strict=True)), file=sys.stdout, flush=True)
    print("mean", {m: round(float(v), 1) for m, v in zip(args.methods, np.mean(rows, 0), strict=True)})


if __name__ == "__main__":
    main()
