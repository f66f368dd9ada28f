import dataclasses

import pytest

from pretune.cli import main
from pretune.modeling.families import FAMILIES
from pretune.training.command.config_fields import argument_texts, config_fields, own_fields


@pytest.mark.parametrize("family", FAMILIES)
def test_every_field_of_a_config_is_printed_with_text_type_and_default(family, capsys):
    main(["config", family])
    printed, config = " ".join(capsys.readouterr().out.split()), FAMILIES[family].config
    assert FAMILIES[family].purpose in printed
    described = [f for _, fields in config_fields(config) for f in fields]
    for f in described:
        assert f.text, f"{f.name} has no text in the docstring's Args"
        assert f"{f.name}: {f.kind} = {f.default} {' '.join(f.text.split())}" in printed
    names = [f.name for f in described]
    assert len(set(names)) == len(names) and names == own_fields(family)
    assert "has_decoder" in names and "id2label" not in names and ", id2label," in printed


def test_own_fields_come_first_and_the_nearest_text_holds():
    groups = {c.__name__: {f.name: f for f in fields} for c, fields in config_fields(FAMILIES["bigan"].config)}
    assert list(groups) == ["BiGANConfig", "CorruptionOptions", "ImageConfig", "EncoderConfig"]
    assert groups["BiGANConfig"]["prior"].kind == "'uniform' | 'normal'"
    assert groups["BiGANConfig"]["prior"].default == "'uniform'"
    assert "keeps generator and discriminator" in groups["EncoderConfig"]["reconstruction_weight"].text
    own = dict(config_fields(FAMILIES["autoencoder"].config))[FAMILIES["autoencoder"].config]
    assert {f.name: f.default for f in own}["hidden_sizes"] == "[128, 64, 32, 16, 8, 4]"
    masked = [f for _, fields in config_fields(FAMILIES["masked_image_model"].config) for f in fields]
    assert {f.name: f.kind for f in masked}["backbone_config"] == "dict | PreTrainedConfig | None"
    assert {f.name: f.default for f in masked}["image_size"] == "32"  # not what the base has


@pytest.mark.parametrize(
    "words", [["config", "bigann"], ["config", "pretune_bigann"], ["config", "--family", "bigann"]]
)
def test_an_unknown_family_is_an_error_with_the_nearest(words, capsys):
    with pytest.raises(SystemExit) as stop:
        main(words)
    said = capsys.readouterr().err
    assert stop.value.code == 2 and said.count("\n") == 1
    assert f"unknown family '{words[-1]}': expected one of autoencoder, " in said and "Did you mean 'bigan'?" in said


def test_without_a_family_the_list(capsys):
    main(["config"])
    said = capsys.readouterr().out
    for name, family in FAMILIES.items():
        assert f"  {name} " in said and f"{family.purpose}\n" in said


def test_texts_of_a_docstring():
    docstring = """A thing.

        Args:
            one: what it
                does, and: more.
            two, three: both.

        Raises:
            four: not a field.
        """
    assert argument_texts(docstring) == {"one": "what it does, and: more.", "two": "both.", "three": "both."}
    assert argument_texts("Nothing.") == {} and argument_texts("") == {}


def test_a_family_that_lives_elsewhere():
    from huggingface_hub.dataclasses import strict

    from pretune.configuration.encoder import EncoderConfig

    @strict
    class OtherConfig(EncoderConfig):
        """Other.

        Args:
            depth: of it.
        """

        model_type = "other"
        depth: int = 3

    (own, (depth,)), (base, rest) = config_fields(OtherConfig)
    assert (own, base) == (OtherConfig, EncoderConfig) and "has_decoder" in [f.name for f in rest]
    assert dataclasses.astuple(depth) == ("depth", "int", "3", "of it.")
