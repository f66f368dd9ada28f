"""Measure what pretraining is worth: accuracy against number of labels, beside honest floors, and a sentence.

    pretune evaluate --model runs/ae --dataset me/images
    pretune evaluate --model runs/ae --model microsoft/resnet-18 --dataset me/images --output_dir runs/compared

OUTPUT_DIR receives report.json, report.md, a figure and a confusion matrix. Stopped, the same command goes on. All
constants stand in `protocol.py`; a model may be one of ours or any image encoder of transformers.
"""

import json
import logging
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from pretune.training.arguments import EvaluateArguments
from pretune.training.cells import FEATURES, Cell, Cells
from pretune.training.command import run_command
from pretune.training.data import ImageData, load_data, overlap, source_of, subset
from pretune.training.draws import check_count, draw_rows, draws_of
from pretune.training.encoders import Encoder
from pretune.training.errors import InputError, Interrupted
from pretune.training.features import EncoderFeatures, Pixels
from pretune.training.health import code_health
from pretune.training.parsing import command_of
from pretune.training.pictures import draw_confusion
from pretune.training.probes import linear_probe, nearest_neighbour
from pretune.training.protocol import FLOORS, METHODS, PROTOCOL, TRAINED
from pretune.training.report import add_to_card, check_card, write_report
from pretune.training.tuned_networks import groups_of, predictions_of_networks

logger = logging.getLogger("pretune.training.evaluate")


@dataclass
class EvaluationResult:
    """What `evaluate` returns.

    Args:
        output_dir: folder of the report.
        report: all of report.json.
        helped, sentence: the verdict.
    """

    output_dir: Path
    report: dict[str, Any]
    helped: bool
    sentence: str


def evaluate(**arguments: Any) -> EvaluationResult:
    """Measure what pretraining is worth, as `pretune evaluate --name value` does.

    Args:
        arguments: the command line's, under the same names; `model` is a name or a list of them.

    Raises:
        InputError: something given does not fit; the message names the repair.
        Interrupted: Ctrl-C; what was computed is kept.
    """
    return run(EvaluateArguments(**arguments))


def run(args: EvaluateArguments) -> EvaluationResult:
    """`evaluate` with arguments that are read already."""
    began = time.perf_counter()
    folder = _folder(args)
    if args.update_card:
        for name in args.model:
            check_card(Path(name))
    train, test = _data(args)
    counts = _counts(args, train)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    labels, batch = len(train.label_names), args.per_device_eval_batch_size
    encoders = [Encoder(name, args.revision, labels, device, batch, args.fit_images) for name in args.model]
    for encoder in encoders:
        encoder.resized(train.images[:1])  # images that do not fit are known now, not after an hour
    methods = [name for name in METHODS + FLOORS if args.methods is None or name in args.methods]
    shown = _confusion_cell(args, methods, counts)
    cells = Cells(folder, {"train": train.fingerprint, "test": test.fingerprint}, args.overwrite_output_dir)
    finished = False
    try:
        work = _Work(cells, train, test, methods, {count: draws_of(count, args.draws) for count in counts}, shown)
        models, results = {}, []
        pace = 0.1 if sys.stderr.isatty() else 10
        with tqdm(
            total=len(encoders) * work.size,
            desc="evaluate",
            unit=" cells",
            mininterval=pace,
            disable=args.disable_tqdm,
        ) as bar:
            for encoder in encoders:
                models[encoder.name], rows = work.do(encoder, bar)
                results += rows
        report = {
            "protocol": {**PROTOCOL.record(), "draws_used": args.draws},
            "dataset": _describe(args, train, test),
            "models": models,
            "results": results,
            "timings": {"total_seconds": round(time.perf_counter() - began, 1)},
            "command": command_of("evaluate", args),
        }
        report = write_report(folder, report, 100 * float(np.bincount(test.labels).max()) / len(test))
        work.draw_confusion(folder / "confusion.png", encoders[0])
        finished = True
    except KeyboardInterrupt:
        raise Interrupted(
            f"stopped; what was computed is kept in {folder}, and the same command goes on.", 2
        ) from None
    finally:
        cells.close(finished)
    if args.update_card:
        for name in args.model:
            add_to_card(Path(name), folder, report, name)
    logger.info("%s", report["verdict"]["sentence"])
    logger.info("report.md, report.json and pictures in %s (%.0f s)", folder, report["timings"]["total_seconds"])
    return EvaluationResult(folder, report, report["verdict"]["helped"], report["verdict"]["sentence"])


class _Work:
    """Computes the cells that are missing, each once."""

    def __init__(
        self,
        cells: Cells,
        train: ImageData,
        test: ImageData,
        methods: list[str],
        draws: dict[int | str, range],
        shown: tuple[str, int | str],
    ):
        self.cells, self.train, self.test, self.methods, self.draws, self.shown = (
            cells, train, test, methods, draws, shown
        )  # fmt: skip
        self.pixels = Pixels(train, test)
        self.widths: dict[str, int] = {}
        self.size = len(methods) * sum(map(len, draws.values()))

    def do(self, encoder: Encoder, bar: tqdm) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Every cell of one encoder.

        Returns:
            What the report says of the encoder, and its rows. Floors without an encoder stand in the rows of each.
        """
        features = EncoderFeatures(encoder, self.train, self.test, self.cells.folder / FEATURES)
        code = features.pretrained()[0]
        self.widths[encoder.name] = code.shape[1]
        cells = {
            (method, count, draw): Cell(_source(method, encoder, code.shape[1]), method, count, draw)
            for count in self.draws
            for method in self.methods
            for draw in self.draws[count]
        }
        for (method, count, draw), cell in cells.items():
            if method not in TRAINED:
                if not self._known(cell):
                    self._add(cell, self._probe(method, count, draw, features, code.shape[1]))
                bar.update()
        for count in self.draws if set(TRAINED) & set(self.methods) else []:
            for group in groups_of(encoder, self.draws[count]):
                todo = {(m, draw): cells[m, count, draw] for m in TRAINED if m in self.methods for draw in group}
                if not all(map(self._known, todo.values())):
                    trained = predictions_of_networks(encoder, self.train, self.test, count, group)
                    for key, cell in todo.items():
                        if not self._known(cell):
                            self._add(cell, trained[key])
                bar.update(len(todo))
        facts = {
            "fingerprint": encoder.fingerprint,
            "latent_size": code.shape[1],
            "health": code_health(code[features.reference]),
        }
        rows = [
            {
                "model": encoder.name,
                "method": m,
                "labels_per_class": c,
                "draw": d,
                "accuracy": self.cells.accuracy[cell],
            }
            for (m, c, d), cell in cells.items()
        ]
        return facts, rows

    def _probe(self, method: str, count: int | str, draw: int, features: EncoderFeatures, width: int) -> np.ndarray:
        """Classes of the test images by a nearest neighbour or a linear probe."""
        kind, _, probe = method.rpartition("_")
        rows = self._rows(count, draw)
        if kind == "untrained":
            drawn = [self._rows(c, draw) for c in self.draws if draw in self.draws[c]]
            train, test, scale = features.untrained(draw, np.unique(np.concatenate(drawn)))
        else:
            train, test, scale = self.pixels(kind, width) if kind else features.pretrained()
        if probe == "knn":
            return nearest_neighbour(train[rows], self.train.labels[rows], test)
        return linear_probe(scale(train[rows]), self.train.labels[rows], scale(test), draw)

    def _rows(self, count: int | str, draw: int) -> np.ndarray:
        return draw_rows(self.train.labels, self.train.label_names, count, draw)

    def _known(self, cell: Cell) -> bool:
        """True if nothing of this cell is left to compute, its confusion matrix included if that is to be shown."""
        return cell in self.cells.accuracy and (not self._is_shown(cell) or cell in self.cells.confusion)

    def _is_shown(self, cell: Cell) -> bool:
        return (cell.method, cell.labels_per_class, cell.draw) == (*self.shown, 0)

    def _add(self, cell: Cell, predicted: np.ndarray) -> None:
        confusion = None
        if self._is_shown(cell):
            from sklearn.metrics import confusion_matrix

            numbers = range(len(self.test.label_names))
            confusion = confusion_matrix(self.test.labels, predicted, labels=list(numbers)).tolist()
        self.cells.add(cell, 100 * float((predicted == self.test.labels).mean()), confusion)

    def draw_confusion(self, path: Path, encoder: Encoder) -> None:
        """The confusion matrix of the chosen cell, first draw, of one encoder."""
        cell = Cell(_source(self.shown[0], encoder, self.widths[encoder.name]), *self.shown, 0)
        draw_confusion(path, np.array(self.cells.confusion[cell]), self.test.label_names)


def _source(method: str, encoder: Encoder, width: int) -> str:
    return {"raw": "raw", "pca": f"pca-{width}"}.get(method.split("_")[0], encoder.fingerprint)


def _folder(args: EvaluateArguments) -> Path:
    if args.output_dir:
        return Path(args.output_dir)
    if not Path(args.model[0]).is_dir():
        raise InputError(
            f"output_dir is missing, and {args.model[0]} is no local folder to put it in: pass --output_dir."
        )
    return Path(args.model[0]) / "evaluation"


def _data(args: EvaluateArguments) -> tuple[ImageData, ImageData]:
    """Labelled training and test split, checked."""
    own = next((c for c in map(_own_config, args.model) if c is not None), None) if args.fit_images else None
    train, test = load_data(args, own and own["image_size"], own and own["num_channels"])
    if test is None:
        raise InputError("eval_split none leaves nothing to measure on: name a split, or leave it out.")
    train = subset(train, args.max_train_samples, None, PROTOCOL.seed)
    test = subset(test, args.max_eval_samples, None, PROTOCOL.seed)
    for split in (train, test):
        if split.labels is None:
            raise InputError(f"{split.name} has no labels, and evaluation needs them. Pass --label_column.")
        if split.labels.ndim != 1:
            raise InputError(f"{split.name} has several labels an image; evaluation takes one for each.")
    unknown = sorted(set(np.unique(test.labels)) - set(np.unique(train.labels)))
    if unknown:
        names = ", ".join(repr(test.label_names[label]) for label in unknown)
        raise InputError(
            f"{test.name} holds images labelled {names}, and {train.name} has none of them to learn from. "
            f"Pass another --eval_split, or remove them."
        )
    common = overlap(train, test)
    if common:
        logger.warning(
            "warning: %d of %d test images are also training images, pixel for pixel: accuracies are too good",
            common, len(test),
        )  # fmt: skip
    return train, test


def _own_config(name: str) -> dict[str, Any] | None:
    """Image size and channels of one of our own models in a local folder."""
    path = Path(name) / "config.json"
    config = json.loads(path.read_text()) if path.is_file() else {}
    return config if str(config.get("model_type", "")).startswith("pretune_") else None


def _counts(args: EvaluateArguments, train: ImageData) -> list[int | str]:
    """Numbers of labels per class, ascending: those asked for, which must be possible, or the protocol's that are."""
    if args.labels_per_class is not None:
        counts = sorted({int(text) for text in args.labels_per_class if text != "all"})
        for count in counts:
            check_count(train.labels, train.label_names, count)
        return counts + ["all"] * ("all" in args.labels_per_class)
    counts = list(PROTOCOL.labels_per_class)
    for count in [c for c in counts if c != "all"]:
        try:
            check_count(train.labels, train.label_names, count)
        except InputError as error:
            logger.warning("left out: %s", error)
            counts.remove(count)
    return counts


def _confusion_cell(args: EvaluateArguments, methods: list[str], counts: list) -> tuple[str, int | str]:
    if args.confusion_cell is None:
        return "finetune" if "finetune" in methods else methods[0], 10 if 10 in counts else counts[-1]
    method, _, count = args.confusion_cell.partition(":")
    found = (method, int(count) if count.isdecimal() else count)
    if method not in methods or found[1] not in counts:
        raise InputError(
            f"confusion_cell is {args.confusion_cell!r}, expected METHOD:LABELS with one of {', '.join(methods)} and "
            f"one of {', '.join(map(str, counts))}."
        )
    return found


def _describe(args: EvaluateArguments, train: ImageData, test: ImageData) -> dict[str, Any]:
    splits = {"train": train, "test": test}
    return {
        "name": args.dataset,
        "source": source_of(args.dataset),
        "labels_all": round(len(train) / len(np.unique(train.labels))),
        **{k: {"name": v.name, "samples": len(v), "fingerprint": v.fingerprint} for k, v in splits.items()},
    }


if __name__ == "__main__":
    run_command(EvaluateArguments, run)
