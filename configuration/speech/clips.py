"""What the config of every family for speech has."""

from typing import NamedTuple

from huggingface_hub.dataclasses import strict

from ..encoder import EncoderConfig


class FrameSizes(NamedTuple):
    """Numbers of samples: of a Fourier transform, of the window it looks at, and from one frame to the next."""

    n_fft: int
    window: int
    hop: int


def frame_sizes(sampling_rate: int) -> FrameSizes:
    """Frames of 25 milliseconds, one every 10, whatever the rate."""
    window = max(2, round(sampling_rate / 40))
    return FrameSizes(1 << (window - 1).bit_length(), window, max(1, round(sampling_rate / 100)))


@strict
class SpeechConfig(EncoderConfig):
    """Fields and rules that all families for speech share.

    Args:
        sampling_rate: samples a second of the clips that the model hears.
        window_seconds: length of the window that a clip lies in, with silence around it; longer clips are heard in
            several windows that overlap.
        num_mel_bins: bands of a frame, from low to high.
    """

    sampling_rate: int = 16000
    window_seconds: float | int = 1.0
    num_mel_bins: int = 40

    def validate_clips(self) -> None:
        """A rate of sound, a window of several frames, and bands that the rate has."""
        if not 1000 <= self.sampling_rate <= 400_000:
            raise ValueError(f"sampling_rate must lie between 1000 and 400000, got {self.sampling_rate}.")
        if not 0.05 <= self.window_seconds <= 600:
            raise ValueError(f"window_seconds must lie between 0.05 and 600, got {self.window_seconds}.")
        most = frame_sizes(self.sampling_rate).n_fft // 3
        if not 4 <= self.num_mel_bins <= most:
            raise ValueError(
                f"num_mel_bins must lie between 4 and {most} at {self.sampling_rate} Hz, got {self.num_mel_bins}."
            )

    @property
    def num_samples(self) -> int:
        """Samples of a window."""
        return round(self.sampling_rate * self.window_seconds)

    @property
    def num_frames(self) -> int:
        """Frames of a window."""
        return 1 + self.num_samples // frame_sizes(self.sampling_rate).hop
