"""The floor that an extra brings: offered where it is installed, and named where it is not."""

import importlib.util

import numpy as np
import pytest

from pretune.training.evaluation.embedders import methods_for
from pretune.training.modalities.clips import scattering
from pretune.training.modalities.clips.floors import Waves
from pretune.training.modalities.speech import SPEECH


def clips(count: int) -> Waves:
    times = np.arange(4000) / 8000
    pitch = np.where(np.arange(count) % 2, 200, 900)[:, None]
    noise = np.random.default_rng(0).normal(0, 400, (count, 4000))
    return Waves.of((8000 * np.sin(2 * np.pi * pitch * times) + noise).astype(np.int16), 8000)


@pytest.mark.parametrize("found", [None, "here"])
def test_it_is_offered_where_kymatio_is_installed(monkeypatch, found):
    monkeypatch.setattr(scattering.importlib.util, "find_spec", lambda name: found)
    assert ("scattering_linear" in methods_for(SPEECH, clips(2))) is (found is not None)


@pytest.mark.skipif(importlib.util.find_spec("kymatio") is None, reason="the scattering extra is not installed")
def test_pitches_are_told_apart_and_loudness_is_not():
    floor, rows = scattering.Scattering(), clips(6)
    floor.fit(rows)
    vectors = floor.embed(rows)
    assert vectors.shape[0] == 6 and np.isfinite(vectors).all()
    assert np.linalg.norm(vectors[0] - vectors[1]) > 1.5 * np.linalg.norm(vectors[0] - vectors[2])
    quiet = floor.embed(Waves.of((rows // 4).astype(np.int16), 8000))
    assert np.abs(quiet - vectors).mean() < 0.2 * np.abs(vectors).mean()
