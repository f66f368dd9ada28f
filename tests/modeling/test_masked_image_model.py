"""Masked image modelling with every kind of backbone, at the small sizes that people start with."""

import json

import pytest
import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors.torch import load_file, save_file
from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoModel,
    AutoModelForImageClassification,
    BertConfig,
    ViTConfig,
    ViTModel,
)
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from pretune import MaskedImageModel, MaskedImageModelConfig, MaskedImageModelForImageClassification
from pretune.configuration.backbones import as_map, channels_of
from pretune.training.networks.published import published_normalisation

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
    "mobilenet_v1": {"depth_multiplier": 0.25},
    "regnet": {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "groups_width": 8},
    "deit": {**TOKENS, "intermediate_size": 16},
    "beit": {**TOKENS, "intermediate_size": 16},
    "data2vec-vision": {**TOKENS, "intermediate_size": 16},
    "dinov2_with_registers": {**TOKENS, "mlp_ratio": 1},
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
    processor = AutoImageProcessor.from_pretrained(tmp_path, backend="pil")
    images = [(image * 255).round().to(torch.uint8).numpy() for image in pixels]
    inputs = processor(images, return_tensors="pt", input_data_format="channels_first")
    assert plain(**inputs).logits.shape == (4, 3)
    again = MaskedImageModel(model.config)
    again.load_backbone(tmp_path)
    torch.testing.assert_close(again.eval().encode(pixels), model.encode(pixels))


@pytest.mark.parametrize("kind", ["convnext", "convnextv2"])
def test_a_convnext_takes_any_size(kind):
    """It rounds its maps down, at every stage."""
    native = {"hidden_sizes": [8, 8, 8], "depths": [1, 1, 1]}
    published = {"patch_size": 4, "hidden_sizes": [8] * 4, "depths": [1] * 4, "num_stages": 4}
    for size, network in [(s, native) for s in (29, 30, 44, 50)] + [(s, published) for s in (8, 28, 40)]:
        cfg = MaskedImageModelConfig(
            image_size=size, num_channels=1, mask_patch_size=size // 2 if size % 2 == 0 else 1, mask_ratio=0.5,
            backbone_config={"model_type": kind, **network},
        )  # fmt: skip
        model, pixels = MaskedImageModel(cfg), torch.rand(2, 1, size, size)
        model(pixels).loss.backward()
        assert model.feature_map(pixels).shape == (2, 8, cfg.map_size, cfg.map_size) and cfg.map_size >= 4


@pytest.mark.parametrize("kind", ["swin", "swinv2"])
def test_a_swin_window_fits_into_small_maps(kind):
    for size in (8, 20, 28):
        network = {"model_type": kind, "embed_dim": 12, "depths": [1, 1, 1]}
        model = MaskedImageModel(MaskedImageModelConfig(image_size=size, num_channels=1, backbone_config=network))
        assert model(torch.rand(2, 1, size, size)).loss.isfinite()
    large = MaskedImageModelConfig(image_size=128, backbone_config={"model_type": kind})
    assert (large.backbone_image_size, large.map_size) == (128, 4)


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        ({"model_type": "convnext", "hidden_sizes": [8] * 4}, {"depths": [3, 3, 9, 3], "num_stages": 4}),
        ({"model_type": "convnextv2", "depths": [1, 1]}, {"hidden_sizes": [96, 192], "num_stages": 2}),
        ({"model_type": "swin", "embed_dim": 24, "depths": [1] * 4}, {"num_heads": [3, 6, 12, 24]}),
        ({"model_type": "swin", "embed_dim": 24, "num_heads": [2, 2]}, {"depths": [2, 2]}),
        ({"model_type": "resnet", "depths": [1, 1]}, {"hidden_sizes": [256, 512]}),
    ],
)
def test_stages_follow_the_list_that_was_given(network, expected):
    cfg = MaskedImageModelConfig(backbone_config=network)
    assert {name: list(value) if isinstance(value, (list, tuple)) else value for name, value in (
        (name, getattr(cfg.backbone_config, name)) for name in expected
    )} == expected  # fmt: skip
    with torch.device("meta"):
        MaskedImageModel(cfg)


def test_only_what_has_no_part_in_the_features_is_left_untrained():
    frozen = {
        kind: {n for n, p in MaskedImageModel(config(kind)).encoder.named_parameters() if not p.requires_grad}
        for kind in ("vit", "dinov2", "convnext", "beit")
    }
    assert frozen["vit"] == set() and frozen["dinov2"] == {"embeddings.mask_token"}
    assert frozen["convnext"] == {"layernorm.weight", "layernorm.bias"}
    assert frozen["beit"] == {"pooler.layernorm.weight", "pooler.layernorm.bias"}


def test_measuring_a_backbone_draws_no_random_numbers():
    before = torch.get_rng_state()
    MaskedImageModelConfig(backbone_config={"model_type": "resnet", "hidden_sizes": [8, 24]})
    assert torch.equal(before, torch.get_rng_state())


def test_a_backbone_of_half_precision_is_trained_in_that_of_the_model():
    model = MaskedImageModel(
        MaskedImageModelConfig(backbone_config={"model_type": "vit", "dtype": "bfloat16", **KINDS["vit"]})
    )
    assert {p.dtype for p in model.parameters()} == {torch.float32} and model(torch.rand(2, 3, 32, 32)).loss.isfinite()


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
    # visible pixels were never learned: they are neither judged nor shown as if they had been predicted
    visible = ~output.mask.expand_as(pixels)
    assert torch.equal(output.reconstruction[visible], pixels[visible])
    filled = (predicted.clamp(0, 1) - pixels).square()
    mean = torch.stack([filled[i][:, output.mask[i, 0]].mean() for i in range(3)])
    torch.testing.assert_close(output.squared_error, mean * pixels[0].numel())
    changed = torch.where(output.mask, 1 - pixels, pixels)  # what is hidden does not reach the network
    again = model(changed, noise=noise).reconstruction
    torch.testing.assert_close(again * output.mask, output.reconstruction * output.mask)


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
        ({"mask_ratio": float("nan")}, "mask_ratio is nan, expected a share between 0 and 1"),
        ({"image_mean": [0.5, 0.5]}, "image_mean holds 2 numbers, expected 1, or one for each of 3 channels"),
        ({"image_std": 0.0}, "image_std is 0.0, expected finite numbers above 0"),
        ({"image_std": [0.2, float("nan"), 0.2]}, "expected finite numbers above 0"),
        ({"num_channels": 1, "backbone_config": {"model_type": "vit", "num_channels": 3}}, "3 channels, these have 1"),
        (
            {"image_size": 28, "backbone_config": {"model_type": "vit", "patch_size": 5}},
            "patch_size 5 does not divide images of 28 pixels. Use a patch_size of 4 or 7, or .* of 30",
        ),
        ({"image_size": 28, "backbone_config": {"model_type": "dinov2", "patch_size": 5}}, "does not divide"),
        (
            {"backbone_image_size": 64, "backbone_config": {"model_type": "vit", "image_size": 32, "patch_size": 4}},
            r"makes no feature map of images of 64 pixels: Input image size \(64\*64\) doesn't match",
        ),
        (
            {
                "backbone_image_size": 32,
                "backbone_config": {"model_type": "swin", "window_size": 7, "patch_size": 4, "embed_dim": 12},
            },
            "smaller patch_size or window_size",
        ),
        (
            {
                "image_size": 8,
                "backbone_image_size": 8,
                "backbone_config": {"model_type": "convnext", "patch_size": 4},
            },
            "makes no feature map of images of 8 pixels",
        ),
    ],
)
def test_what_does_not_fit_is_refused(options, words):
    with pytest.raises(StrictDataclassError, match=words):
        MaskedImageModelConfig(**options)


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ({"model_type": "bert"}, "model_type 'bert', expected one of resnet, convnext"),
        ({"model_type": "clip"}, "clip.* makes no feature map .*expected one of resnet, convnext"),
        (
            {"model_type": "resnet", "hiden_sizes": [8]},
            "field of ResNetConfig: 'hiden_sizes'. Did you mean 'hidden_sizes'",
        ),
        (
            {"model_type": "convnext", "hidden_sizes": [8, 8], "depths": [1]},
            "2 hidden_sizes, 1 depths, expected as many",
        ),
        ({"model_type": "vit", "image_size": 16, "patch_size": 4}, r"makes no feature map of images of 32 pixels"),
        ({"model_type": "vit", "hidden_act": "nonsense"}, "no vit can be built of this"),
    ],
)
def test_networks_that_cannot_be_are_refused_with_those_that_can(network, words):
    with pytest.raises(ValueError, match=words):
        MaskedImageModelConfig(backbone_config=network)


def test_an_image_that_no_patch_divides_is_refused_with_the_size_to_enlarge_it_to():
    with pytest.raises(ValueError, match="no patch_size divides images of 223 pixels .* backbone_image_size 224"):
        MaskedImageModelConfig(image_size=223, backbone_config={"model_type": "vit"})
    enlarged = MaskedImageModelConfig(image_size=223, backbone_image_size=224, backbone_config={"model_type": "vit"})
    assert enlarged.backbone_config.patch_size == 16 and enlarged.map_size == 14


def test_a_saved_config_may_hold_fields_of_an_older_or_newer_kind(tmp_path):
    cfg = config("swin")
    cfg.backbone_config.feature_extractor_type = "of an older release"
    cfg.backbone_config.num_heads = [1, 2, 2, 2]  # one more than stages: it has no use, and does no harm
    cfg.save_pretrained(tmp_path)
    again = AutoConfig.from_pretrained(tmp_path).backbone_config
    assert again.feature_extractor_type == "of an older release" and list(again.num_heads) == [1, 2, 2, 2]


@pytest.mark.parametrize(("size", "side"), [(8, 4), (28, 4), (30, 5), (32, 4), (192, 24), (224, 32)])
def test_hidden_squares_grow_with_the_image_unless_given(size, side):
    assert MaskedImageModelConfig(image_size=size).mask_patch_size == side
    assert MaskedImageModelConfig(image_size=size, mask_patch_size=side // 2).mask_patch_size == side // 2


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
    for architecture, words in (("nonsense", "not supported"), ("vit_tiny_patch16_224", "img_size")):
        with pytest.raises(ValueError, match=words):
            MaskedImageModelConfig(
                image_size=96, backbone_config={"model_type": "timm_wrapper", "architecture": architecture}
            )


@pytest.mark.slow
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
    with pytest.raises(pretune.InputError, match="is a model of pretune.*Pass --backbone .*run/backbone"):
        pretune.pretrain(
            dataset=npz, output_dir=tmp_path / "no", model_type="masked_image_model", backbone=tmp_path / "run"
        )
    with pytest.raises(pretune.InputError, match="backbone needs --model_type joint_embedding or masked_image_model"):
        pretune.pretrain(dataset=npz, output_dir=tmp_path / "no", backbone=tmp_path / "run/backbone")


@pytest.fixture
def published(tmp_path):
    """A plain ViT of grey images, with an image processor of its own normalisation."""
    network = ViTConfig(**KINDS["vit"], image_size=8, patch_size=2, num_channels=1)
    ViTModel(network, add_pooling_layer=False).save_pretrained(tmp_path / "published")
    processor = ViTImageProcessorPil(size={"height": 8, "width": 8}, image_mean=[0.1], image_std=[0.3])
    processor.save_pretrained(tmp_path / "published")
    return tmp_path / "published"


def test_published_weights_see_pixels_as_they_were_trained(npz, tmp_path, published, caplog):
    import pretune

    tiny = {"dataset": npz, "model_type": "masked_image_model", "max_steps": 1, "disable_tqdm": True}
    run = pretune.pretrain(**tiny, output_dir=tmp_path / "run", backbone=published)
    assert (run.model.config.image_mean, run.model.config.image_std) == ([0.1], [0.3])
    told = pretune.pretrain(
        **tiny, output_dir=tmp_path / "told", backbone=published, config={"image_mean": 0.7, "image_std": 1.0}
    )
    assert (told.model.config.image_mean, told.model.config.image_std) == (0.7, 1.0)
    (published / "preprocessor_config.json").unlink()
    without = pretune.pretrain(**tiny, output_dir=tmp_path / "without", backbone=published)
    assert without.model.config.image_mean == 0.5 and "does not say what its pixels were normalised" in caplog.text


@pytest.mark.parametrize(
    ("changes", "mean", "std"),
    [({"do_normalize": False}, 0.0, 1.0), ({"do_rescale": False, "image_mean": [51], "image_std": [51]}, 0.2, 0.2)],
)
def test_other_ways_of_normalising_are_turned_into_ours(published, changes, mean, std):
    ViTImageProcessorPil(**changes).save_pretrained(published)
    found = published_normalisation(str(published), None, 1)
    assert found["image_mean"] == pytest.approx([mean]) and found["image_std"] == pytest.approx([std])


def test_what_cannot_be_a_backbone_is_said_in_one_line(npz, tmp_path):
    import pretune

    BertConfig().save_pretrained(tmp_path / "bert")
    for backbone, words in (
        (tmp_path / "bert", "is of type 'bert', expected one of resnet"),
        (tmp_path / "none", "there is no such file or folder"),
    ):
        with pytest.raises(pretune.InputError, match=words):
            pretune.pretrain(
                dataset=npz, output_dir=tmp_path / "no", model_type="masked_image_model", backbone=backbone
            )


def test_channels_are_read_where_each_kind_keeps_them():
    timm = AutoConfig.for_model("timm_wrapper", architecture="resnet18", model_args={"in_chans": 1})
    assert channels_of(timm) == 1 and channels_of(AutoConfig.for_model("timm_wrapper", architecture="resnet18")) == 3
    assert channels_of(AutoConfig.for_model("clip")) == 3 and channels_of(ViTConfig(num_channels=1)) == 1


def test_maps_with_channels_last_are_maps_too():
    features = torch.rand(2, 7, 7, 12)  # as a Swin of timm gives them
    assert torch.equal(as_map(features, ViTConfig()), features.permute(0, 3, 1, 2))
    with pytest.raises(ValueError, match="is no square map of features"):
        as_map(torch.rand(2, 12), ViTConfig())
