import pytest
import torch
from huggingface_hub.errors import StrictDataclassError

from pretune import ConvAutoencoderConfig, ConvAutoencoderForImageClassification, ConvAutoencoderModel

SMALL = {"hidden_sizes": [8, 16], "strides": [2, 2], "depths": [0, 1]}


@pytest.mark.parametrize("size", [8, 28, 33])
@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize(
    "options",
    [
        {}, {"norm": "group", "pooling": "mean_max"}, {"norm": "none", "pooling": "flatten", "decoder_kind": "dense"},
        {"pooling": "mean_max", "pooling_size": 2}, {"pooling_size": 2, "pooled_stages": "all"},
        {"bottleneck_size": 5, "variational": True}, {"pooling": "flatten", "bottleneck_size": 5},
    ],
    ids=str,
)  # fmt: skip
def test_any_size_channels_and_code(size, channels, options):
    model = ConvAutoencoderModel(ConvAutoencoderConfig(image_size=size, num_channels=channels, **SMALL, **options))
    x = torch.rand(3, channels, size, size)
    output = model(x)
    assert output.reconstruction.shape == x.shape and output.latents.shape == (3, model.config.latent_size)
    output.loss.backward()
    assert all(p.grad is not None for p in model.parameters())


def test_large_images_take_more_stages():
    config = ConvAutoencoderConfig(image_size=224, hidden_sizes=[8] * 5, strides=[2] * 5, depths=[0] * 5)
    assert config.map_sizes == [224, 112, 56, 28, 14, 7]
    assert ConvAutoencoderModel(config)(torch.rand(1, 1, 224, 224)).reconstruction.shape == (1, 1, 224, 224)


def test_pooling_by_hand():
    model = ConvAutoencoderModel(ConvAutoencoderConfig(image_size=8, pooling="mean_max", **SMALL)).eval()
    x = torch.rand(2, 1, 8, 8)
    maps = model.encoder.stages(x)
    torch.testing.assert_close(model.encode(x), torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], 1))
    model = ConvAutoencoderModel(ConvAutoencoderConfig(image_size=8, pooling_size=2, **SMALL)).eval()
    maps, latents = model.encoder.stages(x), model.encode(x)
    assert maps.shape[2:] == (2, 2)
    torch.testing.assert_close(latents, maps.flatten(1))
    assert latents.shape == (2, model.config.latent_size)


def test_pooled_stages_all_by_hand():
    config = ConvAutoencoderConfig(image_size=8, pooling="mean_max", pooled_stages="all", **SMALL)
    model, x = ConvAutoencoderModel(config).eval(), torch.rand(2, 1, 8, 8)
    first = model.encoder.stages[0](x)
    second = model.encoder.stages[1](first)
    by_hand = [first.mean((2, 3)), first.amax((2, 3)), second.mean((2, 3)), second.amax((2, 3))]
    assert config.latent_size == 2 * (8 + 16)
    torch.testing.assert_close(model.encode(x), torch.cat(by_hand, 1))


def test_patch_filters_whiten_and_stay_while_pretraining():
    torch.manual_seed(0)
    smooth = torch.nn.functional.avg_pool2d(torch.rand(64, 3, 20, 20), 5, 1)  # 16x16: neighbours are alike
    config = ConvAutoencoderConfig(image_size=16, num_channels=3, stem_kernel_size=5, stem_filters="patches", **SMALL)
    model = ConvAutoencoderModel(config)
    conv = model.encoder.stages[0][0]
    model.start_from(lambda count: {"pixel_values": smooth}, torch.Generator().manual_seed(0))
    again = ConvAutoencoderModel(config)
    again.start_from(lambda count: {"pixel_values": smooth}, torch.Generator().manual_seed(0))
    assert torch.equal(conv.weight, again.encoder.stages[0][0].weight)
    inside = conv(smooth)[:, :, 2:-2:2, 2:-2:2] + 0.5  # without padding and threshold
    assert inside.mean().abs() < 0.2 and 0.3 < inside.std() < 2  # centred and of one scale, though the patches are not
    before = conv.weight.clone()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.1)
    model(smooth).loss.backward()
    optimizer.step()
    assert torch.equal(conv.weight, before) and model.encoder.stages[1][0].weight.grad is not None
    classifier = ConvAutoencoderForImageClassification(model.config)
    assert all(p.requires_grad for p in classifier.parameters())  # fine-tuning moves them too


def test_convolutions_see_channels_last_for_grey_images_too():
    model = ConvAutoencoderModel(ConvAutoencoderConfig(image_size=8, norm="none", **SMALL))
    seen = []
    model.encoder.stages[1][0].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    model.encode(torch.rand(2, 1, 8, 8))
    assert seen[0].is_contiguous(memory_format=torch.channels_last)


def test_the_classifier_learns():
    torch.manual_seed(0)
    model = ConvAutoencoderForImageClassification(ConvAutoencoderConfig(image_size=8, num_labels=2, **SMALL))
    x, y = torch.rand(32, 1, 8, 8), torch.arange(32) % 2
    x[y == 1, :, :4] += 1
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(30):
        model(x, y).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert (model.eval()(x).logits.argmax(1) == y).float().mean() > 0.9


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"depths": [0, 1]}, "must have one entry for each stage"),
        ({"strides": [2, 3, 1]}, "strides must be 1 or 2"),
        ({"pooling_size": 8}, "pooling_size is 8, expected 1 to 7, the side of the last map"),
        ({"pooling": "flatten", "pooling_size": 2}, "'flatten' pools nothing"),
        ({"pooling": "flatten", "pooled_stages": "all"}, "pooled_stages 'all' needs pooling 'mean' or 'mean_max'"),
        ({"image_size": 2}, "need at least 4 pixels. Use fewer strides of 2"),
        ({"norm": "group", "hidden_sizes": [12, 20, 30]}, "multiples of 8"),
        ({"contractive_weight": 1.0, "bottleneck_size": 8}, "set norm to 'group' or 'none'"),
        ({"variational": True}, "set bottleneck_size"),
        ({"stem_kernel_size": 4}, "stem_kernel_size is 4, expected an odd number"),
    ],
)
def test_what_does_not_fit_is_refused(options, words):
    with pytest.raises(StrictDataclassError, match=words):
        ConvAutoencoderConfig(**options)
