"""Tokenizers: trained on the texts of a new network, or taken from a published one."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

import numpy as np
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from ....modeling.text.backbone import TOKENIZER_FILES
from ...command.paths import missing_here
from ...errors import InputError, one_line
from ..faults import LOADING_ERRORS

KINDS = ("bpe", "words")  # both give the same tokenizer for the same texts, which training WordPiece does not
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]  # ids 0 to 4
SPACE = "\u2581"  # the one piece that a tokenizer of sentencepiece has without a vocabulary
FEWEST = 2  # times that a token must occur in the training texts


class tokenizer_told(AbstractContextManager):  # noqa: N801 (reads as a function, like contextlib's own)
    """What a tokenizer that is damaged raises becomes one line meanwhile: `tokenizers` has nothing more particular
    than `Exception` itself.

    Args:
        name: the folder or Hub id that it is of.
        what: is wrong with it, in words.
    """

    def __init__(self, name: str | None, what: str):
        self.name, self.what = name, what

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Raise `InputError` in place of the error."""
        if isinstance(error, InputError) or not (kind is Exception or isinstance(error, LOADING_ERRORS)):
            return
        raise InputError(
            f"{self.name} has {self.what}: {one_line(error)} Restore its {' and '.join(TOKENIZER_FILES)}, or save "
            f"one beside the model (AutoTokenizer.save_pretrained)."
        ) from None


def trained_tokenizer(texts: Iterable[str], kind: str, size: int) -> PreTrainedTokenizerFast:
    """A tokenizer of at most `size` tokens, in lower case: as many as the texts support, and no more.

    Args:
        texts: of the training split.
        kind: "bpe" (pieces of words down to single bytes, so that every text can be written) or "words" (whole words;
            those that occur once or are too many are all the same one).

    Raises:
        InputError: too few tokens are asked for.
    """
    least = len(SPECIAL) + (256 if kind == "bpe" else 1)
    if size < least:
        raise InputError(f"tokenizer_size is {size}, expected at least {least} for tokenizer {kind}.")
    tokenizer = _byte_pairs(texts, size) if kind == "bpe" else _words(texts, size)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", SPECIAL.index("[CLS]")), ("[SEP]", SPECIAL.index("[SEP]"))],
    )
    pad, unknown, first, last, mask = SPECIAL
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, split_special_tokens=True, clean_up_tokenization_spaces=False,
        pad_token=pad, unk_token=unknown, cls_token=first, sep_token=last, mask_token=mask,
    )  # fmt: skip


def _byte_pairs(texts: Iterable[str], size: int) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size, min_frequency=FEWEST, special_tokens=SPECIAL, show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )  # fmt: skip
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def _words(texts: Iterable[str], size: int) -> Tokenizer:
    """Counted here, since the trainer of `tokenizers` orders words of one count by chance."""
    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()  # letters and digits, or other marks
    counts: Counter[str] = Counter()
    for text in texts:
        normal = tokenizer.normalizer.normalize_str(text)
        counts.update(word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normal))
    frequent = sorted(
        (word for word, count in counts.items() if count >= FEWEST), key=lambda word: (-counts[word], word)
    )
    kept = [*SPECIAL, *(word for word in frequent if word not in SPECIAL)][:size]
    tokenizer.model = models.WordLevel({word: number for number, word in enumerate(kept)}, unk_token="[UNK]")
    tokenizer.add_special_tokens(SPECIAL)
    return tokenizer


def published_tokenizer(name: str, revision: str | None) -> Any:
    """The tokenizer of a folder or Hub id.

    Raises:
        InputError: there is none, or only foreign code knows it, or its vocabulary is missing: transformers makes a
            tokenizer of special tokens alone of it, to which every word is the same unknown one.
    """
    missing = missing_here(name, "tokenizer")
    if missing is not None:
        raise InputError(f"{missing} Expected bpe, words, or a folder or Hub id with a tokenizer.")
    with tokenizer_told(name, "no tokenizer that can be loaded"):
        found = AutoTokenizer.from_pretrained(name, revision=revision or "main", trust_remote_code=False)
        if found.get_vocab().keys() <= {*found.all_special_tokens, SPACE}:
            raise ValueError("its vocabulary is missing, so that it knows special tokens alone.")
        return found


def in_parts(values: np.ndarray, size: int) -> Iterator[list[str]]:
    """(N,) texts as lists of `size` of them."""
    for start in range(0, len(values), size):
        yield values[start : start + size].tolist()
