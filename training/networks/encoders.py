"""Any pretrained encoder as evaluation and embedding see it: samples in, features out.

Features are what the model's own classifier is given, so each model pools its features the way it defines: the
embedding of an autoencoder, the class token of a ViT, the mean over a ResNet's last map.
"""

import copy
import hashlib
import inspect
import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedConfig

from ...modeling.shared.evaluating import evaluating
from ..data.batches import Columns
from ..data.samples import Samples
from ..errors import InputError, one_line
from ..modalities.listing import MODALITIES, modality_of
from ..modalities.modality import PLAIN, Modality
from ..modalities.picked import Stored
from .bare_encoders import bare_config, load_bare, new_bare
from .heads import head_of, head_prefixes, renew_head
from .loading import auto_classifier, load_classifier, load_config
from .memory import eval_batch_that_fits

INTERPOLATE = "interpolate_pos_encoding"  # what networks of transformers call it
AT_ONCE = 1024  # samples encoded before anything is written
# Of a config: what is set here for every model, and what says where it came from but not what it computes.
NOT_IDENTITY = {
    "num_labels", "id2label", "label2id", "problem_type", "reconstruction_weight",
    "_name_or_path", "name_or_path", "transformers_version", "architectures", "dtype", "torch_dtype", "auto_map",
}  # fmt: skip


def config_and_modality(name: str, revision: str | None) -> tuple[PreTrainedConfig, Modality, bool]:
    """The config of checkpoint `name`, what it takes, and whether it is an encoder without a classifier.

    Raises:
        InputError: it cannot be loaded, or is no encoder of a kind of input that pretune knows.
    """
    bare = bare_config(name, revision)
    if bare is not None:
        return bare, MODALITIES["image"], True
    config = load_config(name, revision, of_transformers=True)
    return config, modality_of(config), False


class Fitting:
    """Stored rows that a model's preprocessing fits as they are asked for, so that a large set is never held so.

    Args:
        values: (N, ...), plain stored rows.
        fit: see `Preprocessing.fitted`.
    """

    def __init__(self, values: Stored, fit: Callable[[np.ndarray], np.ndarray]):
        self.values, self.fit = values, fit

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: np.ndarray | slice) -> np.ndarray:
        """Those at `rows`, fitted."""
        return self.fit(self.values[rows])


Rows = Stored | Fitting  # (N, ...) as a model takes them


class Encoder:
    """One pretrained encoder.

    Args:
        name: run folder, folder of a transformers model, or Hub id.
        revision: branch, tag or commit of a Hub model.
        num_labels: classes of the heads it is given.
        problem_type: what these heads are trained on, in transformers' words.
        size: of its input, in place of that of its own processor; None: that. Of networks that are not ours.
        device: where features are computed.
        batch_size: samples at once, at most.

    Attributes:
        modality: what it takes.
        fingerprint: changes with all that its features depend on: weights, config and processor.

    Raises:
        InputError: it cannot be loaded whole, is no encoder of a kind of input we know, or has no processor.
    """

    def __init__(
        self,
        name: str,
        revision: str | None,
        num_labels: int,
        device: torch.device,
        batch_size: int,
        problem_type: str = "single_label_classification",
        size: int | None = None,
    ):
        self.name, self.device, self.batch_size = name, device, batch_size
        self.config, self.modality, self.bare = config_and_modality(name, revision)
        self.config.num_labels, self.config.problem_type = num_labels, problem_type
        if hasattr(self.config, "reconstruction_weight"):
            self.config.reconstruction_weight = 0.0  # encoder and head alone
        settings, self.resized = {} if size is None else {"input_size": size}, size is not None
        self.preprocessing = self.modality.preprocessing(name, revision, self.config, settings)
        self.pretrained = (load_bare if self.bare else load_classifier)(name, revision, self.config).eval()
        state = self.pretrained.state_dict()
        head = head_prefixes(self.pretrained)
        processor = self.preprocessing.processor
        processor = processor.to_dict() if hasattr(processor, "to_dict") else self.preprocessing.key
        settings = [_identity(self.config.to_dict()), _identity(processor)]
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
        for key in sorted(key for key in state if not key.startswith(head)):
            digest.update(key.encode() + state[key].reshape(-1).view(torch.uint8).numpy().tobytes())
        self.fingerprint = digest.hexdigest()[:16]

    def check(self, data: Samples) -> None:
        """Encode the first of them.

        Raises:
            InputError: it does not go through: found now, not after an hour.
        """
        try:
            self.features(self.classifier(True, 0), self.rows(data)[:1])
        except InputError:
            raise
        except (ValueError, RuntimeError, IndexError) as error:
            raise InputError(
                f"model {self.name} does not take {self.modality.words.many} of "
                f"{'x'.join(map(str, data.stored.shape[1:]))} as its processor gives them: {one_line(error)} Set size "
                f"and channels in its preprocessor_config.json to those of its network, or convert the "
                f"{self.modality.words.many}."
            ) from None

    def rows(self, data: Samples) -> Rows:
        """Samples as this model takes them: read for it, or fitted when they are asked for."""
        if data.form == PLAIN or data.form == self.preprocessing.key:
            rows = data.rows_stored
            return rows if data.form != PLAIN else Fitting(rows, self.preprocessing.fitted)
        return data.taken_by(self.preprocessing).rows_stored

    def classifier(self, pretrained: bool, seed: int) -> nn.Module:
        """A copy with a new head, or with all weights new, that takes what `Modality.to_model` gives; `seed` decides
        what is new."""
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            torch.manual_seed(seed)
            if pretrained:
                model = copy.deepcopy(self.pretrained)
                renew_head(model)
            else:
                make = new_bare if self.bare else auto_classifier(self.modality).from_config
                model = make(copy.deepcopy(self.config))
        prepare = self.preprocessing.on_device
        if self.resized or not isinstance(prepare, nn.Identity):
            model = Prepared(model, prepare, self.resized)
        return model.to(self.device).eval()

    def features(self, model: nn.Module, values: Rows) -> np.ndarray:
        """(N, ...) rows as this model takes them -> (N, D) float32: what `model`'s classifier is given."""
        return np.concatenate(list(self.iter_features(model, values)))

    def iter_features(self, model: nn.Module, values: Rows) -> Iterator[np.ndarray]:
        """`features` (N, D), a part of the samples at a time."""
        seen: list[torch.Tensor] = []
        size = self._batch_of(model, values)
        bare, features = model.model if isinstance(model, Prepared) else model, self.modality.features
        handle = head_of(bare).register_forward_pre_hook(lambda module, inputs: seen.append(features(inputs[0])))
        try:
            for _, places in self._outputs(model, values, size):
                yield torch.cat(seen).float().cpu().numpy()[places]
                seen.clear()
        finally:
            handle.remove()

    def logits(self, model: nn.Module, values: Rows) -> np.ndarray:
        """(N, ...) rows as this model takes them -> (N, L) float32 that `model` gives them."""
        found = self._outputs(model, values, self._batch_of(model, values))
        return np.concatenate([logits.float().cpu().numpy()[places] for logits, places in found])

    def _batch_of(self, model: nn.Module, values: Rows) -> int:
        """Samples in a batch, as many as fit in memory; of texts as many as were wanted, since each has a length of
        its own."""
        size = min(self.batch_size, len(values))
        if self.modality.lengths is not None:
            return size
        few = np.ascontiguousarray(values[:4])
        return eval_batch_that_fits(model, Columns(few, self.modality.to_model, self.device), size)

    def _outputs(self, model: nn.Module, values: Rows, size: int) -> Iterator[tuple[torch.Tensor, np.ndarray | slice]]:
        """Logits (n, L) of AT_ONCE samples after the other, `size` in a batch, and where those of each sample stand
        (n,): samples of different lengths go through the model by length."""
        lengths = self.modality.lengths
        for start in range(0, len(values), AT_ONCE):
            part = np.ascontiguousarray(values[start : start + AT_ONCE])
            order = slice(None) if lengths is None else np.argsort(lengths(part), kind="stable")
            with evaluating(model):
                batches = Columns(part[order], self.modality.to_model, self.device).in_order(size)
                logits = [model(**batch).logits for batch in batches]
            yield torch.cat(logits), order if lengths is None else np.argsort(order)


class Prepared(nn.Module):
    """A model of transformers that takes what ours take: its processor's last step comes first, on the device.

    Args:
        model: a classifier of transformers.
        prepare: see `Preprocessing.on_device`.
        resized: inputs have another size than its own, so that embeddings of positions must be interpolated.
    """

    def __init__(self, model: nn.Module, prepare: nn.Module, resized: bool = False):
        super().__init__()
        self.model, self.prepare = model, copy.deepcopy(prepare)
        takes = resized and INTERPOLATE in inspect.signature(model.forward).parameters
        self.more = {INTERPOLATE: True} if takes else {}

    def forward(self, labels: torch.Tensor | None = None, **inputs: torch.Tensor) -> Any:
        """As the model's own: `inputs` of `Modality.to_model`, such as (B, C, H, W) in [0, 1], and (B,) labels."""
        return self.model(**self.prepare(inputs), labels=labels, **self.more)


def _identity(settings: Any) -> Any:
    """Settings as a config or processor writes them, without NOT_IDENTITY at any depth."""
    if isinstance(settings, dict):
        return {str(key): _identity(value) for key, value in settings.items() if key not in NOT_IDENTITY}
    return [_identity(value) for value in settings] if isinstance(settings, (list, tuple)) else settings
