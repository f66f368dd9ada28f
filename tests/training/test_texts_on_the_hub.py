"""A model of texts is pushed to a loopback Hub and used from there, with and without pretune."""

import json
import os

import pytest
from families import TINY_BERT
from hub.client import Client
from hub.server import HubServer
from texts import little_corpus

import pretune

pytestmark = pytest.mark.slow
TEXTS, NAMES = little_corpus(80)
QUICK = {"disable_tqdm": True, "max_steps": 40, "per_device_train_batch_size": 16, "learning_rate": 1e-2}

USE = """
import json, sys
if sys.argv[1] == "with":
    import pretune.auto
    options = {}
else:
    sys.modules["pretune"] = None  # as where it is not installed
    options = {"trust_remote_code": True}
from transformers import AutoModel, AutoTokenizer, pipeline

classify = pipeline("text-classification", model="me/classifier", **options)
answer = classify("a ship in the harbour", truncation=True)[0]
model = AutoModel.from_pretrained("me/encoder", **options)
tokenizer = AutoTokenizer.from_pretrained("me/encoder")
vector = model.encode(**tokenizer("a ship in the harbour", return_tensors="pt"))[0]
extract = pipeline("feature-extraction", model="me/encoder", **options)
print("ANSWER" + json.dumps([answer["label"], vector.tolist(), extract("a ship in the harbour")[0]]))
"""


@pytest.fixture(scope="module")
def repositories(tmp_path_factory):
    """A Hub with an encoder and a classifier, and the environment that finds it."""
    folder = tmp_path_factory.mktemp("runs")
    config = {"max_length": 16, "backbone_config": TINY_BERT}
    base = pretune.pretrain(
        model_type="text_autoencoder", config=config, tokenizer="words", dataset=TEXTS, output_dir=folder / "base",
        **QUICK,
    )  # fmt: skip
    bag = pretune.pretrain(
        model_type="bag_autoencoder", tokenizer="words", dataset=TEXTS, output_dir=folder / "bag", **QUICK
    )
    head = pretune.finetune(model=bag.output_dir, dataset=(TEXTS, NAMES), output_dir=folder / "head", **QUICK)
    with HubServer(tokens={"hf_texts": ("me", "write")}, orgs=[]) as hub:
        env = {**os.environ, **hub.env(folder / "home", "hf_texts")}
        yield hub, env, {"me/encoder": base.output_dir, "me/classifier": head.output_dir}


def test_texts_are_pushed_and_used_with_and_without_pretune(repositories, launch):
    hub, env, runs = repositories
    client = Client(env)
    for name, run in runs.items():
        status, said = client("push", run, "--hub_model_id", name)
        assert status == 0, said
    client.close()
    files = hub.files("me/classifier")
    assert {"tokenizer.json", "tokenizer_config.json", "modeling_text_bag_autoencoder.py"} <= set(files)
    card = files["README.md"].decode()
    assert "pipeline_tag: text-classification" in card and 'model="me/classifier"' in card.replace("'", '"')
    answers = []
    for how in ("with", "without"):
        said = launch("-c", USE, how, env={**env, "HF_HUB_OFFLINE": "0"}).stdout
        answers.append(json.loads(said.rpartition("ANSWER")[2]))
    assert answers[0] == answers[1]
    label, vector, extracted = answers[0]
    assert label == "sea" and extracted == pytest.approx(vector, abs=1e-5)


@pytest.mark.parametrize("run", ["base", "bag"])
def test_the_folder_is_one_of_sentence_transformers(repositories, run):
    sentence_transformers = pytest.importorskip("sentence_transformers", reason="extra sentences")
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = repositories[2]["me/encoder"].parent / run
    texts = [*TEXTS[:3], "", "butter " * 100]
    found = sentence_transformers.SentenceTransformer(str(folder)).encode(texts)
    model, tokenizer = AutoModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        expected = model.encode(**tokenizer(texts, padding=True, truncation=True, return_tensors="pt"))
    assert found == pytest.approx(expected.numpy(), abs=1e-6)
