import re

import pytest

from pretune.training.command.arguments.pretrain import PretrainArguments
from pretune.training.command.parsing import build_arguments, parse_arguments
from pretune.training.command.yaml_text import LONGEST, read_yaml, shown
from pretune.training.errors import InputError

NEEDED = ["--dataset", "digits", "--output_dir", "out"]
MULTIPLYING = "learning_rate:\n- &a [lol,lol,lol,lol,lol,lol,lol,lol,lol]\n" + "".join(
    f"- &{chr(98 + k)} [{','.join(['*' + chr(97 + k)] * 9)}]\n" for k in range(9)
)
ODD = {
    MULTIPLYING: "aliases .* are not read",
    "config: &x {hidden_sizes: *x}": "aliases",
    "learning_rate: 2020-13-45": "month must be in 1..12",
    "learning_rate: 2020-12-04": "learning_rate must be of type float, got datetime.date",
    f"seed: {'9' * 5000}": "is not valid YAML",
    f"seed: {'9' * 40}": "seed must be of type int",
    "max_steps: 1e300": "max_steps must be of type int",
    "learning_rate: .nan": "learning_rate must be of type float, got nan",
    f"learning_rate: {'[' * 5000}": "nested too deep",
    f"learning_rate: {'[' * 100}{']' * 100}": "learning_rate must be of type float",
    "config: [1]": "expected a mapping of fields to values",
    "config: abc": "config in recipe .* is 'abc'",
    "config: !!set {a}": "expected a mapping",
    "config: !!omap [a: 1]": "expected a mapping",
    "config: {1: 2}": "expected a mapping of fields",
    "1: 2": "unknown key 1 in recipe",
    "[1, 2]: 3": "is not valid YAML|unknown key",
    "model_type: [1]\nlearning_rte: 1": "unknown key 'learning_rte'",
    "!!python/name:os.system : 1": "is not valid YAML",
    "\x00": "is not valid YAML|cannot be read",
}


@pytest.mark.parametrize("text", list(ODD), ids=[text[:24] for text in ODD])
def test_odd_recipes_are_one_line(tmp_path, text):
    recipe = tmp_path / "odd.yaml"
    recipe.write_text(text + "\n")
    with pytest.raises(InputError, match=ODD[text]) as caught:
        parse_arguments(PretrainArguments, [str(recipe), *NEEDED])
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "."])
def test_recipes_that_are_no_files(name):
    with pytest.raises(InputError, match="no recipe"):
        build_arguments(PretrainArguments, name, {"dataset": "digits", "output_dir": "out"})


def test_a_recipe_that_is_no_text(tmp_path):
    (tmp_path / "odd.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot be read as text"):
        parse_arguments(PretrainArguments, [str(tmp_path / "odd.yaml"), *NEEDED])


@pytest.mark.parametrize("value", ["[" * 3000, "*a", "{a: *b}"])
def test_values_on_the_command_line_are_held_to_the_same(value):
    with pytest.raises(InputError, match="--config.latent_size is not valid YAML: ") as caught:
        parse_arguments(PretrainArguments, [*NEEDED, "--config.latent_size", value])
    assert len(str(caught.value)) < 600


def test_what_is_plain_is_read_as_ever():
    assert read_yaml("a: [1, 2.5, no, {b: c}]\nd: &name e", "it") == {"a": [1, 2.5, False, {"b": "c"}], "d": "e"}


@pytest.mark.parametrize("k", range(5))
def test_shown_values_are_short(k):
    value = ["x" * 10**6, list(range(10**5)), [[[[[[[[1]]]]]]]], 10**5000, {"a": "b" * 999}][k]
    assert len(shown(value)) <= LONGEST + 3 and re.search(r"\w|\[", shown(value))
