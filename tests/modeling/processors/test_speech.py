"""Log-mel frames: equal to transformers' own, alone and in a batch; the saved extractor; bad input."""

import numpy as np
import pytest
import torch
from transformers.audio_utils import mel_filter_bank, spectrogram, window_function

from pretune.modeling.processors.speech import LogMelFeatureExtractor, as_stored, frames_of


def clip(seed: int, samples: int) -> np.ndarray:
    """Noise that swells, (samples,) float32."""
    rng = np.random.default_rng(seed)
    return (0.3 * rng.normal(size=samples) * np.linspace(0.1, 1, samples)).clip(-1, 1).astype(np.float32)


@pytest.fixture
def extractor():
    return LogMelFeatureExtractor(40, 8000, window_seconds=0.5)


def test_frames_are_those_of_transformers(extractor):
    wave = as_stored(clip(0, 4000)).astype(np.float32) / 32768
    bank = mel_filter_bank(129, 40, 20.0, 4000, 8000, None, "htk")
    options = {"fft_length": 256, "power": 2.0, "center": True, "pad_mode": "constant", "mel_filters": bank}
    decibels = spectrogram(wave, window_function(200, "hann"), 200, 80, log_mel="dB", **options).T
    top = decibels.max()
    expected = (np.maximum(decibels, top - 60) - top) / 30 + 1
    found = extractor(wave, sampling_rate=8000, return_tensors="np")["input_features"][0]
    assert found.shape == (51, 40) and np.abs(found - expected).max() < 1e-4


def test_alone_and_in_a_batch_are_equal(extractor):
    clips = [clip(k, n) for k, n in enumerate((4000, 900, 9001, 1))]
    together = extractor(clips, return_tensors="pt")
    assert together["input_features"].shape == (4, 113, 40)
    assert together["attention_mask"].sum(1).tolist() == [51, 51, 113, 51]
    for k, one in enumerate(clips):
        alone = extractor(one, return_tensors="pt")["input_features"][0]
        assert torch.equal(together["input_features"][k, : len(alone)], alone)
        assert (together["input_features"][k, len(alone) :] == -1).all()


def test_training_and_the_extractor_have_equal_frames(extractor):
    whole = np.stack([clip(k, 4000) for k in range(3)])
    stored = np.stack([as_stored(one) for one in whole])
    assert np.array_equal(frames_of(stored, 8000, 40), extractor(list(whole), return_tensors="np")["input_features"])


def test_loudness_changes_nothing_and_silence_is_silent(extractor):
    wave = clip(0, 4000)
    wave /= np.abs(wave).max()
    loud = extractor(wave, return_tensors="np")["input_features"]
    for gain in (2.0, 0.25):  # louder than full scale is turned down
        quiet = extractor(gain * wave, return_tensors="np")["input_features"]
        assert np.abs(quiet - loud).max() < (1e-5 if gain > 1 else 0.1)
    assert loud.max() == 1 and loud.min() >= -1
    assert (extractor(np.zeros(900), return_tensors="np")["input_features"] == -1).all()
    assert (extractor(np.zeros(0), return_tensors="np")["input_features"] == -1).all()


def test_it_is_saved_and_loaded(extractor, tmp_path):
    extractor.save_pretrained(tmp_path)
    loaded = LogMelFeatureExtractor.from_pretrained(tmp_path)
    assert loaded.to_dict() == extractor.to_dict() and loaded.window_seconds == 0.5
    wave = clip(1, 3000)
    same = [one(wave, return_tensors="pt")["input_features"] for one in (loaded, extractor)]
    assert torch.equal(*same)


@pytest.mark.parametrize("kind", ["list", "tensor", "int16", "batch"])
def test_what_a_clip_may_be(kind, extractor):
    wave = as_stored(clip(2, 4000)).astype(np.float32) / 32768
    given = {
        "list": wave.tolist(),
        "tensor": torch.from_numpy(wave),
        "int16": np.rint(wave * 32768).astype(np.int16),
        "batch": wave[None],
    }[kind]
    expected = extractor(wave, return_tensors="pt")["input_features"]
    assert torch.equal(extractor(given, return_tensors="pt")["input_features"], expected)


def test_bad_clips_are_refused_with_the_repair(extractor):
    with pytest.raises(ValueError, match=r"hears 8000 samples a second, and the clip has 16000: resample"):
        extractor(clip(0, 100), sampling_rate=16000)
    with pytest.raises(ValueError, match="NaN or infinity"):
        extractor(np.array([0.0, np.nan]))
    with pytest.raises(ValueError, match=r"shape \(4, 100\), expected \(samples,\): one channel"):
        extractor([np.zeros((4, 100))])
