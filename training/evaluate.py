"""Measure what pretraining is worth: scores against number of labels, beside honest floors, and a sentence.

    pretune evaluate --model runs/ae --dataset me/images
    pretune evaluate --model runs/ae --model microsoft/resnet-18 --dataset me/images --output_dir runs/compared

OUTPUT_DIR receives report.json, report.md, a figure and a confusion matrix. Stopped, the same command goes on. All
constants stand in `protocol.py`; a model may be one of ours or any image encoder of transformers.
"""

import logging
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from pretune.training.command.arguments.evaluate import EvaluateArguments
from pretune.training.command.paths import require_folders
from pretune.training.command.recipes import command_of
from pretune.training.command.running import run_command
from pretune.training.data.samples import Samples
from pretune.training.data.seen import seen_by
from pretune.training.errors import InputError, Interrupted
from pretune.training.evaluation.cells import FEATURES, Cell, Cells
from pretune.training.evaluation.draws import draw_rows, draws_of
from pretune.training.evaluation.embedders import kind_of, methods_for
from pretune.training.evaluation.features import EncoderFeatures, FloorFeatures
from pretune.training.evaluation.into_card import add_to_card, check_card
from pretune.training.evaluation.labelled_splits import LabelledSplits, counts_of, load_splits
from pretune.training.evaluation.probes import linear_probe, nearest_neighbour
from pretune.training.evaluation.report import chance_of, write_report
from pretune.training.evaluation.tuned_networks import groups_of, predictions_of_networks
from pretune.training.learning.health import embedding_health
from pretune.training.learning.scores import class_scores, label_scores
from pretune.training.modalities.modality import Modality
from pretune.training.networks.encoders import Encoder, config_and_modality
from pretune.training.protocol import MUST_BE_BEATEN, PROTOCOL, TRAINED

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
    splits = load_splits(args, _taken(args))
    train, test = splits.train, splits.test
    metric = _metric(args, splits)
    counts, notes = counts_of(args.labels_per_class, train, args.allow_short_classes)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    labels, batch = len(train.label_names), args.per_device_eval_batch_size
    encoders = [Encoder(name, args.revision, labels, device, batch, train.problem_type) for name in args.model]
    for encoder in encoders:
        encoder.check(train)
    methods = _methods(args, train)
    shown = _confusion_cell(args, methods, counts)
    seen = {name: seen_by(name).record(test.digests) for name in args.model}
    warnings = splits.warnings() + _seen_before(seen, test) + notes + _few_draws(args.draws, counts)
    for warning in warnings:
        logger.warning("warning: %s", warning)
    cells = Cells(folder, splits.identity(), splits.metrics, args.overwrite_output_dir, began)
    finished = False
    try:
        draws = {count: draws_of(count, args.draws) for count in counts}
        work = _Work(cells, train, test, methods, draws, args.allow_short_classes)
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
                models[encoder.name]["test_samples"] = seen[encoder.name]
                results += rows
        report = {
            "protocol": {
                **PROTOCOL.record(),
                "labels_per_class_used": counts,
                "draws_used": args.draws,
                "n": {str(count): len(draws[count]) for count in counts},
            },
            "metric": metric,
            "dataset": splits.record(args.dataset),
            "models": models,
            "results": results,
            "confusion": work.confusion(shown, encoders),
            "warnings": warnings,
            "timings": {"total_seconds": round(cells.seconds(), 1)},
            "command": command_of("evaluate", args),
        }
        needed = [name for name in methods_for(train.modality, train.values) if name in MUST_BE_BEATEN]
        report = write_report(folder, report, chance_of(metric, test.labels), needed)
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


def _taken(args: EvaluateArguments) -> Modality:
    """The one kind of input that all models take."""
    taken = {name: config_and_modality(name, args.revision)[1] for name in args.model}
    kinds = {modality.name: name for name, modality in taken.items()}
    if len(kinds) > 1:
        told = ", ".join(f"{name} takes {kind}" for kind, name in kinds.items())
        raise InputError(f"one report is about one kind of input, and {told}. Evaluate them one by one.")
    return taken[args.model[0]]


class _Work:
    """Computes the cells that are missing, each once."""

    def __init__(
        self,
        cells: Cells,
        train: Samples,
        test: Samples,
        methods: list[str],
        draws: dict[int | str, range],
        allow_short: bool,
    ):
        self.allow_short = allow_short
        self.cells, self.train, self.test, self.methods, self.draws = cells, train, test, methods, draws
        self.floors = FloorFeatures(train, test)
        self.widths: dict[str, int] = {}
        self.size = len(methods) * sum(map(len, draws.values()))

    def do(self, encoder: Encoder, bar: tqdm) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Every cell of one encoder.

        Returns:
            What the report says of the encoder, and its rows. Floors without an encoder stand in the rows of each.
        """
        features = EncoderFeatures(encoder, self.train, self.test, self.cells.folder / FEATURES)
        embedding = features.pretrained()[0]
        self.widths[encoder.name] = width = embedding.shape[1]
        cells = {
            (method, count, draw): Cell(_source(method, encoder, width), method, count, draw)
            for count in self.draws
            for method in self.methods
            for draw in self.draws[count]
        }
        for (method, count, draw), cell in cells.items():
            if method not in TRAINED:
                if cell not in self.cells.scores:
                    self._add(cell, self._probe(method, count, draw, features, width))
                bar.update()
        for count in self.draws if set(TRAINED) & set(self.methods) else []:
            for group in groups_of(encoder, self.draws[count]):
                todo = {(m, draw): cells[m, count, draw] for m in TRAINED if m in self.methods for draw in group}
                missing = [key for key, cell in todo.items() if cell not in self.cells.scores]
                if missing:
                    trained = predictions_of_networks(encoder, self.train, self.test, count, missing, self.allow_short)
                    for key in missing:
                        self._add(todo[key], trained[key])
                bar.update(len(todo))
        facts = {
            "fingerprint": encoder.fingerprint,
            "latent_size": width,
            "health": embedding_health(embedding[features.reference]),
        }
        rows = [
            {
                "model": encoder.name,
                "method": m,
                "labels_per_class": c,
                "draw": d,
                **self.cells.scores[cell],
            }
            for (m, c, d), cell in cells.items()
        ]
        return facts, rows

    def _probe(self, method: str, count: int | str, draw: int, features: EncoderFeatures, width: int) -> np.ndarray:
        """What a nearest neighbour or a linear probe says of the test samples: (M,) classes or (M, L) scores."""
        kind, probe = kind_of(method), method.rpartition("_")[2]
        rows = self._rows(count, draw)
        if kind == "untrained":
            drawn = [self._rows(c, draw) for c in self.draws if draw in self.draws[c]]
            train, test, scale = features.untrained(draw, np.unique(np.concatenate(drawn)))
        else:
            train, test, scale = self.floors(kind, width) if kind else features.pretrained()
        if probe == "knn":
            return nearest_neighbour(train[rows], self.train.labels[rows], test)
        groups = None if self.train.groups is None else self.train.groups[rows]
        return linear_probe(scale(train[rows]), self.train.labels[rows], scale(test), draw, groups)

    def _rows(self, count: int | str, draw: int) -> np.ndarray:
        return draw_rows(self.train.labels, self.train.label_names, count, draw, self.train.groups, self.allow_short)

    def _add(self, cell: Cell, predicted: np.ndarray) -> None:
        if self.test.labels.ndim == 2:
            self.cells.add(cell, label_scores(self.test.labels, predicted), None)
            return
        pairs, samples = np.unique(np.stack([self.test.labels, predicted], 1), axis=0, return_counts=True)
        scores = class_scores(self.test.labels, predicted)
        self.cells.add(cell, scores, np.column_stack([pairs, samples]).tolist())

    def confusion(self, shown: tuple[str, int | str], encoders: list[Encoder]) -> dict[str, Any] | None:
        """The confusion matrices of the chosen method and number of labels, first draw, of every encoder; None where a
        sample can have several labels."""
        if self.test.labels.ndim == 2:
            return None
        names, matrices = self.test.label_names, {}
        for encoder in encoders:
            cell = Cell(_source(shown[0], encoder, self.widths[encoder.name]), *shown, 0)
            matrix = np.zeros((len(names), len(names)), int)
            for true, predicted, samples in self.cells.confusion[cell]:
                matrix[true, predicted] = samples
            matrices[encoder.name] = matrix.tolist()
        return {
            "method": shown[0],
            "labels_per_class": shown[1],
            "draw": 0,
            "label_names": names,
            "matrices": matrices,
        }


def _source(method: str, encoder: Encoder, width: int) -> str:
    kind = kind_of(method)
    return encoder.fingerprint if kind in ("", "untrained") else f"pca-{width}" if kind == "pca" else kind


def _folder(args: EvaluateArguments) -> Path:
    if args.output_dir:
        require_folders(Path(args.output_dir), "output_dir")
        return Path(args.output_dir)
    if not Path(args.model[0]).is_dir():
        raise InputError(
            f"output_dir is missing, and {args.model[0]} is no local folder to put it in: pass --output_dir."
        )
    return Path(args.model[0]) / "evaluation"


def _metric(args: EvaluateArguments, splits: LabelledSplits) -> str:
    if args.metric is None or args.metric in splits.metrics:
        return args.metric or splits.metrics[0]
    raise InputError(f"metric is {args.metric!r}, expected one of {', '.join(splits.metrics)} for these labels.")


def _methods(args: EvaluateArguments, train: Samples) -> list[str]:
    """Those asked for, of those that there are for these samples; all of them by default."""
    there = methods_for(train.modality, train.values)
    lacking = [name for name in args.methods or () if name not in there]
    if lacking:
        raise InputError(
            f"method {lacking[0]!r} is not for {train.modality.words.many} like these: expected some of "
            f"{', '.join(there)}."
        )
    return [name for name in there if args.methods is None or name in args.methods]


def _seen_before(seen: dict[str, dict[str, Any]], test: Samples) -> list[str]:
    """A warning for each model that learnt from test samples."""
    many = test.modality.words.many
    return [
        f"{facts['seen']} of {len(test)} test {many} are among what {name} was trained on: its numbers are too good"
        for name, facts in seen.items()
        if facts["seen"]
    ]


def _few_draws(draws: int, counts: list[int | str]) -> list[str]:
    if counts == ["all"] or draws >= PROTOCOL.draws:
        return []
    many = "one draw says" if draws == 1 else f"{draws} draws say"
    return [f"{many} little of chance, and a verdict takes a wide interval; the protocol has {PROTOCOL.draws} draws"]


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


if __name__ == "__main__":
    run_command(EvaluateArguments, run)
