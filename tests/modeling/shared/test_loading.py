"""Names of tensors, foreign code and kernels: what is written, what is read, what is never run."""

import json

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForImageClassification, ViTConfig, ViTForImageClassification

from pretune import (
    AutoencoderConfig,
    AutoencoderModel,
    InputError,
    MaskedImageModel,
    MaskedImageModelConfig,
    MaskedImageModelForImageClassification,
)
from pretune.training.networks.loading import load_config, read_config
from pretune.training.networks.published import published_config

PLAIN = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 16, "patch_size": 2}
TOKENS = {
    "vit": {**PLAIN, "num_hidden_layers": 2},
    "swin": {"embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2], "patch_size": 1, "window_size": 2},
    "beit": {**PLAIN, "num_hidden_layers": 1},
    "dinov2": {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "patch_size": 2},
}


def masked(kind: str, family=MaskedImageModel, **more):
    backbone = {"model_type": kind, **TOKENS[kind], **more}
    config = MaskedImageModelConfig(image_size=8, mask_patch_size=2, num_labels=3, backbone_config=backbone)
    return family(config)


@pytest.mark.parametrize("kind", TOKENS)
@pytest.mark.parametrize("family", [MaskedImageModel, MaskedImageModelForImageClassification])
def test_tensors_are_saved_under_the_names_in_memory_and_read_under_both(tmp_path, kind, family):
    """`transformers.Trainer` reads a checkpoint by `load_state_dict`; published names would leave layers random."""
    model = masked(kind, family)
    model.save_pretrained(tmp_path / "ours")
    model.save_pretrained(tmp_path / "published", save_original_format=True)
    names = [load_file(tmp_path / where / "model.safetensors").keys() for where in ("ours", "published")]
    assert names[0] == model.state_dict().keys()
    if kind in ("vit", "swin"):  # of the others older versions of transformers publish the names in memory
        assert names[0] != names[1]
    for where in ("ours", "published"):
        loaded = family.from_pretrained(tmp_path / where)
        assert all(torch.equal(value, loaded.state_dict()[name]) for name, value in model.state_dict().items())


def test_the_backbone_alone_is_saved_as_it_was_published(tmp_path):
    model = masked("vit")
    model.save_backbone(tmp_path)
    assert load_file(tmp_path / "model.safetensors").keys() != model.encoder.state_dict().keys()
    loaded = AutoModelForImageClassification.from_pretrained(tmp_path)
    assert torch.equal(loaded.vit.state_dict()["layernorm.weight"], model.encoder.state_dict()["layernorm.weight"])


KERNELS = ["someone/kernel", "someone/kernel@main:attention", "paged|someone/kernel", "flash_attention_2", "unknown"]


@pytest.fixture
def no_kernels(monkeypatch):
    """Whoever looks for a kernel fails the test."""
    from transformers import modeling_utils

    def asked(*args, **kwargs):
        raise AssertionError("a kernel was asked for")

    monkeypatch.setattr(modeling_utils, "lazy_import_flash_attention", asked)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("key", ["attn_implementation", "_attn_implementation"])
def test_a_config_never_fetches_a_kernel(tmp_path, no_kernels, kernel, key):
    model = AutoencoderModel(AutoencoderConfig(image_size=8, hidden_sizes=[4], latent_size=2))
    model.save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: kernel}))
    assert AutoencoderModel.from_pretrained(tmp_path).config._attn_implementation in (None, "eager", "sdpa")
    assert load_config(str(tmp_path), None)._attn_implementation is None


@pytest.mark.parametrize("kernel", KERNELS)
def test_nor_does_that_of_a_backbone_or_of_a_model_of_transformers(tmp_path, no_kernels, kernel):
    assert masked("vit", _attn_implementation=kernel).encoder.config._attn_implementation in ("eager", "sdpa")
    masked("vit").save_pretrained(tmp_path / "ours")
    path = tmp_path / "ours" / "config.json"
    config = json.loads(path.read_text())
    config["backbone_config"]["attn_implementation"] = kernel
    path.write_text(json.dumps(config))
    assert MaskedImageModel.from_pretrained(tmp_path / "ours").encoder.config._attn_implementation in ("eager", "sdpa")
    ViTForImageClassification(ViTConfig(image_size=8, num_labels=3, **TOKENS["vit"])).save_pretrained(tmp_path / "vit")
    path = tmp_path / "vit" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "attn_implementation": kernel}))
    for read in (
        lambda name: load_config(name, None, of_transformers=True),
        lambda name: published_config(name, None),
    ):
        assert read(str(tmp_path / "vit"))._attn_implementation is None


def test_who_asks_for_an_attention_gets_it(tmp_path):
    masked("vit").save_pretrained(tmp_path)
    config = AutoConfig.from_pretrained(
        tmp_path, backbone_config={"model_type": "vit", **TOKENS["vit"], "attn_implementation": "eager"}
    )
    assert MaskedImageModel(config).encoder.config._attn_implementation == "eager"


@pytest.mark.parametrize(
    "read", [lambda n: load_config(n, None), lambda n: load_config(n, None, True), lambda n: published_config(n, None)]
)
def test_a_model_of_unknown_type_is_refused_and_nobody_is_asked(tmp_path, monkeypatch, read):
    def asked(*args):
        raise AssertionError("somebody was asked")

    monkeypatch.setattr("builtins.input", asked)
    ran = tmp_path / "ran"
    (tmp_path / "config.json").write_text(
        json.dumps({"model_type": "evil", "auto_map": {"AutoConfig": "evil.Config", "AutoModel": "evil.Model"}})
    )
    (tmp_path / "evil.py").write_text(f"open({str(ran)!r}, 'w')\n")
    with pytest.raises(InputError, match="needs code from its repository, and pretune runs none"):
        read(str(tmp_path))
    with pytest.raises(ValueError, match="pretune runs none"):
        read_config(tmp_path, None)
    assert not ran.exists()
