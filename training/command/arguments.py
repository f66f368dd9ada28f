"""Arguments of the scripts, one dataclass each. Names are those of transformers' own training scripts.

Loads neither torch nor transformers, so `pretune VERB --help` answers at once.
"""

import os
from dataclasses import dataclass, fields

from ..errors import InputError
from ..protocol import FLOORS, METHODS, PROTOCOL
from .parsing import argument, coerce_all


@dataclass(kw_only=True)
class DataArguments:
    """Which images, and how they are read: what all scripts that read images share."""

    dataset: str | None = argument(
        None, "Hub id, folder in Hub layout, folder of images, .parquet, .npz, .npy, or 'digits' (built in)"
    )
    dataset_config: str | None = argument(None, "configuration of a Hub dataset that has several")
    image_column: str | None = argument(None, "column of images (default: the one of image type)")
    label_column: str | None = argument(None, "column of labels (default: the one of label type)")
    train_split: str = argument("train", "split to train on")
    eval_split: str | None = argument(
        None, "split to evaluate on (default: test or validation, else a held-out fifth; 'none' for no evaluation)"
    )
    fit_images: bool = argument(False, "resize and convert images that do not have the model's size and channels")
    skip_damaged: bool = argument(False, "leave out images that cannot be decoded, and count them")

    def __post_init__(self):
        coerce_all(self)
        if not self.dataset:
            raise InputError("dataset is missing: pass --dataset, or name a recipe that has it.")


@dataclass(kw_only=True)
class TrainingArguments(DataArguments):
    """What pretraining and fine-tuning share."""

    recipe: str | None = argument(None, "YAML file, or name of a shipped recipe", positional=True)
    output_dir: str | None = argument(None, "folder for the model, its record and pictures")
    max_train_samples: int | None = argument(None, "train on a seeded random subset of this size")
    model_type: str = argument(
        "autoencoder", "family of a new network: autoencoder, conv_autoencoder, masked_image_model or bigan"
    )
    config: dict = argument(
        {},
        "fields of a new network's config, also as --config.FIELD VALUE; they are listed with the family's config, as "
        "by python -c 'import pretune; help(pretune.AutoencoderConfig)' (ConvAutoencoderConfig, "
        "MaskedImageModelConfig, BiGANConfig)",
    )
    num_train_epochs: float = argument(100, "passes over the training samples")
    max_steps: int | None = argument(None, "number of optimizer steps, instead of num_train_epochs")
    per_device_train_batch_size: int = argument(
        128, "samples in a step on each device (all of them if there are fewer)"
    )
    per_device_eval_batch_size: int = argument(1024, "samples in an evaluation batch on each device")
    gradient_accumulation_steps: int = argument(1, "batches added up for one optimizer step")
    learning_rate: float = argument(1e-3, "peak learning rate")
    optim: str = argument("adam", "optimizer", ("adam", "adamw", "sgd"))
    weight_decay: float = argument(0.0, "weight decay, on weights but not on biases and norms")
    lr_scheduler_type: str = argument(
        "constant", "learning rate over time", ("constant", "constant_with_warmup", "linear", "cosine", "polynomial")
    )
    warmup_steps: float = argument(0, "steps of linear warm-up; below 1 a share of all steps")
    max_grad_norm: float | None = argument(None, "clip the gradient to this norm (default: not at all)")
    mixed_precision: str = argument("no", "arithmetic of the forward pass", ("no", "bf16"))
    torch_compile: bool = argument(False, "compile the model (needs a C++ compiler on a CPU)")
    seed: int = argument(42, "seed of the initial weights, the order of samples and every draw")
    logging_steps: int = argument(50, "steps between lines of metrics.jsonl")
    eval_strategy: str = argument("no", "evaluate while training, beside once at the end", ("no", "epoch"))
    checkpointing_steps: str = argument("1000", "steps between checkpoints, 'epoch', or 'no'")
    save_total_limit: int | None = argument(2, "keep this many checkpoints, the newest")
    resume_from_checkpoint: str | None = argument(
        None,
        "go on from OUTPUT_DIR's newest whole checkpoint ('latest', the default value), from a folder, or from the "
        "checkpoint last pushed to hub_model_id ('hub')",
    )
    overwrite_output_dir: bool = argument(False, "remove what an earlier run wrote to output_dir; other files stay")
    push_to_hub: bool = argument(False, "push the finished run to the Hub, as `pretune push` does")
    hub_model_id: str | None = argument(None, "repository to push to, name or organisation/name")
    hub_private_repo: bool = argument(False, "make the repository private, if it is new")
    hub_strategy: str = argument(
        "end", "'checkpoint' pushes the newest checkpoint while training too", ("end", "checkpoint")
    )
    hub_token: str | None = argument(None, "Hub token, if not the one you are logged in with; never stored")
    license: str | None = argument(None, "license of the weights, for the card, for example apache-2.0")
    report_to: str = argument("none", "trackers, comma-separated: tensorboard, trackio, wandb, mlflow ...")
    disable_tqdm: bool = argument(False, "no progress bar")

    def __post_init__(self):
        super().__post_init__()
        if not self.output_dir:
            raise InputError("output_dir is missing: pass --output_dir.")
        for name in (
            "num_train_epochs", "max_steps", "per_device_train_batch_size", "per_device_eval_batch_size",
            "max_grad_norm", "gradient_accumulation_steps", "logging_steps",
            "save_total_limit", "max_train_samples", "learning_rate",
        ):  # fmt: skip
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise InputError(f"{name} must be larger than 0, got {value:g}.")
        for name in ("weight_decay", "warmup_steps", "seed"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise InputError(f"{name} must not be negative, got {getattr(self, name):g}.")
        if self.push_to_hub and not self.hub_model_id:
            raise InputError("hub_model_id is missing: pass --hub_model_id organisation/name to push to.")
        text = self.checkpointing_steps
        if text not in ("no", "epoch") and not (text.isdecimal() and int(text) > 0):
            raise InputError(f"checkpointing_steps must be a number of steps, 'epoch' or 'no', got {text!r}.")


@dataclass(kw_only=True)
class PretrainArguments(TrainingArguments):
    """Pretrain an encoder without labels."""

    eval_knn: bool = argument(
        False, "between epochs also the accuracy of a nearest neighbour on the code, on a labelled sample"
    )
    backbone: str | None = argument(
        None, "with model_type masked_image_model: a model of transformers, its network and weights to start from"
    )
    init_from: str | None = argument(None, "run folder or Hub id of an autoencoder to go on from, on these data")
    revision: str | None = argument(None, "branch, tag or commit of that Hub model")

    def __post_init__(self):
        super().__post_init__()
        if self.backbone is not None and (self.model_type != "masked_image_model" or self.init_from is not None):
            raise InputError("backbone needs --model_type masked_image_model, and no --init_from.")


@dataclass(kw_only=True)
class FinetuneArguments(TrainingArguments):
    """Fine-tune a pretrained encoder, or train the same network from scratch, on labelled images."""

    model: str | None = argument(None, "run folder or Hub id of the pretrained encoder")
    revision: str | None = argument(None, "branch, tag or commit of a Hub model")
    from_scratch: bool = argument(False, "new weights: the network of --model, of the recipe, or the default one")
    labels_per_class: int | None = argument(None, "draw this many labelled samples of each class, by the seed")
    freeze_encoder: bool = argument(False, "train only the classifier")
    freeze_batch_norm: bool = argument(
        False,
        "batch norms keep the statistics they have from pretraining; else they follow the labelled images, which may "
        "be few, or unlike those of pretraining (whose input may have been corrupted)",
    )
    encoder_learning_rate: float | None = argument(None, "peak learning rate of the encoder, if another")
    layerwise_lr_decay: float = argument(
        1.0, "each block of the encoder learns this times as fast as the one after it (0.75)"
    )
    gradual_unfreezing: bool = argument(False, "wake the encoder's blocks one after another, the last one first")
    augmentation: list[str] = argument(
        [],
        "change training images at random: some of crop (shift by up to an eighth of the side), flip (left to right), "
        "affine (rotate up to 30 degrees, shift, scale, shear), elastic (bend smoothly)",
    )
    label_smoothing: float = argument(0.0, "share of the target that is spread over all classes")
    mixup_alpha: float = argument(0.0, "blend pairs of images and their labels, share from Beta(alpha, alpha)")
    reconstruction_weight: float | None = argument(None, "keep the pretraining loss beside, times this (our families)")
    unlabelled_dataset: str | None = argument(
        None, "images to learn from without labels while fine-tuning, by pseudo-labels (FixMatch)"
    )
    unlabelled_split: str | None = argument(
        None, "split of the unlabelled images (default: train_split of the same dataset, train of another)"
    )
    consistency_weight: float = argument(1.0, "weight of the loss on unlabelled images")
    confidence_threshold: float = argument(0.95, "pseudo-labels count where the model is at least this sure")
    distribution_alignment: bool = argument(
        False, "pseudo-labels come to be as frequent, class by class, as the labels are (ReMixMatch)"
    )
    unlabelled_batch_size: int = argument(256, "unlabelled images in a step on each device")
    ema_decay: float = argument(0.0, "keep an average of the weights over steps, such as 0.99, and save that")
    early_stopping_patience: int | None = argument(
        None,
        "stop after so many epochs (passes over the labelled samples) without a better accuracy on held-out ones, and "
        "keep the best weights",
    )
    validation_share: float = argument(0.2, "share of the labelled samples held out for early stopping")
    lora_rank: int | None = argument(None, "train only low-rank additions of this rank to the encoder (needs peft)")

    def __post_init__(self):
        super().__post_init__()
        if self.model is None and not self.from_scratch:
            raise InputError("model is missing: pass --model with a run folder or Hub id, or --from_scratch.")
        for name in (
            "labels_per_class", "encoder_learning_rate", "early_stopping_patience", "lora_rank",
            "unlabelled_batch_size",
        ):  # fmt: skip
            if getattr(self, name) is not None and not getattr(self, name) > 0:
                raise InputError(f"{name} must be larger than 0, got {getattr(self, name):g}.")
        if not 0 < self.layerwise_lr_decay <= 1:
            raise InputError(
                f"layerwise_lr_decay must be larger than 0 and at most 1, got {self.layerwise_lr_decay:g}; for an "
                f"encoder that stays as it is pass --freeze_encoder."
            )
        for name, low, high in (
            ("label_smoothing", 0, 0.999), ("ema_decay", 0, 0.99999),
            ("confidence_threshold", 0, 1), ("validation_share", 0.01, 0.9), ("mixup_alpha", 0, 100),
            ("consistency_weight", 0, 1e9),
        ):  # fmt: skip
            if not low <= getattr(self, name) <= high:
                raise InputError(f"{name} must lie between {low} and {high:g}, got {getattr(self, name):g}.")
        for kind in self.augmentation:
            if kind not in ("crop", "flip", "affine", "elastic"):
                raise InputError(f"augmentation {kind!r} is unknown: expected some of crop, flip, affine, elastic.")
        for name in ("freeze_encoder", "freeze_batch_norm"):
            if getattr(self, name) and self.from_scratch:
                raise InputError(
                    f"{name} with from_scratch would freeze what was never trained; leave one of them out."
                )
        self._check_ignored()
        if self.lora_rank is not None and (self.freeze_encoder or self.from_scratch):
            raise InputError("lora_rank adds to a pretrained encoder that stays; drop freeze_encoder or from_scratch.")

    def _check_ignored(self):
        """Raise InputError for an option that another one, or its absence, would leave without effect."""
        defaults = {f.name: f.default for f in fields(self)}
        if self.freeze_encoder:
            for name in ("gradual_unfreezing", "layerwise_lr_decay", "encoder_learning_rate", "reconstruction_weight"):
                if getattr(self, name) not in (defaults[name], 0):
                    raise InputError(f"{name} is about an encoder that learns, and freeze_encoder stops it; drop one.")
        if self.unlabelled_dataset is None:
            for name in ("consistency_weight", "distribution_alignment", "unlabelled_split"):
                if getattr(self, name) != defaults[name]:
                    raise InputError(f"{name} is about unlabelled images: pass --unlabelled_dataset, or leave it out.")


@dataclass(kw_only=True)
class EvaluateArguments(DataArguments):
    """Measure what pretraining is worth: accuracy against number of labels, beside honest floors."""

    model: list[str] | None = argument(
        None, "run folders, folders of transformers models or Hub ids; several are compared on the same draws"
    )
    revision: str | None = argument(None, "branch, tag or commit of a Hub model")
    output_dir: str | None = argument(
        None, "folder for the report (default: 'evaluation' in the first model's folder)"
    )
    labels_per_class: list[str] | None = argument(
        None,
        f"numbers of labels, or 'all' (default: those of {' '.join(map(str, PROTOCOL.labels_per_class))} that fit)",
    )
    draws: int = argument(PROTOCOL.draws, "draws of labelled samples; more make narrower intervals")
    methods: list[str] | None = argument(
        None, f"which to compute (default: all of {' '.join(METHODS + FLOORS)}); whole networks take longest"
    )
    confusion_cell: str | None = argument(
        None, "METHOD:LABELS whose confusion matrix is drawn (default: finetune with 10 labels per class)"
    )
    max_train_samples: int | None = argument(None, "use a seeded random subset of the training split")
    max_eval_samples: int | None = argument(None, "use a seeded random subset of the test split")
    per_device_eval_batch_size: int = argument(256, "images encoded at once")
    update_card: bool = argument(False, "put table, figure and numbers into the card of each model's run folder")
    overwrite_output_dir: bool = argument(False, "begin anew; without it the same command goes on where it was")
    disable_tqdm: bool = argument(False, "no progress bar")

    def __post_init__(self):
        super().__post_init__()
        if not self.model:
            raise InputError("model is missing: pass --model with a run folder or Hub id.")
        if len(set(map(os.path.realpath, self.model))) < len(self.model):
            raise InputError(f"--model names the same model twice: {', '.join(self.model)}.")
        for name in ("draws", "per_device_eval_batch_size", "max_train_samples", "max_eval_samples"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise InputError(f"{name} must be larger than 0, got {getattr(self, name)}.")
        for name in ("labels_per_class", "methods"):
            if getattr(self, name) == []:
                raise InputError(f"{name} is empty: name at least one, or leave it out for the default.")
        for text in self.labels_per_class or []:
            if text != "all" and not (text.isdecimal() and int(text) > 0):
                raise InputError(f"labels_per_class must be numbers larger than 0, or 'all', got {text!r}.")
        for name in self.methods or []:
            if name not in METHODS + FLOORS:
                raise InputError(f"unknown method {name!r}: expected one of {', '.join(METHODS + FLOORS)}.")


@dataclass(kw_only=True)
class EmbedArguments(DataArguments):
    """Write the code of every image of a dataset, with labels and row ids, to a table."""

    model: str | None = argument(
        None, "run folder, folder of a transformers model or Hub id of the encoder", positional=True
    )
    revision: str | None = argument(None, "branch, tag or commit of a Hub model")
    output_file: str | None = argument(None, "a .parquet or .npz file to write")
    split: str | None = argument(None, "split to embed (default: train_split)")
    per_device_eval_batch_size: int = argument(256, "images encoded at once")
    overwrite: bool = argument(False, "replace output_file if it exists")
    disable_tqdm: bool = argument(False, "no progress bar")

    def __post_init__(self):
        super().__post_init__()
        if not self.model:
            raise InputError("model is missing: name a run folder or Hub id.")
        if self.per_device_eval_batch_size < 1:
            raise InputError(
                f"per_device_eval_batch_size must be larger than 0, got {self.per_device_eval_batch_size}."
            )
        if not self.output_file or not self.output_file.endswith((".parquet", ".npz")):
            raise InputError(f"output_file must end in .parquet or .npz, got {self.output_file!r}.")


@dataclass(kw_only=True)
class PushArguments:
    """Push a run folder to the Hub in one commit: weights, config, card, pictures and code."""

    run_dir: str | None = argument(None, "folder of a finished run", positional=True)
    hub_model_id: str | None = argument(None, "repository to push to, name or organisation/name")
    private: bool = argument(False, "make the repository private, if it is new")
    revision: str | None = argument(None, "branch to push to (default: main); made if it is missing")
    create_pr: bool = argument(False, "open a pull request instead")
    dry_run: bool = argument(False, "list what would change and send nothing")
    commit_message: str | None = argument(None, "title of the commit")
    hub_token: str | None = argument(None, "Hub token, if not the one you are logged in with; never stored")

    def __post_init__(self):
        coerce_all(self)
        if not self.run_dir:
            raise InputError("run_dir is missing: name the folder of a finished run.")
        if not self.hub_model_id:
            raise InputError("hub_model_id is missing: pass --hub_model_id organisation/name.")


@dataclass(kw_only=True)
class CardArguments:
    """Render a run's model card (README.md) again, from its run.json."""

    run_dir: str | None = argument(None, "folder of a run", positional=True)
    overwrite: bool = argument(False, "also if README.md was edited by hand")

    def __post_init__(self):
        coerce_all(self)
        if not self.run_dir:
            raise InputError("run_dir is missing: name the folder of a run.")
