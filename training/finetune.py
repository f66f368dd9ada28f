"""Fine-tune a pretrained encoder with few labels, or train the same network from scratch to compare.

    pretune finetune mnist_finetune --model runs/ae --dataset me/images --output_dir runs/classifier
    pretune finetune --model runs/ae --from_scratch --labels_per_class 10 --dataset me/images --output_dir runs/scratch
    accelerate launch training/finetune.py --model me/ae --dataset me/images --output_dir runs/classifier

The first word, optional, is a recipe (a YAML file, or the name of a shipped one); `--help` lists the arguments.
OUTPUT_DIR receives the model in Hugging Face form, run.json, metrics.jsonl, a table of the classes and pictures.
"""

import logging
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedConfig

from pretune.training.command.finetune_arguments import FinetuneArguments
from pretune.training.command.parsing import build_arguments
from pretune.training.command.running import run_command
from pretune.training.data.batches import Batches, Columns
from pretune.training.data.loading import load_data
from pretune.training.data.samples import Samples, split_off, subset
from pretune.training.data.unlabelled import WithUnlabelled, load_unlabelled
from pretune.training.errors import InputError
from pretune.training.learning.classifying import Classifying
from pretune.training.learning.finetuning_watch import FinetuningWatch
from pretune.training.learning.loop import prepare_model, train
from pretune.training.learning.lora import add_lora, merge_lora
from pretune.training.learning.memory import batch_that_fits
from pretune.training.learning.optimizer import make_optimizer
from pretune.training.learning.parameter_groups import parameter_groups
from pretune.training.modalities.listing import MODALITIES, modality_of
from pretune.training.modalities.modality import PLAIN, Modality, Preprocessing
from pretune.training.networks.building import build_classifier, classifier_config, named_family, new_config
from pretune.training.networks.heads import train_head_only
from pretune.training.networks.loading import load_config, load_finished, model_source
from pretune.training.publishing.commit import mirror_of, push_finished
from pretune.training.runs.pictures import draw_losses, drawing
from pretune.training.runs.run import RunResult, start_run

logger = logging.getLogger("pretune.training.finetune")


def finetune(recipe: str | Path | None = None, **arguments: Any) -> RunResult:
    """Fine-tune an encoder on labelled samples, as `pretune finetune RECIPE --name value` does.

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
    with start_run("finetune", args, mirror_of(args)) as this:
        if args.model is not None and Path(args.model).resolve() == this.folder.resolve():
            raise InputError(f"output_dir is the folder of --model, {args.model}. Choose another --output_dir.")

        base = load_config(args.model, args.revision, of_transformers=True) if args.model is not None else None
        modality = MODALITIES[named_family(args.model_type).modality] if base is None else modality_of(base)
        fit = modality.preprocessing(args.model, args.revision, base, {}) if base is not None else None
        train_data, eval_data, validation = _labelled(args, modality, fit)
        config = base or new_config(args.model_type, args.config, train_data)
        config = classifier_config(config, train_data, args.config, args.reconstruction_weight, args.model)
        if base is None:
            modality.advise(config)
        fit = modality.preprocessing(args.model, args.revision, config, train_data.settings)
        fitting = None if train_data.form == PLAIN else fit.fitting
        train_data, eval_data, validation = (d and d.taken_by(fit) for d in (train_data, eval_data, validation))
        unlabelled = _unlabelled(args, modality, config, fit, eval_data)
        this.timings["data_seconds"] = this.seconds()
        model = build_classifier(None if args.from_scratch else args.model, args.revision, config)
        logger.info("%s", model.load_report)
        if args.freeze_encoder:
            train_head_only(model)
        if args.lora_rank is not None:
            add_lora(model, args.lora_rank)
        this.record["base_source"] = model_source(args.model)
        classifying = Classifying(model, args, modality.changes, fit.on_device, _class_shares(train_data))
        finished = this.open(
            classifying.kept,
            fit.processor,
            train_data,
            eval_data,
            classifying,
            unlabelled,
            fitting,
            validation=validation,
        )
        if finished is not None:
            return RunResult(this.folder, load_finished(this.folder, finished), finished["metrics"], finished)

        accelerator = this.accelerator
        prepared = prepare_model(this)
        rates = (args.learning_rate, args.encoder_learning_rate, args.layerwise_lr_decay, args.gradual_unfreezing)
        groups = parameter_groups(model, *rates)
        optimizer = make_optimizer(groups, accelerator.device, args.optim, args.learning_rate, args.weight_decay)
        this.resume(optimizer)
        columns = Columns.of(train_data, accelerator.device, with_labels=True)
        processes = (accelerator.num_processes, accelerator.process_index, args.seed)
        batch = batch_that_fits(
            classifying, columns, args.per_device_train_batch_size, args.gradient_accumulation_steps
        )
        batches = Batches(columns, *batch, *processes)
        if unlabelled is not None:
            other = Columns.of(unlabelled, accelerator.device)
            beside = max(1, args.unlabelled_batch_size * args.gradient_accumulation_steps // batch[1])
            batches = WithUnlabelled(batches, Batches(other, beside, batch[1], *processes))
        watch = FinetuningWatch(this, classifying, train_data, columns, eval_data, validation)
        last_step = train(this, prepared, optimizer, batches, watch)
        if args.lora_rank is not None:
            merge_lora(classifying.kept)
        this.save_model()
        if accelerator.is_main_process:
            watch.write_tables()
            with drawing("loss.png"):
                draw_losses(this.folder / "loss.png", this.read_metrics())
        result = this.finish(watch.metrics, last_step)
        if watch.best is not None and accelerator.is_main_process:
            watch.best.remove()
        watch.summarise()
        if accelerator.is_main_process:
            push_finished(args)
        return result


def _labelled(
    args: FinetuneArguments, modality: Modality, preprocessing: Preprocessing | None
) -> tuple[Samples, Samples | None, Samples | None]:
    """(training, evaluation, held out for early stopping): labelled samples as they are read."""
    train_data, eval_data = load_data(args, modality, args.config, preprocessing)
    if train_data.labels is None or (eval_data is not None and eval_data.labels is None):
        raise InputError(f"{args.dataset} has no labels, and fine-tuning needs them. Pass --label_column.")
    train_data = subset(train_data, args.max_train_samples, args.labels_per_class, args.seed)
    if args.early_stopping_patience is None:
        return train_data, eval_data, None
    repair = "Pass more labels, or leave out --early_stopping_patience."
    train_data, validation = split_off(train_data, args.validation_share, args.seed, repair)
    return train_data, eval_data, validation


def _unlabelled(
    args: FinetuneArguments, modality: Modality, config: PreTrainedConfig, fit: Preprocessing,
    evaluation: Samples | None,
) -> Samples | None:  # fmt: skip
    """The samples to learn from without labels, if there are to be any."""
    if args.unlabelled_dataset is None:
        return None
    if config.problem_type != "single_label_classification":
        raise InputError(
            f"unlabelled_dataset gives pseudo-labels, one for each {modality.words.one}; these have several labels."
        )
    return load_unlabelled(args, modality, fit, evaluation)


def _class_shares(data: Samples) -> torch.Tensor | None:
    """(L,) shares of the classes among labelled samples; None where a sample can have several."""
    if data.labels.ndim != 1:
        return None
    counts = torch.bincount(torch.as_tensor(data.labels).long(), minlength=len(data.label_names))
    return counts.float() / counts.sum()


if __name__ == "__main__":
    run_command(FinetuneArguments, run)
