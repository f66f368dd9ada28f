"""What a card says of every kind of run, and that text from outside breaks none."""

import ast
import copy
import json
import re
from pathlib import Path

import pytest
import yaml

from pretune import InputError, pretrain
from pretune.model_cards.card import render_card
from pretune.model_cards.words import NAMES_SHOWN, PICTURES, escape, labels_in_words, names_in_words
from pretune.training.card import run as card_command
from pretune.training.command.arguments.card import CardArguments

HOSTILE = 'evil\n---\nlicense: mit\n<script>alert(1)</script> | `x` ](javascript:1) "'
KINDS = ("autoencoder", "bigan", "masked", "joint", "classifier", "multi_label")


def front(card: str) -> dict:
    return yaml.safe_load(card.split("---\n")[1])


def body(card: str) -> str:
    return card.split("\n---\n", 1)[1]


def rows(card: str) -> dict[str, str]:
    """{what: value} of the table of results."""
    table = card.split("## Results")[1].split("\n## ")[0]
    cells = [line.split(" | ") for line in table.splitlines() if line.startswith("| ")][1:]
    return {row[0].removeprefix("| "): row[1] for row in cells}


def index(card: str) -> dict[str, tuple[str, float]]:
    """{name: (type, value)} of the model index."""
    found = front(card)["model-index"][0]["results"]
    return {m["name"]: (m["type"], m["value"]) for result in found for m in result["metrics"]}


FOR_COMPARISON = "for comparison, the mean image's squared error a"
NAMED = {  # kind -> what stands in the table: its type in the index, or None for what stands in the table alone
    "autoencoder": {
        "squared error a pixel": "mse",
        "squared error, summed over an image": "squared_error",
        f"{FOR_COMPARISON} pixel": None,
    },
    "bigan": {
        "game of discriminator and generator": "loss",
        "squared error a pixel": "mse",
        "squared error, summed over an image": "squared_error",
        f"{FOR_COMPARISON} pixel": None,
    },
    "masked": {"squared error a hidden pixel": "mse", f"{FOR_COMPARISON} hidden pixel": None},
    "joint": {"distance of two views": "loss"},
    "classifier": {"accuracy in %": "accuracy", "macro-F1 in %": "f1"},
    "multi_label": {"accuracy in % (every label of an image right)": "accuracy", "macro-F1 in %": "f1"},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("evaluated", [True, False], ids=["evaluated", "no_evaluation_split"])
def test_every_number_has_the_name_that_its_family_gives_it(make_record, kind, evaluated):
    card = render_card(make_record(kind, evaluated=evaluated), "me/model")
    assert list(rows(card)) == list(NAMED[kind])
    assert {name: found for name, (found, _) in index(card).items()} == {n: t for n, t in NAMED[kind].items() if t}
    assert ("all numbers are of training images" in card) == (not evaluated)
    where = "blobs, test | 1,200" if evaluated else "blobs, train | 4,800"
    assert card.split("## Results")[1].count(where) == len(NAMED[kind])


def test_a_games_loss_is_no_squared_error(make_record):
    card = render_card(make_record("bigan"), "me/gan")
    assert (
        rows(card)["game of discriminator and generator"] == "2.7726"
        and rows(card)["squared error a pixel"] == "0.0353"
    )
    assert index(card)["game of discriminator and generator"] == ("loss", 2.7726)
    assert index(card)["squared error a pixel"] == ("mse", 0.03528)


@pytest.mark.parametrize("kind", ["autoencoder", "bigan", "joint"])
def test_the_loss_stays_beside_the_nearest_neighbour(make_record, kind):
    with_knn = render_card(make_record(kind, {"embedding.knn_accuracy": 83.3333}), "me/model")
    extra = "accuracy in % of 1-NN on the embedding, among training images"
    assert rows(with_knn) == {**rows(render_card(make_record(kind), "me/model")), extra: "83.33 %"}
    assert f"| {extra} | 83.33 % | blobs, train | some |" in with_knn
    assert not any(kind == "accuracy" for kind, _ in index(with_knn).values())  # of training samples: no merit


@pytest.mark.parametrize("kind", KINDS)
def test_limits_say_what_the_family_says_of_its_embedding(make_record, kind):
    record = make_record(kind)
    limits = render_card(record, "me/model").split("## Limits")[1]
    assert ("The embedding keeps" in limits) == (record["model"]["keeps"] is not None)
    assert ("adversarial images" in limits) == (record["verb"] == "finetune")


@pytest.mark.parametrize(
    ("kind", "metrics", "model", "collapsed"),
    [
        ("autoencoder", {}, {}, False),
        ("autoencoder", {"eval_loss": 0.0675, "eval_squared_error": 4.32}, {}, True),
        ("autoencoder", {"eval_loss": 0.0675}, {"parts": None}, True),  # the loss is named as the bare error
        ("autoencoder", {"eval_loss": 0.0657, "eval_squared_error": 4.2048}, {}, False),  # 97 %
        ("autoencoder", {"eval_loss": 0.0664, "eval_squared_error": 4.2496}, {}, True),  # 98.4 %
        ("autoencoder", {"eval_loss": 0.0, "eval_squared_error": 0.0, "eval_mean_image_loss": 0.0}, {}, False),
        ("bigan", {}, {}, False),  # 2.77 of a game is not above 0.0675 of a pixel
        ("bigan", {}, {"parts": None}, False),
        ("bigan", {"eval_squared_error": 4.32}, {}, True),
        ("masked", {"eval_loss": 0.0675, "eval_squared_error": 4.32}, {}, True),
        ("joint", {}, {}, False),
        ("classifier", {}, {}, False),
    ],
)
def test_a_sentence_says_that_a_network_is_no_better_than_the_mean(make_record, kind, metrics, model, collapsed):
    card = render_card(make_record(kind, metrics, model), "me/model")
    sentence = "**At rebuilding images the network is no better than the mean image: its squared error a"
    assert (sentence in card.split("## Results")[1].split("\n## ")[0]) == collapsed
    assert (sentence in card) == collapsed


def test_input_fitting_and_class_names_stand_under_training(make_record):
    training = render_card(make_record("classifier"), "me/head").split("## Training")[1]
    assert "- input: 8 x 8 pixels, 1 channel. Images of another size are squeezed to it.\n" in training
    assert "- classes: 3: cat, dog, owl\n" in training
    unknown = render_card(make_record("autoencoder", model={"input": None, "fitting": None}), "me/ae")
    assert "- input" not in unknown and "- classes" not in unknown


def test_of_many_classes_the_first_are_named_and_the_rest_counted():
    names = [f"n{number}" for number in range(NAMES_SHOWN + 1234)]
    assert names_in_words(names) == ", ".join(names[:NAMES_SHOWN]) + " and 1,234 more"
    assert names_in_words(names[:NAMES_SHOWN]) == ", ".join(names[:NAMES_SHOWN])
    assert names_in_words(["a" * 100, "<b>\n---"]) == "a" * 57 + "..., &#60;b&#62; ---"


def test_the_evaluation_is_shown_in_its_own_words_and_the_rule_is_named_only(make_record, evaluation):
    card = render_card({**make_record("autoencoder"), "evaluation": evaluation}, "me/ae")
    assert "**Pretraining did not help here: nothing gained.**" in card
    assert (
        "| a linear probe on the embedding | 71.2 +- 2.5 | 90.0 |\n| floor: 1-NN on raw pixels | 75.0 +- 1.5 |  |"
        in card
    )
    flat = " ".join(card.split())
    assert (
        "On 1,200 test images of blobs, mean +- sd over 1 to 5 draws of labelled samples, by protocol version 1"
        in flat
    )
    assert "The sentence is by version 3 of its rule, which stands in `docs/evaluation.md` of pretune." in flat
    assert "word word" not in card
    probe = "accuracy in %, a linear probe on the embedding"
    found = {name: value for name, (_, value) in index(card).items() if name.startswith("accuracy")}
    assert found == {
        f"{probe}, 10 labels per class (mean of 5 draws, protocol 1)": 71.23,
        f"{probe}, all labels (protocol 1)": 90.0,
    }
    assert {r["task"]["type"] for r in front(card)["model-index"][0]["results"]} == {
        "image-classification", "image-feature-extraction"
    }  # fmt: skip


def test_a_table_without_words_shows_the_methods_keys(make_record, evaluation):
    older = copy.deepcopy(evaluation)
    for row in older["table"]:
        del row["words"], row["own"]
    del older["verdict"]["rule_version"]
    card = render_card({**make_record("autoencoder"), "evaluation": older}, "me/ae")
    assert "| linear | 71.2 +- 2.5 | 90.0 |" in card and "| raw_knn | 75.0 +- 1.5 |" in card
    assert "protocol 1)" not in card.split("\n---\n")[0]


@pytest.mark.parametrize("kind", ["autoencoder", "bigan", "classifier"])
def test_another_modality_brings_its_own_words(make_record, speech, kind):
    record = make_record(kind, {"embedding.knn_accuracy": 50.0}, {"keeps": None, "fitting": None, "input": None})
    record["modality"], record["metrics"]["eval_mean_recording_loss"] = speech, 0.5
    record["model"]["loss_name"] = record["model"]["loss_name"].replace("pixel", "frame value")
    record["model"]["class"] = "SpeechModel"
    card = render_card(record, "me/speech")
    assert "recordings" in card and not re.search(r"image|pixel", card.replace("eval_mean_image_loss", ""))
    assert front(card)["pipeline_tag"] in speech["tasks"].values()
    assert f"```python\n{'classify' if kind == 'classifier' else 'embed'}('me/speech')\n```" in card
    if kind == "bigan":
        assert "squared error a frame value" in rows(card) and "squared error, summed over a recording" in rows(card)


@pytest.mark.parametrize("kind", KINDS)
def test_a_card_says_what_is_recorded_and_nothing_else(make_record, kind):
    record = make_record(kind)
    card = render_card(record, "me/model")
    assert not {"license", "datasets", "base_model"} & set(front(card))  # unknown, or not on the Hub: left out
    assert (
        "More Information Needed" not in card and "None" not in card and "\n\n\n" not in card and "/data" not in card
    )
    assert record["command"] in card and "'me/model'" in card and "MODEL_ID" not in card
    assert all(f"]({name})" in card for name in record["pictures"]) and "{many}" not in card
    assert "![images generated from random embeddings](samples.png)" in card
    assert not re.search(r"\b(code of|the code,|latents =)", body(card).lower())
    example = re.search(r"```python\n(.*?)\n```", card, re.S)[1]
    ast.parse(example)
    assert ("pipeline(" in example) == (record["verb"] == "finetune")


def test_a_bare_record_still_renders(make_record):
    card = render_card({"verb": "pretrain", "model": make_record("autoencoder")["model"]}, "me/ae")
    assert "## Results" not in card and "## Use" not in card and "hardware" not in card
    assert not {"model-index", "pipeline_tag"} & set(front(card)) and "pretrained on samples without labels" in card


def test_text_from_outside_breaks_neither_yaml_nor_html(make_record, evaluation):
    record = copy.deepcopy({**make_record("classifier"), "evaluation": evaluation})
    record["dataset"].update(name=HOSTILE, source="hub")
    for part in ("train", "evaluation"):
        record["dataset"][part]["name"] = f"{HOSTILE} [test]"
    record["evaluation"]["dataset"].update(name=HOSTILE, source="hub")
    record["evaluation"]["dataset"]["test"]["name"] = f"{HOSTILE} [test]"
    record["evaluation"]["table"][0]["words"] = HOSTILE
    record["evaluation"]["verdict"]["sentence"] = HOSTILE
    record["arguments"].update(license=HOSTILE, recipe=HOSTILE)
    record["model"].update(labels=[HOSTILE, "b"], input=HOSTILE, fitting=HOSTILE, keeps=HOSTILE, loss_name=HOSTILE)
    record["command"] = "pretune pretrain ```\n# heading"
    record["hardware"] = {"cpu": HOSTILE}
    for verb in ("finetune", "pretrain"):
        record["verb"] = verb
        record["metrics"] |= {"eval_loss": 1.0}
        card = render_card(record, "me/`ae`")
        assert front(card)["license"] == " ".join(HOSTILE.split()) and "datasets" not in front(card)
        assert "<script>" not in body(card) and "](javascript" not in body(card) and "\nlicense" not in body(card)
        assert "````sh\npretune pretrain ```" in body(card) and "| `x`" not in body(card)


def test_escape_keeps_plain_words():
    assert escape("CIFAR-10, 3.5 % (test)") == "CIFAR-10, 3.5 % (test)"
    assert escape("a|b\n<i>`") == "a&#124;b &#60;i&#62;&#96;"


def test_labels_in_words():
    assert [labels_in_words(n) for n in (1, 10, "all")] == ["1 label per class", "10 labels per class", "all labels"]


def test_cards_use_nothing_of_training():
    folder = Path(__file__).resolve().parents[2] / "model_cards"
    for name in ("card", "front_matter", "results", "words"):
        for node in ast.walk(ast.parse((folder / f"{name}.py").read_text())):
            if isinstance(node, ast.ImportFrom):
                assert node.level < 2 and "pretune" not in (node.module or ""), f"{name}.py imports {node.module}"


def test_the_card_of_a_real_run_shows_its_numbers_and_pictures(tiny):
    result = pretrain(**tiny)
    card = (result.output_dir / "README.md").read_text()
    assert f"{result.metrics['eval_loss']:.4f}" in card
    assert f"{result.record['dataset']['evaluation']['samples']} |" in card
    assert result.record["pictures"] and set(result.record["pictures"]) <= set(PICTURES)
    assert all(f"]({name})" in card for name in result.record["pictures"])


def test_the_card_is_rendered_again_but_never_over_the_users_words(tiny):
    folder = pretrain(**tiny).output_dir
    path = folder / "README.md"
    first = path.read_text()
    record = json.loads((folder / "run.json").read_text())
    record["metrics"]["eval_loss"] = 0.123456
    (folder / "run.json").write_text(json.dumps(record))
    card_command(CardArguments(run_dir=str(folder)))
    assert path.read_text() != first and "0.1235" in path.read_text()
    path.write_text("my own words")
    with pytest.raises(InputError, match="was edited by hand and would be lost. Pass --overwrite"):
        card_command(CardArguments(run_dir=str(folder)))
    pretrain(**tiny, overwrite_output_dir=True)
    assert path.read_text() == "my own words"
    card_command(CardArguments(run_dir=str(folder), overwrite=True))
    assert path.read_text().startswith("---\nlibrary_name")
