"""Every family's forward can be exported, as to ONNX, for batches of any size: what draws random numbers for a loss
stays behind."""

import pytest
import torch
from families import ROWS, tiny_inputs, tiny_model

ANY = torch.export.Dim.DYNAMIC


@pytest.mark.parametrize("family", list(ROWS))
def test_forward_can_be_exported(family):
    model, inputs = tiny_model(family).eval(), tiny_inputs(family, 3)
    axes = {0: ANY, 1: ANY} if ROWS[family].modality == "text" else {0: ANY}
    program = torch.export.export(model, (), kwargs=inputs, dynamic_shapes=dict.fromkeys(inputs, axes))
    assert not [node for node in program.graph.nodes if "rand" in str(node.target)]
    for count in (5, 1):
        inputs = tiny_inputs(family, count)
        exported = program.module()(**inputs)
        assert exported.get("loss") is None
        with torch.no_grad():
            own = model(**inputs)
        torch.testing.assert_close(exported["latents"], own["latents"])
        if "reconstruction" in own:
            torch.testing.assert_close(exported["reconstruction"], own["reconstruction"])
        assert own["loss"].isfinite()
