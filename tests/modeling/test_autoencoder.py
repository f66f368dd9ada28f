import pytest
import torch
from huggingface_hub.errors import StrictDataclassError

from pretune import AutoencoderConfig, AutoencoderForImageClassification, AutoencoderModel


def test_the_default_is_the_classic_network():
    model = AutoencoderModel(AutoencoderConfig())
    assert sum(p.numel() for p in model.parameters()) == 223_834
    widths = [m.out_features for m in model.encoder if hasattr(m, "out_features")]
    assert widths == [128, 64, 32, 16, 8, 4, 2]
    assert [m.out_features for m in model.decoder if hasattr(m, "out_features")] == [4, 8, 16, 32, 64, 128, 784]
    assert isinstance(model.encoder[-1], torch.nn.Linear)  # a linear code
    assert isinstance(model.output_activation, torch.nn.Sigmoid)


def test_loss_is_mseloss_and_squared_error_its_sum_over_an_image():
    model, pixels = AutoencoderModel(AutoencoderConfig()), torch.rand(5, 1, 28, 28)
    output = model(pixels)
    torch.testing.assert_close(output.loss, torch.nn.MSELoss()(output.reconstruction, pixels))
    torch.testing.assert_close(output.squared_error.mean(), output.loss * 784)


def test_classifier_adds_one_linear_layer_on_the_code():
    model = AutoencoderForImageClassification(AutoencoderConfig(num_labels=10))
    assert (model.classifier.in_features, model.classifier.out_features) == (2, 10)
    assert sum(p.numel() for p in model.parameters()) == 111_526 + 30


def test_linear_output_is_not_squashed():
    model = AutoencoderModel(AutoencoderConfig(output_activation="linear", hidden_sizes=[], latent_size=784))
    pixels = torch.rand(3, 1, 28, 28)
    torch.testing.assert_close(model.reconstruct(pixels).abs().sum() > 0, torch.tensor(True))
    assert model.reconstruct(pixels).min() < 0 or model.reconstruct(pixels).max() > 1


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"latent_size": 0}, "latent_size must be at least 1, got 0"),
        ({"hidden_sizes": [8, 0]}, "hidden_sizes must all be at least 1"),
        ({"hidden_sizes": (8, 4)}, "hidden_sizes"),
        ({"image_size": 28.0}, "image_size"),
        ({"activation": "relo"}, "activation"),
        ({"output_activation": "relu"}, "output_activation"),
        ({"reconstruction_weight": -1}, "reconstruction_weight must be a finite number"),
        ({"reconstruction_weight": float("inf")}, "reconstruction_weight must be a finite number"),
        ({"problem_type": "ranking"}, "problem_type"),
    ],
)
def test_config_refuses(values, words):
    with pytest.raises(StrictDataclassError, match=words):
        AutoencoderConfig(**values)


@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_colour_images_of_another_size(compiled):
    model = AutoencoderModel(AutoencoderConfig(image_size=10, num_channels=3, hidden_sizes=[30, 7], latent_size=5))
    forward = torch.compile(model, fullgraph=True) if compiled else model
    pixels = torch.rand(2, 3, 10, 10)
    assert forward(pixels).reconstruction.shape == pixels.shape
    torch.testing.assert_close(forward(pixels).loss, model(pixels).loss)
