"""Models of transformers beside ours: through their own image processor, pooled as they define."""

import numpy as np
import pytest
import torch
from families import OF_IMAGES, tiny_model
from safetensors.torch import load_file, save_file
from transformers import (
    ConvNextConfig,
    ConvNextForImageClassification,
    ConvNextModel,
    ResNetConfig,
    ResNetForImageClassification,
    ResNetModel,
    ViTConfig,
    ViTForImageClassification,
    ViTModel,
)
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from pretune.training.errors import InputError
from pretune.training.networks import memory
from pretune.training.networks.encoders import Encoder

CPU = torch.device("cpu")
IMAGES = np.random.default_rng(0).integers(0, 256, (5, 1, 8, 8), dtype=np.uint8)
RESNET = ResNetConfig(layer_type="basic", num_labels=4, embedding_size=8, hidden_sizes=[8, 12], depths=[1, 1])
CONVNEXT = ConvNextConfig(hidden_sizes=[8, 12], depths=[1, 1], num_stages=2)
VIT = ViTConfig(
    hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, image_size=16, patch_size=4
)
FOREIGN = {
    "resnet": (ResNetModel, ResNetForImageClassification(RESNET)),
    "convnext": (ConvNextModel, ConvNextForImageClassification(CONVNEXT)),
    "vit": (ViTModel, ViTForImageClassification(VIT)),
}


@pytest.fixture(params=list(FOREIGN))
def foreign(request, tmp_path):
    base_class, model = FOREIGN[request.param]
    model.eval().save_pretrained(tmp_path)
    processor = ViTImageProcessorPil(size={"height": 16, "width": 16}, image_mean=[0.4] * 3, image_std=[0.3] * 3)
    processor.save_pretrained(tmp_path)
    return tmp_path, base_class, model, processor


def test_features_are_what_the_model_pools_from_what_its_processor_gives(foreign):
    folder, base_class, model, processor = foreign
    encoder = Encoder(str(folder), None, 3, CPU, 2)
    found = encoder.features(encoder.classifier(True, 0), encoder.preprocessing.fitted(IMAGES))
    pixels = processor(
        [image.repeat(3, 0) for image in IMAGES], input_data_format="channels_first", return_tensors="pt"
    )
    with torch.no_grad():
        output = base_class.from_pretrained(folder)(**pixels)
    expected = output.last_hidden_state[:, 0] if base_class is ViTModel else output.pooler_output.flatten(1)
    np.testing.assert_allclose(found, expected.numpy(), rtol=0.02, atol=0.02)  # pixels are rounded to 8 bits between


def test_copies_share_the_encoder_and_new_heads_follow_the_seed(foreign):
    encoder = Encoder(str(foreign[0]), None, 3, CPU, 2)
    same, again, other = (encoder.classifier(True, seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(same[k], again[k]) for k in same)
    assert {k for k in same if not torch.equal(same[k], other[k])} <= {k for k in same if ".classifier." in k}
    scratch = encoder.classifier(False, 0).state_dict()
    assert scratch.keys() == same.keys() and any(not torch.equal(scratch[k], same[k]) for k in same)
    pixels = torch.rand(2, 3, 16, 16)
    assert encoder.classifier(True, 0)(pixel_values=pixels, labels=torch.tensor([0, 2])).loss.isfinite()
    assert encoder.logits(encoder.classifier(True, 0), encoder.preprocessing.fitted(IMAGES)).shape == (5, 3)


def test_a_checkpoint_that_lacks_a_tensor_is_refused(foreign):
    folder = foreign[0]
    tensors = load_file(folder / "model.safetensors")
    tensors.pop(next(k for k in tensors if not k.startswith("classifier") and k.endswith("weight")))
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match="lacks 1 tensors of its network"):
        Encoder(str(folder), None, 3, CPU, 2)


def test_a_missing_processor_and_models_of_other_kinds_are_one_line_errors(foreign, tmp_path):
    (foreign[0] / "preprocessor_config.json").unlink()
    with pytest.raises(InputError, match="has no image processor"):
        Encoder(str(foreign[0]), None, 3, CPU, 2)
    from transformers import VitsConfig

    VitsConfig().save_pretrained(tmp_path / "vits")
    with pytest.raises(InputError, match="of type 'vits', which is no encoder with a classifier"):
        Encoder(str(tmp_path / "vits"), None, 3, CPU, 2)
    with pytest.raises(InputError, match="was not found: there is no such file or folder"):
        Encoder(str(tmp_path / "nothing"), None, 3, CPU, 2)


def test_a_grey_model_has_colour_made_grey(tmp_path):
    ResNetForImageClassification(ResNetConfig(**{**RESNET.to_dict(), "num_channels": 1})).save_pretrained(tmp_path)
    ViTImageProcessorPil(size={"height": 16, "width": 16}, image_mean=[0.4], image_std=[0.3]).save_pretrained(tmp_path)
    colour = IMAGES.repeat(3, 1)
    encoder = Encoder(str(tmp_path), None, 3, CPU, 2)
    fitted = encoder.preprocessing.fitted(colour)
    assert np.array_equal(fitted, encoder.preprocessing.fitted(IMAGES))
    assert encoder.features(encoder.classifier(True, 0), fitted).shape == (5, 12)


def test_loading_a_processor_says_nothing_of_deprecations(foreign, caplog):
    from transformers.utils import logging

    logging.enable_propagation()
    Encoder(str(foreign[0]), None, 3, CPU, 2)
    logging.disable_propagation()
    assert "deprecated" not in caplog.text


@pytest.mark.parametrize("family", OF_IMAGES)
def test_ours_give_their_code_and_take_other_sizes(family, tmp_path):
    model = tiny_model(family).eval()
    model.save_pretrained(tmp_path)
    config = model.config
    shape = (4, config.num_channels, config.image_size, config.image_size)
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    encoder = Encoder(str(tmp_path), None, 3, CPU, 2)
    code = model.encode(torch.from_numpy(images) / 255).detach()
    np.testing.assert_allclose(encoder.features(encoder.classifier(True, 0), images), code, rtol=1e-5, atol=1e-5)
    large = images.repeat(2, 2).repeat(2, 3)
    fitted = encoder.preprocessing.fitted(large)
    assert fitted.shape == shape
    np.testing.assert_allclose(fitted.mean((1, 2, 3)), images.mean((1, 2, 3)), atol=8)


def test_large_input_goes_through_in_small_batches(monkeypatch, tmp_path):
    """256 photographs at once took 5 GB, and four times as long."""
    FOREIGN["resnet"][1].save_pretrained(tmp_path)
    ViTImageProcessorPil(size={"height": 128, "width": 128}).save_pretrained(tmp_path)
    encoder, seen = Encoder(str(tmp_path), None, 3, CPU, 256), []
    rows = encoder.preprocessing.fitted(IMAGES)
    model = encoder.classifier(True, 0)
    whole = encoder.features(model, rows)
    monkeypatch.setitem(memory.LOOKING, "cpu", 1)
    model.register_forward_pre_hook(
        lambda module, args, kwargs: seen.append(len(kwargs["pixel_values"])), with_kwargs=True
    )
    np.testing.assert_allclose(encoder.features(model, rows), whole, rtol=1e-4, atol=1e-5)
    assert seen[-len(IMAGES) :] == [1] * len(IMAGES)
