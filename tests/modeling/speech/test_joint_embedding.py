"""Joint embedding of clips: what `forward` gives of clips that are longer than a window."""

import torch
from families import tiny_model


def test_a_pass_with_its_loss_embeds_padded_clips_as_encode_does():
    torch.manual_seed(0)
    model = tiny_model("pretune_speech_joint_embedding").eval()
    window = model.config.num_frames
    frames = torch.rand(2, 3 * window, model.config.num_mel_bins) * 2 - 1
    mask = torch.ones(2, 3 * window, dtype=torch.long)
    frames[1, window:], mask[1, window:] = -1.0, 0  # the second clip is one window long, the rest is its batch
    output = model(frames, mask)
    assert output.loss.isfinite()
    torch.testing.assert_close(output.latents, model.encode(frames, mask))
    torch.testing.assert_close(output.latents[1:], model.encode(frames[1:, :window]))
    torch.testing.assert_close(model(frames, mask, return_loss=False).latents, output.latents)
