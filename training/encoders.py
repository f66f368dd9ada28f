"""Any pretrained vision model as evaluation and embedding see it: 8-bit images in, features out.

Features are what the model's own classifier is given, so each model pools its features the way it defines: the code
of an autoencoder, the class token of a ViT, the mean over a ResNet's last map.
"""

import copy
import hashlib
from collections.abc import Iterator

import numpy as np
import torch
from torch import nn
from transformers import AutoConfig, AutoImageProcessor, AutoModelForImageClassification, PreTrainedConfig
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING
from transformers.utils import logging as transformers_logging

from ..auto import FAMILIES
from .batches import Columns, evaluating
from .errors import InputError, one_line
from .models import LOADING_ERRORS, MODEL_HINT

AT_ONCE = 1024  # images resized at once


class Encoder:
    """One pretrained encoder.

    Args:
        name: run folder, folder of a transformers model, or Hub id.
        revision: branch, tag or commit of a Hub model.
        num_labels: classes of the heads it is given.
        device: where features are computed.
        batch_size: images at once.
        fit_images: resize and convert images for one of our models too, if they have another size.

    Raises:
        InputError: it cannot be loaded whole, is no image model, or has no image processor.
    """

    def __init__(
        self,
        name: str,
        revision: str | None,
        num_labels: int,
        device: torch.device,
        batch_size: int,
        fit_images: bool = False,
    ):
        self.name, self.device, self.batch_size, self.fit_images = name, device, batch_size, fit_images
        self.config = _config_of(name, revision, num_labels)
        self.ours = type(self.config) in [row[0] for row in FAMILIES]
        self.processor = _processor_of(name, revision, self.config)
        self.pretrained = _load_whole(name, revision, self.config).eval()
        self.mean, self.std = None, None
        if getattr(self.processor, "do_normalize", False):
            shape = (1, -1, 1, 1)
            self.mean = torch.tensor(self.processor.image_mean).view(shape)
            self.std = torch.tensor(self.processor.image_std).view(shape)
        state = self.pretrained.state_dict()
        head = tuple(_head_names(self.pretrained))
        digest = hashlib.sha256()
        for key in sorted(key for key in state if not key.startswith(head)):
            digest.update(key.encode() + state[key].reshape(-1).view(torch.uint8).numpy().tobytes())
        self.fingerprint = digest.hexdigest()[:16]

    def resized(self, images: np.ndarray) -> np.ndarray:
        """8-bit images (N, C, H, W) at this model's size and channels, by its own image processor.

        Raises:
            InputError: one of our models takes another size or number of channels, and not `fit_images`.
        """
        if self.ours and images.shape[1:] == self._shape():
            return images
        out = None
        for start in range(0, len(images), AT_ONCE):
            part = self._process(images[start : start + AT_ONCE])
            out = np.empty((len(images), *part.shape[1:]), np.uint8) if out is None else out
            out[start : start + AT_ONCE] = part
        return out

    def _shape(self) -> tuple[int, int, int]:
        return (self.config.num_channels, self.config.image_size, self.config.image_size)

    def _process(self, images: np.ndarray) -> np.ndarray:
        if self.ours and not self.fit_images:
            raise InputError(
                f"model {self.name} takes images of {'x'.join(map(str, self._shape()))} (channels x height x width), "
                f"these are {'x'.join(map(str, images.shape[1:]))}. Pass --fit_images to resize and convert them."
            )
        if not self.ours and images.shape[1] == 1:
            images = images.repeat(self.config.num_channels, 1)  # transformers' processors take colour as it comes
        plain = {"do_rescale": False, "do_normalize": False, "return_tensors": "np"}
        pixels = self.processor(list(images), input_data_format="channels_first", **plain)["pixel_values"]
        return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)

    def classifier(self, pretrained: bool, seed: int) -> nn.Module:
        """A copy with a new head, or with all weights new, that takes pixels in [0, 1]; `seed` decides what is new."""
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            torch.manual_seed(seed)
            if pretrained:
                model = copy.deepcopy(self.pretrained)
                _reset(head_of(model))
            else:
                model = AutoModelForImageClassification.from_config(copy.deepcopy(self.config))
        model = model if self.mean is None else Normalised(model, self.mean, self.std)
        return model.to(self.device).eval()

    def features(self, model: nn.Module, images: np.ndarray) -> np.ndarray:
        """(N, C, H, W) 8-bit images -> (N, D) float32: what `model`'s classifier is given."""
        return np.concatenate(list(self.iter_features(model, images)))

    def iter_features(self, model: nn.Module, images: np.ndarray) -> Iterator[np.ndarray]:
        """`features`, a part of the images at a time."""
        seen: list[torch.Tensor] = []
        bare = model.model if isinstance(model, Normalised) else model
        handle = head_of(bare).register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].flatten(1)))
        try:
            for _ in self._outputs(model, images):
                yield torch.cat(seen).float().cpu().numpy()
                seen.clear()
        finally:
            handle.remove()

    def classes(self, model: nn.Module, images: np.ndarray) -> np.ndarray:
        """(N, C, H, W) 8-bit images -> (N,) class numbers that `model` gives them."""
        return np.concatenate([logits.argmax(1).cpu().numpy() for logits in self._outputs(model, images)])

    def _outputs(self, model: nn.Module, images: np.ndarray) -> Iterator[torch.Tensor]:
        """Logits of AT_ONCE images after the other, in bounded memory."""
        for start in range(0, len(images), AT_ONCE):
            part = np.ascontiguousarray(self.resized(images[start : start + AT_ONCE]))
            with evaluating(model):
                batches = Columns({"pixel_values": part}, self.device).in_order(self.batch_size)
                logits = [model(**batch).logits for batch in batches]
            yield torch.cat(logits)


class Normalised(nn.Module):
    """A model of transformers that takes pixels in [0, 1], as ours do: its processor's last step, on the device.

    Args:
        model: an image classifier of transformers.
        mean, std: (1, C, 1, 1), of its image processor.
    """

    def __init__(self, model: nn.Module, mean: torch.Tensor, std: torch.Tensor):
        super().__init__()
        self.model = model
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(self, pixel_values: torch.Tensor, labels: torch.Tensor | None = None):
        """As the model's own: (B, C, H, W) in [0, 1] and (B,) class numbers."""
        return self.model(pixel_values=(pixel_values - self.mean) / self.std, labels=labels)


def head_of(model: nn.Module) -> nn.Module:
    """The classifier at the end of an image classification model of transformers."""
    if hasattr(model, "timm_model"):
        return model.timm_model.get_classifier()
    return model.classifier


def _head_names(model: nn.Module) -> list[str]:
    head = head_of(model)
    return [f"{name}." for name, module in model.named_modules() if module is head]


def _reset(head: nn.Module) -> None:
    for module in head.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()


def _config_of(name: str, revision: str | None, num_labels: int) -> PreTrainedConfig:
    try:
        config = AutoConfig.from_pretrained(name, revision=revision or "main")
    except LOADING_ERRORS as error:
        raise InputError(f"model {name} cannot be loaded: {one_line(error)} {MODEL_HINT}") from None
    if type(config) not in MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING:
        ours = ", ".join(row[0].model_type for row in FAMILIES)
        raise InputError(
            f"model {name} is of type {config.model_type!r}, which is no image encoder with a classifier: expected "
            f"{ours}, or one of transformers' (resnet, convnext, vit, swin, dinov2, mobilenet_v2 ...)."
        )
    config.num_labels, config.problem_type = num_labels, "single_label_classification"
    if hasattr(config, "reconstruction_weight"):
        config.reconstruction_weight = 0.0  # encoder and head alone
    return config


def _processor_of(name: str, revision: str | None, config: PreTrainedConfig):
    rows = {row[0]: row for row in FAMILIES}
    if type(config) in rows:
        return rows[type(config)][3].for_config(config)
    try:
        return AutoImageProcessor.from_pretrained(name, revision=revision or "main", use_fast=False)
    except (OSError, ValueError, ImportError) as error:
        raise InputError(
            f"model {name} has no image processor that can be loaded: {one_line(error)} Save one beside it "
            f"(AutoImageProcessor.save_pretrained)."
        ) from None


def _load_whole(name: str, revision: str | None, config: PreTrainedConfig) -> nn.Module:
    """The checkpoint as a classifier; only the head may be new."""
    level, bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()  # its table of missing weights is an error here
    transformers_logging.disable_progress_bar()
    try:
        model, info = AutoModelForImageClassification.from_pretrained(
            name, revision=revision or "main", config=config, ignore_mismatched_sizes=True, output_loading_info=True
        )
    except LOADING_ERRORS as error:
        raise InputError(f"model {name} cannot be loaded: {one_line(error)}") from None
    finally:
        transformers_logging.set_verbosity(level)
        if bars:
            transformers_logging.enable_progress_bar()
    missing = {*info["missing_keys"], *(key for key, *_ in info["mismatched_keys"])}
    head = tuple(_head_names(model))
    lost = sorted(key for key in missing if not key.startswith(head))
    if lost:
        raise InputError(f"model {name} lacks {len(lost)} tensors of its network, among them {', '.join(lost[:3])}.")
    return model
