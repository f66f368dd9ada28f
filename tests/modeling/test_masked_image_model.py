"""Masked image modelling with every kind of backbone, at the small sizes that people start with."""

import json

import pytest
import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoImageProcessor, AutoModel, AutoModelForImageClassification

from pretune import MaskedImageModel, MaskedImageModelConfig, MaskedImageModelForImageClassification

TOKENS = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
KINDS = {
    "resnet": {"layer_type": "basic", "embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1]},
    "convnext": {"hidden_sizes": [8, 16, 16], "depths": [1, 1, 1]},
    "convnextv2": {"hidden_sizes": [8, 16, 16], "depths": [1, 1, 1]},
    "vit": {**TOKENS, "intermediate_size": 16},
    "dinov2": {**TOKENS, "mlp_ratio": 1},
    "swin": {"embed_dim": 8, "depths": [1, 1, 1], "num_heads": [1, 2, 2]},
    "swinv2": {"embed_dim": 8, "depths": [1, 1, 1], "num_heads": [1, 2, 2]},
    "mobilenet_v2": {"depth_multiplier": 0.25},
}


def config(kind="vit", size=32, channels=3, **options):
    return MaskedImageModelConfig(
        image_size=size, num_channels=channels, backbone_config={"model_type": kind, **KINDS[kind]}, **options
    )


@pytest.fixture(params=[(k, s, c) for k in KINDS for s, c in ((28, 1), (32, 3))], ids=lambda p: f"{p[0]}-{p[1]}")
def built(request):
    kind, size, channels = request.param
    torch.manual_seed(0)
    return MaskedImageModel(config(kind, size, channels)), torch.rand(4, channels, size, size)


def test_every_backbone_at_small_sizes(built):
    model, pixels = built
    output = model(pixels)
    assert output.reconstruction.shape == pixels.shape and output.latents.shape == (4, model.config.latent_size)
    features = model.feature_map(pixels)
    assert features.shape[:2] == (4, model.config.latent_size) and features.shape[2] >= 4
    output.loss.backward()
    without = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert without == []  # several processes would wait for these


def test_loss_falls_and_judging_has_no_chance_and_hides_nothing_from_the_code(built):
    model, pixels = built
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(25):
        losses.append(model(pixels).loss)
        losses[-1].backward()
        optimizer.step()
        optimizer.zero_grad()
    assert sum(losses[-5:]) < sum(losses[:5])
    model.eval()
    first, second = model(pixels), model(pixels)
    assert torch.equal(first.loss, second.loss) and torch.equal(first.latents, model.encode(pixels))
    assert torch.equal(first.mask[0], first.mask[3])


def test_the_backbone_is_a_plain_checkpoint(built, tmp_path):
    model, pixels = built
    model.eval().save_backbone(tmp_path)
    plain, info = AutoModelForImageClassification.from_pretrained(tmp_path, num_labels=3, output_loading_info=True)
    assert {key.split(".")[0] for key in info["missing_keys"]} == {"classifier"} and not info["unexpected_keys"]
    assert type(plain).__module__.startswith("transformers.")
    processor = AutoImageProcessor.from_pretrained(tmp_path, use_fast=False)
    images = [(image * 255).round().to(torch.uint8).numpy() for image in pixels]
    inputs = processor(images, return_tensors="pt", input_data_format="channels_first")
    assert plain(**inputs).logits.shape == (4, 3)
    again = MaskedImageModel(model.config)
    again.load_backbone(tmp_path)
    torch.testing.assert_close(again.eval().encode(pixels), model.encode(pixels))


def test_fresh_weights_are_those_the_backbone_gives_itself():
    cfg = config("vit")
    torch.manual_seed(0)
    ours = MaskedImageModel(cfg).encoder.state_dict()
    torch.manual_seed(0)
    plain = AutoModel.from_config(cfg.backbone_config, add_pooling_layer=False).state_dict()
    for name, value in plain.items():
        if value.numel() > 200:
            assert abs(ours[name].std() - value.std()) < 0.2 * value.std() + 1e-6, name


@pytest.mark.parametrize("ratio", [0.25, 0.6])
def test_exactly_the_hidden_pixels_count(ratio):
    torch.manual_seed(0)
    model, pixels = MaskedImageModel(config(mask_ratio=ratio)), torch.rand(3, 3, 32, 32)
    noise = torch.rand(3, 64)
    output = model(pixels, noise=noise)
    assert output.mask.sum((1, 2, 3)).tolist() == [round(64 * ratio) * 16] * 3
    seen = torch.where(output.mask, model.decoder.mask_value, model.normalise(pixels))
    predicted = model.decoder(model.backbone(seen))
    by_hand = torch.stack([(predicted[i] - pixels[i])[:, output.mask[i, 0]].square().mean() for i in range(3)]).mean()
    torch.testing.assert_close(output.loss, by_hand)
    changed = torch.where(output.mask, 1 - pixels, pixels)  # what is hidden does not reach the network
    torch.testing.assert_close(model(changed, noise=noise).reconstruction, output.reconstruction)


def test_native_sizes_follow_the_images_unless_given():
    assert config("vit", 28).backbone_config.patch_size == 4 and config("vit", 32).backbone_config.patch_size == 4
    large = MaskedImageModelConfig(
        image_size=224, backbone_config={"model_type": "vit", **KINDS["vit"]}, mask_patch_size=16
    )
    assert large.backbone_config.patch_size == 16 and large.backbone_image_size == 224
    given = MaskedImageModelConfig(backbone_config={"model_type": "vit", "patch_size": 8, **KINDS["vit"]})
    assert given.backbone_config.patch_size == 8
    resnet = MaskedImageModelConfig(image_size=32)
    assert resnet.backbone_image_size == 64 and "backbone_image_size" in resnet.to_dict()


def test_saved_and_loaded_the_config_is_the_same(tmp_path):
    cfg = config("swin", 28, 1)
    cfg.save_pretrained(tmp_path)
    again = AutoConfig.from_pretrained(tmp_path)
    drop = ("transformers_version", "_name_or_path")
    first, second = ({k: v for k, v in c.to_dict().items() if k not in drop} for c in (cfg, again))
    assert first == second
    assert type(again.backbone_config) is type(cfg.backbone_config)


def test_classifier_norms_that_are_used_are_trained():
    model = MaskedImageModelForImageClassification(config("convnext"))
    model(torch.rand(2, 3, 32, 32), torch.tensor([0, 1])).loss.backward()
    norm = model.masked_image_model.encoder.layernorm
    assert norm.weight.requires_grad and norm.weight.grad is not None


def test_a_backbone_that_lacks_a_tensor_is_refused(tmp_path):
    model = MaskedImageModel(config())
    model.save_backbone(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    tensors.pop(sorted(tensors)[3])
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match="lacks 1 tensors of ViTModel"):
        model.load_backbone(tmp_path)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mask_patch_size": 5}, "mask_patch_size 5 does not divide image_size 32"),
        ({"mask_ratio": 1.0}, "hides 64 of 64 squares"),
        ({"mask_ratio": 0.0}, "hides 0 of 64 squares"),
        ({"backbone_image_size": 16}, "expected at least image_size, 32"),
        (
            {"image_size": 8, "mask_patch_size": 4, "backbone_image_size": 8},
            "too small for the backbone",
        ),
    ],
)
def test_what_does_not_fit_is_refused(options, words):
    with pytest.raises(StrictDataclassError, match=words):
        MaskedImageModelConfig(**options)


def test_other_kinds_are_refused_with_those_that_work():
    with pytest.raises(ValueError, match="model_type 'bert', expected one of resnet, convnext"):
        MaskedImageModelConfig(backbone_config={"model_type": "bert"})


def test_a_missing_timm_names_the_extra(npz, tmp_path):
    import importlib.util

    import pretune

    if importlib.util.find_spec("timm") is not None:
        pytest.skip("timm is installed")
    network = {"model_type": "timm_wrapper", "architecture": "resnet18"}
    with pytest.raises(pretune.InputError, match=r"pip install 'pretune\[timm\]'"):
        pretune.pretrain(
            dataset=npz, output_dir=tmp_path / "no", model_type="masked_image_model",
            config={"backbone_config": network, "mask_patch_size": 2},
        )  # fmt: skip


@pytest.mark.parametrize(
    ("architecture", "model_args", "inside", "map_size"),
    [("resnet18", None, 192, 6), ("inception_v3", None, 192, 4), ("vit_tiny_patch16_224", {"img_size": 96}, 96, 6)],
)
def test_timm_models_pretrain_at_the_size_that_leaves_a_map(architecture, model_args, inside, map_size):
    """Inception pads nothing, so that no stride tells its map; a ViT takes one size."""
    pytest.importorskip("timm")
    network = {"model_type": "timm_wrapper", "architecture": architecture, "model_args": model_args}
    config = MaskedImageModelConfig(image_size=96, num_channels=1, mask_patch_size=8, backbone_config=network)
    assert (config.backbone_image_size, config.map_size) == (inside, map_size)
    model = MaskedImageModel(config)
    output = model(pixel_values=torch.rand(2, 1, 96, 96))
    output.loss.backward()
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)
    assert output.latents.shape == (2, config.latent_size)


def test_what_timm_cannot_build_is_said():
    pytest.importorskip("timm")
    for architecture, words in (("nonsense", "Unknown model"), ("vit_tiny_patch16_224", "img_size")):
        with pytest.raises(ValueError, match=words):
            MaskedImageModelConfig(
                image_size=96, backbone_config={"model_type": "timm_wrapper", "architecture": architecture}
            )


def test_pretrain_leaves_a_backbone_that_needs_no_pretune(npz, tmp_path, launch):
    import pretune

    run = pretune.pretrain(
        dataset=npz, output_dir=tmp_path / "run", model_type="masked_image_model", num_train_epochs=2,
        disable_tqdm=True,
        config={"backbone_config": {"model_type": "vit", **KINDS["vit"]}, "mask_patch_size": 2},
    )  # fmt: skip
    assert run.metrics["eval_loss"] > 0 and (tmp_path / "run/backbone/model.safetensors").is_file()
    code = (
        "import sys; from transformers import AutoModelForImageClassification as A; "
        f"m = A.from_pretrained({str(tmp_path / 'run/backbone')!r}, num_labels=3); "
        "print(type(m).__name__, 'pretune' in sys.modules)"
    )
    assert launch("-c", code, cwd=tmp_path).stdout.strip() == "ViTForImageClassification False"
    more = pretune.pretrain(
        dataset=npz, output_dir=tmp_path / "more", model_type="masked_image_model", num_train_epochs=1,
        disable_tqdm=True,
        backbone=tmp_path / "run/backbone", config={"mask_patch_size": 2},
    )  # fmt: skip
    assert "loaded from" in more.record["loading_report"] and "decoder is new" in more.record["loading_report"]
    assert json.loads((tmp_path / "more/config.json").read_text())["backbone_config"]["patch_size"] == 1
    with pytest.raises(pretune.InputError, match="backbone needs --model_type masked_image_model"):
        pretune.pretrain(dataset=npz, output_dir=tmp_path / "no", backbone=tmp_path / "run/backbone")
