"""Fine-tune a pretrained encoder with few labels, or train the same network from scratch to compare.

    pretune finetune mnist_finetune --model runs/ae --dataset me/images --output_dir runs/classifier
    pretune finetune --model runs/ae --from_scratch --labels_per_class 10 --dataset me/images --output_dir runs/scratch
    accelerate launch training/finetune.py --model me/ae --dataset me/images --output_dir runs/classifier

The first word, optional, is a recipe (a YAML file, or the name of a shipped one); `--help` lists the arguments.
OUTPUT_DIR receives the model in Hugging Face form, run.json, metrics.jsonl, a table of the classes and pictures.
"""

import logging
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedConfig, PreTrainedModel

from pretune.training.command.arguments.finetune import FinetuneArguments
from pretune.training.command.parsing import build_arguments
from pretune.training.command.running import run_command
from pretune.training.data.batches import Batches, Columns
from pretune.training.data.kinds import with_family_of_data
from pretune.training.data.labels import REAL, SINGLE
from pretune.training.data.loading import load_data
from pretune.training.data.samples import Samples, missing_classes, overlap, split_off, subset
from pretune.training.data.seen import seen_by, write_seen
from pretune.training.data.unlabelled import WithUnlabelled, load_unlabelled
from pretune.training.errors import InputError
from pretune.training.learning.classifying import Classifying
from pretune.training.learning.finetuning_watch import FinetuningWatch
from pretune.training.learning.loop import prepare_model, train
from pretune.training.learning.lora import add_lora, merge_lora
from pretune.training.learning.optimizer import make_optimizer
from pretune.training.learning.parameter_groups import parameter_groups
from pretune.training.modalities.listing import MODALITIES, modality_of
from pretune.training.modalities.modality import PLAIN, Modality, Preprocessing
from pretune.training.networks.before_data import require_classifier, require_here, require_new
from pretune.training.networks.building import (
    build_classifier,
    classifier_config,
    named_family,
    new_config,
    tokenizer_of,
)
from pretune.training.networks.heads import heads_of, train_head_only
from pretune.training.networks.loading import load_config, load_finished, model_source
from pretune.training.networks.memory import batch_that_fits
from pretune.training.networks.targets import Scale, put_back, scale_of, take_out
from pretune.training.protocol import PROTOCOL
from pretune.training.publishing.commit import mirror_of, push_finished
from pretune.training.runs.folder import require_free
from pretune.training.runs.pictures import draw_losses, drawing
from pretune.training.runs.run import Run, RunResult, start_run
from pretune.training.sources.found import Found

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


@dataclass
class _Job:
    """All that a run of fine-tuning is made of before its folder is touched.

    Args:
        classifying: the network with its loss, as the loop trains it.
        fit: how samples are brought to the network.
        train, evaluation, validation: labelled samples: to learn from, to be judged by, for early stopping.
        unlabelled: to learn from by pseudo-labels.
        scale: mean and deviation of real-valued labels, which are taken out while it learns.
    """

    classifying: Classifying
    fit: Preprocessing
    train: Samples
    evaluation: Samples | None
    validation: Samples | None
    unlabelled: Samples | None
    scale: Scale | None


def run(args: FinetuneArguments) -> RunResult:
    """`finetune` with arguments that are read already."""
    found = None
    require_free(Path(args.output_dir), args.resume_from_checkpoint is not None, args.overwrite_output_dir)
    require_here(dataset=args.dataset, model=args.model, unlabelled_dataset=args.unlabelled_dataset)
    if args.model is None:
        require_new(args.model_type, args.config)
        args, found = with_family_of_data(args)
    with start_run("finetune", args, mirror_of(args)) as this:
        if args.model is not None and Path(args.model).resolve() == this.folder.resolve():
            raise InputError(f"output_dir is the folder of --model, {args.model}. Choose another --output_dir.")
        job = _prepare(args, this, found)
        fitting = None if job.train.form == PLAIN else job.fit.fitting
        kept, processor = job.classifying.kept, job.fit.processor
        finished = this.open(
            kept, processor, job.train, job.evaluation, job.classifying, job.unlabelled, fitting, job.validation
        )
        if finished is not None:
            return RunResult(this.folder, load_finished(this.folder, finished), finished["metrics"], finished)
        learnt = [data for data in (job.train, job.validation, job.unlabelled) if data is not None]
        _check_overlap(this, learnt, job.evaluation)

        prepared = prepare_model(this)
        rates = (args.learning_rate, args.encoder_learning_rate, args.layerwise_lr_decay, args.gradual_unfreezing)
        groups = parameter_groups(job.classifying.model, *rates)
        optimizer = make_optimizer(groups, this.accelerator.device, args.optim, args.learning_rate, args.weight_decay)
        this.resume(optimizer)
        columns = Columns.of(job.train, this.accelerator.device, with_labels=True)
        watch = FinetuningWatch(this, job.classifying, job.train, columns, job.evaluation, job.validation)
        last_step = train(this, prepared, optimizer, _batches(args, this, job, columns), watch)
        if args.lora_rank is not None:
            merge_lora(kept)
        if job.scale is not None:
            put_back(kept, job.scale)
        this.save_model()
        if this.accelerator.is_main_process:
            watch.write_tables()
            with drawing("loss.png"):
                draw_losses(this.folder / "loss.png", this.read_metrics())
        result = this.finish(watch.metrics, last_step)
        if watch.best is not None and this.accelerator.is_main_process:
            watch.best.remove()
        watch.summarise()
        if this.accelerator.is_main_process:
            push_finished(args)
        return result


def _prepare(args: FinetuneArguments, this: Run, found: Found | None) -> _Job:
    """Read the samples and build the classifier that suits them."""
    base = load_config(args.model, args.revision, of_transformers=True) if args.model is not None else None
    if base is not None:
        require_classifier(args.model, base, args.config, args.reconstruction_weight)
    modality = MODALITIES[named_family(args.model_type).modality] if base is None else modality_of(base)
    modality.require_changes(args.augmentation)
    fit = modality.preprocessing(args.model, args.revision, base, {}) if base is not None else None
    train_data, eval_data, validation = _labelled(args, modality, fit, found)
    if base is None:
        train_data = train_data.learnt(*tokenizer_of(args))
    config = base or new_config(args.model_type, args.config, train_data)
    changes = {} if base is None else args.config
    config = classifier_config(config, train_data, changes, args.reconstruction_weight)
    if base is None:
        modality.advise(config)
    fit = modality.preprocessing(args.model, args.revision, config, train_data.settings)
    train_data, eval_data, validation = (d and d.taken_by(fit) for d in (train_data, eval_data, validation))
    unlabelled = _unlabelled(args, modality, config, fit, eval_data)
    this.timings["data_seconds"] = this.seconds()
    model = build_classifier(None if args.from_scratch else args.model, args.revision, config)
    logger.info("%s", model.load_report)
    if args.freeze_encoder:
        train_head_only(model)
    if args.lora_rank is not None:
        add_lora(model, args.lora_rank, heads_of(model))
    this.record["base_source"] = model_source(args.model)
    scale = scale_of(train_data.labels, model) if train_data.problem_type == REAL else None
    if scale is not None and not _head_is_new(model):
        take_out(model, scale)
    classifying = Classifying(model, args, modality.changes, fit.on_device, _class_shares(train_data), scale)
    return _Job(classifying, fit, train_data, eval_data, validation, unlabelled, scale)


def _batches(args: FinetuneArguments, this: Run, job: _Job, columns: Columns) -> Batches | WithUnlabelled:
    """The samples of each step, those without labels beside the labelled ones."""
    accelerator = this.accelerator
    processes = (accelerator.num_processes, accelerator.process_index, args.seed)
    size, passes = batch_that_fits(
        job.classifying, columns, args.per_device_train_batch_size, args.gradient_accumulation_steps
    )
    batches = Batches(columns, size, passes, *processes)
    if job.unlabelled is None:
        return batches
    other = Columns.of(job.unlabelled, accelerator.device)
    beside = max(1, args.unlabelled_batch_size * args.gradient_accumulation_steps // passes)
    return WithUnlabelled(batches, Batches(other, beside, passes, *processes))


def _labelled(
    args: FinetuneArguments, modality: Modality, preprocessing: Preprocessing | None, found: Found | None
) -> tuple[Samples, Samples | None, Samples | None]:
    """(training, evaluation, held out for early stopping): labelled samples as they are read."""
    train_data, eval_data = load_data(args, modality, args.config, preprocessing, True, args.problem_type, found)
    if eval_data is not None and eval_data.labels is None:
        raise InputError(
            f"{eval_data.name} has no labels, and evaluation needs them. Pass another --eval_split, or 'none'."
        )
    _check_options(args, train_data)
    train_data, eval_data = _labelled_ones(args, train_data, offer=True), _labelled_ones(args, eval_data)
    train_data = subset(train_data, args.max_train_samples, args.labels_per_class, args.seed, args.allow_short_classes)
    eval_data = eval_data and subset(eval_data, args.max_eval_samples, None, PROTOCOL.seed)
    if eval_data is not None and train_data.problem_type != REAL:
        lacking = ", ".join(repr(name) for name in missing_classes(train_data, eval_data))
        if lacking:
            many = modality.words.many
            logger.warning(
                "warning: %s holds %s labelled %s, and there are none of them to learn from: they count as wrong",
                eval_data.name, many, lacking,
            )  # fmt: skip
    if args.early_stopping_patience is None:
        return train_data, eval_data, None
    repair = "Pass more labels, or leave out --early_stopping_patience."
    train_data, validation = split_off(train_data, args.validation_share, args.seed, repair)
    return train_data, eval_data, validation


def _check_options(args: FinetuneArguments, data: Samples) -> None:
    """Raise InputError for an option that needs classes, where labels are real numbers."""
    if data.problem_type != REAL:
        return
    for name in ("labels_per_class", "label_smoothing", "unlabelled_dataset"):
        if getattr(args, name):
            raise InputError(
                f"{name} is about classes, and the labels of {data.name} are real numbers. Leave it out, or pass "
                f"another --label_column."
            )


def _labelled_ones(args: FinetuneArguments, data: Samples | None, offer: bool = False) -> Samples | None:
    """The labelled samples of a split, with a line on the others where there are some."""
    if data is None or data.labelled.all():
        return data
    found, many = data.only_labelled(), data.modality.words.many
    if not len(found):
        logger.warning(
            "warning: nothing is evaluated: none of the %d %s of %s is labelled", len(data), many, data.name
        )
        return None
    logger.info("%d of %d %s of %s are labelled, and these are used", len(found), len(data), many, data.name)
    if offer and args.unlabelled_dataset is None and data.problem_type == SINGLE:
        logger.info(
            "to learn from the %d %s without labels as well: --unlabelled_dataset %s",
            len(data) - len(found), many, shlex.quote(str(args.dataset)),
        )  # fmt: skip
    return found


def _check_overlap(this: Run, learnt: list[Samples], eval_data: Samples | None) -> None:
    """Say and note which evaluation samples are learnt from, here or before, and note all that are."""
    before = seen_by(None if this.args.from_scratch else this.args.model)
    if eval_data is not None:
        found = overlap(learnt[0], eval_data)
        for sentence in found.sentences(learnt[0], eval_data):
            logger.warning("warning: %s", sentence)
        facts = found.record(before, eval_data)
        if facts["in_pretraining"]:
            logger.warning(
                "warning: %d of %d test %s were learnt from in pretraining: numbers may be too good",
                facts["in_pretraining"], len(eval_data), eval_data.modality.words.many,
            )  # fmt: skip
        this.record["dataset"]["overlap"] = facts
    if this.accelerator.is_main_process:
        write_seen(this.folder, before, *(data.digests for data in learnt))


def _unlabelled(
    args: FinetuneArguments, modality: Modality, config: PreTrainedConfig, fit: Preprocessing,
    evaluation: Samples | None,
) -> Samples | None:  # fmt: skip
    """The samples to learn from without labels, if there are to be any."""
    if args.unlabelled_dataset is None:
        return None
    if config.problem_type != SINGLE:
        raise InputError(
            f"unlabelled_dataset gives pseudo-labels, one for each {modality.words.one}; these have several labels."
        )
    return load_unlabelled(args, modality, fit, evaluation)


def _head_is_new(model: PreTrainedModel) -> bool:
    return model.load_report.loaded == 0 or "classifier" in model.load_report.new


def _class_shares(data: Samples) -> torch.Tensor | None:
    """(L,) shares of the classes among labelled samples; None where a sample can have several."""
    if data.problem_type != SINGLE:
        return None
    counts = torch.bincount(torch.as_tensor(data.labels).long(), minlength=len(data.label_names))
    return counts.float() / counts.sum()


if __name__ == "__main__":
    run_command(FinetuneArguments, run)
