"""Tokenizers trained on a corpus: repeatable, never larger than it supports, for every text that there can be."""

import json
import shutil

import numpy as np
import pytest
import torch
from families import tiny_config
from texts import little_corpus
from transformers import AutoConfig

from pretune.training.errors import InputError
from pretune.training.modalities.text import to_tokens
from pretune.training.modalities.texts.preprocessing import TextPreprocessing, padded
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


@pytest.mark.parametrize("kind", ["bert", "roberta", "xlm-roberta"])
def test_a_tokenizer_without_its_vocabulary_is_none(tmp_path, kind):
    config = AutoConfig.for_model(kind, vocab_size=300, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
    config.save_pretrained(tmp_path)
    with pytest.raises(InputError, match="has no tokenizer that can be loaded"):
        published_tokenizer(str(tmp_path), None)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The folder of a tokenizer of words."""
    folder = tmp_path_factory.mktemp("tokenizer")
    trained_tokenizer(CORPUS, "words", 100).save_pretrained(folder)
    return folder


def preprocessing(folder):
    return TextPreprocessing(str(folder), None, tiny_config("pretune_bag_autoencoder", vocab_size=120), {})


@pytest.mark.parametrize(
    ("part", "value", "said"),
    [
        ("model", None, "no tokenizer that can be loaded"),
        ("post_processor", 5, "no tokenizer that can be loaded"),  # from here on `tokenizers` raises `Exception`
        ("normalizer", {"type": "Sequence", "normalizers": {}}, "no tokenizer that can be loaded"),
        ("version", 10**12, "no tokenizer that can be loaded"),
        ("model", {"type": "WordLevel", "vocab": {"ship": 0}, "unk_token": "[none]"}, "that takes no texts"),
        ("model", {"type": "WordLevel", "vocab": {"ship": 10**9}, "unk_token": "[UNK]"}, "damaged: .*1,000,000,000"),
    ],
)  # fmt: skip
def test_a_damaged_tokenizer_is_one_line_with_its_files(saved, tmp_path, part, value, said):
    shutil.copytree(saved, tmp_path / "model")
    whole = json.loads((saved / "tokenizer.json").read_text())
    (tmp_path / "model" / "tokenizer.json").write_text(json.dumps({**whole, part: value}))
    with pytest.raises(InputError, match=f"has .*{said}.*Restore its tokenizer.json and") as caught:
        preprocessing(tmp_path / "model").fitted(np.array(["a word that nobody knows"], dtype=object))
    assert "\n" not in str(caught.value)


def test_stored_ids_and_what_a_model_takes():
    rows = padded(np.array([1, 5, 9, 3], np.uint16), np.array([3, 1]))
    assert rows.tolist() == [[1, 5, 9], [3, 0, 0]]
    inputs = to_tokens(torch.from_numpy(rows))
    assert inputs["input_ids"].tolist() == [[0, 4, 8], [2, 0, 0]]
    assert inputs["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert to_tokens(torch.from_numpy(rows[1:]))["input_ids"].shape == (1, 1)
