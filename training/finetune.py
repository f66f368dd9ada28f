"""Fine-tune a pretrained encoder with few labels, or train the same network from scratch to compare.

    pretune finetune mnist_finetune --model runs/ae --dataset me/images --output_dir runs/classifier
    pretune finetune --model runs/ae --from_scratch --labels_per_class 10 --dataset me/images --output_dir runs/scratch
    accelerate launch training/finetune.py --model me/ae --dataset me/images --output_dir runs/classifier

The first word, optional, is a recipe (a YAML file, or the name of a shipped one); `--help` lists the arguments.
OUTPUT_DIR receives the model in Hugging Face form, run.json, metrics.jsonl, a table of the classes and pictures.
"""

import csv
import logging
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pretune.training.command.finetune_arguments import FinetuneArguments
from pretune.training.command.parsing import build_arguments
from pretune.training.command.running import run_command
from pretune.training.data.batches import Batches, Columns, evaluating
from pretune.training.data.loading import ImageData, load_data, split_off, subset
from pretune.training.data.unlabelled import WithUnlabelled, load_unlabelled
from pretune.training.errors import InputError
from pretune.training.learning.best_weights import BestWeights
from pretune.training.learning.classifying import Classifying
from pretune.training.learning.health import SAMPLE, live_units, warn_of_dead_layers
from pretune.training.learning.loop import make_optimizer, prepare_model, train
from pretune.training.learning.lora import add_lora, merge_lora
from pretune.training.learning.parameter_groups import parameter_groups
from pretune.training.learning.pictures import draw_confusion, draw_losses
from pretune.training.networks.models import (
    build_classifier,
    classifier_config,
    is_ours,
    load_config,
    load_finished,
    model_source,
    new_config,
    train_head_only,
)
from pretune.training.networks.preprocessing import Preprocessing
from pretune.training.runs.run import Run, RunResult, start_run

logger = logging.getLogger("pretune.training.finetune")


def finetune(recipe: str | Path | None = None, **arguments: Any) -> RunResult:
    """Fine-tune an encoder on labelled images, as `pretune finetune RECIPE --name value` does.

    Args:
        recipe: a YAML file, or the name of a shipped recipe.
        arguments: the command line's, under the same names; `config` is a dictionary.

    Raises:
        InputError: something given does not fit; the message names the repair.
        Interrupted: SIGINT or SIGTERM came; a checkpoint was saved.
        PushFailed: with push_to_hub, the Hub did not take the finished run.
    """
    return run(build_arguments(FinetuneArguments, recipe, arguments))


def run(args: FinetuneArguments) -> RunResult:
    """`finetune` with arguments that are read already."""
    with start_run("finetune", args) as this:
        record = this.finished_before()
        if record is not None:
            return RunResult(this.folder, load_finished(this.folder, record), record["metrics"], record)
        if args.model is not None and Path(args.model).resolve() == this.folder.resolve():
            raise InputError(f"output_dir is the folder of --model, {args.model}. Choose another --output_dir.")

        base = load_config(args.model, args.revision, of_transformers=True) if args.model is not None else None
        train_data, eval_data = load_data(args, *_input_size(args, base))
        if train_data.labels is None or (eval_data is not None and eval_data.labels is None):
            raise InputError(f"{args.dataset} has no labels, and fine-tuning needs them. Pass --label_column.")
        train_data = subset(train_data, args.max_train_samples, args.labels_per_class, args.seed)
        validation = None
        if args.early_stopping_patience is not None:
            repair = "Pass more labels, or leave out --early_stopping_patience."
            train_data, validation = split_off(train_data, args.validation_share, args.seed, repair)
        config = classifier_config(base or new_config(args, train_data), args, train_data)
        fit = Preprocessing(args.model, args.revision, config, args.fit_images)
        train_data, eval_data, validation = (
            d and d.resized_by(fit.resized) for d in (train_data, eval_data, validation)
        )
        unlabelled = _unlabelled(args, config, fit, eval_data)
        this.timings["data_seconds"] = this.seconds()
        model = build_classifier(args, config)
        logger.info("%s", model.loading_report)
        if args.freeze_encoder:
            train_head_only(model)
        if args.lora_rank is not None:
            add_lora(model, args.lora_rank)
        this.record["loading_report"] = model.loading_report
        this.record["base_source"] = model_source(args.model)
        classifying = Classifying(model, args, fit.mean, fit.std, _class_shares(train_data))
        this.open(classifying.kept, fit.processor, train_data, eval_data, classifying, unlabelled)

        accelerator = this.accelerator
        prepared = prepare_model(this)
        optimizer = make_optimizer(args, parameter_groups(model, args), accelerator.device)
        classifying.follow(optimizer)
        this.resume(optimizer)
        columns = Columns({"pixel_values": train_data.images, "labels": train_data.labels}, accelerator.device)
        processes = (accelerator.num_processes, accelerator.process_index, args.seed)
        batches = Batches(columns, args.per_device_train_batch_size, args.gradient_accumulation_steps, *processes)
        if unlabelled is not None:
            other = Columns({"pixel_values": unlabelled.images}, accelerator.device)
            size, parts = args.unlabelled_batch_size, args.gradient_accumulation_steps
            batches = WithUnlabelled(batches, Batches(other, size, parts, *processes))
        watch = _Watch(this, classifying, columns, eval_data, validation)
        last_step = train(this, prepared, optimizer, batches, watch)
        if args.lora_rank is not None:
            merge_lora(classifying.kept)
        if accelerator.is_main_process:
            watch.write_tables(train_data.label_names)
            draw_losses(this.folder / "loss.png", this.read_metrics())
        result = this.finish(watch.metrics, last_step)
        if watch.best is not None and accelerator.is_main_process:
            watch.best.remove()
        watch.summarise(train_data)
        this.push()
        return result


def _input_size(args: FinetuneArguments, base: Any) -> tuple[int | None, int | None]:
    """Image size and channels to decode to: a model of ours says both; others resize by their own processor."""
    if base is None:
        return args.config.get("image_size"), args.config.get("num_channels")
    if is_ours(base):
        return base.image_size, base.num_channels
    return (getattr(base, "image_size", None), None) if args.fit_images else (None, None)


def _unlabelled(
    args: FinetuneArguments, config: Any, fit: Preprocessing, evaluation: ImageData | None
) -> ImageData | None:
    """The images to learn from without labels, if there are to be any."""
    if args.unlabelled_dataset is None:
        return None
    if config.problem_type != "single_label_classification":
        raise InputError(
            "unlabelled_dataset gives pseudo-labels, one for each image; these images have several labels."
        )
    size = (config.image_size, config.num_channels) if fit.ours else _input_size(args, config)
    return load_unlabelled(args, evaluation, fit, *size)


def _class_shares(data: ImageData) -> torch.Tensor | None:
    """(L,) shares of the classes among labelled samples; None where a sample can have several."""
    if data.labels.ndim != 1:
        return None
    counts = torch.bincount(torch.as_tensor(data.labels).long(), minlength=len(data.label_names))
    return counts.float() / counts.sum()


def _classes(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """What (N, L) logits say, in the form of the labels: (N,) class numbers, or (N, L) zeros and ones."""
    return (logits > 0).astype(np.int64) if labels.ndim == 2 else logits.argmax(1)


def _accuracy(labels: np.ndarray, predicted: np.ndarray) -> float:
    """In per cent; with several labels at once the share of images with every label right."""
    right = predicted == labels
    return 100 * float((right.all(1) if right.ndim == 2 else right).mean())


class _Watch:
    """What fine-tuning looks at between epochs: accuracy on the evaluation split, live units."""

    def __init__(
        self,
        this: Run,
        classifying: Classifying,
        columns: Columns,
        eval_data: ImageData | None,
        validation: ImageData | None,
    ):
        self.this, self.classifying, self.columns, self.metrics = this, classifying, columns, {}
        self.prefix = "eval_" if eval_data is not None else "train_"
        self.judged = columns if eval_data is None else self._columns(eval_data)
        self.predicted: np.ndarray | None = None
        self.validation = None if validation is None else self._columns(validation)
        self.best = BestWeights(this.folder, this.read_metrics()) if validation is not None else None

    def _columns(self, data: ImageData) -> Columns:
        return Columns({"pixel_values": data.images, "labels": data.labels}, self.this.accelerator.device)

    @property
    def every_epoch(self) -> bool:
        """Early stopping judges each epoch, however short."""
        return self.best is not None

    @property
    def stop(self) -> bool:
        """True once the accuracy on held-out labelled samples has not risen for long enough."""
        return self.best is not None and self.best.epochs_since >= self.this.args.early_stopping_patience

    def __call__(self, last: bool) -> dict[str, float]:
        pixels = self.columns[slice(0, SAMPLE)]["pixel_values"]
        warn_of_dead_layers(live_units(self.this.model, self.classifying.normalise(pixels)))
        line = {}
        if self.best is not None and not (last and self.stop):
            loss, logits = self.predict(self.validation)
            labels = self.validation.tensors["labels"].cpu().numpy()
            line = {"validation_loss": loss, "validation_accuracy": _accuracy(labels, _classes(logits, labels))}
            self.best.add(line["validation_accuracy"], self.this.model, self.this.accelerator.is_main_process)
        if last and self.best is not None:
            self.this.accelerator.wait_for_everyone()
            self.best.restore(self.this.model)
        if not last and self.this.args.eval_strategy != "epoch":
            return line
        return line | self.score()

    def score(self) -> dict[str, float]:
        """Metrics on the evaluation split."""
        loss, logits = self.predict(self.judged)
        labels = self.judged.tensors["labels"].cpu().numpy()
        self.predicted = _classes(logits, labels)
        from sklearn.metrics import f1_score

        scores = {
            "loss": loss,
            "accuracy": _accuracy(labels, self.predicted),
            "macro_f1": 100 * float(f1_score(labels, self.predicted, average="macro", zero_division=0)),
        }
        self.metrics = {f"{self.prefix}{name}": value for name, value in scores.items()}
        return self.metrics

    def predict(self, columns: Columns) -> tuple[float, np.ndarray]:
        """(mean loss, logits (N, L)) of these samples, shared by all processes."""
        accelerator, model = self.this.accelerator, self.classifying
        logits = torch.zeros(len(columns), self.this.model.config.num_labels, device=accelerator.device)
        total = torch.zeros((), device=accelerator.device, dtype=torch.float64)
        size = self.this.args.per_device_eval_batch_size
        with evaluating(model), accelerator.autocast():
            for number, batch in enumerate(columns.in_order(size)):
                if number % accelerator.num_processes == accelerator.process_index:
                    output = model(**batch)
                    logits[number * size : number * size + size] = output.logits.float()
                    total += output.loss.double() * len(output.logits)
        logits, total = accelerator.reduce(logits, "sum"), accelerator.reduce(total, "sum")
        return total.item() / len(columns), logits.cpu().numpy()

    def write_tables(self, names: list[str]) -> None:
        """per_class.csv and, where an image has one label, confusion_matrix.csv and .png."""
        from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

        labels, folder = self.judged.tensors["labels"].cpu().numpy(), self.this.folder
        numbers = list(range(len(names)))
        scores = precision_recall_fscore_support(labels, self.predicted, labels=numbers, zero_division=0)
        self.per_class = list(zip(names, *scores, strict=True))
        with open(folder / "per_class.csv", "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["class", "precision", "recall", "f1", "samples"])
            writer.writerows(
                [name, *(f"{100 * v:.2f}" for v in row[:3]), int(row[3])] for name, *row in self.per_class
            )
        if labels.ndim == 1:
            matrix = confusion_matrix(labels, self.predicted, labels=numbers)
            with open(folder / "confusion_matrix.csv", "w", newline="") as file:
                csv.writer(file).writerows(
                    [["true \\ predicted", *names], *([n, *row] for n, row in zip(names, matrix, strict=True))]
                )
            draw_confusion(folder / "confusion_matrix.png", matrix, names)

    def summarise(self, train_data: ImageData) -> None:
        where = "evaluation" if self.prefix == "eval_" else "training images"
        logger.info(
            "%s: accuracy %.2f %%, macro-F1 %.2f %%, trained on %d labelled samples; tables, pictures and model in %s",
            where, self.metrics[f"{self.prefix}accuracy"], self.metrics[f"{self.prefix}macro_f1"], len(train_data),
            self.this.folder,
        )  # fmt: skip


if __name__ == "__main__":
    run_command(FinetuneArguments, run)
