"""Every family beside the others on one dataset: pretrain each recipe, evaluate all with the same draws, print tables.

python benchmarks/families.py --dataset ylecun/mnist --recipes mnist mnist_conv mnist_bigan --output_dir runs/families

Runs that are finished are not trained again, and cells that are known are not computed again. Whole networks take
longest: --methods knn linear leaves them out.
"""

import argparse
from pathlib import Path

import pretune
from pretune.training.evaluation.reporting.tables import markdown_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--recipes", nargs="+", required=True)
    parser.add_argument("--output_dir", required=True, type=Path)
    parser.add_argument("--methods", nargs="+", default=["knn", "linear", "finetune"])
    parser.add_argument("--labels_per_class", nargs="+", default=["1", "10", "100", "all"])
    args = parser.parse_args()
    for recipe in args.recipes:
        folder = args.output_dir / recipe
        pretune.pretrain(recipe, dataset=args.dataset, output_dir=folder, resume_from_checkpoint="latest")
    result = pretune.evaluate(
        model=[str(args.output_dir / recipe) for recipe in args.recipes],
        dataset=args.dataset,
        methods=[*args.methods, "raw_knn", "raw_linear", "pca_knn", "pca_linear", "untrained_linear"],
        labels_per_class=args.labels_per_class,
        output_dir=args.output_dir / "report",
    )
    for model, facts in result.report["models"].items():
        print(f"\n{Path(model).name}\n\n{markdown_table(facts['table'])}")
    print(f"\n{result.sentence}")


if __name__ == "__main__":
    main()
