"""What pretraining looks at between epochs: evaluation, the mean sample's error, live units, health, pictures."""

import logging
from collections.abc import Callable

import numpy as np
import torch

from ...modeling.shared.evaluating import evaluating
from ..data.batches import Columns, spread
from ..data.labels import SINGLE
from ..data.samples import Samples, subset
from ..errors import InputError
from ..networks.memory import eval_batch_that_fits
from ..protocol import PROTOCOL
from ..randomness import generator
from ..runs.pictures import draw_embeddings, draw_losses, drawing
from ..runs.run import Run
from .health import (
    SAMPLE,
    embedding_health,
    live_units,
    mean_sample,
    mean_sample_error,
    warn_of_collapse,
    warn_of_dead_layers,
)

logger = logging.getLogger(__name__)
SHOWN, COLUMNS = 24, 12  # samples in a grid, and in a row of it
DRAWN = 2000  # embeddings in a scatter
JUDGED = 2000  # training samples that a run without evaluation samples is judged by, at most
KNN_REFERENCES, KNN_QUERIES = 5000, 1000  # labelled training samples that --eval_knn looks at, at most


class PretrainingWatch:
    """Looks at a run between epochs; see `Watch`.

    Args:
        this: the run.
        train_data, columns: what it learns from, and their batches.
        eval_data: what it is judged by; None: `JUDGED` of the training samples, or --max_eval_samples.
        nearest_neighbour: (train, labels, test) -> classes of the test rows, for --eval_knn.

    Attributes:
        metrics: those of the last evaluation.

    Raises:
        InputError: --eval_knn without labels.
    """

    every_epoch = stop = False

    def __init__(
        self,
        this: Run,
        train_data: Samples,
        columns: Columns,
        eval_data: Samples | None,
        nearest_neighbour: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
    ):
        self.this, self.columns, self.nearest_neighbour = this, columns, nearest_neighbour
        self.modality = train_data.modality
        self.metrics: dict[str, object] = {}
        self.prefix = "train_" if eval_data is None else "eval_"
        most = min(JUDGED, this.args.max_eval_samples or JUDGED)
        self.judged_data = subset(train_data, most, None, PROTOCOL.seed) if eval_data is None else eval_data
        self.judged = columns
        if self.judged_data is not train_data:
            self.judged = Columns.of(self.judged_data, this.accelerator.device)
        self.mean_error: float | None = None
        if this.model.reconstructs:
            name, where = self.modality.input_name, this.model.judged_part(columns[slice(0, 1)])
            self.mean_error = mean_sample_error(self.judged, name, mean_sample(columns, name), where)
        if this.args.eval_knn and train_data.problem_type != SINGLE:
            one = self.modality.words.one
            raise InputError(f"eval_knn needs one label for each {one}, and {train_data.name} has none or several.")
        self.eval_size = eval_batch_that_fits(this.model, columns, this.args.per_device_eval_batch_size)
        self.sample = spread(len(columns), SAMPLE)
        self.neighbours = self.classes = None  # labelled training samples that --eval_knn looks at
        if this.args.eval_knn:
            labelled = np.flatnonzero(train_data.labelled)
            if len(labelled) < 2:
                raise InputError(
                    f"eval_knn needs two labelled samples at least, {train_data.name} has {len(labelled)}."
                )
            some = labelled[spread(len(labelled), KNN_REFERENCES + KNN_QUERIES)]
            self.neighbours, self.classes = some, train_data.labels[some]

    def __call__(self, last: bool) -> dict[str, float]:
        """Look, after an epoch; what it returns is logged."""
        model, args, words = self.this.model, self.this.args, self.modality.words
        counts = live_units(model, self.columns.at(self.sample, self.eval_size))
        warn_of_dead_layers(counts)
        line = {f"live_units.{name}": alive for name, (alive, _) in counts.items()}
        embedding = self.encode(self.columns, self.sample)
        health = {f"embedding.{name}": value for name, value in embedding_health(embedding).items()}
        if args.eval_knn:
            health["embedding.knn_accuracy"] = self.knn_accuracy(self.encode(self.columns, self.neighbours))
        line |= health
        with evaluating(model):
            for warning in model.warnings(model(**next(self.columns.at(self.sample, self.eval_size)))):
                logger.warning("warning: %s", warning)
        if model.generates and self.this.accelerator.is_main_process:
            self.draw_samples()
        if last or args.eval_strategy == "epoch":
            scores = self.evaluate()
            if self.mean_error is not None:
                error = scores.pop("part_error")
                warn_of_collapse(error, self.mean_error, words.mean)
                scores[f"mean_{words.one}_loss"] = self.mean_error
            scores = {f"{self.prefix}{name}": value for name, value in scores.items()}
            line |= scores
            alive = {name: f"{alive}/{units}" for name, (alive, units) in counts.items()}
            self.metrics = {**scores, "live_units": alive, **health}
        return line

    def encode(self, columns: Columns, rows: np.ndarray) -> np.ndarray:
        """The embeddings (N, D) of the samples at `rows` (N,)."""
        with evaluating(self.this.model):
            parts = [self.this.model.encode(**b).float().cpu().numpy() for b in columns.at(rows, self.eval_size)]
        return np.concatenate(parts)

    def knn_accuracy(self, embedding: np.ndarray) -> float:
        """Accuracy in per cent of 1-NN on embeddings (N, D) of `neighbours`: the test split is for the end.

        Every so manyth is asked for: classes may stand one after another.
        """
        queries = spread(len(embedding), max(1, min(KNN_QUERIES, len(embedding) // 5)))
        others = np.setdiff1d(np.arange(len(embedding)), queries)
        answers = self.nearest_neighbour(embedding[others], self.classes[others], embedding[queries])
        return 100 * float((answers == self.classes[queries]).mean())

    def evaluate(self) -> dict[str, float]:
        """The mean loss and, of a family that reconstructs, the squared error summed over a sample and of one part."""
        accelerator, model = self.this.accelerator, self.this.model
        totals, parts = torch.zeros(2, dtype=torch.float64), 1
        with evaluating(model), accelerator.autocast():
            for number, batch in enumerate(self.judged.in_order(self.eval_size)):
                if number % accelerator.num_processes == accelerator.process_index:
                    output, values = model(**batch), batch[self.modality.input_name]
                    parts = values[0].numel()
                    error = output.squared_error.double().cpu() if model.reconstructs else torch.zeros(len(values))
                    totals += torch.stack([output.loss.double().cpu() * len(values), error.sum()])
        totals = accelerator.reduce(totals.to(accelerator.device, torch.float64), "sum") / len(self.judged)
        loss, error = totals.tolist()
        if not model.reconstructs:
            return {"loss": loss}
        return {"loss": loss, "squared_error": error, "part_error": error / parts}

    # --- pictures ----------------------------------------------------------------------------------------------------

    def draw(self) -> None:
        """All pictures of a run that is over."""
        folder, words = self.this.folder, self.modality.words
        self.draw_reconstructions()
        data = self.judged_data
        rows = spread(len(data), DRAWN)
        labels = data.labels[rows] if data.problem_type == SINGLE else None
        with drawing("latents.png"):
            draw_embeddings(folder / "latents.png", self.encode(self.judged, rows), labels, data.label_names)
        comparable = self.mean_error is not None and self.this.model.loss_is_error
        floor = (self.mean_error, words.mean) if comparable else None
        with drawing("loss.png"):
            draw_losses(folder / "loss.png", self.this.read_metrics(), floor)

    def draw_samples(self) -> None:
        """Samples that the model generates, from the same codes each time, and reconstructions."""
        model = self.this.model
        with evaluating(model):
            samples = model.generate(SHOWN, generator(self.this.args.seed, "samples")).float().cpu().numpy()
        with drawing("samples.png"):
            self.modality.show_samples(self.this.folder / "samples.png", samples, None, COLUMNS)
        self.draw_reconstructions()

    def draw_reconstructions(self) -> None:
        """Originals over what the model makes of them, if it reconstructs."""
        if not self.this.model.reconstructs:
            return
        inputs = self.judged[torch.from_numpy(spread(len(self.judged), SHOWN))]
        originals, hidden = inputs[self.modality.input_name], self.this.model.judged_part(inputs)
        with evaluating(self.this.model):
            rebuilt = self.this.model.reconstruct(originals).float().cpu().numpy()
        if hidden is not None:
            hidden = hidden.expand_as(originals).cpu().numpy()
        with drawing("reconstructions.png"):
            self.modality.show(self.this.folder / "reconstructions.png", originals.cpu().numpy(), rebuilt, hidden)

    def summarise(self) -> None:
        """Say in a line what came out."""
        m, prefix, words = self.metrics, self.prefix, self.modality.words
        where = "evaluation" if prefix == "eval_" else f"{len(self.judged):,} training {words.many}"
        if self.mean_error is None:
            logger.info(
                "%s: %s %.4f; pictures and model in %s",
                where, self.this.model.loss_name, m[f"{prefix}loss"], self.this.folder,
            )  # fmt: skip
            return
        error = m[f"{prefix}squared_error"]
        parts = self.judged[slice(0, 1)][self.modality.input_name].numel()
        logger.info(
            "%s: reconstruction error %.4f a %s, %.2f a whole %s (%s: %.4f a %s); pictures and model in %s",
            where, error / parts, words.part, error, words.one, words.mean, self.mean_error, words.part,
            self.this.folder,
        )  # fmt: skip
