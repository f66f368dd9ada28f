"""Encoders of transformers that come without a class for image classification."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import CLIPVisionConfig, CLIPVisionModel, DINOv3ViTConfig, DINOv3ViTModel, ViTMAEConfig, ViTMAEModel
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from pretune.training.errors import InputError
from pretune.training.evaluation.side_by_side import can_stack
from pretune.training.networks.encoders import Encoder

CPU = torch.device("cpu")
IMAGES = np.random.default_rng(0).integers(0, 256, (5, 3, 16, 16), dtype=np.uint8)
SIZES = {
    "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 16,
    "patch_size": 4,
}  # fmt: skip
KINDS = {
    "clip_vision_model": (CLIPVisionModel, CLIPVisionConfig),
    "dinov3_vit": (DINOv3ViTModel, DINOv3ViTConfig),
    "vit_mae": (ViTMAEModel, ViTMAEConfig),
}


@pytest.fixture(params=list(KINDS))
def bare(request, tmp_path):
    model_class, config_class = KINDS[request.param]
    model = model_class(config_class(**SIZES)).eval()
    model.save_pretrained(tmp_path)
    plain = {"do_rescale": True, "do_normalize": False}
    ViTImageProcessorPil(size={"height": 16, "width": 16}, **plain).save_pretrained(tmp_path)
    return tmp_path, model


def test_features_are_what_it_pools_or_its_class_token(bare):
    folder, model = bare
    encoder = Encoder(str(folder), None, 3, CPU, 2)
    found = encoder.features(encoder.classifier(True, 0), IMAGES)
    model.config.mask_ratio = 0.0
    with torch.no_grad():
        output = model(pixel_values=torch.from_numpy(IMAGES) / 255)
    expected = output.last_hidden_state[:, 0] if isinstance(model, ViTMAEModel) else output.pooler_output
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4, atol=1e-5)


def test_it_gets_a_new_head_and_new_weights_by_the_seed(bare):
    encoder = Encoder(str(bare[0]), None, 3, CPU, 2)
    same, again, other, scratch = (encoder.classifier(*how) for how in ((True, 0), (True, 0), (True, 1), (False, 5)))
    a, b, c, d = (model.state_dict() for model in (same, again, other, scratch))
    assert all(torch.equal(a[k], b[k]) for k in a)
    assert {k for k in a if not torch.equal(a[k], c[k])} == {"classifier.weight"} | ({"classifier.bias"} & a.keys())
    assert a.keys() == d.keys() and sum(not torch.equal(a[k], d[k]) for k in a) > 2
    same.train()
    assert same(pixel_values=torch.rand(2, 3, 16, 16), labels=torch.tensor([0, 2])).loss.isfinite()
    assert encoder.logits(again, IMAGES).shape == (5, 3)
    assert not can_stack(same)


def test_one_that_lacks_a_tensor_is_refused(bare):
    tensors = load_file(bare[0] / "model.safetensors")
    tensors.pop(sorted(tensors)[-1])
    save_file(tensors, bare[0] / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match="lacks 1 tensors of its network"):
        Encoder(str(bare[0]), None, 3, CPU, 2)
