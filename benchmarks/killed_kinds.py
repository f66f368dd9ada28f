"""What `kills.py` runs: kinds of runs and of reports, and small made-up data for those that are not of digits."""

import json
import wave
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from pretune.training import compare, embed, evaluate, finetune, pretrain

VIT = {
    "model_type": "vit", "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32,
    "patch_size": 1,
}  # fmt: skip
RESNET = {
    "model_type": "resnet",
    "embedding_size": 8,
    "hidden_sizes": [8, 16],
    "depths": [1, 1],
    "layer_type": "basic",
}
BERT = {
    "model_type": "bert", "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32
}  # fmt: skip
COMMON = {
    "dataset": "digits", "max_steps": 90, "checkpointing_steps": 7, "logging_steps": 5, "eval_strategy": "epoch",
    "disable_tqdm": True, "lr_scheduler_type": "cosine", "weight_decay": 0.01, "resume_from_checkpoint": "latest",
    "per_device_train_batch_size": 64,
}  # fmt: skip
MASKED = {"model_type": "masked_image_model"}
FEW = {"labels_per_class": 20, "learning_rate": 0.01}
REPORT = {"dataset": "digits", "labels_per_class": ["1", "10"], "draws": 5, "disable_tqdm": True,
          "methods": ["linear", "knn", "raw_linear", "pca_linear", "raw_knn", "finetune", "scratch"]}  # fmt: skip
CLOCK = ("second", "started", "hardware", "cost", "memory", "command")  # of a report, what is of the time and place
WORDS = "ship wave harbour sail captain storm oven bread butter knife soup pepper the a of in on with".split()


@dataclass(frozen=True)
class Kind:
    """One line of the table.

    Args:
        verb: as in Python.
        arguments: of it, beside `COMMON`; a dataset "texts" or "clips" is the made-up one.
        base: kinds whose finished runs it starts from.
        given_as: the argument that is given the first of them; "model" of a report is given all.
        part: of the base's folder that is given.
    """

    verb: Callable[..., Any]
    arguments: dict[str, Any] = field(default_factory=dict)
    base: tuple[str, ...] = ()
    given_as: str = "model"
    part: str = ""

    @property
    def trains(self) -> bool:
        """Whether it leaves a run's folder, with checkpoints."""
        return self.verb in (pretrain.pretrain, finetune.finetune)

    def run(self, folder: Path) -> None:
        """Begin, or go on with what is in its folder."""
        bases = [str(folder.parent / f"base-{name}" / self.part) for name in self.base]
        given = {"output_dir": str(folder), **(COMMON if self.trains else REPORT), **self.arguments}
        if bases:
            given[self.given_as] = bases if self.verb in (evaluate.evaluate, compare.compare) else bases[0]
        if given["dataset"] in ("texts", "clips"):
            given["dataset"] = str(made_data(folder.parent, given["dataset"]))
        if self.verb is embed.embed:
            given = {"dataset": "digits", "model": bases[0], "output_file": f"{folder}/codes.parquet",
                     "per_device_eval_batch_size": 4, "overwrite": True, "disable_tqdm": True}  # fmt: skip
        self.verb(**given)


KINDS = {
    "dense": Kind(pretrain.pretrain),
    "conv_warps": Kind(pretrain.pretrain, {
        "model_type": "conv_autoencoder",
        "config": {
            "hidden_sizes": [8, 16], "strides": [2, 1], "depths": [0, 1],
            "corruption": ["warp", "mask"], "mask_ratio": 0.3}}),
    "masked_resnet": Kind(pretrain.pretrain, {**MASKED, "config": {"backbone_config": RESNET}}),
    "masked_vit": Kind(pretrain.pretrain, {**MASKED, "config": {"backbone_config": VIT}}),
    "bigan": Kind(pretrain.pretrain, {"model_type": "bigan"}),
    "joint_embedding": Kind(pretrain.pretrain, {
        "model_type": "joint_embedding", "per_device_train_batch_size": 32,
        "config": {"hidden_sizes": [8, 16], "strides": [1, 2], "depths": [1, 1], "projector_sizes": [32, 16]}}),
    "continued": Kind(pretrain.pretrain, {"model_type": "joint_embedding", "per_device_train_batch_size": 32,
                                          "config": {"projector_sizes": [32, 16]}},
                      ("masked_resnet",), "backbone", "backbone"),
    "speech": Kind(pretrain.pretrain, {
        "dataset": "clips", "model_type": "speech_joint_embedding", "per_device_train_batch_size": 16,
        "config": {"hidden_sizes": [8, 16], "strides": [2, 2], "depths": [1, 0], "projector_sizes": [32, 16]}}),
    "text_bag": Kind(pretrain.pretrain, {
        "dataset": "texts", "model_type": "bag_autoencoder", "config": {"latent_size": 16, "drop_ratio": 0.2}}),
    "text_masked": Kind(pretrain.pretrain, {
        "dataset": "texts", "model_type": "masked_language_model", "config": {"backbone_config": BERT}}),
    "finetune_mixup": Kind(finetune.finetune, {
        **FEW, "mixup_alpha": 0.3, "augmentation": ["crop"], "early_stopping_patience": 50}, ("dense",)),
    "fixmatch_ema": Kind(finetune.finetune, {
        **FEW, "unlabelled_dataset": "digits", "unlabelled_batch_size": 64, "ema_decay": 0.9}, ("masked_resnet",)),
    "lora": Kind(finetune.finetune, {**FEW, "lora_rank": 2}, ("masked_vit",)),
    "evaluate": Kind(evaluate.evaluate, {}, ("dense",)),
    "compare": Kind(compare.compare, {}, ("dense", "masked_resnet")),
    "embed": Kind(embed.embed, {}, ("masked_vit",)),
}  # fmt: skip


def made_data(folder: Path, kind: str) -> Path:
    """A table of 400 short texts, or a folder of 120 clips, each of two classes."""
    rng, place = np.random.default_rng(0), folder / ("texts.csv" if kind == "texts" else "clips")
    if place.exists():
        return place
    part = place.with_name(f".{place.name}")
    if kind == "texts":
        lines = [f"{' '.join(rng.choice(WORDS[6 * (k % 2) :][:12], 9))},{k % 2}" for k in range(400)]
        part.write_text("\n".join(["text,label", *lines]) + "\n")
    else:
        for k in range(120):
            (part / str(k % 2)).mkdir(parents=True, exist_ok=True)
            t = np.arange(4800) / 16000
            sound = np.sin(2 * np.pi * rng.uniform(200, 3000) * t) * (1 + (k % 2) * np.sin(40 * t)) / 3
            with wave.open(str(part / str(k % 2) / f"{k}.wav"), "wb") as file:
                file.setparams((1, 2, 16000, 0, "NONE", ""))
                file.writeframes((sound * 20000).astype("<i2").tobytes())
    part.rename(place)
    return place


def differences(kind: Kind, one: Path, other: Path) -> list[str]:
    """What of two runs or reports of one kind is not the same to the bit."""
    left = [path.name for path in other.rglob(".tmp*")]
    if kind.trains:
        return _of_runs(one, other) + left
    if kind.verb is embed.embed:
        names = {path.name for path in other.iterdir()}
        same = (one / "codes.parquet").read_bytes() == (other / "codes.parquet").read_bytes()
        return ["codes"] * (not same) + sorted(names - {"codes.parquet"})
    theirs = [_timeless(json.loads((folder / "report.json").read_text())) for folder in (one, other)]
    return ["report"] * (theirs[0] != theirs[1]) + left


def _of_runs(one: Path, other: Path) -> list[str]:
    found = []
    if not same_tensors(one / "model.safetensors", other / "model.safetensors"):
        found.append("weights")
    last = sorted(one.glob("checkpoint-*"), key=lambda path: int(path.name[11:]))[-1].name
    for name in sorted(path.name for path in (one / last).glob("*.safetensors")):
        if not (other / last / name).is_file() or not same_tensors(one / last / name, other / last / name):
            found.append(f"{last}/{name}")
    return found + ["metrics"] * (lines_of(one) != lines_of(other))


def _timeless(value: Any) -> Any:
    """A report without what a clock or a folder says."""
    if isinstance(value, dict):
        return {k: _timeless(v) for k, v in value.items() if not any(word in k for word in CLOCK)}
    return [_timeless(inner) for inner in value] if isinstance(value, list) else value


def same_tensors(one: Path, other: Path) -> bool:
    """Whether two files hold the same tensors."""
    a, b = load_file(one), load_file(other)
    return a.keys() == b.keys() and all(torch.equal(value, b[name]) for name, value in a.items())


def lines_of(folder: Path) -> list[dict[str, Any]]:
    """metrics.jsonl without what a clock says."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if not k.endswith("_per_second")} for line in lines]
