"""Image classifiers of transformers that call their head by other names, hold it elsewhere, or have two."""

import numpy as np
import pytest
import torch
import transformers
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

import pretune
from pretune.training.errors import InputError
from pretune.training.learning.lora import add_lora, merge_lora
from pretune.training.networks.encoders import Encoder
from pretune.training.networks.heads import head_parameters, head_prefixes, heads_of, train_head_only

TOKENS = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
PATCHES = {**TOKENS, "image_size": 32, "patch_size": 8}
TEXT = {**TOKENS, "vocab_size": 50, "bos_token_id": 1, "eos_token_id": 2}
# name -> (class without its ending, arguments of its config, what its head's names begin with)
MODELS = {
    "swiftformer": (
        "SwiftFormer",
        {"depths": [1, 1], "embed_dims": [8, 16], "downsamples": [True, True], "image_size": 32},
        ("head.", "dist_head."),
    ),
    "hgnet": ("HGNetV2", {"embedding_size": 8, "hidden_sizes": [8, 8, 8, 8], "stem_channels": [3, 8, 8],
                          "stage_in_channels": [8, 8, 8, 8], "stage_mid_channels": [8, 8, 8, 8],
                          "stage_out_channels": [8, 8, 8, 8], "stage_num_blocks": [1, 1, 1, 1],
                          "stage_numb_of_layers": [1, 1, 1, 1]}, ("fc.",)),
    "textnet": (
        "TextNet",
        {"conv_layer_kernel_sizes": [[[3, 3]]] * 4, "conv_layer_strides": [[1], [2], [2], [2]],
         "hidden_sizes": [8] * 5, "stem_out_channels": 8},
        ("fc.",),
    ),
    "imagegpt": ("ImageGPT", {"n_embd": 16, "n_layer": 1, "n_head": 2}, ("score.",)),
    "clip": ("CLIP", {"text_config": TEXT, "vision_config": PATCHES, "projection_dim": 8}, ("classifier.",)),
    "mobilenet_v2": ("MobileNetV2", {"depth_multiplier": 0.25, "image_size": 32}, ("classifier.",)),
}  # fmt: skip
RUN = ("swiftformer", "hgnet", "clip")  # two heads; one by another name; one inside of what is called the base model


def new(name, **changes):
    torch.manual_seed(0)
    stem, options, _ = MODELS[name]
    config = getattr(transformers, f"{stem}Config")(**options, num_labels=4, **changes)
    return getattr(transformers, f"{stem}ForImageClassification")(config)


def save(model, folder):
    model.save_pretrained(folder)
    ViTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    return str(folder)


@pytest.fixture
def quick(npz, tmp_path):
    return {"dataset": npz, "output_dir": tmp_path / "run", "max_steps": 1, "disable_tqdm": True}


@pytest.mark.parametrize("name", MODELS)
def test_the_head_is_found(name):
    model = new(name)
    assert head_prefixes(model) == MODELS[name][2]
    train_head_only(model)
    trained = {key for key, p in model.named_parameters() if p.requires_grad}
    assert trained and all(key.startswith(MODELS[name][2]) for key in trained)
    assert len(trained) == len(head_parameters(model))


@pytest.mark.parametrize("name", RUN)
def test_any_classifier_goes_on_to_other_classes_with_its_encoder_frozen(name, quick, tmp_path):
    folder = save(new(name), tmp_path / "plain")
    result = pretune.finetune(model=folder, freeze_encoder=True, **quick)
    assert "classifier is new" in result.record["loading_report"] and result.model.config.num_labels == 3
    before, after = new(name).state_dict(), result.model.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before if not key.startswith(MODELS[name][2]))


def test_a_model_that_takes_no_pixels_is_refused(quick, tmp_path):
    with pytest.raises(InputError, match="takes input_ids, expected one that takes pixel_values"):
        pretune.finetune(model=save(new("imagegpt"), tmp_path / "plain"), **quick)


def test_every_head_is_renewed_and_what_it_sees_are_the_features(tmp_path):
    encoder = Encoder(save(new("swiftformer"), tmp_path), None, 4, torch.device("cpu"), 4)
    images = np.random.default_rng(0).integers(0, 256, (3, 3, 32, 32), dtype=np.uint8)
    copies = [encoder.classifier(True, seed) for seed in (0, 1)]
    for head in ("head", "dist_head"):
        assert not torch.equal(getattr(copies[0].model, head).weight, getattr(copies[1].model, head).weight)
    assert encoder.features(copies[0], images).shape == (3, 16)


def test_a_classifier_with_a_teacher_goes_on_as_the_plain_one(quick, tmp_path):
    config = transformers.DeiTConfig(**PATCHES, num_labels=4)
    taught = transformers.DeiTForImageClassificationWithTeacher(config)
    result = pretune.finetune(model=save(taught, tmp_path / "taught"), freeze_encoder=True, **quick)
    assert type(result.model) is transformers.DeiTForImageClassification
    after = result.model.state_dict()
    assert all(torch.equal(value, after[key]) for key, value in taught.state_dict().items() if key.startswith("deit."))


def test_a_head_by_another_name_is_the_last_layer_to_the_labels():
    model = torch.nn.ModuleDict({"body": torch.nn.Linear(3, 4), "answer": torch.nn.Linear(4, 2)})
    model.config = transformers.ViTConfig(num_labels=2)
    assert head_prefixes(model) == ("answer.",)
    model.config.num_labels = 7
    with pytest.raises(InputError, match="ModuleDict has no classifier that pretune can find.*to its 7 labels"):
        head_prefixes(model)


def test_lora_on_convolutions_whose_stride_is_read_from_outside():
    pytest.importorskip("peft", reason="the lora extra is not installed")
    model = new("mobilenet_v2", classifier_dropout_prob=0.0).train()  # norms by batch: new weights shrink what passes
    pixels, names = torch.rand(8, 3, 32, 32), set(model.state_dict())
    before, exactly = model(pixels).logits, {"rtol": 1e-2, "atol": 1e-3}
    add_lora(model, 2, heads_of(model))
    torch.testing.assert_close(model(pixels).logits, before, **exactly)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.fill_(0.01)
    changed = model(pixels).logits
    merge_lora(model)
    torch.testing.assert_close(model(pixels).logits, changed, **exactly)
    assert not torch.allclose(changed, before, **exactly) and set(model.state_dict()) == names


def test_lora_with_nothing_to_add_to_is_refused():
    pytest.importorskip("peft", reason="the lora extra is not installed")
    model = torch.nn.ModuleDict({"body": torch.nn.Conv2d(4, 4, 1, groups=4), "classifier": torch.nn.Linear(4, 2)})
    with pytest.raises(InputError, match="the encoder of ModuleDict has none. Leave out --lora_rank"):
        add_lora(model, 2, heads_of(model))
