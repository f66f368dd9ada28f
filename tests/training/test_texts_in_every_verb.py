"""Texts go through every verb by the words that images do: from a table to a classifier, a report and a repository."""

import json

import numpy as np
import pytest
import torch
from families import TINY_BERT
from texts import little_corpus
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    DistilBertConfig,
    DistilBertModel,
    RobertaConfig,
    RobertaForMaskedLM,
    RobertaForSequenceClassification,
    pipeline,
)

import pretune
from pretune.training.errors import InputError
from pretune.training.inspect_data import inspect
from pretune.training.modalities.texts.tokenizing import trained_tokenizer
from pretune.training.publishing.repository_files import repository_files

TEXTS, NAMES = little_corpus(80)
DATA = (TEXTS, NAMES)
QUICK = {"disable_tqdm": True, "max_steps": 30, "per_device_train_batch_size": 16, "learning_rate": 1e-2}
SIZES = {"bag_autoencoder": {"latent_size": 8}, "text_autoencoder": {"max_length": 16, "backbone_config": TINY_BERT}}
SIZES["masked_language_model"] = SIZES["text_autoencoder"]


def pretrained(family, folder, **more):
    options = {**QUICK, "tokenizer": "words", "config": SIZES[family], **more}
    return pretune.pretrain(model_type=family, dataset=TEXTS, output_dir=folder, **options)


@pytest.mark.parametrize("family", list(SIZES))
def test_a_run_leaves_a_model_with_its_tokenizer_and_an_honest_record(family, tmp_path):
    run = pretrained(family, tmp_path / "run")
    model, tokenizer = AutoModel.from_pretrained(run.output_dir), AutoTokenizer.from_pretrained(run.output_dir)
    assert model.config.vocab_size == len(tokenizer) < 60
    assert tokenizer.model_max_length == model.config.max_length and "truncation" not in tokenizer.init_kwargs
    assert json.loads((run.output_dir / "tokenizer.json").read_text())["truncation"] is None
    lines = [json.loads(line) for line in (run.output_dir / "metrics.jsonl").read_text().splitlines()]
    assert any("tokens_per_second" in line for line in lines)
    assert run.record["modality"]["name"] == "text" and run.metrics["eval_loss"] > 0
    card = (run.output_dir / "README.md").read_text()
    assert "AutoTokenizer" in card and "cross-entropy of a" in card and "pixel" not in card and "image" not in card
    again = pretrained(family, tmp_path / "again")
    assert all(torch.equal(v, again.model.state_dict()[k]) for k, v in run.model.state_dict().items())


def test_the_verbs_one_after_another(tmp_path):
    base = pretrained("bag_autoencoder", tmp_path / "base")
    more = pretune.pretrain(init_from=str(base.output_dir), dataset=TEXTS, output_dir=tmp_path / "more", **QUICK)
    assert more.model.config.vocab_size == base.model.config.vocab_size
    head = pretune.finetune(model=base.output_dir, dataset=DATA, output_dir=tmp_path / "head", **QUICK)
    assert head.metrics["eval_accuracy"] > 90 and head.record["loading_report"].endswith("classifier is new")
    classify = pipeline("text-classification", model=str(head.output_dir))
    assert classify("a ship in the harbour")[0]["label"] == "sea"
    scratch = pretune.finetune(
        model_type="bag_autoencoder",
        from_scratch=True,
        tokenizer="words",
        dataset=DATA,
        output_dir=tmp_path / "scratch",
        label_smoothing=0.1,
        **QUICK,
    )
    assert scratch.model.config.vocab_size < 60
    table = pretune.embed(
        base.output_dir, dataset=DATA, output_file=tmp_path / "e.npz", neighbours=tmp_path / "near.png",
        disable_tqdm=True,
    )  # fmt: skip
    assert (tmp_path / "near.png").is_file()
    assert (table.num_samples, table.latent_size) == (80, 8)
    with np.load(tmp_path / "e.npz") as found, torch.no_grad():
        tokenizer = AutoTokenizer.from_pretrained(base.output_dir)
        expected = base.model.encode(**tokenizer(TEXTS[:2], padding=True, return_tensors="pt"))
        np.testing.assert_allclose(found["latents"][:2], expected.numpy(), atol=1e-5)
    report = pretune.evaluate(
        model=str(base.output_dir), dataset=DATA, labels_per_class=["1", "5"], draws=2, update_card=True,
        disable_tqdm=True, methods=[
            "knn", "linear", "self_training", "tfidf_linear", "lsa8_knn", "untrained_linear", "beside_linear",
        ],
    ).report  # fmt: skip
    shown = (base.output_dir / "README.md").read_text()
    assert "latent semantic analysis, 8 numbers" in shown and "tf-idf" in shown and "self-training" in shown
    assert len(report["results"]) == 7 * 4
    with pytest.raises(InputError, match="method 'raw_knn' is not for texts like these"):
        pretune.evaluate(model=str(base.output_dir), dataset=DATA, methods=["raw_knn"], disable_tqdm=True)


def test_several_labels_fixmatch_and_deleted_tokens(tmp_path):
    base = pretrained("bag_autoencoder", tmp_path / "base")
    several = [[int(name == "sea"), int("the" in text)] for text, name in zip(TEXTS, NAMES, strict=True)]
    run = pretune.finetune(
        model=base.output_dir, dataset=(TEXTS, np.array(several)), output_dir=tmp_path / "several",
        augmentation=["delete"], **QUICK,
    )  # fmt: skip
    assert run.model.config.problem_type == "multi_label_classification" and run.metrics["eval_macro_f1"] > 60
    run = pretune.finetune(
        model=base.output_dir, dataset=DATA, labels_per_class=2, unlabelled_dataset=TEXTS, output_dir=tmp_path / "few",
        confidence_threshold=0.6, **QUICK,
    )  # fmt: skip
    assert run.metrics["eval_accuracy"] > 60
    with pytest.raises(InputError, match="mixup_alpha blends inputs of numbers"):
        pretune.finetune(model=base.output_dir, dataset=DATA, mixup_alpha=0.2, output_dir=tmp_path / "x", **QUICK)


SMALL = {name: value for name, value in TINY_BERT.items() if name != "model_type"} | {"vocab_size": 300}
DISTIL = DistilBertConfig(vocab_size=300, dim=8, n_layers=1, n_heads=2, hidden_dim=16, max_position_embeddings=32)
ROBERTA = RobertaConfig(**SMALL, pad_token_id=0, max_position_embeddings=33)
PUBLISHED = {
    "bert": lambda: BertModel(BertConfig(**SMALL, max_position_embeddings=32)),
    "distilbert": lambda: DistilBertModel(DISTIL),
    "roberta for masked tokens": lambda: RobertaForMaskedLM(ROBERTA),
    "bert with a classifier": lambda: BertForSequenceClassification(BertConfig(**SMALL, max_position_embeddings=32)),
    "roberta with a classifier": lambda: RobertaForSequenceClassification(ROBERTA),
}


@pytest.fixture
def published(tmp_path):
    def save(kind):
        PUBLISHED[kind]().save_pretrained(tmp_path / "published")
        trained_tokenizer(TEXTS, "bpe", 300).save_pretrained(tmp_path / "published")
        return str(tmp_path / "published")

    return save


@pytest.mark.parametrize("kind", list(PUBLISHED))
def test_encoders_and_classifiers_of_transformers(kind, published, tmp_path):
    name = published(kind)
    embedded = pretune.embed(name, dataset=DATA, output_file=tmp_path / "e.npz", disable_tqdm=True)
    assert embedded.latent_size == 8
    with np.load(tmp_path / "e.npz") as found:
        latents = found["latents"]
        assert np.isfinite(latents).all()
    if "classifier" not in kind:  # the mean over the tokens, as sentence encoders are trained for
        tokenizer, model = AutoTokenizer.from_pretrained(name), AutoModel.from_pretrained(name).eval()
        with torch.no_grad():
            hidden = model(**tokenizer(TEXTS[0], return_tensors="pt", return_token_type_ids=False)).last_hidden_state
        np.testing.assert_allclose(latents[0], hidden[0].mean(0).numpy(), atol=1e-5)
    report = pretune.evaluate(
        model=name, dataset=DATA, labels_per_class=["5"], draws=2, methods=["linear", "untrained_linear"],
        output_dir=tmp_path / "report", disable_tqdm=True,
    ).report  # fmt: skip
    assert len(report["results"]) == 4
    run = pretune.finetune(model=name, dataset=DATA, output_dir=tmp_path / "head", **QUICK)
    loaded = AutoModelForSequenceClassification.from_pretrained(run.output_dir)
    assert loaded.config.id2label == {0: "kitchen", 1: "sea"}
    classify = pipeline("text-classification", model=str(run.output_dir))
    assert len(classify("butter " * 99, top_k=2, truncation=True)) == 2


@pytest.mark.parametrize("family", ["text_autoencoder", "masked_language_model"])
def test_going_on_from_a_published_encoder(family, published, tmp_path):
    name = published("bert")
    run = pretune.pretrain(
        model_type=family, backbone=name, dataset=TEXTS, output_dir=tmp_path / "run",
        **{**QUICK, "learning_rate": 1e-4, "config": {"decoder_rate": 10.0}},
    )  # fmt: skip
    assert "encoder tensors loaded from" in run.record["loading_report"]
    assert run.model.config.max_length == 32 and (run.output_dir / "backbone/tokenizer.json").is_file()
    moved = AutoModel.from_pretrained(run.output_dir / "backbone").embeddings.word_embeddings.weight
    start = AutoModel.from_pretrained(name).embeddings.word_embeddings.weight
    assert 0 < (moved - start).abs().max() < 0.1
    with pytest.raises(InputError, match="is a model of pretune. Pass --backbone"):
        pretune.pretrain(
            model_type=family, backbone=str(run.output_dir), dataset=TEXTS, output_dir=tmp_path / "x", **QUICK
        )


def test_what_is_pushed_of_a_run(tmp_path):
    base = pretrained("text_autoencoder", tmp_path / "base")
    files = repository_files(base.output_dir, base.record, "me/texts")
    assert {"tokenizer.json", "tokenizer_config.json", "modules.json", "sentence_bert_config.json"} <= set(files)
    assert "preprocessor_config.json" not in files and "modeling_text_text_autoencoder.py" in files
    auto_map = json.loads(files["config.json"])["auto_map"]
    assert auto_map["AutoModel"] == "modeling_text_text_autoencoder.TextAutoencoderModel"
    assert "AutoTokenizer" not in auto_map
    assert "auto_map" not in json.loads(files["tokenizer_config.json"])


def test_a_corpus_is_inspected(tmp_path):
    table = tmp_path / "notes.csv"
    table.write_text("\n".join(["text,label", *(f"{t},{n}" for t, n in zip(TEXTS, NAMES, strict=True)), ",sea"]))
    found = inspect(str(table), output_dir=tmp_path / "looked")
    assert found.record["kind"] == "text" and found.record["splits"]["train"]["classes"] == {"kitchen": 40, "sea": 41}
    assert "pretune pretrain ag_news_bag" in found.command and "--max_steps 250" in found.command
    assert found.record["takes"] is not None and (tmp_path / "looked/contact_sheet.png").is_file()
    assert "lsa8_linear" in found.text and "raw_linear" not in found.text and "8 words a text" in found.text


def test_a_corpus_alone_means_the_bag(tmp_path, caplog):
    caplog.set_level("INFO")
    for name, data in (("list", TEXTS), ("array", np.array(TEXTS)), ("table", {"train": DATA})):
        run = pretune.pretrain(dataset=data, output_dir=tmp_path / name, **{**QUICK, "max_steps": 2})
        assert type(run.model).__name__ == "BagAutoencoderModel"
    assert "the dataset holds texts: taking model_type bag_autoencoder" in caplog.text


def test_names_of_pictures_that_are_not_there_are_no_texts(tmp_path):
    table = tmp_path / "photos.csv"
    table.write_text("image,label\na.png,x\nb.png,y\n")
    for data in (str(table), ["a.png", "b.png"]):
        with pytest.raises(InputError, match="a.png"):
            pretune.pretrain(dataset=data, output_dir=tmp_path / "run", **QUICK)
        with pytest.raises(InputError, match="a.png"):
            inspect(data)
