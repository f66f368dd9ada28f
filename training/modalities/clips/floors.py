"""What clips are without a network: log-mel frames of one length, and what is left of them in few numbers."""

from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional as F

from ....modeling.processors.speech import AT_ONCE, frames_of

BINS = 40
STRETCHED = 32  # frames that the sounding part of a clip is brought to


class Waves(np.ndarray):
    """Stored rows (N, samples) int16 that know how many samples a second they have, as `rate`."""

    rate: int = 16000

    def __array_finalize__(self, source: np.ndarray | None) -> None:
        self.rate = getattr(source, "rate", self.rate)

    @classmethod
    def of(cls, values: np.ndarray, rate: int) -> "Waves":
        """The same rows, nothing copied."""
        rows = values.view(cls)
        rows.rate = rate
        return rows


def rows_of_frames(values: np.ndarray) -> np.ndarray:
    """(N, samples) int16 -> (N, T * M) float32, log-mel frames one after the other, clips in the middle."""
    rate = getattr(values, "rate", Waves.rate)
    return frames_of(values, rate, BINS).reshape(len(values), -1)


class Standardised:
    """A floor whose numbers have mean 0 and spread 1 each over the training samples.

    Args:
        numbers: (N, T, M) frames in [-1, 1] -> (N, D).
    """

    def __init__(self, numbers: Callable[[np.ndarray], np.ndarray]):
        self.numbers = numbers
        self.mean: np.ndarray | None = None
        self.spread: np.ndarray | None = None

    @property
    def cost(self) -> int:
        """Means and spreads."""
        return 0 if self.mean is None else 2 * len(self.mean)

    def fit(self, unlabelled: np.ndarray) -> None:
        """Learn means and spreads of (N, samples) int16 rows."""
        found = self._of(unlabelled)
        self.mean, self.spread = found.mean(0), np.maximum(found.std(0), 1e-6)

    def embed(self, values: np.ndarray) -> np.ndarray:
        """(N, samples) int16 -> (N, D) float32."""
        return (self._of(values) - self.mean) / self.spread

    def _of(self, values: np.ndarray) -> np.ndarray:
        """(N, samples) int16 -> (N, D), as they are."""
        rate = getattr(values, "rate", Waves.rate)
        parts = [frames_of(values[k : k + AT_ONCE], rate, BINS) for k in range(0, len(values), AT_ONCE)]
        return np.concatenate([self.numbers(part) for part in parts])


def statistics(frames: np.ndarray) -> np.ndarray:
    """(N, T, M) frames -> (N, 2M): mean and standard deviation of each band over the frames that sound."""
    heard = (frames > -1).any(2)[..., None]  # (N, T, 1)
    count = np.maximum(heard.sum(1), 1)
    mean = (frames * heard).sum(1) / count
    spread = np.sqrt((np.square(frames - mean[:, None]) * heard).sum(1) / count)
    return np.concatenate([mean, spread], 1)


def stretched(frames: np.ndarray) -> np.ndarray:
    """(N, T, M) frames -> (N, STRETCHED * M): those that sound, brought to one number of frames, so that slow and fast
    speakers look the same."""
    heard = (frames > -1).any(2)
    out = np.empty((len(frames), STRETCHED * frames.shape[2]), np.float32)
    for row, (clip, sounds) in enumerate(zip(frames, heard, strict=True)):
        there = np.flatnonzero(sounds)
        part = clip[there[0] : there[-1] + 1] if len(there) else clip
        bands = torch.from_numpy(np.ascontiguousarray(part.T))[None]  # (1, M, t)
        out[row] = F.interpolate(bands, STRETCHED, mode="linear", align_corners=True)[0].T.reshape(-1).numpy()
    return out
