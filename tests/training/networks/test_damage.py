"""Damaged files of a model are one line that names the file and the repair."""

import json

import pytest
from families import tiny_model
from safetensors import SafetensorError

from pretune import AutoencoderModel
from pretune.modeling.shared.loading import damaged_weights
from pretune.training.errors import InputError
from pretune.training.networks.loading import load_config, load_pretrainable


@pytest.fixture
def model(tmp_path):
    tiny_model("pretune_autoencoder").save_pretrained(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "its config.json is damaged .*Restore it"),
        (b'{"model_type": "pretune_auto', "its config.json is damaged .*Restore it"),
        (b"\xff\xfe{}", "its config.json is damaged .*Restore it"),
        (b"[" * 20000, "its config.json is damaged .*Restore it"),
        (b"[]", "its config.json holds .*expected a mapping"),
        (
            b'{"model_type": "pretune_autoencoder", "latent_size": "x"}',
            "its config.json has a value that does not fit",
        ),
        (None, "it holds no config.json"),
    ],
)
def test_a_config(model, data, said):
    (model / "config.json").unlink()
    if data is not None:
        (model / "config.json").write_bytes(data)
    with pytest.raises(InputError, match=f"model .* cannot be loaded: {said}") as caught:
        load_config(str(model), None)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b"[" * 20000])
def test_a_config_as_transformers_would_load_it(model, data):
    (model / "config.json").write_bytes(data)
    with pytest.raises(OSError, match=r"config\.json is damaged.*Restore it"):
        AutoencoderModel.from_pretrained(model)


def test_weights_that_git_lfs_has_not_brought_yet(model):
    config = load_config(str(model), None)
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
    (model / "model.safetensors").write_bytes(pointer)
    with pytest.raises(InputError, match=r"model\.safetensors of .* It is a Git LFS pointer: run `git lfs pull`"):
        load_pretrainable(str(model), None, config)


@pytest.mark.parametrize("keep", [0, 4, 50, -1])
def test_weights_that_are_cut_off(model, keep):
    config, path = load_config(str(model), None), model / "model.safetensors"
    assert damaged_weights(model) == []
    path.write_bytes(path.read_bytes()[:keep])
    assert damaged_weights(model) == ["model.safetensors"]
    with pytest.raises(InputError, match=r"model\.safetensors of .* is damaged .*Restore it") as caught:
        load_pretrainable(str(model), None, config)
    assert "\n" not in str(caught.value)
    with pytest.raises(SafetensorError, match=r"model\.safetensors of .* is damaged"):
        AutoencoderModel.from_pretrained(model)


def test_a_config_without_a_value_is_that_of_its_defaults(model):
    whole = json.loads((model / "config.json").read_text())
    del whole["activation"]
    (model / "config.json").write_text(json.dumps(whole))
    assert load_config(str(model), None).model_type == "pretune_autoencoder"
