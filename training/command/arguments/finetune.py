"""Arguments of `pretune finetune`."""

from dataclasses import dataclass, fields
from typing import ClassVar

from ...errors import InputError
from ..fields import argument, check_between, check_positive
from .training import TrainingArguments

UNLABELLED = "unlabelled samples while fine-tuning"


@dataclass(kw_only=True)
class FinetuneArguments(TrainingArguments):
    """Fine-tune a pretrained encoder, or train the same network from scratch, on labelled samples."""

    verb: ClassVar[str] = "finetune"
    examples: ClassVar[tuple[str, ...]] = (
        "pretune finetune --model runs/digits --dataset digits --labels_per_class 10 --output_dir runs/classifier",
        "pretune finetune mnist_conv_finetune --model runs/conv --dataset ylecun/mnist --output_dir runs/classifier",
    )

    model: str | None = argument(None, "run folder or Hub id of the pretrained encoder", group="network")
    revision: str | None = argument(None, "branch, tag or commit of a Hub model", group="seldom needed")
    from_scratch: bool = argument(
        False, "new weights: the network of --model, of the recipe, or the default one", group="network"
    )
    labels_per_class: int | None = argument(
        None, "draw this many labelled samples of each class, by the seed", group="data"
    )
    allow_short_classes: bool = argument(
        False, "a class with fewer labelled samples than labels_per_class gives all it has", group="seldom needed"
    )
    problem_type: str | None = argument(
        None,
        "what labels are read as (default: what they look like); regression: whole numbers are targets, not classes",
        choices=("single_label_classification", "multi_label_classification", "regression"),
        group="seldom needed",
    )
    freeze_encoder: bool = argument(False, "train only the classifier", group="fine-tuning")
    freeze_batch_norm: bool = argument(
        False,
        "batch norms keep the statistics they have from pretraining; else they follow the labelled samples, which may "
        "be few, or unlike those of pretraining (whose input may have been corrupted)",
        group="seldom needed",
    )
    encoder_learning_rate: float | None = argument(
        None, "peak learning rate of the encoder, if another", group="fine-tuning"
    )
    layerwise_lr_decay: float = argument(
        1.0,
        "each block of the encoder learns this times as fast as the one after it, such as 0.75",
        group="fine-tuning",
    )
    gradual_unfreezing: bool = argument(
        False, "wake the encoder's blocks one after another, the last one first", group="seldom needed"
    )
    augmentation: list[str] = argument(
        [],
        "change training samples at random; of images some of\ncrop: shift by up to an eighth of the side\n"
        "flip: left to right\naffine: rotate up to 30 degrees, shift, scale, shear\nelastic: bend smoothly\n"
        "of sound some of\nwarp: speed, pitch, place\nmicrophone: its curve, and the level\n"
        "noise: louder or softer\nmasks: spans of time and of bands are silent\n"
        "of texts\ndelete: leave out 3 of 10 tokens",
        group="fine-tuning",
    )
    label_smoothing: float = argument(0.0, "share of the target that is spread over all classes", group="fine-tuning")
    mixup_alpha: float = argument(
        0.0, "blend pairs of samples and their labels, share from Beta(alpha, alpha)", group="fine-tuning"
    )
    reconstruction_weight: float | None = argument(
        None, "keep the pretraining loss beside, times this (our families)", group="seldom needed"
    )
    unlabelled_dataset: str | None = argument(
        None, "samples to learn from without labels while fine-tuning, by pseudo-labels (FixMatch)", group=UNLABELLED
    )
    unlabelled_split: str | None = argument(
        None,
        "split of the unlabelled samples (default: train_split of the same dataset, train of another)",
        group=UNLABELLED,
    )
    consistency_weight: float = argument(1.0, "weight of the loss on unlabelled samples", group=UNLABELLED)
    confidence_threshold: float = argument(
        0.95, "pseudo-labels count where the model is at least this sure", group=UNLABELLED
    )
    distribution_alignment: bool = argument(
        False, "pseudo-labels come to be as frequent, class by class, as the labels are (ReMixMatch)", group=UNLABELLED
    )
    unlabelled_batch_size: int = argument(256, "unlabelled samples in a step on each device", group=UNLABELLED)
    ema_decay: float = argument(
        0.0, "keep an average of the weights over steps, such as 0.99, and save that", group="fine-tuning"
    )
    early_stopping_patience: int | None = argument(
        None,
        "stop after so many epochs (passes over the labelled samples) without a better accuracy on held-out ones, and "
        "keep the best weights",
        group="fine-tuning",
    )
    validation_share: float = argument(
        0.2, "share of the labelled samples held out for early stopping", group="seldom needed"
    )
    lora_rank: int | None = argument(
        None, "train only low-rank additions of this rank to the encoder (needs peft)", group="fine-tuning"
    )

    def __post_init__(self):
        super().__post_init__()
        if self.model is None and not self.from_scratch:
            raise InputError("model is missing: pass --model with a run folder or Hub id, or --from_scratch.")
        check_positive(
            self, "labels_per_class", "encoder_learning_rate", "early_stopping_patience", "lora_rank",
            "unlabelled_batch_size",
        )  # fmt: skip
        if not 0 < self.layerwise_lr_decay <= 1:
            raise InputError(
                f"layerwise_lr_decay must be larger than 0 and at most 1, got {self.layerwise_lr_decay:g}; for an "
                f"encoder that stays as it is pass --freeze_encoder."
            )
        check_between(
            self, label_smoothing=(0, 0.999), ema_decay=(0, 0.99999), confidence_threshold=(0, 1),
            validation_share=(0.01, 0.9), mixup_alpha=(0, 100), consistency_weight=(0, 1e9),
        )  # fmt: skip
        if self.reconstruction_weight is not None:
            check_between(self, reconstruction_weight=(0, 1e9))
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
                    raise InputError(
                        f"{name} is about unlabelled samples: pass --unlabelled_dataset, or leave it out."
                    )
