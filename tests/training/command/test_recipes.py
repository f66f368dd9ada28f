import re

import pytest

from pretune.training.command.arguments.finetune import FinetuneArguments
from pretune.training.command.arguments.pretrain import PretrainArguments
from pretune.training.command.parsing import build_arguments, parse_arguments
from pretune.training.command.recipes import RECIPES, recipe_changes, recipe_header, recipe_names
from pretune.training.errors import InputError

NEEDED = ["--dataset", "digits", "--output_dir", "out"]
CLASSES = {cls.verb: cls for cls in (PretrainArguments, FinetuneArguments)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("learning_rte: 1", "unknown key 'learning_rte' in recipe .*. Did you mean 'learning_rate'"),
        ("image_size: 32", "in recipe .*: it is a field of the network's config, put image_size under config:"),
        ("model_type: bigan\nr1_weight: 1", "network's config, put r1_weight under config:"),
        ("- a\n- b", "must be a mapping"),
        ("a: [", "is not valid YAML"),
        ("!!python/object/apply:os.system ['true']", "is not valid YAML"),
    ],
)
def test_bad_recipes(tmp_path, text, message):
    recipe = tmp_path / "bad {0}.yaml"
    recipe.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        parse_arguments(PretrainArguments, [str(recipe), *NEEDED])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("recipe", recipe_names())
def test_every_shipped_recipe_is_read_by_its_verb(recipe):
    (command,) = re.findall(rf"pretune (pretrain|finetune) {recipe} (.*)", recipe_header(recipe))
    kind = CLASSES[command[0]]
    given = {"model": "x"} if "--model" in command[1] else {}
    given |= {} if "dataset:" in recipe_text(recipe) else {"dataset": "mine"}  # of one's own photographs
    args = build_arguments(kind, recipe, {"output_dir": "out", **given})
    assert args.dataset
    assert recipe in recipe_names(command[0])


def recipe_text(recipe):
    return (RECIPES / f"{recipe}.yaml").read_text()


def test_every_shipped_recipe_is_of_one_verb():
    shipped = sorted(path.stem for path in RECIPES.glob("*.yaml"))
    assert recipe_names() == shipped == sorted(recipe_names("pretrain") + recipe_names("finetune"))
    assert recipe_names("embed") == []


def test_what_a_recipe_changes(tmp_path):
    recipe = tmp_path / "mine.yaml"
    text = "# First line.\n#   pretune pretrain mine\n\n# later\nlearning_rate: 2e-3\nseed: 42\noptim: SGD\n"
    recipe.write_text(f"{text}push_to_hub: no\nconfig: {{hidden_sizes: [4, 2], latent_size: 2}}\n")
    assert list(recipe_changes(recipe, PretrainArguments)) == [
        ("learning_rate", 0.002, 0.001),
        ("optim", "sgd", "adam"),  # the seed and push_to_hub are as they would be without it
        ("config.hidden_sizes", [4, 2], None),
        ("config.latent_size", 2, None),
    ]
    assert recipe_header(recipe) == "First line.\n  pretune pretrain mine"
