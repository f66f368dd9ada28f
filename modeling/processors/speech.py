"""From clips to what the models take: log-mel frames, by one function that training and pipelines share."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F
from transformers import BatchFeature, SequenceFeatureExtractor
from transformers.audio_utils import mel_filter_bank

from ...configuration.speech.clips import FrameSizes, frame_sizes

LOWEST = 20.0  # Hz
FLOOR = 60.0  # decibels below a clip's loudest cell, which are silence
QUIETEST = -40.0  # decibels, below which a clip is silent altogether
AT_ONCE = 256  # windows turned into frames together
TOP = 32768  # what 1.0 is in 16 bits


def as_stored(clip: np.ndarray) -> np.ndarray:
    """(N,) finite floats -> (N,) int16, as clips are cached: what is louder than full scale is turned down whole."""
    loudest = float(np.abs(clip).max(initial=0.0))
    clip = clip / loudest if loudest > 1 else clip
    return np.rint(clip * TOP).clip(-TOP, TOP - 1).astype(np.int16)


def in_window(stored: np.ndarray, samples: int) -> np.ndarray:
    """(N,) -> (S,) for `samples` S, in the middle of silence; a longer clip stays as long as it is."""
    lacking = max(0, samples - len(stored))
    return np.pad(stored, (lacking // 2, lacking - lacking // 2))


def mel_filters(sampling_rate: int, num_mel_bins: int) -> torch.Tensor:
    """(F, M), triangles on the mel scale, for F = n_fft / 2 + 1 frequencies and M bands."""
    bins = frame_sizes(sampling_rate).n_fft // 2 + 1
    bank = mel_filter_bank(bins, num_mel_bins, LOWEST, sampling_rate / 2, sampling_rate, None, "htk")
    return torch.tensor(bank, dtype=torch.float32)


def log_mel(
    waves: torch.Tensor, lengths: torch.Tensor, filters: torch.Tensor, sizes: FrameSizes
) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-mel frames of clips, each measured from its own loudest cell, so that loudness changes nothing.

    Args:
        waves: (B, samples) in [-1, 1], zeros after each clip's end.
        lengths: (B,), samples of each clip.
        filters: see `mel_filters`.
        sizes: see `frame_sizes`.

    Returns:
        (B, T, M) in [-1, 1], where -1 is silence: FLOOR decibels below the loudest, or padding; and (B, T) bool, the
        frames that lie in the clip.
    """
    waves = F.pad(waves, (sizes.n_fft // 2, sizes.n_fft // 2))  # zeros, not reflections: the same alone and in a batch
    hann = torch.hann_window(sizes.window, device=waves.device)
    spectrum = torch.stft(waves, sizes.n_fft, sizes.hop, sizes.window, hann, center=False, return_complex=True)
    power = (spectrum.real.square() + spectrum.imag.square()).transpose(1, 2)  # (B, T, n_fft / 2 + 1)
    decibels = 10 * (power @ filters).clamp_min(1e-10).log10()
    mask = torch.arange(decibels.shape[1], device=waves.device) < 1 + lengths[:, None] // sizes.hop
    top = decibels.masked_fill(~mask[..., None], -100.0).amax((1, 2), keepdim=True).clamp_min(QUIETEST)
    frames = (decibels.clamp_min(top - FLOOR) - top) / (FLOOR / 2) + 1
    return frames.masked_fill(~mask[..., None], -1.0), mask


@torch.no_grad()
def frames_of(windows: np.ndarray, sampling_rate: int, num_mel_bins: int, out: np.ndarray | None = None) -> np.ndarray:
    """(N, samples) int16 clips of one length -> (N, T, M) float32 frames; see `log_mel`.

    Args:
        out: written to, if given.
    """
    sizes, filters = frame_sizes(sampling_rate), mel_filters(sampling_rate, num_mel_bins)
    length = windows.shape[1]
    if out is None:
        out = np.empty((len(windows), 1 + length // sizes.hop, num_mel_bins), np.float32)
    for start in range(0, len(windows), AT_ONCE):
        part = torch.from_numpy(np.asarray(windows[start : start + AT_ONCE], dtype=np.float32)) / TOP
        out[start : start + AT_ONCE] = log_mel(part, torch.full((len(part),), length), filters, sizes)[0].numpy()
    return out


class LogMelFeatureExtractor(SequenceFeatureExtractor):
    """Clips of any length -> `input_features` (B, T, M) and `attention_mask` (B, T), as training had them.

    A clip shorter than the window lies in the middle of it, in silence. A longer one has as many frames as it needs,
    and the model hears it window by window. In a batch shorter ones are filled up with silence, which the mask
    leaves out.

    Args:
        feature_size: M, bands of a frame.
        sampling_rate: of the clips.
        padding_value: of frames that are none.
        window_seconds: of the window.
    """

    model_input_names = ["input_features", "attention_mask"]

    def __init__(
        self,
        feature_size: int = 40,
        sampling_rate: int = 16000,
        padding_value: float = -1.0,
        window_seconds: float = 1.0,
        **kwargs: Any,
    ):
        super().__init__(feature_size, sampling_rate, padding_value, **kwargs)
        self.window_seconds = window_seconds

    @classmethod
    def for_config(cls, config: Any, **settings: Any) -> "LogMelFeatureExtractor":
        """The one that fits a model of this config, which says all: `settings` change nothing."""
        return cls(config.num_mel_bins, config.sampling_rate, window_seconds=config.window_seconds)

    def __call__(
        self,
        raw_speech: np.ndarray | torch.Tensor | Sequence[Any],
        sampling_rate: int | None = None,
        return_tensors: str | None = None,
        **kwargs: Any,
    ) -> BatchFeature:
        """Frames of one clip or of several.

        Args:
            raw_speech: (samples,) floats in [-1, 1], an array, tensor or list, or a list of such.
            sampling_rate: of the clips, to be checked.
            return_tensors: "pt" or "np".

        Raises:
            ValueError: another rate than the model's, more than one channel, or NaN.
        """
        if sampling_rate not in (None, self.sampling_rate):
            raise ValueError(
                f"this model hears {self.sampling_rate} samples a second, and the clip has {sampling_rate}: resample "
                f"it, for example by soxr.resample(clip, {sampling_rate}, {self.sampling_rate})."
            )
        clips = [_checked(clip) for clip in _clips(raw_speech)]
        stored = [in_window(as_stored(clip), round(self.sampling_rate * self.window_seconds)) for clip in clips]
        waves = np.zeros((len(stored), max(map(len, stored), default=0)), np.float32)
        for row, clip in zip(waves, stored, strict=True):
            row[: len(clip)] = clip
        lengths = torch.tensor([len(clip) for clip in stored])
        sizes, filters = frame_sizes(self.sampling_rate), mel_filters(self.sampling_rate, self.feature_size)
        frames, mask = log_mel(torch.from_numpy(waves) / TOP, lengths, filters, sizes)
        return BatchFeature({"input_features": frames, "attention_mask": mask.long()}, tensor_type=return_tensors)


def _clips(raw: Any) -> list[Any]:
    """The clips of what may be one, or a list or batch of them."""
    if isinstance(raw, (list, tuple)):
        return [raw] if len(raw) == 0 or np.ndim(raw[0]) == 0 else list(raw)
    return [raw] if np.ndim(raw) < 2 else list(raw)


def _checked(clip: Any) -> np.ndarray:
    """One clip as (samples,) float32. Raises ValueError."""
    if isinstance(clip, torch.Tensor):
        clip = clip.detach().cpu().float().numpy()
    clip = np.asarray(clip)
    if clip.dtype == np.int16:
        clip = clip.astype(np.float32) / TOP
    clip = clip.astype(np.float32)
    if clip.ndim != 1:
        raise ValueError(
            f"a clip has shape {clip.shape}, expected (samples,): one channel. Take the mean of its channels."
        )
    if not np.isfinite(clip).all():
        raise ValueError("a clip holds NaN or infinity, expected finite numbers.")
    return clip
