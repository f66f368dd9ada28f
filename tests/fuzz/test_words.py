"""Recipes and command lines of any words."""

import dataclasses

import numpy as np
import yaml
from fuzz.guarded import answered, examples, guarded, jsons, numbers, parts, plain, words
from hypothesis import given
from hypothesis import strategies as st

import pretune
from pretune.training.command.arguments.evaluate import EvaluateArguments
from pretune.training.command.arguments.finetune import FinetuneArguments
from pretune.training.command.arguments.pretrain import PretrainArguments
from pretune.training.command.parsing import parse_arguments
from pretune.training.command.yaml_text import read_yaml

VERBS = (PretrainArguments, FinetuneArguments, EvaluateArguments)
NEEDED = {PretrainArguments: ["--dataset", "digits", "--output_dir", "out"],
          FinetuneArguments: ["--dataset", "digits", "--output_dir", "out", "--from_scratch"],
          EvaluateArguments: ["--dataset", "digits", "--output_dir", "out", "--model", "here"]}  # fmt: skip
SNIPPETS = (
    "&a", "*a", "<<: *a", "!!set {a}", "!!omap [a: 1]", "!!binary x", "!!timestamp 2020-13-45", "2020-12-04", "1e400",
    "0x_", "0o9", "1_0", ".inf", ".nan", "~", "{", "[" * 400, "? a", "- - - -", "|", ">", "'", "%YAML 9", "---", "...",
    "!!python/object:os.system x", "1:30:99", "\t", "\0", "é", "9" * 5000, "config: [1]", "config: {1: 2}", "- a",
)  # fmt: skip


def names_of(cls: type) -> list[str]:
    return [f.name for f in dataclasses.fields(cls)]


@parts
def test_recipes_of_any_text(tmp_path, tenths):
    line = st.one_of(
        st.tuples(st.sampled_from(names_of(PretrainArguments)), st.one_of(st.sampled_from(SNIPPETS), words)).map(
            lambda pair: f"{pair[0]}: {pair[1]}"
        ),
        st.sampled_from(SNIPPETS),
        st.text(max_size=20),
    )

    @examples(14 * tenths)
    @given(st.lists(line, max_size=5))
    def each(lines):
        recipe = tmp_path / "any.yaml"
        recipe.write_text("\n".join(lines), errors="replace")
        answered(parse_arguments, PretrainArguments, [str(recipe), *NEEDED[PretrainArguments]])
        answered(read_yaml, "\n".join(lines), "it")

    with guarded(tmp_path):
        each()


@parts
def test_recipes_of_any_values(tmp_path, tenths):
    @examples(14 * tenths)
    @given(st.sampled_from(VERBS), st.data())
    def each(cls, data):
        values = data.draw(st.dictionaries(st.one_of(st.sampled_from(names_of(cls)), words), jsons, max_size=4))
        recipe = tmp_path / "any.yaml"
        recipe.write_text(yaml.safe_dump(values, allow_unicode=True), errors="replace")
        answered(parse_arguments, cls, [str(recipe), *NEEDED[cls]])

    with guarded(tmp_path):
        each()


@parts
def test_command_lines_of_any_words(tenths):
    @examples(24 * tenths)
    @given(st.sampled_from(VERBS), st.data())
    def each(cls, data):
        option = st.one_of(st.sampled_from(names_of(cls)).map("--{}".format), words, st.just("--config.latent_size"))
        value = st.one_of(numbers.map(_text), words, st.sampled_from(SNIPPETS))
        given = data.draw(st.lists(st.one_of(option, st.tuples(option, value)), max_size=5))
        flat = [word for one in given for word in ([one] if isinstance(one, str) else one)]
        answered(parse_arguments, cls, [*NEEDED[cls], *flat])

    with guarded():
        each()


def _text(number: float) -> str:
    return str(number) if abs(number) < 10**300 or number != number else f"{10**9}" + "0" * 400


@parts
def test_short_runs_with_any_numbers(tmp_path, tenths):
    """What parsing lets through trains or is refused; a step or two of eight images."""
    np.savez(tmp_path / "a.npz", image=np.arange(8 * 16, dtype=np.uint8).reshape(8, 4, 4), label=np.arange(8) % 2)
    base = {"dataset": str(tmp_path / "a.npz"), "output_dir": str(tmp_path / "out"), "max_steps": 1,
            "overwrite_output_dir": True, "disable_tqdm": True, "eval_split": "none"}  # fmt: skip
    network = {"hidden_sizes": [4], "latent_size": 2}
    several = ["max_steps", "num_train_epochs", "per_device_train_batch_size", "learning_rate", "seed", "weight_decay",
               "warmup_steps", "max_grad_norm", "logging_steps", "gradient_accumulation_steps", "max_train_samples",
               "checkpointing_steps", "value_range", "mixed_precision", "optim", "lr_scheduler_type"]  # fmt: skip
    fields = ["latent_size", "hidden_sizes", "image_size", "num_channels", "noise_scale", "corruption", "kl_weight",
              "variational", "num_labels", "id2label", "dropout", "activation", "initializer_range"]  # fmt: skip
    small = st.one_of(numbers, plain, st.lists(numbers, max_size=3)).filter(
        lambda value: not (isinstance(value, (int, float)) and 300 < abs(value) < 10**15 and value == value)
    )

    @examples(6 * tenths)
    @given(
        st.dictionaries(st.sampled_from(several), small, max_size=2),
        st.dictionaries(st.sampled_from(fields), st.one_of(numbers, jsons), max_size=2),
    )
    def each(arguments, config):
        answered(pretune.pretrain, **{**base, **arguments}, config={**network, **config})

    with guarded(tmp_path):
        each()
