"""Every family's forward can be exported, as to ONNX: what draws random numbers for a loss stays behind."""

import pytest
import torch
from families import ROWS, tiny_config, tiny_model


@pytest.mark.parametrize("family", list(ROWS))
def test_forward_can_be_exported(family):
    config = tiny_config(family)
    if not hasattr(config, "image_size"):
        pytest.skip("no family of images")
    model, pixels = tiny_model(family).eval(), torch.rand(2, config.num_channels, config.image_size, config.image_size)
    exported = torch.export.export(model, (pixels,)).module()(pixels)
    assert exported.get("loss") is None
    with torch.no_grad():
        own = model(pixels)
    torch.testing.assert_close(exported["latents"], own["latents"])
    if "reconstruction" in own:
        torch.testing.assert_close(exported["reconstruction"], own["reconstruction"])
    assert own["loss"].isfinite()


def test_random_numbers_in_the_graph_there_are_none():
    model = tiny_model("pretune_masked_image_model").eval()
    graph = torch.export.export(model, (torch.rand(2, 1, 8, 8),)).graph
    assert not [node for node in graph.nodes if "rand" in str(node.target)]
