"""Pretrain an encoder without labels.

    pretune pretrain digits --output_dir runs/digits
    pretune pretrain mnist --dataset me/images --output_dir runs/ae
    accelerate launch training/pretrain.py mnist --dataset me/images --output_dir runs/ae    # several devices

The first word, optional, is a recipe (a YAML file, or the name of a shipped one); `--help` lists the arguments.
OUTPUT_DIR receives the model in Hugging Face form, run.json, metrics.jsonl and pictures.
"""

import dataclasses
import logging
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedConfig

from pretune.configuration.backbones import channels_of
from pretune.training.command.parsing import build_arguments
from pretune.training.command.pretrain_arguments import PretrainArguments
from pretune.training.command.running import run_command
from pretune.training.data.batches import Batches, Columns, evaluating
from pretune.training.data.loading import ImageData, load_data, subset
from pretune.training.errors import InputError
from pretune.training.evaluation.probes import nearest_neighbour
from pretune.training.learning.health import (
    SAMPLE,
    code_health,
    live_units,
    mean_image,
    mean_image_error,
    warn_of_collapse,
    warn_of_dead_layers,
    warn_of_lost_game,
)
from pretune.training.learning.loop import make_optimizer, prepare_model, train
from pretune.training.learning.pictures import draw_images, draw_latents, draw_losses, draw_reconstructions
from pretune.training.networks.models import (
    build_autoencoder,
    load_config,
    load_finished,
    model_source,
    named_family,
    new_config,
)
from pretune.training.networks.published import published_config, published_normalisation
from pretune.training.randomness import generator
from pretune.training.runs.run import Run, RunResult, start_run

logger = logging.getLogger("pretune.training.pretrain")
SHOWN = 24  # images in a grid
START_IMAGES = 5000  # training images that first weights may come from
KNN_REFERENCES, KNN_QUERIES = 5000, 1000  # labelled training images that --eval_knn looks at


def pretrain(recipe: str | Path | None = None, **arguments: Any) -> RunResult:
    """Pretrain an encoder without labels, as `pretune pretrain RECIPE --name value` does.

    Args:
        recipe: a YAML file, or the name of a shipped recipe.
        arguments: the command line's, under the same names; `config` is a dictionary.

    Raises:
        InputError: something given does not fit; the message names the repair.
        Interrupted: SIGINT or SIGTERM came; a checkpoint was saved.
        PushFailed: with push_to_hub, the Hub did not take the finished run.
    """
    return run(build_arguments(PretrainArguments, recipe, arguments))


def run(args: PretrainArguments) -> RunResult:
    """`pretrain` with arguments that are read already."""
    with start_run("pretrain", args) as this:
        record = this.finished_before()
        if record is not None:
            return RunResult(this.folder, load_finished(this.folder, record), record["metrics"], record)

        base = load_config(args.init_from, args.revision) if args.init_from is not None else None
        given = args.config if base is None else {"image_size": base.image_size, "num_channels": base.num_channels}
        if args.backbone is not None:
            given = {"num_channels": channels_of(published_config(args.backbone, args.revision)), **given}
        train_data, eval_data = load_data(args, given.get("image_size"), given.get("num_channels"))
        train_data = subset(train_data, args.max_train_samples, None, args.seed)
        this.timings["data_seconds"] = this.seconds()
        model = build_autoencoder(args, base or _new_config(args, train_data))
        if hasattr(model, "start_from_images") and args.init_from is None:  # some first weights come from the data
            rows = torch.randperm(len(train_data), generator=generator(args.seed, "start"))[:START_IMAGES].numpy()
            images = torch.from_numpy(train_data.images[np.sort(rows)]).float() / 255
            model.start_from_images(images, generator(args.seed, "filters"))
        logger.info("%s", model.loading_report)
        this.record["loading_report"] = model.loading_report
        this.record["base_source"] = model_source(args.init_from)
        config, processor_class = model.config, named_family(model.config.model_type).processor
        this.open(model, processor_class.for_config(config), train_data, eval_data)

        accelerator = this.accelerator
        prepared = prepare_model(this)
        groups = [{"params": list(model.parameters())}]
        if hasattr(model, "parameter_groups"):  # a family whose parts learn at rates of their own
            groups = model.parameter_groups(args.learning_rate)
        optimizer = make_optimizer(args, groups, accelerator.device)
        this.resume(optimizer)
        columns = Columns({"pixel_values": train_data.images}, accelerator.device)
        batches = Batches(
            columns, args.per_device_train_batch_size, args.gradient_accumulation_steps,
            accelerator.num_processes, accelerator.process_index, args.seed,
        )  # fmt: skip
        watch = _Watch(this, train_data, eval_data, columns)
        train(this, prepared, optimizer, batches, watch)
        metrics = watch.metrics
        if accelerator.is_main_process:
            _draw(this, eval_data or train_data, watch)
            if hasattr(model, "save_backbone"):
                model.save_backbone(this.folder / "backbone")
        result = this.finish(metrics, this.total_steps(batches.steps_per_epoch))
        _summarise(result)
        this.push()
        return result


def _new_config(args: PretrainArguments, data: ImageData) -> PreTrainedConfig:
    """The config of a new network; one around published weights normalises as they were trained, unless told else."""
    if args.backbone is None or {"image_mean", "image_std"} <= args.config.keys():
        return new_config(args, data)
    channels = args.config.get("num_channels", data.images.shape[1])
    found = published_normalisation(args.backbone, args.revision, channels)
    if isinstance(found, str):
        logger.warning(
            "warning: %s does not say what its pixels were normalised with (%s): give --config.image_mean and "
            "--config.image_std if you know; else they are the same as for a new network.",
            args.backbone, found,
        )  # fmt: skip
        found = {}
    return new_config(dataclasses.replace(args, config={**found, **args.config}), data)


class _Watch:
    """What pretraining looks at between epochs: evaluation, the mean image's error, live units."""

    def __init__(self, this: Run, train_data: ImageData, eval_data: ImageData | None, columns: Columns):
        self.this, self.columns, self.metrics = this, columns, {}
        self.evaluation = eval_data and Columns({"pixel_values": eval_data.images}, this.accelerator.device)
        mean = mean_image(train_data.images)
        judged = eval_data or train_data
        self.mean_error = mean_image_error(judged.images, mean, self.judged_pixels())
        self.labels = train_data.labels
        if this.args.eval_knn and (self.labels is None or self.labels.ndim != 1):
            raise InputError(f"eval_knn needs one label for each image, and {train_data.name} has none or several.")

    def __call__(self, last: bool) -> dict[str, float]:
        model, args = self.this.model, self.this.args
        counts = live_units(model, self.columns[slice(0, SAMPLE)]["pixel_values"])
        warn_of_dead_layers(counts)
        line = {f"live_units.{name}": alive for name, (alive, _) in counts.items()}
        code = self.encode(KNN_REFERENCES + KNN_QUERIES if args.eval_knn else SAMPLE)
        health = {f"code.{name}": value for name, value in code_health(code[:SAMPLE]).items()}
        if args.eval_knn:
            health["code.knn_accuracy"] = self.nearest_neighbour(code)
        line |= health
        if hasattr(model, "generate"):
            with evaluating(model):
                output = model(self.columns[slice(0, SAMPLE)]["pixel_values"])
            if {"discriminator_loss", "diversity"} <= output.keys():  # not every family that generates plays a game
                warn_of_lost_game(output.discriminator_loss.item(), output.diversity.item())
            if self.this.accelerator.is_main_process:
                draw_images(self.this.folder / "samples.png", _samples(model, args.seed))
                _draw_reconstructions(self.this, self.evaluation or self.columns)
        if last or args.eval_strategy == "epoch":
            loss, error = self.evaluate(self.evaluation or self.columns)
            warn_of_collapse(error / model.config.num_pixels, self.mean_error)
            prefix = "eval_" if self.evaluation else "train_"
            scores = {
                f"{prefix}loss": loss,
                f"{prefix}squared_error": error,
                f"{prefix}mean_image_loss": self.mean_error,
            }
            line |= scores
            self.metrics = {
                **scores,
                "live_units": {name: f"{alive}/{units}" for name, (alive, units) in counts.items()},
                **health,
            }
        return line

    def judged_pixels(self) -> np.ndarray | None:
        """(H, W), True where reconstructions are judged: what a masked image model hides in eval mode. None: all."""
        with evaluating(self.this.model):
            mask = self.this.model(self.columns[slice(0, 1)]["pixel_values"]).get("mask")
        return None if mask is None else mask[0, 0].cpu().numpy()

    def encode(self, count: int) -> np.ndarray:
        """The code (count, D) of the first training images."""
        with evaluating(self.this.model):
            batches = self.columns.in_order(self.this.args.per_device_eval_batch_size, 0, count)
            return np.concatenate([self.this.model.encode(b["pixel_values"]).float().cpu().numpy() for b in batches])

    def nearest_neighbour(self, code: np.ndarray) -> float:
        """Accuracy in per cent of 1-NN on the code, among training images: the test split is for the end."""
        queries = min(KNN_QUERIES, len(code) // 5)
        labels = self.labels[: len(code)]
        answers = nearest_neighbour(code[queries:], labels[queries:], code[:queries])
        return 100 * float((answers == labels[:queries]).mean())

    def evaluate(self, columns: Columns) -> tuple[float, float]:
        """(mean loss, mean squared error summed over an image's pixels)."""
        accelerator, model = self.this.accelerator, self.this.model
        totals = torch.zeros(2, dtype=torch.float64)
        with evaluating(model), accelerator.autocast():
            for number, batch in enumerate(columns.in_order(self.this.args.per_device_eval_batch_size)):
                if number % accelerator.num_processes == accelerator.process_index:
                    output = model(**batch)
                    error = output.squared_error.double().cpu()
                    totals += torch.stack([output.loss.double().cpu() * len(error), error.sum()])
        totals = accelerator.reduce(totals.to(accelerator.device, torch.float64), "sum") / len(columns)
        return totals[0].item(), totals[1].item()


def _samples(model: Any, seed: int) -> np.ndarray:
    """Images (SHOWN, C, H, W) from random codes, the same codes each time."""
    with evaluating(model):
        return model.generate(SHOWN, generator(seed, "samples")).float().cpu().numpy()


def _draw_reconstructions(this: Run, columns: Columns) -> None:
    originals = columns[slice(0, SHOWN)]["pixel_values"]
    with evaluating(this.model):
        reconstructions = this.model.reconstruct(originals).float().cpu().numpy()
    draw_reconstructions(this.folder / "reconstructions.png", originals.cpu().numpy(), reconstructions)


def _draw(this: Run, data: ImageData, watch: _Watch) -> None:
    model, device = this.model, this.accelerator.device
    columns = Columns({"pixel_values": data.images[:5000]}, device)
    with evaluating(model):
        batches = [batch["pixel_values"] for batch in columns.in_order(this.args.per_device_eval_batch_size)]
        latents = torch.cat([model.encode(pixels).float().cpu() for pixels in batches]).numpy()
    _draw_reconstructions(this, columns)
    labels = None if data.labels is None else data.labels[:5000]
    draw_latents(this.folder / "latents.png", latents, labels, data.label_names)
    draw_losses(this.folder / "loss.png", this.read_metrics(), watch.mean_error)


def _summarise(result: RunResult) -> None:
    m, prefix = result.metrics, "eval_" if "eval_loss" in result.metrics else "train_"
    logger.info(
        "%s: reconstruction error %.4f a pixel, %.2f an image (mean image: %.4f a pixel); pictures and model in %s",
        "evaluation" if prefix == "eval_" else "training images",
        m[f"{prefix}squared_error"] / result.model.config.num_pixels, m[f"{prefix}squared_error"],
        m[f"{prefix}mean_image_loss"], result.output_dir,
    )  # fmt: skip


if __name__ == "__main__":
    run_command(PretrainArguments, run)
