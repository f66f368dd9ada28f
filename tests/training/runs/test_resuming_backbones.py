"""Going on with encoders of transformers whose published tensors have other names than those in memory."""

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModel, AutoModelForImageClassification
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from pretune import InputError, finetune, pretrain

PLAIN = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "patch_size": 2}
BACKBONES = {
    "resnet": {"embedding_size": 4, "hidden_sizes": [4, 8], "depths": [1, 1], "layer_type": "basic"},
    "vit": {**PLAIN, "intermediate_size": 8},
    "swin": {"embed_dim": 4, "depths": [1, 1], "num_heads": [1, 2], "patch_size": 1, "window_size": 2},
    "beit": {**PLAIN, "intermediate_size": 8},
    "dinov2": PLAIN,
}


@pytest.fixture
def short(npz) -> dict:
    return {
        "dataset": npz,
        "max_steps": 4,
        "checkpointing_steps": 2,
        "disable_tqdm": True,
        "per_device_train_batch_size": 8,
    }


def goes_on(verb, tmp_path, **arguments) -> None:
    """A run that goes on from its middle ends as the whole one, whichever names a file has."""
    whole = verb(output_dir=tmp_path / "whole", **arguments)
    middle = tmp_path / "whole" / "checkpoint-2"
    again = verb(output_dir=tmp_path / "again", resume_from_checkpoint=str(middle), **arguments)
    assert again.record["resumed_from_step"] == 2
    one, two = (load_file(run.output_dir / "model.safetensors") for run in (whole, again))
    assert one.keys() == two.keys() and all(torch.equal(value, two[name]) for name, value in one.items())
    early = load_file(middle / "model.safetensors")
    assert any(not torch.equal(value, early[name]) for name, value in one.items() if name in early)


@pytest.mark.parametrize("kind", BACKBONES)
def test_pretraining(tmp_path, short, kind):
    config = {"backbone_config": {"model_type": kind, **BACKBONES[kind]}, "mask_patch_size": 2}
    goes_on(pretrain, tmp_path, **short, model_type="masked_image_model", config=config)


@pytest.mark.parametrize("kind", BACKBONES)
@pytest.mark.parametrize("more", [{}, {"lora_rank": 2}, {"ema_decay": 0.5}], ids=["plain", "lora", "ema"])
def test_fine_tuning_transformers_own_classifiers(tmp_path, short, kind, more):
    size = {"image_size": 8} if kind != "resnet" else {}
    config = AutoConfig.for_model(kind, num_channels=3, num_labels=3, **size, **BACKBONES[kind])
    AutoModelForImageClassification.from_config(config).save_pretrained(tmp_path / "base")
    ViTImageProcessorPil(size={"height": 8, "width": 8}).save_pretrained(tmp_path / "base")
    goes_on(finetune, tmp_path, **short, model=tmp_path / "base", **more)


@pytest.mark.parametrize("more", [{}, {"lora_rank": 2}], ids=["plain", "lora"])
def test_fine_tuning_ours_around_them(tmp_path, short, more):
    config = {"backbone_config": {"model_type": "vit", **BACKBONES["vit"]}, "mask_patch_size": 2}
    base = pretrain(output_dir=tmp_path / "base", model_type="masked_image_model", config=config, **short).output_dir
    goes_on(finetune, tmp_path, **short, model=base, **more)


@pytest.mark.parametrize("more", [{"lora_rank": 2}, {"train_blocks": 1}], ids=["lora", "last block"])
def test_a_part_of_a_published_encoder_goes_on(tmp_path, short, more):
    if "lora_rank" in more:
        pytest.importorskip("peft", reason="the lora extra is not installed")
    published = AutoModel.from_config(AutoConfig.for_model("resnet", num_channels=1, **BACKBONES["resnet"]))
    published.save_pretrained(tmp_path / "base")
    arguments = {**short, "model_type": "joint_embedding", "backbone": str(tmp_path / "base"), **more}
    goes_on(pretrain, tmp_path, **arguments)
    left, info = AutoModel.from_pretrained(tmp_path / "whole/backbone", output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"]
    before, after = published.state_dict(), left.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert before.keys() == after.keys() and changed
    if "lora_rank" in more:
        assert all(before[name].dim() > 1 for name in changed)  # norms stay
        return
    assert all(name.startswith("encoder.stages.1.layers.0.") for name in changed)
    with pytest.raises(InputError, match="train_blocks is 9, and this encoder has"):
        pretrain(output_dir=tmp_path / "more", **{**arguments, "train_blocks": 9})
