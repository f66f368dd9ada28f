"""What fine-tuning minimises: the classifier's loss on augmented images, and what unlabelled images can add to it."""

import copy
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F
from transformers.utils import ModelOutput

from ...modeling.shared.layers import keep_batch_statistics
from ..command.arguments.finetune import FinetuneArguments
from ..modalities.modality import Changes, Inputs
from ..networks.targets import Scale


@dataclass
class ClassifyingOutput(ModelOutput):
    """
    Args:
        loss: scalar.
        logits: (B, L), of the labelled images.
        pseudo_labelled: scalar, the share of unlabelled images that count; None without such images.
    """

    loss: torch.FloatTensor | None = None
    logits: torch.FloatTensor | None = None
    pseudo_labelled: torch.FloatTensor | None = None


class Classifying(nn.Module):
    """A classifier as the training loop sees it: batches of `Modality.to_model` in, one scalar `loss` out.

    Args:
        model: a classifier, ours or of transformers.
        args: which of the options below are used.
        changes: the modality's random ones.
        prepare: from these batches to the model's arguments; see `Preprocessing.on_device`.
        shares: (L,), of the classes among the labelled samples; `distribution_alignment` needs them.
        scale: what real-valued targets are standardised by; None where labels are classes. Logits are standardised
            then, until `targets.put_back`.

    Augmentation, mixup and label smoothing (Szegedy et al. 2016) change what it learns from; in eval mode there is
    none of them. With unlabelled samples: pseudo-labels from weakly changed ones, where the model is sure, are to be
    found again in strongly changed ones (Sohn et al. 2020, FixMatch). `averaged` is the mean of the weights over
    the last steps, which then gives the pseudo-labels and is what is kept; `after_step` keeps it up to date.
    """

    def __init__(
        self,
        model: nn.Module,
        args: FinetuneArguments,
        changes: Changes,
        prepare: nn.Module,
        shares: torch.Tensor | None = None,
        scale: Scale | None = None,
    ):
        super().__init__()
        self.model, self.args, self.changes, self.prepare = model, args, changes, prepare
        self.averaged = None
        if args.ema_decay > 0:
            self.averaged = copy.deepcopy(model).requires_grad_(False)
        self.register_buffer("shares", shares, persistent=False)
        self.register_buffer("mean", scale and scale.mean, persistent=False)
        self.register_buffer("spread", scale and scale.spread, persistent=False)

    @property
    def logged_outputs(self) -> tuple[str, ...]:
        """Fields of the output that metrics.jsonl shows beside the loss."""
        return ("pseudo_labelled",) if self.args.unlabelled_dataset is not None else ()

    @property
    def kept(self) -> nn.Module:
        """The classifier that is evaluated and saved."""
        return self.model if self.averaged is None else self.averaged

    @property
    def beside(self) -> nn.Module | None:
        """What a checkpoint has to hold beside `kept`: the trained weights, if an average of them is kept."""
        return None if self.averaged is None else self.model

    def train(self, mode: bool = True) -> "Classifying":
        """As of any module; with `freeze_batch_norm` batch norms stay in eval mode."""
        super().train(mode)
        if self.args.freeze_batch_norm:
            keep_batch_statistics(self.model)
        return self

    def forward(
        self, labels: torch.Tensor | None = None, unlabelled: Inputs | None = None, **inputs: torch.Tensor
    ) -> ModelOutput:
        """Labelled `inputs`, such as `pixel_values` (B, C, H, W), and, while training, `unlabelled` ones (U, ...) ->
        `loss` and (B, L) `logits`."""
        if self.mean is not None and labels is not None:
            labels = ((labels.reshape(len(labels), -1) - self.mean) / self.spread).reshape(labels.shape)
        if not self.training:
            return self.kept(**self.prepare(inputs), labels=labels)
        inputs = self.changes.augment(inputs, self.args.augmentation)
        if self.args.label_smoothing == 0 and self.args.mixup_alpha == 0:
            output = self.model(**self.prepare(inputs), labels=labels)
            loss, logits = output.loss, output.logits
        else:
            loss, logits = self.softened(inputs, labels)
        if unlabelled is not None:
            consistency = self.consistency(unlabelled)
            return ClassifyingOutput(
                loss=loss + self.args.consistency_weight * consistency["loss"],
                logits=logits,
                pseudo_labelled=consistency["share"],
            )
        return ClassifyingOutput(loss=loss, logits=logits)

    def softened(self, inputs: Inputs, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Loss, a scalar, against smoothed and mixed targets, and (B, L) logits."""
        config, smoothing = self.model.config, self.args.label_smoothing
        several, real = labels.dim() == 2, self.mean is not None
        kind = next((v.dtype for v in inputs.values() if v.is_floating_point()), torch.get_default_dtype())
        if real:
            targets = labels.reshape(len(labels), -1).to(kind)
        else:
            targets = labels.to(kind) if several else F.one_hot(labels, config.num_labels).to(kind)
            targets = targets * (1 - smoothing) + smoothing * (0.5 if several else 1 / config.num_labels)
        if self.args.mixup_alpha > 0:
            inputs, targets = self.changes.mixup(inputs, targets, self.args.mixup_alpha)
        logits = self.model(**self.prepare(inputs)).logits
        criterion = F.mse_loss if real else F.binary_cross_entropy_with_logits if several else F.cross_entropy
        loss = criterion(logits, targets)
        if getattr(config, "reconstruction_weight", 0) > 0:
            loss = loss + config.reconstruction_weight * self.model.base_model(**inputs).loss
        return loss, logits

    def consistency(self, unlabelled: Inputs) -> dict[str, torch.Tensor]:
        """Cross-entropy of strongly changed samples (U, ...) with the labels that weakly changed ones surely have."""
        kinds = self.args.augmentation
        with torch.no_grad():
            guess = self.kept(**self.prepare(self.changes.weaken(unlabelled, kinds))).logits
            guess = guess.float().softmax(1)  # (U, L)
            if self.args.distribution_alignment:
                guess = align(guess, self.shares)
            confidence, pseudo = guess.max(1)
            sure = (confidence >= self.args.confidence_threshold).float()
        logits = self.model(**self.prepare(self.changes.strengthen(unlabelled, kinds))).logits
        loss = (F.cross_entropy(logits, pseudo, reduction="none") * sure).mean()
        return {"loss": loss, "share": sure.mean()}

    @torch.no_grad()
    def after_step(self) -> None:
        """Move the averaged weights, if there are any, towards the present ones."""
        if self.averaged is None:
            return
        for kept, now in zip(self.averaged.parameters(), self.model.parameters(), strict=True):
            kept.lerp_(now.detach(), 1 - self.args.ema_decay)
        for kept, now in zip(self.averaged.buffers(), self.model.buffers(), strict=True):
            kept.copy_(now)


def align(guess: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """Make the classes as frequent among guesses as they are among labels (Berthelot et al. 2020, ReMixMatch; here
    by the mean over the batch, not over the last batches).

    Args:
        guess: (U, L), probabilities.
        shares: (L,), of the classes.
    """
    guess = guess * shares / guess.mean(0).clamp(min=1e-6)
    return guess / guess.sum(1, keepdim=True)
