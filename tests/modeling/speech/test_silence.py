"""Silence around a clip: a part of the window, or masked before every convolution so that nothing of it is left."""

import pytest
import torch

from pretune.configuration.speech.joint_embedding import SpeechJointEmbeddingConfig
from pretune.modeling.speech.encoder import ClipEncoder
from pretune.modeling.speech.views import STRONG, views


def encoder(silence: str) -> ClipEncoder:
    torch.manual_seed(0)
    config = SpeechJointEmbeddingConfig(sampling_rate=8000, window_seconds=0.4, silence=silence)
    network = ClipEncoder(config)
    network(torch.rand(8, config.num_frames, 40) * 2 - 1)  # norms that make something of a zero
    return network.eval()


@pytest.mark.parametrize(("silence", "same"), [("masked", True), ("heard", False)])
def test_a_clip_alone_and_in_a_padded_batch(silence, same):
    network, clip = encoder(silence), torch.rand(3, 41, 40) * 2 - 1
    padded = torch.nn.functional.pad(clip, (0, 0, 0, 56), value=-1.0)
    with torch.no_grad():
        alone, in_a_batch = network(clip), network(padded)
    assert torch.allclose(alone, in_a_batch, atol=1e-5) is same


def test_a_silent_clip_has_an_embedding_and_a_view_stays_silent_around_the_clip():
    network, clip = encoder("masked"), torch.full((2, 41, 40), -1.0)
    assert network(clip).isfinite().all()
    clip[:, 10:20] = 0.5
    frames = views(clip, 2, 41, STRONG, torch.Generator().manual_seed(0), still=True)
    heard = (frames > -1).any(2).sum(1)
    assert ((heard > 0) & (heard < 20)).all()
    assert (views(clip, 2, 41, STRONG, torch.Generator().manual_seed(0)) > -1).any(2).sum(1).max() > 25
    network(frames).sum().backward()
    assert all(p.grad.isfinite().all() for p in network.parameters())
