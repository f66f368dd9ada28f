"""Time scattering of clips: averages of wavelet transforms' moduli, twice over (Andén and Mallat 2014), by kymatio."""

import functools
import importlib.util
from typing import Any

import numpy as np
import torch

from .floors import Standardised, Waves

SECONDS = 0.032  # that one coefficient sees, about
PER_OCTAVE = 8  # wavelets of the first order
BINS = 4  # spans of time, whose means are kept
AT_ONCE = 64  # clips at once
QUIET = 1e-3  # of a clip's largest coefficient, below which differences are none


def scattering_fits(name: str, values: np.ndarray) -> bool:
    """Whether a floor of that name can be had of (N, samples) clips: scattering where kymatio is installed."""
    return name != "scattering" or importlib.util.find_spec("kymatio") is not None


class Scattering(Standardised):
    """Logarithms of scattering coefficients, as means over four spans of the window, each with mean 0 and spread 1
    over the training samples."""

    def __init__(self):
        super().__init__(np.asarray)

    def _of(self, values: np.ndarray) -> np.ndarray:
        """(N, samples) int16 -> (N, BINS * coefficients) float32."""
        rate = getattr(values, "rate", Waves.rate)
        transform, parts = _transform(values.shape[1], rate), []
        for start in range(0, len(values), AT_ONCE):
            clips = torch.from_numpy(np.asarray(values[start : start + AT_ONCE], dtype=np.float32))
            clips = clips / clips.abs().amax(1, keepdim=True).clamp_min(1)
            with torch.no_grad():
                found = transform(clips)  # (n, coefficients, times)
            top = found.amax((1, 2), keepdim=True).clamp_min(1e-12)
            found = (found.clamp_min(0) / top + QUIET).log()
            parts.append(torch.nn.functional.adaptive_avg_pool1d(found, BINS).flatten(1).numpy())
        return np.concatenate(parts)


@functools.cache
def _transform(samples: int, rate: int) -> Any:
    """kymatio's transform of clips of that length. Its own front door opens a part that scipy no longer fits."""
    from kymatio.scattering1d.frontend.torch_frontend import ScatteringTorch1D

    scale = max(1, round(np.log2(rate * SECONDS)))
    return ScatteringTorch1D(J=scale, shape=samples, Q=PER_OCTAVE)
