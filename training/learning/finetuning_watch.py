"""What fine-tuning looks at between epochs: scores on the evaluation split and on held-out samples, live units."""

import csv
import io
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...model_cards.words import table_cell
from ...modeling.shared.evaluating import evaluating
from ..data.batches import Columns, spread
from ..data.labels import REAL, SEVERAL, SINGLE
from ..data.samples import Samples
from ..modalities.modality import Inputs
from ..networks.memory import eval_batch_that_fits
from ..runs.folder import write_whole
from ..runs.pictures import draw_confusion, drawing
from ..runs.run import Run
from .best_weights import BestWeights
from .classifying import Classifying
from .health import SAMPLE, live_units, warn_of_dead_layers
from .scores import class_scores, classes_of, label_scores, number_scores

logger = logging.getLogger(__name__)
SUMMARY = {
    SINGLE: {
        "accuracy": "accuracy {:.2f} %",
        "balanced_accuracy": "balanced accuracy {:.2f} %",
        "macro_f1": "macro-F1 {:.2f} %",
    },
    SEVERAL: {
        "accuracy": "every label right {:.2f} %",
        "mean_average_precision": "mean average precision {:.2f} %",
        "macro_f1": "macro-F1 {:.2f} %",
    },
    REAL: {"mse": "mean squared error {:.4g}", "mae": "mean absolute error {:.4g}", "r2": "R2 {:.3f}"},
}


class FinetuningWatch:
    """Looks at a run between epochs; see `Watch`.

    Args:
        this: the run.
        classifying: what is trained.
        train_data, columns: labelled samples, and their batches.
        eval_data: what it is judged by; None: the training samples.
        validation: held-out labelled samples for early stopping; None without it.

    Attributes:
        metrics: those of the last evaluation.
        best: the best weights so far, with early stopping.
    """

    def __init__(
        self,
        this: Run,
        classifying: Classifying,
        train_data: Samples,
        columns: Columns,
        eval_data: Samples | None,
        validation: Samples | None,
    ):
        self.this, self.classifying, self.train_data, self.columns = this, classifying, train_data, columns
        self.metrics: dict[str, float] = {}
        self.prefix = "eval_" if eval_data is not None else "train_"
        device = this.accelerator.device
        self.judged = columns if eval_data is None else Columns.of(eval_data, device, with_labels=True)
        self.predicted: np.ndarray | None = None
        self.validation = None if validation is None else Columns.of(validation, device, with_labels=True)
        self.problem_type = train_data.problem_type
        self.eval_size = eval_batch_that_fits(classifying, columns, this.args.per_device_eval_batch_size)
        self.by = "r2" if self.problem_type == REAL else "accuracy"  # what early stopping goes by
        self.best = BestWeights(this.folder, this.history) if validation is not None else None

    @property
    def every_epoch(self) -> bool:
        """Early stopping judges each epoch, however short."""
        return self.best is not None

    @property
    def stop(self) -> bool:
        """True once the score on held-out labelled samples has not risen for long enough."""
        return self.best is not None and self.best.epochs_since >= self.this.args.early_stopping_patience

    def __call__(self, last: bool) -> dict[str, float]:
        """Look, after an epoch; what it returns is logged."""
        warn_of_dead_layers(live_units(self.this.model, self._some()))
        line: dict[str, float] = {}
        if self.best is not None and not (last and self.stop):
            loss, logits = self.predict(self.validation)
            score = self.scores(self.validation, logits)[self.by]
            line = {"validation_loss": loss, f"validation_{self.by}": score}
            self.best.add(score, self.this.model, self.this.accelerator.is_main_process)
        if last and self.best is not None:
            self.this.accelerator.wait_for_everyone()
            self.best.restore(self.this.model)
        if not last and self.this.args.eval_strategy != "epoch":
            return line
        return line | self.score()

    def _some(self) -> Iterator[Inputs]:
        """What the model is given of a few training samples."""
        for batch in self.columns.at(spread(len(self.columns), SAMPLE), self.eval_size):
            yield self.classifying.prepare({name: value for name, value in batch.items() if name != "labels"})

    def score(self) -> dict[str, float]:
        """Metrics on the evaluation split."""
        loss, logits = self.predict(self.judged)
        if self.problem_type != REAL:
            self.predicted = classes_of(logits, self.judged.labels.cpu().numpy())
        scores = {"loss": loss, **self.scores(self.judged, logits)}
        self.metrics = {f"{self.prefix}{name}": value for name, value in scores.items()}
        return self.metrics

    def scores(self, columns: Columns, logits: np.ndarray) -> dict[str, float]:
        """What (N, L) logits are worth, for these samples' labels."""
        labels = columns.labels.cpu().numpy()
        if self.problem_type == SINGLE:
            return class_scores(labels, classes_of(logits, labels))
        if self.problem_type != REAL:
            return label_scores(labels, logits)
        mean, spread = self.classifying.mean.cpu().numpy(), self.classifying.spread.cpu().numpy()
        return number_scores(labels.reshape(len(labels), -1), logits * spread + mean)

    def predict(self, columns: Columns) -> tuple[float, np.ndarray]:
        """(mean loss, logits (N, L)) of these samples, shared by all processes."""
        accelerator, model = self.this.accelerator, self.classifying
        logits = torch.zeros(len(columns), self.this.model.config.num_labels, device=accelerator.device)
        total = torch.zeros((), device=accelerator.device, dtype=torch.float64)
        size = self.eval_size
        with evaluating(model), accelerator.autocast():
            for number, batch in enumerate(columns.in_order(size)):
                if number % accelerator.num_processes == accelerator.process_index:
                    output = model(**batch)
                    logits[number * size : number * size + size] = output.logits.float()
                    total += output.loss.double() * len(output.logits)
        logits, total = accelerator.reduce(logits, "sum"), accelerator.reduce(total, "sum")
        return total.item() / len(columns), logits.cpu().numpy()

    def write_tables(self) -> None:
        """per_class.csv and, where a sample has one label, confusion_matrix.csv and .png; nothing for real numbers."""
        if self.problem_type == REAL:
            return
        from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

        labels, folder, names = self.judged.labels.cpu().numpy(), self.this.folder, self.train_data.label_names
        numbers = list(range(len(names)))
        scores = precision_recall_fscore_support(labels, self.predicted, labels=numbers, zero_division=0)
        named = [table_cell(name) for name in names]
        rows = [
            [name, *(f"{100 * share:.2f}" for share in shares), int(count)]
            for name, *shares, count in zip(named, *scores, strict=True)
        ]
        _write_table(folder / "per_class.csv", [["class", "precision", "recall", "f1", "samples"], *rows])
        if labels.ndim == 1:
            matrix = confusion_matrix(labels, self.predicted, labels=numbers)
            rows = [[name, *row] for name, row in zip(named, matrix, strict=True)]
            _write_table(folder / "confusion_matrix.csv", [["true \\ predicted", *named], *rows])
            with drawing("confusion_matrix.png"):
                draw_confusion(folder / "confusion_matrix.png", matrix, names)

    def summarise(self) -> None:
        """Say in a line what came out."""
        where = "evaluation" if self.prefix == "eval_" else f"training {self.train_data.modality.words.many}"
        shown = SUMMARY[self.problem_type]
        numbers = ", ".join(text.format(self.metrics[f"{self.prefix}{name}"]) for name, text in shown.items())
        logger.info(
            "%s: %s, trained on %d labelled samples; tables, pictures and model in %s",
            where, numbers, len(self.train_data), self.this.folder,
        )  # fmt: skip


def _write_table(path: Path, rows: Sequence[Sequence[Any]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    write_whole(path, text.getvalue().encode(errors="replace"))
