"""Texts: (N,) strings as they are; models take the ids that their own tokenizers make of them."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...modeling.text.backbone import TOKENIZER_FILES
from ..errors import InputError
from .modality import Changes, Inputs, Learnt, Modality, Words
from .texts.floors import WIDTHS, LatentSemantics, WordRarity
from .texts.preprocessing import TextPreprocessing, lengths_of, to_tokens
from .texts.reading import TextReader, lines_of
from .texts.tables import draw_texts
from .texts.tokenizing import KINDS, published_tokenizer, trained_tokenizer
from .texts.words import cleaned, is_text, text_digests

COMMON = {"optim": "adamw", "weight_decay": 0.01, "lr_scheduler_type": "cosine", "mixed_precision": "auto"}
GOES_ON = {
    **COMMON, "model_type": "text_autoencoder", "learning_rate": 3e-5, "per_device_train_batch_size": 16,
    "warmup_steps": 0.1, "config": {"max_length": 128, "delete_ratio": 0.6, "decoder_rate": 30},
}  # fmt: skip
ROUTES = {
    "bag of words": {
        **COMMON, "model_type": "bag_autoencoder", "tokenizer": "words", "tokenizer_size": 12000,
        "learning_rate": 3e-3, "per_device_train_batch_size": 256, "warmup_steps": 0.3, "config": {"latent_size": 256},
    },
    "filling in hidden words": {
        **COMMON, "model_type": "masked_language_model", "learning_rate": 1e-3, "per_device_train_batch_size": 64,
        "warmup_steps": 0.1,
    },
}  # fmt: skip
FEWEST, MOST = 250, 5000  # steps of a first run
GENTLE, STRONG = 0.3, 0.5  # shares of tokens that are deleted


def feature() -> Any:
    """The type of a `datasets` column of files of texts, which are not read there."""
    import datasets

    return {"bytes": datasets.Value("binary"), "path": datasets.Value("string")}


def may_hold_texts(feature: Any) -> bool:
    """Whether texts can be read from a column: of texts, or of files."""
    return is_text(feature) or (isinstance(feature, dict) and set(feature) == {"bytes", "path"})


def learn(values: np.ndarray, tokenizer: str, vocab_size: int, revision: str | None) -> Learnt:
    """(N,) training texts -> the tokenizer of a new network, trained on them or published, and its config's fields."""
    if tokenizer in KINDS:
        found = trained_tokenizer(values, tokenizer, vocab_size)
    else:
        found = published_tokenizer(tokenizer, revision)
    fields = {
        "vocab_size": len(found),
        "pad_token_id": found.pad_token_id,
        "mask_token_id": found.mask_token_id,
    }
    return Learnt({"tokenizer": found}, fields)


def delete(inputs: Inputs, share: float) -> Inputs:
    """Hide a random `share` of the tokens of each text (B, L); the first one stays."""
    mask = inputs["attention_mask"]
    kept = torch.rand(mask.shape, device=mask.device) >= share
    kept[:, 0] = True
    return {**inputs, "attention_mask": mask * kept}


def _augment(inputs: Inputs, kinds: Sequence[str]) -> Inputs:
    return delete(inputs, GENTLE) if "delete" in kinds else inputs


def _mixup(inputs: Inputs, targets: torch.Tensor, alpha: float) -> tuple[Inputs, torch.Tensor]:
    raise InputError("mixup_alpha blends inputs of numbers, and texts are words. Leave it out.")


def first_run(shape: tuple[int, ...], samples: int) -> dict[str, Any]:
    """The bag-of-words autoencoder, by its recipe: twelve times each text, but enough steps and no more than that."""
    return {"recipe": "ag_news_bag", "max_steps": min(max(FEWEST, 12 * samples // 256), MOST)}


def advise(config: Any) -> None:
    """Nothing is to be said of a new network before it is built."""


def describe(config: Any) -> str:
    """What a model takes, in words."""
    length = getattr(config, "max_length", None) or getattr(config, "max_position_embeddings", None)
    words = f"{getattr(config, 'vocab_size', 0):,} kinds of tokens"
    return f"up to {length:,} tokens of a text, {words}" if isinstance(length, int) else words


def no_picture(path: Path, *rows: np.ndarray | None) -> None:
    """No family of texts rebuilds them (N, ...), so there is nothing to draw."""


EXAMPLE: Mapping[str, str] = {
    "encoder": (
        "import pretune.auto\nfrom transformers import AutoModel, AutoTokenizer\n\n"
        "model, tokenizer = (kind.from_pretrained(MODEL_ID) for kind in (AutoModel, AutoTokenizer))\n"
        'texts = ["Stocks rise as oil falls.", "The match ends in a draw."]\n'
        'embedding = model.encode(**tokenizer(texts, padding=True, truncation=True, return_tensors="pt"))'
    ),
    "classifier": (
        "import pretune.auto\nfrom transformers import pipeline\n\n"
        'classify = pipeline("text-classification", model=MODEL_ID)\n'
        'print(classify("Stocks rise as oil falls.", truncation=True))'
    ),
}

TEXT = Modality(
    name="text",
    words=Words("text", "texts", "token", "tokens"),
    input_name="input_ids",
    array_name="text",
    shape_fields=(),
    shape_of=lambda values: {},
    likely_shapes=({"vocab_size": 2000}, {"vocab_size": 9000}),
    fits=is_text,
    may_hold=may_hold_texts,
    reader=TextReader,
    to_model=to_tokens,
    preprocessing=TextPreprocessing,
    advise=advise,
    changes=Changes(("delete",), _augment, lambda inputs, kinds: inputs, lambda i, kinds: delete(i, STRONG), _mixup),
    raw=None,
    show=no_picture,
    show_samples=draw_texts,
    describe=describe,
    auto_classes=("AutoModelForSequenceClassification", "AutoTokenizer"),
    tasks={"encoder": "feature-extraction", "classifier": "text-classification"},
    example=EXAMPLE,
    endings=frozenset((".txt",)),
    feature=feature,
    cell=lambda value: cleaned(value) if isinstance(value, str) else None,
    digest=text_digests,
    in_cells=True,
    many=lines_of,
    column_names=("text", "texts", "sentence", "content", "document", "body", "review", "comment", "message"),
    learn=learn,
    lengths=lengths_of,
    processor_files=TOKENIZER_FILES,
    floors={"tfidf": WordRarity, **{f"lsa{width}": partial(LatentSemantics, width) for width in WIDTHS}},
    beside="tfidf",
    twins={"autoencoder": "bag_autoencoder"},
    first_run=first_run,
    goes_on=GOES_ON,
    routes=ROUTES,
    passes=10,
    features=lambda given: given[:, 0] if given.dim() == 3 else given.flatten(1),
)
