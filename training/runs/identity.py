"""What makes a run the same run: what its weights depend on. A checkpoint keeps it, and who goes on compares it.

All arguments count but those named here, so that a new one is part of a run's identity unless somebody says why not.
"""

import dataclasses
import hashlib
import json
from typing import Any

import torch

from ...modeling.shared.pretrainable import Pretrainable
from ..command.arguments.training import TrainingArguments
from ..data.samples import Samples

# Where things come from and go to: what they hold has a fingerprint, the network its config and its first weights.
OF_PLACES = {
    "recipe", "output_dir", "dataset", "dataset_config", "input_column", "label_column", "group_column",
    "problem_type", "allow_short_classes", "train_split", "eval_split",
    "unlabelled_dataset", "unlabelled_split", "max_train_samples", "max_eval_samples", "labels_per_class",
    "skip_damaged", "model_type", "config", "reconstruction_weight", "model", "init_from", "backbone", "revision",
}  # fmt: skip
# What is looked at, kept and told, and how fast; no weight depends on it.
OF_LOOKING = {
    "per_device_eval_batch_size", "torch_compile", "logging_steps", "eval_strategy", "eval_knn", "checkpointing_steps",
    "save_total_limit", "resume_from_checkpoint", "overwrite_output_dir", "push_to_hub", "hub_model_id",
    "hub_private_repo", "hub_strategy", "hub_token", "license", "report_to", "disable_tqdm",
}  # fmt: skip
# What whoever goes on may change: how long and at what rate. The same moments serve.
MAY_CHANGE = (
    "num_train_epochs", "max_steps", "learning_rate", "encoder_learning_rate", "weight_decay", "lr_scheduler_type",
    "warmup_steps", "max_grad_norm",
)  # fmt: skip
NOT_OF_CONFIG = ("transformers_version", "dtype", "architectures", "_name_or_path", "auto_map")


def identity_of(
    verb: str, args: TrainingArguments, model: Any, trained: torch.nn.Module, precision: str, processes: int,
    data: dict[str, Samples | None],
) -> tuple[dict[str, Any], dict[str, Any]]:  # fmt: skip
    """(what a checkpoint must agree in, what a finished run must agree in as well).

    Args:
        verb, args: what is run.
        model, trained: what is saved, and what is trained, with the weights that it begins with.
        precision: "no" or "bf16", as decided.
        processes: how many share a step.
        data: the samples by their role: "train", and perhaps "unlabelled", "validation" and "evaluation".
    """
    given = {f.name: getattr(args, f.name) for f in dataclasses.fields(args)}
    left_out = OF_PLACES | OF_LOOKING
    config = {name: value for name, value in model.config.to_dict().items() if name not in NOT_OF_CONFIG}
    begins = any(given.get(name) for name in ("model", "init_from", "backbone")) and not given.get("from_scratch")
    identity = {
        "verb": verb,
        "config": config,
        "dataset": data["train"].fingerprint,
        **{f"{role}_dataset": data[role] and data[role].fingerprint for role in ("unlabelled", "validation")},
        **{name: value for name, value in given.items() if name not in left_out and name not in MAY_CHANGE},
        "mixed_precision": precision,
        "processes": processes,
        "first_weights": weights_fingerprint(trained) if begins else None,
    }
    labels = {role: samples and samples.labels_fingerprint for role, samples in data.items()}
    rest = {name: given[name] for name in MAY_CHANGE if name in given}
    rest["evaluation_dataset"] = data["evaluation"] and data["evaluation"].fingerprint
    if isinstance(model, Pretrainable):  # labels colour a picture
        rest["labels"] = labels
    else:
        rest["evaluation_labels"] = labels.pop("evaluation")
        identity["labels"] = {role: value for role, value in labels.items() if role != "unlabelled"}
    return as_json(identity), as_json(rest)


def weights_fingerprint(module: torch.nn.Module) -> str:
    """Changes whenever one of the weights does."""
    digest = hashlib.sha256()
    for name, value in module.state_dict().items():
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        digest.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def as_json(values: dict[str, Any]) -> dict[str, Any]:
    """As they read when they come back from a file."""
    return json.loads(json.dumps(values))
