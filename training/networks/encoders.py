"""Any pretrained vision model as evaluation and embedding see it: 8-bit images in, features out.

Features are what the model's own classifier is given, so each model pools its features the way it defines: the code
of an autoencoder, the class token of a ViT, the mean over a ResNet's last map.
"""

import copy
import hashlib
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import AutoModelForImageClassification

from ..data.batches import Columns, evaluating
from ..errors import InputError, one_line
from .bare_encoders import bare_config, load_bare, new_bare
from .models import head_of, head_prefixes, load_classifier, load_config, renew_head
from .preprocessing import AT_ONCE, Preprocessing

# Of a config: what is set here for every model, and what says where it came from but not what it computes.
NOT_IDENTITY = {
    "num_labels", "id2label", "label2id", "problem_type", "reconstruction_weight",
    "_name_or_path", "name_or_path", "transformers_version", "architectures", "dtype", "torch_dtype", "auto_map",
}  # fmt: skip


class Encoder:
    """One pretrained encoder.

    Args:
        name: run folder, folder of a transformers model, or Hub id.
        revision: branch, tag or commit of a Hub model.
        num_labels: classes of the heads it is given.
        device: where features are computed.
        batch_size: images at once.
        fit_images: resize and convert images for one of our models too, if they have another size.

    Attributes:
        fingerprint: changes with all that its features depend on: weights, config, image processor and `fit_images`.

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
        self.name, self.device, self.batch_size = name, device, batch_size
        bare = bare_config(name, revision)
        self.config, self.bare = bare or load_config(name, revision, of_transformers=True), bare is not None
        self.config.num_labels, self.config.problem_type = num_labels, "single_label_classification"
        if hasattr(self.config, "reconstruction_weight"):
            self.config.reconstruction_weight = 0.0  # encoder and head alone
        self.preprocessing = Preprocessing(name, revision, self.config, fit_images)
        self.ours, self.mean, self.std = self.preprocessing.ours, self.preprocessing.mean, self.preprocessing.std
        self.pretrained = (load_bare if self.bare else load_classifier)(name, revision, self.config).eval()
        state = self.pretrained.state_dict()
        head = head_prefixes(self.pretrained)
        settings = [_identity(self.config.to_dict()), _identity(self.preprocessing.processor.to_dict()), fit_images]
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
        for key in sorted(key for key in state if not key.startswith(head)):
            digest.update(key.encode() + state[key].reshape(-1).view(torch.uint8).numpy().tobytes())
        self.fingerprint = digest.hexdigest()[:16]

    def check(self, images: np.ndarray) -> None:
        """Encode the first of `images` (N, C, H, W).

        Raises:
            InputError: it does not go through: found now, not after an hour.
        """
        try:
            self.features(self.classifier(True, 0), images[:1])
        except InputError:
            raise
        except (ValueError, RuntimeError, IndexError) as error:
            raise InputError(
                f"model {self.name} does not take images of {'x'.join(map(str, images.shape[1:]))} (channels x height "
                f"x width) as its image processor gives them: {one_line(error)} Set size and channels in its "
                f"preprocessor_config.json to those of its network, or convert the images."
            ) from None

    def resized(self, images: np.ndarray) -> np.ndarray:
        """8-bit images (N, C, H, W) as this model takes them; see `Preprocessing`."""
        return self.preprocessing.resized(images)

    def classifier(self, pretrained: bool, seed: int) -> nn.Module:
        """A copy with a new head, or with all weights new, that takes pixels in [0, 1]; `seed` decides what is new."""
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            torch.manual_seed(seed)
            if pretrained:
                model = copy.deepcopy(self.pretrained)
                renew_head(model)
            else:
                make = new_bare if self.bare else AutoModelForImageClassification.from_config
                model = make(copy.deepcopy(self.config))
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


def _identity(settings: Any) -> Any:
    """Settings as a config or image processor writes them, without NOT_IDENTITY at any depth."""
    if isinstance(settings, dict):
        return {str(key): _identity(value) for key, value in settings.items() if key not in NOT_IDENTITY}
    return [_identity(value) for value in settings] if isinstance(settings, (list, tuple)) else settings
