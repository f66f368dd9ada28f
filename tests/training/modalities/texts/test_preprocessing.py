"""Ids of many texts are kept on disk; a damaged file of them is made anew."""

import numpy as np
import pytest
from families import tiny_config
from texts import little_corpus

from pretune.training.modalities.texts import preprocessing
from pretune.training.modalities.texts.preprocessing import TextPreprocessing
from pretune.training.modalities.texts.tokenizing import trained_tokenizer

TEXTS = np.array(little_corpus(12)[0], dtype=object)


@pytest.fixture
def fit(monkeypatch, tmp_path):
    monkeypatch.setattr(preprocessing, "CACHED_FROM", 2)
    monkeypatch.setenv("PRETUNE_CACHE", str(tmp_path / "cache"))
    tokenizer = trained_tokenizer(TEXTS, "words", 100)
    return TextPreprocessing(None, None, tiny_config("pretune_bag_autoencoder"), {"tokenizer": tokenizer})


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-30]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes().replace(b"\x03\x00", b"\x04\x00", 1)),
        lambda path: np.savez(path, ids=np.zeros(3, np.uint16), lengths=np.ones(len(TEXTS), np.int64)),
        lambda path: np.savez(path, ids=np.zeros(3), lengths=[[1]]),
        lambda path: np.savez(path, other=1),
    ],
)
def test_damaged_ids_are_made_anew(fit, damage, tmp_path, caplog):
    rows = fit.fitted(TEXTS)
    (path,) = (tmp_path / "cache/tokens").glob("*.npz")
    assert np.array_equal(fit.fitted(TEXTS), rows) and "damaged" not in caplog.text
    damage(path)
    assert np.array_equal(fit.fitted(TEXTS), rows) and f"{path} is damaged and is made anew" in caplog.text
    assert np.array_equal(fit.fitted(TEXTS), rows) and caplog.text.count("made anew") == 1
