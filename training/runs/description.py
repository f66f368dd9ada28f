"""What run.json says of a run: arguments, versions, hardware, data, model."""

import dataclasses
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np

from ...modeling.shared.pretrainable import Pretrainable
from ..command.arguments.training import TrainingArguments
from ..command.recipes import command_of
from ..data.samples import Samples
from ..sources.dataset import source_of

VERSIONS = ("torch", "transformers", "accelerate", "datasets", "safetensors", "numpy", "scikit-learn")


def new_record(verb: str, args: TrainingArguments, hardware: dict[str, Any]) -> dict[str, Any]:
    """The record of a run that begins; never a token."""
    own = {"pretune": version("pretune"), "python": platform.python_version()}
    return {
        "verb": verb,
        "status": "running",
        "arguments": {k: v for k, v in dataclasses.asdict(args).items() if k != "hub_token"},
        "command": command_of(verb, args),
        "seed": args.seed,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {**own, **{name: version(name) for name in VERSIONS}},
        "hardware": hardware,
    }


def describe_data(dataset: str, train: Samples, **others: Samples | None) -> dict[str, Any]:
    """What it learns from and is judged by.

    Args:
        dataset: as the user named it.
        others: further samples by their role; the evaluation's damaged ones count as well.
    """
    evaluation = others.get("evaluation")
    return {
        "name": dataset,
        "source": source_of(dataset),
        "train": train.facts,
        "damaged_and_skipped": train.skipped + (evaluation.skipped if evaluation else 0),
        **{role: data.facts for role, data in others.items() if data is not None},
    }


def describe_model(model: Any, train: Samples, fitting: str | None) -> dict[str, Any]:
    """What run.json says of a model: what it is, what it takes, and what its numbers are."""
    pretrains = isinstance(model, Pretrainable)
    return {
        "class": type(model).__name__,
        "model_type": model.config.model_type,
        "parameters": sum(p.numel() for p in model.parameters()),
        "trained_parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "input": train.modality.describe(model.config),
        "parts": int(np.prod(train.stored.shape[1:])),
        "problem_type": None if pretrains else model.config.problem_type,
        "fitting": fitting,
        "labels": None if pretrains else list(train.label_names),
        "loss_name": model.loss_name if pretrains else "loss of the classifier",
        "reconstructs": pretrains and model.reconstructs,
        "keeps": model.keeps if pretrains else None,
    }
