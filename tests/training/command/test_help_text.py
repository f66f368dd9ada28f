import dataclasses
import re
import shlex

import pytest

from pretune.cli import VERBS, main
from pretune.modeling.families import FAMILIES
from pretune.training.command.arguments.pretrain import PretrainArguments
from pretune.training.command.arguments.training import TrainingArguments
from pretune.training.command.fields import GROUPS
from pretune.training.command.help_text import in_groups
from pretune.training.command.parsing import parse_arguments
from pretune.training.command.recipes import recipe_names


@pytest.fixture
def said(monkeypatch, capsys):
    """What `pretune ...` prints before it ends with the status."""
    monkeypatch.setenv("COLUMNS", "110")

    def run(*words: str, status: int = 0) -> str:
        with pytest.raises(SystemExit) as stop:
            main(list(words))
        assert (stop.value.code or 0) == status
        out, err = capsys.readouterr()
        return out if status == 0 else err

    return run


@pytest.mark.parametrize("verb", VERBS)
def test_help_has_every_argument_once_in_its_group_and_ends_with_examples(verb, said):
    text, cls = said(verb, "--help"), VERBS[verb]
    assert text.startswith(f"usage: pretune {verb} ") and cls.__doc__ in text and " -h" not in text
    titles = re.findall(r"^(\S[^:\n]*):$", text, re.M)
    assert titles[: len(in_groups(cls))] == [group for group in GROUPS if group in in_groups(cls)]
    parts = dict(zip(titles, re.split(r"^\S[^:\n]*:$", text, flags=re.M)[1:], strict=True))
    for group, fields in in_groups(cls).items():
        listed = re.findall(r"^  (--)?(\w+)", parts[group], re.M)
        assert [name.lower() for _, name in listed] == [f.name for f in fields]
    assert titles[-1] == "examples"
    assert [line.strip() for line in parts["examples"].strip().splitlines()] == list(cls.examples)


@pytest.mark.parametrize(("verb", "example"), [(verb, line) for verb in VERBS for line in VERBS[verb].examples])
def test_examples_are_commands_that_are_understood(verb, example):
    command, named, *words = shlex.split(example)
    assert (command, named) == ("pretune", verb)
    assert isinstance(parse_arguments(VERBS[verb], words), VERBS[verb])


@pytest.mark.parametrize("verb", ["pretrain", "finetune"])
def test_what_is_seldom_needed_comes_last_and_is_much(verb):
    groups = in_groups(VERBS[verb])
    assert list(groups)[-1] == "seldom needed" and len(groups["seldom needed"]) >= 12
    assert {"dataset", "model_type", "output_dir", "learning_rate"} & {
        f.name for f in groups["seldom needed"]
    } == set()


def test_help_says_what_a_recipe_is_and_names_those_of_the_verb(said):
    text = said("pretrain", "--help")
    names = re.search(r"Shipped with pretune:([^.]*)\.", " ".join(text.split()))[1].replace(",", "").split()
    assert names == recipe_names("pretrain") and "mnist_conv" in names and "mnist_finetune" not in names


@pytest.mark.parametrize("words", [["mnist_wide", "--help"], ["--help", "mnist_wide"], ["mnist_wide", "-h"]])
def test_help_after_a_recipe_says_what_that_changes(words, said):
    text = said("pretrain", *words)
    assert "Shipped with pretune" not in text and "pretune pretrain mnist_wide --dataset ylecun/mnist" in text
    sets = re.search(r"^  it sets\n(.*?)\n\n", text, re.M | re.S)[1]
    rows = dict(re.split(r"  +", line.strip(), maxsplit=1) for line in sets.splitlines())
    assert rows["config.hidden_sizes"] == "[1000, 500, 250]" and rows["dataset"] == "ylecun/mnist"
    assert rows["weight_decay"] == "0.1  (default: 0)" and rows["optim"] == "adamw  (default: adam)"
    assert "per_device_train_batch_size" not in rows  # 128 as without it


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["pretrain", "mnist_cov", "--help"], "error: no recipe 'mnist_cov': expected a YAML file, or one of "),
        (["finetune", "--optim", "--help"], "error: argument --optim: expected one argument (see --help)\n"),
    ],
)
def test_help_with_what_does_not_fit_is_an_error_of_one_line(words, message, said):
    text = said(*words, status=2)
    assert text.startswith(message) and text.count("\n") == 1


def test_families_come_from_the_list(said):
    text = " ".join(said("pretrain", "--help").split())
    for name, family in FAMILIES.items():
        assert f"{name}: {family.purpose}" in text


@pytest.mark.parametrize("name", [f.name for f in dataclasses.fields(TrainingArguments)])
def test_shared_arguments_speak_of_samples_of_any_kind(name):
    (f,) = (f for f in dataclasses.fields(PretrainArguments) if f.name == name)
    of_images = ("fit_images", "image_column", "resize", "value_range", "alpha", "frames")
    if name not in (*of_images, "model_type"):
        assert not re.search(r"image|pixel", f.metadata["help"])


def test_defaults_are_shown_where_they_say_something(said):
    text = " ".join(said("finetune", "--help").split())
    assert "peak learning rate (default: 0.001)" in text and "norms (default: 0)" in text
    assert "by the seed --" not in text and "(default: None)" not in text and "(default: False)" not in text
