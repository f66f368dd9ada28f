import json
import re

import pytest
import yaml

from pretune import InputError, pretrain
from pretune.model_cards.card import escape, render_card
from pretune.training.card import run as card_command
from pretune.training.command.card_arguments import CardArguments

HOSTILE = 'evil\n---\nlicense: mit\n<script>alert(1)</script> | `x` ](javascript:1) "'


@pytest.fixture
def record(tiny):
    return pretrain(**tiny).record


def front(card: str) -> dict:
    return yaml.safe_load(card.split("---\n")[1])


def test_a_card_says_what_the_run_recorded_and_nothing_else(record):
    card = render_card(record, "me/ae")
    assert f"{record['metrics']['eval_loss']:.4f}" in card and "12 |" in card
    assert front(card)["pipeline_tag"] == "image-feature-extraction"
    assert not {"license", "datasets", "base_model"} & set(front(card))  # unknown, or not on the Hub: left out
    assert "More Information Needed" not in card and "None" not in card and "\n\n\n" not in card
    assert record["command"] in card and "from_pretrained('me/ae')" in card
    assert all(f"]({name})" in card for name in record["pictures"])


def test_a_bare_record_still_renders(record):
    bare = {"verb": "pretrain", "model": record["model"]}
    card = render_card(bare, "me/ae")
    assert "## Results" not in card and "model-index" not in front(card) and "hardware" not in card


def test_text_from_outside_breaks_neither_yaml_nor_html(record):
    record = json.loads(json.dumps(record))
    record["dataset"].update(name=HOSTILE, source="hub")
    for part in ("train", "evaluation"):
        record["dataset"][part]["name"] = f"{HOSTILE} [test]"
    record["arguments"].update(license=HOSTILE, recipe=HOSTILE)
    record["command"] = "pretune pretrain ```\n# heading"
    record["hardware"]["cpu"] = HOSTILE
    card = render_card(record, "me/ae")
    assert front(card)["license"] == " ".join(HOSTILE.split()) and "datasets" not in front(card)
    body = card.split("\n---\n", 2)[-1].split("---\n\n", 1)[-1]
    assert "<script>" not in re.sub(r"^---\n.*?\n---\n", "", card, flags=re.S)
    assert "````sh\npretune pretrain ```" in body


def test_escape_keeps_plain_words():
    assert escape("CIFAR-10, 3.5 % (test)") == "CIFAR-10, 3.5 % (test)"
    assert escape("a|b\n<i>`") == "a&#124;b &#60;i&#62;&#96;"


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
