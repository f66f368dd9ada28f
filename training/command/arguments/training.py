"""What pretraining and fine-tuning share. Names are those of transformers' own training scripts."""

from dataclasses import dataclass

from ....modeling.families import FAMILIES
from ...errors import InputError, checked_token
from ..fields import argument, check_positive
from .data import DataArguments


@dataclass(kw_only=True)
class TrainingArguments(DataArguments):
    """What pretraining and fine-tuning share."""

    recipe: str | None = argument(None, "YAML file, or name of a shipped recipe", positional=True, group="recipe")
    output_dir: str | None = argument(None, "folder for the model, its record and pictures", group="files")
    max_train_samples: int | None = argument(None, "train on a seeded random subset of this size", group="data")
    max_eval_samples: int | None = argument(
        None,
        "evaluate on a random subset of this size, the same in every run (default: all; in pretraining with "
        "max_train_samples as many, and without a test split 2,000 of the training samples)",
        group="data",
    )
    model_type: str = argument(
        "autoencoder",
        "family of a new network\n" + "\n".join(f"{name}: {family.purpose}" for name, family in FAMILIES.items()),
        group="network",
    )
    config: dict = argument(
        {},
        "fields of a new network's config, also as --config.FIELD VALUE; 'pretune config FAMILY' lists them",
        group="network",
    )
    tokenizer: str | None = argument(
        None,
        "of a new network of texts: bpe (pieces of words, learned from the training texts; default), words, or the "
        "folder or Hub id of a published one",
        group="network",
    )
    tokenizer_size: int = argument(8000, "tokens that bpe or words has at most", group="network")
    num_train_epochs: float = argument(100, "passes over the training samples", group="optimisation")
    max_steps: int | None = argument(
        None, "number of optimizer steps, instead of num_train_epochs", group="optimisation"
    )
    per_device_train_batch_size: int = argument(
        128, "samples in a step on each device (all of them if there are fewer)", group="optimisation"
    )
    per_device_eval_batch_size: int = argument(
        1024, "samples in an evaluation batch on each device, at most", group="seldom needed"
    )
    gradient_accumulation_steps: int = argument(1, "batches added up for one optimizer step", group="seldom needed")
    learning_rate: float = argument(1e-3, "peak learning rate", group="optimisation")
    optim: str = argument("adam", "optimizer", ("adam", "adamw", "sgd"), group="optimisation")
    weight_decay: float = argument(0.0, "weight decay, on weights but not on biases and norms", group="optimisation")
    lr_scheduler_type: str = argument(
        "constant",
        "learning rate over time",
        ("constant", "constant_with_warmup", "linear", "cosine", "polynomial"),
        group="optimisation",
    )
    warmup_steps: float = argument(0, "steps of linear warm-up; below 1 a share of all steps", group="optimisation")
    max_grad_norm: float | None = argument(
        None, "clip the gradient to this norm (default: not at all)", group="seldom needed"
    )
    mixed_precision: str = argument(
        "no",
        "arithmetic of the forward pass; 'auto': bf16 where the hardware computes it, else no",
        ("no", "bf16", "auto"),
        group="optimisation",
    )
    torch_compile: bool = argument(False, "compile the model (needs a C++ compiler on a CPU)", group="seldom needed")
    seed: int = argument(42, "seed of the initial weights, the order of samples and every draw", group="optimisation")
    logging_steps: int | None = argument(
        None, "steps between lines of metrics.jsonl (default: 50, fewer in a short run)", group="seldom needed"
    )
    eval_strategy: str = argument(
        "no", "evaluate while training, beside once at the end", ("no", "epoch"), group="measurement"
    )
    checkpointing_steps: str = argument("1000", "steps between checkpoints, 'epoch', or 'no'", group="checkpoints")
    save_total_limit: int | None = argument(2, "keep this many checkpoints, the newest", group="seldom needed")
    resume_from_checkpoint: str | None = argument(
        None,
        "go on from OUTPUT_DIR's newest whole checkpoint ('latest', the default value), from a folder, or from the "
        "checkpoint last pushed to hub_model_id ('hub')",
        group="checkpoints",
    )
    overwrite_output_dir: bool = argument(
        False, "remove what an earlier run wrote to output_dir; other files stay", group="files"
    )
    push_to_hub: bool = argument(False, "push the finished run to the Hub, as `pretune push` does", group="Hub")
    hub_model_id: str | None = argument(None, "repository to push to, name or organisation/name", group="Hub")
    hub_private_repo: bool = argument(False, "make the repository private, if it is new", group="Hub")
    hub_strategy: str = argument(
        "end",
        "'checkpoint' pushes the newest checkpoint while training too",
        ("end", "checkpoint"),
        group="seldom needed",
    )
    hub_token: str | None = argument(
        None, "Hub token, if not the one you are logged in with; never stored", group="seldom needed"
    )
    license: str | None = argument(None, "license of the weights, for the card, for example apache-2.0", group="Hub")
    report_to: str = argument(
        "none", "trackers, comma-separated: tensorboard, trackio, wandb, mlflow ...", group="seldom needed"
    )
    disable_tqdm: bool = argument(False, "no progress bar", group="seldom needed")

    def __post_init__(self):
        super().__post_init__()
        self.hub_token = checked_token(self.hub_token)
        if not self.output_dir:
            raise InputError("output_dir is missing: pass --output_dir.")
        check_positive(
            self, "num_train_epochs", "max_steps", "per_device_train_batch_size", "per_device_eval_batch_size",
            "max_grad_norm", "gradient_accumulation_steps", "logging_steps", "save_total_limit", "max_train_samples",
            "max_eval_samples", "learning_rate",
        )  # fmt: skip
        for name in ("weight_decay", "warmup_steps", "seed"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise InputError(f"{name} must not be negative, got {getattr(self, name):g}.")
        if self.push_to_hub and not self.hub_model_id:
            raise InputError("hub_model_id is missing: pass --hub_model_id organisation/name to push to.")
        text = self.checkpointing_steps
        if text not in ("no", "epoch") and not (text.isdecimal() and int(text) > 0):
            raise InputError(f"checkpointing_steps must be a number of steps, 'epoch' or 'no', got {text!r}.")
