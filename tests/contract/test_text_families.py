"""What every family of texts promises beside what every family does: tokenizers, pipelines, padding."""

import numpy as np
import pytest
import torch
from families import ROWS, tiny_classifier, tiny_config, tiny_inputs, tiny_model
from texts import little_corpus
from transformers import (
    AutoModel,
    AutoModelForPreTraining,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    pipeline,
)

from pretune.training.modalities.texts.tokenizing import trained_tokenizer

OF_TEXTS = [name for name, family in ROWS.items() if family.modality == "text"]
of_texts = pytest.mark.parametrize("family", OF_TEXTS)


@pytest.fixture(scope="module")
def tokenizer():
    return trained_tokenizer(little_corpus(40)[0], "bpe", 300)


@of_texts
def test_auto_classes_and_pipelines_from_one_folder(family, tokenizer, tmp_path):
    config, size = tiny_config(family), len(tokenizer)
    tokenizer.model_max_length = config.max_length
    for name, model in (
        ("base", tiny_model(family, vocab_size=size)), ("head", tiny_classifier(family, vocab_size=size)),
    ):  # fmt: skip
        model.save_pretrained(tmp_path / name)
        tokenizer.save_pretrained(tmp_path / name)
    base = AutoModel.from_pretrained(tmp_path / "base")
    assert type(base) is ROWS[family].model
    assert type(AutoModelForPreTraining.from_pretrained(tmp_path / "base")) is ROWS[family].model
    head = AutoModelForSequenceClassification.from_pretrained(tmp_path / "head")
    assert type(head) is ROWS[family].classifier
    loaded = AutoTokenizer.from_pretrained(tmp_path / "base")
    texts = ["a ship in the harbour", "", "butter " * 500, "שלום 🙂"]
    assert loaded(texts)["input_ids"] == tokenizer(texts)["input_ids"]
    extract = pipeline("feature-extraction", model=str(tmp_path / "base"))
    with torch.no_grad():
        expected = base.encode(**loaded(texts, padding=True, truncation=True, return_tensors="pt")).numpy()
    for text, vector in zip(texts[:2], expected, strict=False):
        np.testing.assert_allclose(np.array(extract(text))[0], vector, atol=1e-5)
    classify = pipeline("text-classification", model=str(tmp_path / "head"))
    for text in texts:  # pipelines cut nothing off, so the model does
        answers = classify(text, top_k=3)
        assert sum(a["score"] for a in answers) == pytest.approx(1, abs=1e-4)


@of_texts
def test_padding_and_what_is_too_long_change_nothing(family):
    model, inputs = tiny_model(family).eval(), tiny_inputs(family)
    with torch.no_grad():
        alone = model.encode(inputs["input_ids"][1:2, :7])
        wide = {name: torch.cat([v, torch.zeros(4, 30, dtype=v.dtype)], 1) for name, v in inputs.items()}
        torch.testing.assert_close(model.encode(**inputs)[1:2], alone, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(model.encode(**wide), model.encode(**inputs), atol=1e-5, rtol=1e-5)
        strange = torch.where(inputs["attention_mask"] > 0, inputs["input_ids"], 7)
        torch.testing.assert_close(
            model.encode(strange, inputs["attention_mask"]), model.encode(**inputs), atol=1e-5, rtol=1e-5
        )
        assert model.encode(**inputs, token_type_ids=torch.zeros_like(strange)).isfinite().all()


@of_texts
def test_wrong_ids_are_refused_with_the_repair(family):
    model = tiny_model(family)
    with pytest.raises(ValueError, match=r"expected whole numbers of shape \(batch, tokens\).*padding=True"):
        model(torch.rand(2, 5))
    with pytest.raises(ValueError, match="at least one token"):
        model(torch.zeros(2, 0, dtype=torch.long))
