import dataclasses
import re

import pytest
import yaml

from pretune.training.command.finetune_arguments import FinetuneArguments
from pretune.training.command.parsing import build_arguments, parse_arguments
from pretune.training.command.pretrain_arguments import PretrainArguments
from pretune.training.command.recipes import RECIPES
from pretune.training.errors import InputError
from pretune.training.networks.models import make_config, named_family

NEEDED = ["--dataset", "digits", "--output_dir", "out"]


def test_command_line_wins_over_recipe_and_recipe_over_default(tmp_path):
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(
        yaml.safe_dump({"learning_rate": "3e-4", "seed": 5, "config": {"latent_size": 3, "activation": "gelu"}})
    )
    args = parse_arguments(PretrainArguments, [str(recipe), *NEEDED, "--seed", "6", "--config.latent_size", "7"])
    assert (args.learning_rate, args.seed, args.num_train_epochs) == (3e-4, 6, 100)
    assert args.config == {"latent_size": 7, "activation": "gelu"}


@pytest.mark.parametrize("words", [["16", "8"], ["16,8"], ["[16, 8]"]])
def test_lists_in_config(words):
    args = parse_arguments(PretrainArguments, [*NEEDED, "--config.hidden_sizes", *words, "--seed", "1"])
    assert args.config == {"hidden_sizes": [16, 8]} and args.seed == 1


@pytest.mark.parametrize(
    ("family", "words", "value"),
    [
        ("autoencoder", ["corruption", "gaussian"], ["gaussian"]),
        ("autoencoder", ["hidden_sizes", "64"], [64]),
        ("bigan", ["hidden_sizes", "64"], [64]),  # a list or None
        ("masked_image_model", ["image_mean", "0"], 0),  # a number or a list: the number stays
        ("masked_image_model", ["image_mean", "0.5"], 0.5),
    ],
)
def test_one_value_for_a_list(family, words, value):
    args = parse_arguments(PretrainArguments, [*NEEDED, f"--config.{words[0]}", words[1]])
    config = make_config(named_family(family).config, {"image_size": 32, "num_channels": 1, **args.config})
    assert getattr(config, words[0]) == value


def test_flags_take_a_value_or_none():
    assert parse_arguments(PretrainArguments, [*NEEDED, "--torch_compile"]).torch_compile is True
    assert parse_arguments(PretrainArguments, [*NEEDED, "--torch_compile", "false"]).torch_compile is False
    assert parse_arguments(PretrainArguments, [*NEEDED, "--resume_from_checkpoint"]).resume_from_checkpoint == "latest"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--learning_rat", "1"], "unknown argument: 'learning_rat'. Did you mean 'learning_rate'?"),
        (["--learning_rate", "fast"], "learning_rate must be of type float, got 'fast'"),
        (["--learning_rate", "0"], "learning_rate must be larger than 0"),
        (["--max_steps", "1.5"], "max_steps must be of type int, got '1.5'"),
        (["--optim", "adm"], "optim must be one of adam, adamw, sgd, got 'adm'"),
        (["--checkpointing_steps", "often"], "checkpointing_steps must be a number of steps, 'epoch' or 'no'"),
        (["no-such-recipe"], "no recipe 'no-such-recipe': expected a YAML file, or one of "),
        (["--torch_compile", "perhaps"], "torch_compile must be of type bool"),
        (["--config.latent_size"], "--config.latent_size needs a value"),
    ],
)
def test_what_does_not_fit_is_said(words, message):
    with pytest.raises(InputError) as caught:
        parse_arguments(PretrainArguments, [*words, *NEEDED])
    assert message in str(caught.value)


def test_missing_and_contradicting_arguments():
    with pytest.raises(InputError, match="output_dir is missing: pass --output_dir"):
        build_arguments(PretrainArguments, None, {"dataset": "digits"})
    with pytest.raises(InputError, match="model is missing: pass --model.*or --from_scratch"):
        build_arguments(FinetuneArguments, None, {"dataset": "digits", "output_dir": "out"})
    with pytest.raises(InputError, match="would freeze what was never trained"):
        parse_arguments(FinetuneArguments, [*NEEDED, "--from_scratch", "--freeze_encoder"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("learning_rte: 1", "'learning_rte'. Did you mean 'learning_rate'?"),
        ("- a\n- b", "must be a mapping"),
        ("a: [", "is not valid YAML"),
        ("!!python/object/apply:os.system ['true']", "is not valid YAML"),
    ],
)
def test_bad_recipes(tmp_path, text, message):
    recipe = tmp_path / "bad.yaml"
    recipe.write_text(text)
    with pytest.raises(InputError) as caught:
        parse_arguments(PretrainArguments, [str(recipe), *NEEDED])
    assert message in str(caught.value)


@pytest.mark.parametrize("recipe", sorted(path.stem for path in RECIPES.glob("*.yaml")))
def test_every_shipped_recipe_is_read_by_its_verb(recipe):
    header = (RECIPES / f"{recipe}.yaml").read_text()
    (command,) = re.findall(rf"pretune (pretrain|finetune) {recipe} (.*)", header)
    kind = {"pretrain": PretrainArguments, "finetune": FinetuneArguments}[command[0]]
    args = build_arguments(kind, recipe, {"output_dir": "out", **({"model": "x"} if "--model" in command[1] else {})})
    assert args.dataset


def test_help_names_every_family():
    from pretune.modeling.families import FAMILIES

    (field,) = (f for f in dataclasses.fields(PretrainArguments) if f.name == "model_type")
    for name in FAMILIES:
        assert name in field.metadata["help"]
