"""Clips longer than the window: cut, heard, averaged; whatever else is in the batch."""

import pytest
import torch
from families import tiny_classifier, tiny_config, tiny_model

SPEECH = "pretune_speech_joint_embedding"


def clip(frames: int) -> torch.Tensor:
    return 2 * torch.rand(1, frames, tiny_config(SPEECH).num_mel_bins) - 1


def padded(parts):
    """(B, T, M) and its mask of clips (1, t, M)."""
    longest = max(part.shape[1] for part in parts)
    batch = torch.full((len(parts), longest, parts[0].shape[2]), -1.0)
    mask = torch.zeros(len(parts), longest, dtype=torch.long)
    for k, part in enumerate(parts):
        batch[k, : part.shape[1]], mask[k, : part.shape[1]] = part[0], 1
    return batch, mask


def test_alone_and_in_a_padded_batch_are_equal():
    model, head = tiny_model(SPEECH).eval(), tiny_classifier(SPEECH).eval()
    window = model.config.num_frames
    parts = [clip(window), clip(window + 1), clip(3 * window + 5)]
    batch, mask = padded(parts)
    for made in (lambda *given: model.encode(*given), lambda *given: head(*given).logits):
        together = made(batch, mask)
        alone = torch.cat([made(part) for part in parts])
        torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-5)


def test_a_long_clip_is_the_mean_of_its_windows():
    model = tiny_model(SPEECH).eval()
    window = model.config.num_frames
    long = clip(2 * window - 1)
    starts = [0, round((window - 1) / 2), window - 1]
    parts = [long[:, s : s + window] for s in starts]
    parts = [part - part.amax() + 1 for part in parts]  # each from its own loudest cell
    expected = torch.cat([model.encode(part.clamp_min(-1)) for part in parts]).mean(0, keepdim=True)
    torch.testing.assert_close(model.encode(long), expected)


def test_frames_of_another_shape_are_refused_with_the_repair():
    model = tiny_model(SPEECH).eval()
    window, bands = model.config.num_frames, model.config.num_mel_bins
    for shape in ((2, window - 1, bands), (2, window, bands + 1), (2, bands)):
        with pytest.raises(ValueError, match=r"expected \(batch, frames, bands\).*feature extractor"):
            model.encode(torch.zeros(shape))
    assert model.train().encode(torch.zeros(2, window - 1, bands)).shape == (2, model.config.latent_size)  # a view
    with pytest.raises(ValueError, match="expected float in"):
        model.encode(torch.zeros(2, window, bands, dtype=torch.int64))
