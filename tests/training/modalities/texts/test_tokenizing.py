"""Tokenizers trained on a corpus: repeatable, never larger than it supports, for every text that there can be."""

import pytest
import torch
from texts import little_corpus

from pretune.training.errors import InputError
from pretune.training.modalities.text import to_tokens
from pretune.training.modalities.texts.preprocessing import padded
from pretune.training.modalities.texts.tokenizing import KINDS, SPECIAL, published_tokenizer, trained_tokenizer

CORPUS = little_corpus(60)[0]


@pytest.mark.parametrize("kind", KINDS)
def test_training_repeats_itself_and_special_tokens_come_first(kind):
    first, second = (trained_tokenizer(CORPUS, kind, 400) for _ in range(2))
    assert first.backend_tokenizer.to_str() == second.backend_tokenizer.to_str()
    assert first.convert_tokens_to_ids(SPECIAL) == [0, 1, 2, 3, 4]
    assert len(first) <= 400
    ids = first("Ship and HARBOUR")["input_ids"]
    assert ids[0] == 2 and ids[-1] == 3 and ids == first("ship and harbour")["input_ids"]
    assert 4 not in first("[MASK] ship")["input_ids"]  # what is written is no special token


def test_a_corpus_smaller_than_the_vocabulary_gives_fewer_tokens():
    assert len(trained_tokenizer(["one two one two"], "words", 8000)) == 7
    assert len(trained_tokenizer(["one two"], "bpe", 8000)) == 261  # every byte


@pytest.mark.parametrize("text", ["", " ", "שלום עולם", "🙂🙃 é e\u0301", "a" * 100_000, "\x00 null"])
def test_byte_pairs_take_every_text(text):
    tokenizer = trained_tokenizer(CORPUS, "bpe", 300)
    ids = tokenizer(text)["input_ids"]
    assert 1 not in ids and ids[0] == 2 and ids[-1] == 3


def test_words_that_are_rare_are_unknown():
    tokenizer = trained_tokenizer(["ship ship storm", "storm once"], "words", 100)
    assert tokenizer("ship once")["input_ids"] == [2, tokenizer.convert_tokens_to_ids("ship"), 1, 3]


@pytest.mark.parametrize(("kind", "least"), [("bpe", 261), ("words", 6)])
def test_a_vocabulary_too_small_is_refused(kind, least):
    with pytest.raises(InputError, match=f"expected at least {least} for tokenizer {kind}"):
        trained_tokenizer(CORPUS, kind, least - 1)


def test_a_tokenizer_that_is_not_there_is_told():
    with pytest.raises(InputError, match=r"\./none was not found.*Expected bpe, words"):
        published_tokenizer("./none", None)


def test_stored_ids_and_what_a_model_takes():
    import numpy as np

    rows = padded(np.array([1, 5, 9, 3], np.uint16), np.array([3, 1]))
    assert rows.tolist() == [[1, 5, 9], [3, 0, 0]]
    inputs = to_tokens(torch.from_numpy(rows))
    assert inputs["input_ids"].tolist() == [[0, 4, 8], [2, 0, 0]]
    assert inputs["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert to_tokens(torch.from_numpy(rows[1:]))["input_ids"].shape == (1, 1)
