import shlex

import pytest
import yaml

from pretune.modeling.families import FAMILIES
from pretune.training.command.arguments.embed import EmbedArguments
from pretune.training.command.arguments.evaluate import EvaluateArguments
from pretune.training.command.arguments.finetune import FinetuneArguments
from pretune.training.command.arguments.pretrain import PretrainArguments
from pretune.training.command.fields import SLIP, check_names
from pretune.training.command.parsing import build_arguments, parse_arguments
from pretune.training.command.recipes import command_of
from pretune.training.errors import InputError
from pretune.training.networks.building import make_config, named_family

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
        (["--learning_rat", "1"], "unknown argument 'learning_rat'. Did you mean 'learning_rate'?"),
        (["--learning_rate", "fast"], "learning_rate must be of type float, got 'fast'"),
        (["--learning_rate", "0"], "learning_rate must be larger than 0"),
        (["--max_steps", "1.5"], "max_steps must be of type int, got '1.5'"),
        (["--optim", "adm"], "optim must be one of adam, adamw, sgd, got 'adm'"),
        (["--checkpointing_steps", "often"], "checkpointing_steps must be a number of steps, 'epoch' or 'no'"),
        (["no-such-recipe"], "no recipe 'no-such-recipe': expected a YAML file, or one of "),
        (["photo"], "signs. Did you mean photos?"),
        (["."], ". It is a folder here: data are named by --dataset, a model by --model or --init_from."),
        (["--torch_compile", "perhaps"], "torch_compile must be of type bool"),
        (["--config.latent_size"], "--config.latent_size needs a value"),
        (["--config.hidden_sizes", "[16, 8"], "--config.hidden_sizes is not valid YAML: '[16, 8'"),
        (["--config", "{a"], "--config is not valid YAML"),
        (["digits", "mnist"], "'mnist' stands where no value was expected; give one recipe and --name value pairs"),
        (["--optim"], "argument --optim: expected one argument (see --help)"),
        (["--learning", "1"], "unknown argument 'learning'"),  # no abbreviations
        # As other tools call it, or a part of the name.
        (["--lr", "1"], "unknown argument 'lr'. Did you mean 'learning_rate'?"),
        (["--batch_size", "1"], "unknown argument 'batch_size'. Did you mean 'per_device_train_batch_size'?"),
        (["--epochs", "1"], "Did you mean 'num_train_epochs'?"),
        (["--max-steps", "1"], "Did you mean 'max_steps'?"),
        # A field of the config, by the family that was asked for or that the recipe asks for.
        (
            ["--image_size", "32"],
            "unknown argument 'image_size': it is a field of the network's config, pass --config.",
        ),
        (["--model_type", "bigan", "--r1_weight", "1"], "pass --config.r1_weight."),
        (["--model_type", "pretune_bigan", "--r1_weight", "1"], "pass --config.r1_weight."),
        (["mnist_bigan", "--r1_weight=1"], "'r1_weight': it is a field of the network's config"),
        (["--latent_siz", "3"], "Did you mean 'latent_size', a field of the network's config? Then pass --config.lat"),
        (
            ["--model_type", "nothing", "--image_size", "3"],
            "unknown argument 'image_size'. Did you mean 'resize'?",
        ),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(words, message):
    with pytest.raises(InputError) as caught:
        parse_arguments(PretrainArguments, [*words, *NEEDED])
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_verb_without_a_config_offers_its_own_arguments():
    with pytest.raises(InputError, match="'image_size'. Did you mean 'resize'?"):
        parse_arguments(EvaluateArguments, ["--image_size", "32", "--model", "x", *NEEDED])
    with pytest.raises(InputError, match="'runs/a' stands where .* pairs. Did you mean --model runs/a runs/b"):
        parse_arguments(EvaluateArguments, ["runs/a", "runs/b", *NEEDED])


@pytest.mark.parametrize(
    ("cls", "repair"), [(PretrainArguments, "--dataset, or name a recipe"), (EmbedArguments, "--dataset.$")]
)
def test_recipes_are_named_only_to_verbs_that_take_them(cls, repair):
    with pytest.raises(InputError, match=f"dataset is missing: pass {repair}"):
        cls()


def test_a_field_of_the_config_given_in_python_is_named_as_such():
    with pytest.raises(InputError, match="network's config, put 'image_size' in config."):
        build_arguments(PretrainArguments, None, {"image_size": 32, "dataset": "digits", "output_dir": "out"})


@pytest.mark.parametrize("family", FAMILIES)
def test_no_field_of_a_config_passes_for_a_slip_in_an_argument(family):
    from pretune.training.command.config_fields import own_fields

    assert SLIP > 0.5
    for name in set(own_fields(family)) - {"reconstruction_weight"}:  # that one, `finetune` has too
        with pytest.raises(InputError, match=f"--config.{name}"):
            check_names([name], PretrainArguments, model_type=family)


def test_missing_and_contradicting_arguments():
    with pytest.raises(InputError, match="output_dir is missing: pass --output_dir"):
        build_arguments(PretrainArguments, None, {"dataset": "digits"})
    with pytest.raises(InputError, match="model is missing: pass --model.*or --from_scratch"):
        build_arguments(FinetuneArguments, None, {"dataset": "digits", "output_dir": "out"})
    with pytest.raises(InputError, match="would freeze what was never trained"):
        parse_arguments(FinetuneArguments, [*NEEDED, "--from_scratch", "--freeze_encoder"])


def test_the_first_word_may_be_given_by_its_name_but_not_twice():
    rest = ["--dataset", "digits", "--output_file", "codes.npz"]
    assert parse_arguments(EmbedArguments, ["ae", *rest]) == parse_arguments(EmbedArguments, ["--model", "ae", *rest])
    with pytest.raises(InputError, match="model is given twice: ae and vit"):
        parse_arguments(EmbedArguments, ["ae", "--model", "vit", *rest])


@pytest.mark.parametrize(
    ("cls", "line"),
    [
        (PretrainArguments, "pretune pretrain mnist --dataset digits --output_dir 'a b' --learning_rate 0.5"),
        (
            PretrainArguments,
            "pretune pretrain mnist --output_dir out --config.latent_size 3 --config.corruption mask warp",
        ),
        (FinetuneArguments, "pretune finetune --dataset d --output_dir o --model m --augmentation crop flip"),
        (FinetuneArguments, "pretune finetune mnist_finetune --output_dir o --eval_strategy epoch --model m"),
        (EvaluateArguments, "pretune evaluate --dataset d --fit_images true --model a b --methods knn linear"),
    ],
)
def test_the_command_of_a_run_is_what_differs_from_its_recipe_and_the_defaults(cls, line):
    args = parse_arguments(cls, shlex.split(line)[2:])
    assert command_of(cls.verb, args) == line
    args.disable_tqdm = True
    if cls is not EvaluateArguments:
        args.hub_token = "secret"
    assert command_of(cls.verb, args) == line
