"""Texts -> token ids as one model takes them, kept on disk: by its own tokenizer, cut to the length that it reads."""

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedConfig

from ....configuration.text.backbones import positions_of
from ....modeling.families import family_of
from ...errors import InputError
from ..cache import cache_folder, whole_file
from ..faults import UNREADABLE
from ..modality import Inputs
from .tokenizing import in_parts, published_tokenizer, tokenizer_told
from .words import fingerprint_of

logger = logging.getLogger(__name__)
AT_ONCE = 10_000  # texts tokenized together
CACHED_FROM = 2_000  # texts whose ids are kept on disk
LETTERS = 100  # of a text that are looked at for each token that is kept
USUAL_LENGTH = 512  # tokens, for a model that says nowhere how many it takes
UNLIMITED = 1_000_000  # from which a tokenizer's length is no limit
SMALL = np.iinfo(np.uint16).max


class Padded(nn.Module):
    """Fills up texts with the token that a model of transformers was trained with.

    Args:
        pad: that token's id.
    """

    def __init__(self, pad: int):
        super().__init__()
        self.pad = pad

    def forward(self, inputs: Inputs) -> Inputs:
        """`input_ids` (B, L) with any number behind the end of a text -> with `pad` there."""
        ids = torch.where(inputs["attention_mask"] > 0, inputs["input_ids"], self.pad)
        return {**inputs, "input_ids": ids}


class TextPreprocessing:
    """What lies between texts and one model: its tokenizer.

    Args:
        name, revision: checkpoint whose tokenizer is used, unless `settings` hold one.
        config: of the model.
        settings: "tokenizer", of a new model.

    Raises:
        InputError: there is no tokenizer, or one with more tokens than the model has.
    """

    fitting: str | None = None

    def __init__(self, name: str | None, revision: str | None, config: PreTrainedConfig, settings: Mapping[str, Any]):
        self.name, self.ours = name, family_of(config) is not None
        found = settings.get("tokenizer")
        if found is None and name is None:
            raise InputError("a new network of texts needs a tokenizer: pass --tokenizer bpe, or one of the Hub.")
        self.processor = published_tokenizer(name, revision) if found is None else found
        self.max_length = length_of(config, self.processor)
        self.processor.model_max_length = self.max_length
        self._require_known(config)
        pad = self.processor.pad_token_id
        pad = pad if pad is not None else getattr(config, "pad_token_id", None) or 0
        self.on_device: nn.Module = nn.Identity() if self.ours else Padded(pad)
        self.empty = next(
            (t for t in (self.processor.unk_token_id, self.processor.eos_token_id) if t is not None), pad
        )
        known = json.dumps([_written(self.processor), self.max_length])
        self.key = hashlib.sha256(known.encode()).hexdigest()[:32]

    def _require_known(self, config: PreTrainedConfig) -> None:
        """Raise InputError for a tokenizer with tokens that the network does not have."""
        if not self.ours:
            return
        if len(self.processor) > config.vocab_size:
            raise InputError(
                f"the tokenizer has {len(self.processor):,} tokens and the network {config.vocab_size:,}. Leave "
                f"--config.vocab_size out."
            )
        with tokenizer_told(self.name, "a tokenizer that is damaged"):
            last = max(self.processor.get_vocab().values(), default=0)
            if last >= config.vocab_size:
                raise ValueError(f"it has a token {last:,}, and the network {config.vocab_size:,} tokens.")

    def fitted(self, values: np.ndarray) -> np.ndarray:
        """(N,) texts -> (N, L) whole numbers: the ids of each text plus 1, and 0 behind its end; L of the longest."""
        if len(values) < CACHED_FROM:
            return padded(*self._tokenized(values))
        path = cache_folder() / "tokens" / f"{self.key}-{fingerprint_of(values)}.npz"
        found = _read(path, len(values))
        if found is None:
            if path.exists():
                logger.warning("%s is damaged and is made anew", path)
            found = self._tokenized(values)
            with whole_file(path) as part, open(part, "wb") as file:
                np.savez(file, ids=found[0], lengths=found[1])
        return padded(*found)

    def _tokenized(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(N,) texts -> all ids plus 1 one after another, and (N,) how many each text has."""
        kind = np.uint16 if len(self.processor) < SMALL else np.int32
        ids, lengths = [], []
        most = LETTERS * self.max_length
        for texts in in_parts(values, AT_ONCE):
            with tokenizer_told(self.name, "a tokenizer that takes no texts"):
                found = self.processor(
                    [text[:most] for text in texts], truncation=True, max_length=self.max_length,
                    return_attention_mask=False, return_token_type_ids=False,
                )["input_ids"]  # fmt: skip
            found = [text or [self.empty] for text in found]  # a text without a token would have no mean
            lengths += map(len, found)
            ids.append(np.concatenate([np.asarray(text, dtype=kind) + kind(1) for text in found]))
        self._forget()
        return np.concatenate(ids) if ids else np.empty(0, kind), np.asarray(lengths, dtype=np.int64)

    def _forget(self) -> None:
        """Truncation stays in a tokenizer and would be saved with it."""
        inner = getattr(self.processor, "backend_tokenizer", None)
        if inner is not None:
            inner.no_truncation()
            inner.no_padding()


def _read(path: Path, count: int) -> tuple[np.ndarray, np.ndarray] | None:
    """All ids plus 1, and (`count`,) lengths, as they were kept; None where they are missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as found:  # checked by the sums that a zip file holds
            ids, lengths = found["ids"], found["lengths"]
    except UNREADABLE:
        return None
    whole = ids.ndim == 1 and ids.dtype in (np.uint16, np.int32) and lengths.shape == (count,)
    return (ids, lengths) if whole and lengths.dtype == np.int64 and int(lengths.sum()) == len(ids) else None


def padded(ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Ids plus 1 one after another and (N,) lengths -> (N, L), 0 behind the end of each text."""
    rows = np.zeros((len(lengths), int(lengths.max(initial=1))), dtype=ids.dtype)
    rows[np.arange(rows.shape[1]) < lengths[:, None]] = ids
    return rows


def lengths_of(rows: np.ndarray) -> np.ndarray:
    """(N, L) stored rows -> (N,) how many tokens each has."""
    return (np.asarray(rows) != 0).sum(1)


def to_tokens(stored: torch.Tensor) -> Inputs:
    """(B, L) ids plus 1, 0 behind the end of each text -> `input_ids` and `attention_mask`, both (B, the longest)."""
    ids = stored.long()
    longest = max(1, int((ids > 0).sum(1).max())) if len(ids) else 1
    ids = ids[:, :longest]
    return {"input_ids": (ids - 1).clamp(min=0), "attention_mask": (ids > 0).long()}


def length_of(config: PreTrainedConfig, tokenizer: Any) -> int:
    """How many tokens of a text a model takes."""
    if family_of(config) is not None:
        return config.max_length
    positions = positions_of(config)
    limit = getattr(tokenizer, "model_max_length", None)
    limit = None if limit is None or limit > UNLIMITED else limit
    return min([number for number in (positions, limit) if number is not None], default=USUAL_LENGTH)


def _written(tokenizer: Any) -> Any:
    """What says all of a tokenizer."""
    inner = getattr(tokenizer, "backend_tokenizer", None)
    if inner is not None:
        return inner.to_str()
    return [type(tokenizer).__name__, sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])]
