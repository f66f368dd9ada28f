"""Pretrain an encoder without labels.

    pretune pretrain digits --output_dir runs/digits
    pretune pretrain mnist --dataset me/images --output_dir runs/ae
    accelerate launch training/pretrain.py mnist --dataset me/images --output_dir runs/ae    # several devices

The first word, optional, is a recipe (a YAML file, or the name of a shipped one); `--help` lists the arguments.
OUTPUT_DIR receives the model in Hugging Face form, run.json, metrics.jsonl and pictures.
"""

import functools
import logging
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedConfig, PreTrainedModel

from pretune.training.command.arguments.pretrain import PretrainArguments
from pretune.training.command.parsing import build_arguments
from pretune.training.command.running import run_command
from pretune.training.data.batches import Batches, Columns
from pretune.training.data.kinds import with_family_of_data
from pretune.training.data.loading import load_data
from pretune.training.data.samples import Samples, overlap, subset
from pretune.training.data.seen import seen_by, write_seen
from pretune.training.evaluation.probes import nearest_neighbour
from pretune.training.learning.loop import prepare_model, train
from pretune.training.learning.lora import add_lora, merge_lora
from pretune.training.learning.optimizer import make_optimizer
from pretune.training.learning.parameter_groups import train_last_blocks
from pretune.training.learning.pretraining_watch import PretrainingWatch
from pretune.training.modalities.listing import MODALITIES
from pretune.training.modalities.modality import PLAIN, Inputs
from pretune.training.networks.before_data import require_goes_on, require_here, require_new
from pretune.training.networks.building import build_new, named_family, new_config, tokenizer_of
from pretune.training.networks.loading import load_config, load_finished, load_pretrainable, model_source
from pretune.training.networks.memory import batch_that_fits
from pretune.training.networks.published import published_fields, published_shape
from pretune.training.protocol import PROTOCOL
from pretune.training.publishing.commit import mirror_of, push_finished
from pretune.training.randomness import generator
from pretune.training.runs.folder import require_free
from pretune.training.runs.run import Run, RunResult, start_run

logger = logging.getLogger("pretune.training.pretrain")


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
    found = None
    require_free(Path(args.output_dir), args.resume_from_checkpoint is not None, args.overwrite_output_dir)
    require_here(dataset=args.dataset, init_from=args.init_from, backbone=args.backbone)
    if args.init_from is None:
        require_new(args.model_type, args.config, around=args.backbone is not None)
        args, found = with_family_of_data(args)
    with start_run("pretrain", args, mirror_of(args)) as this:
        base = load_config(args.init_from, args.revision) if args.init_from is not None else None
        if base is not None:
            require_goes_on(args.init_from, base, args.config)
        family = named_family(args.model_type if base is None else base.model_type)
        modality = MODALITIES[family.modality]
        wanted, fit = args.config, None
        if base is not None:
            fit = modality.preprocessing(args.init_from, args.revision, base, {})
        elif args.backbone is not None:
            wanted = {**published_shape(modality.name, args.backbone, args.revision), **wanted}
        train_data, eval_data = load_data(args, modality, wanted, fit, found=found)
        train_data = subset(train_data, args.max_train_samples, None, args.seed)
        judged_by = args.max_eval_samples or args.max_train_samples  # a small trial is small all through
        eval_data = eval_data and subset(eval_data, judged_by, None, PROTOCOL.seed)
        if base is None:
            train_data = train_data.learnt(*tokenizer_of(args, args.backbone))
        this.timings["data_seconds"] = this.seconds()
        model = _network(args, base, train_data)
        logger.info("%s", model.load_report)
        if args.lora_rank is not None:
            add_lora(model.encoder, args.lora_rank)
        if args.train_blocks is not None:
            train_last_blocks(model.encoder, args.train_blocks)
        this.record["base_source"] = model_source(args.init_from or args.backbone)
        fit = modality.preprocessing(args.init_from, args.revision, model.config, train_data.settings)
        fitting = None if train_data.form == PLAIN else fit.fitting
        train_data, eval_data = train_data.taken_by(fit), eval_data and eval_data.taken_by(fit)
        if base is None:
            model.start_from(functools.partial(_some, train_data, args.seed), generator(args.seed, "filters"))
        finished = this.open(model, fit.processor, train_data, eval_data, fitting=fitting)
        if finished is not None:
            return RunResult(this.folder, load_finished(this.folder, finished), finished["metrics"], finished)
        _check_overlap(this, train_data, eval_data)

        accelerator = this.accelerator
        prepared = prepare_model(this)
        groups = model.parameter_groups(args.learning_rate) or [{"params": list(model.parameters())}]
        optimizer = make_optimizer(groups, accelerator.device, args.optim, args.learning_rate, args.weight_decay)
        this.resume(optimizer)
        columns = Columns.of(train_data, accelerator.device)
        batch = batch_that_fits(model, columns, args.per_device_train_batch_size, args.gradient_accumulation_steps)
        batches = Batches(
            columns, *batch, accelerator.num_processes, accelerator.process_index, args.seed,
        )  # fmt: skip
        watch = PretrainingWatch(this, train_data, columns, eval_data, nearest_neighbour)
        last_step = train(this, prepared, optimizer, batches, watch)
        if args.lora_rank is not None:
            merge_lora(model.encoder)
        this.save_model()
        if accelerator.is_main_process:
            watch.draw()
        result = this.finish(watch.metrics, last_step)
        watch.summarise()
        if accelerator.is_main_process:
            push_finished(args)
        return result


def _network(args: PretrainArguments, base: PreTrainedConfig | None, data: Samples) -> PreTrainedModel:
    """The network to pretrain: from the checkpoint `init_from`, or new, perhaps around published weights."""
    if base is not None:
        return load_pretrainable(args.init_from, args.revision, base)
    values = args.config
    if args.backbone is not None:
        given = {**data.shape, **args.config}
        values = published_fields(named_family(args.model_type), args.backbone, args.revision, given)
    config = new_config(args.model_type, values, data)
    data.modality.advise(config)
    return build_new(config, args.backbone, args.revision)


def _check_overlap(this: Run, train_data: Samples, eval_data: Samples | None) -> None:
    """Say and note which evaluation samples are learnt from, and note all that are."""
    before = seen_by(this.args.init_from or this.args.backbone)
    if eval_data is not None:
        found = overlap(train_data, eval_data, near=False)
        for sentence in found.sentences(train_data, eval_data):
            logger.warning("warning: %s", sentence)
        this.record["dataset"]["overlap"] = found.record(before, eval_data)
    if this.accelerator.is_main_process:
        write_seen(this.folder, before, train_data.digests)


def _some(data: Samples, seed: int, count: int) -> Inputs:
    """The model's arguments for `count` training samples, or for all if there are fewer."""
    rows = torch.randperm(len(data), generator=generator(seed, "start"))[:count].numpy()
    return data.modality.to_model(torch.from_numpy(np.asarray(data.rows_stored[np.sort(rows)])))


if __name__ == "__main__":
    run_command(PretrainArguments, run)
