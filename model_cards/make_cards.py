"""Run the MNIST recipes for real and keep their cards here, with the pictures.

python model_cards/make_cards.py --dataset ylecun/mnist
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path

import pretune
from pretune.model_cards.card import render_card

HERE = Path(__file__).parent


def main() -> None:
    """Run the recipes, and keep their cards and pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="ylecun/mnist", help="Hub id, or a local copy of that dataset")
    dataset = parser.parse_args().dataset
    with tempfile.TemporaryDirectory() as folder:
        base, classifier = f"{folder}/mnist", f"{folder}/mnist_finetune"
        pretune.pretrain("mnist", dataset=dataset, output_dir=base)
        pretune.finetune("mnist_finetune", dataset=dataset, model=base, output_dir=classifier)
        few = {"labels_per_class": 10, "per_device_train_batch_size": 10}
        pretune.finetune("mnist_finetune", dataset=dataset, model=base, output_dir=f"{classifier}_10", **few)
        for run in (base, classifier, f"{classifier}_10"):
            keep_card(Path(run), dataset)


def keep_card(run: Path, dataset: str) -> None:
    """Write the run's card and pictures to a folder of the run's name, without the paths of this machine."""
    record = json.loads((run / "run.json").read_text())
    record = json.loads(json.dumps(record).replace(str(run.parent), "runs").replace(dataset, Path(dataset).name))
    target = HERE / run.name
    target.mkdir(exist_ok=True)
    for name in record["pictures"]:
        shutil.copyfile(run / name, target / name)
    (target / "README.md").write_text(render_card(record, f"runs/{run.name}"))


if __name__ == "__main__":
    main()
