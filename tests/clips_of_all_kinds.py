"""Files of sound of every kind that is read, made of the same few tones."""

import numpy as np
import pytest

soundfile = pytest.importorskip("soundfile")

KINDS = {
    "wav 16 bit": ("wav", "PCM_16"),
    "wav 8 bit": ("wav", "PCM_U8"),
    "wav 24 bit": ("wav", "PCM_24"),
    "wav float": ("wav", "FLOAT"),
    "flac": ("flac", "PCM_16"),
    "aiff": ("aiff", "PCM_16"),
    "ogg vorbis": ("ogg", "VORBIS"),
    "ogg opus": ("opus", "OPUS"),
    "mp3": ("mp3", "MPEG_LAYER_III"),
}
WHOLE = ("wav 16 bit", "wav 24 bit", "wav float", "flac", "aiff")  # nothing of 16 bits is lost


def tone(seed: int, seconds: float = 0.4, rate: int = 8000, channels: int = 1) -> np.ndarray:
    """(samples,) or (samples, channels) of 16 bits, as floats in [-1, 1]: three tones and some noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * rate)) / rate
    tones = [np.sin(2 * np.pi * f * t + p) for f, p in rng.uniform((150, 0), (3000, 6), (3, 2))]
    sound = 0.2 * sum(tones) + 0.02 * rng.normal(size=len(t))
    sound = np.rint(sound * 20000).clip(-32768, 32767) / 32768
    return sound if channels == 1 else np.stack([sound] * channels, 1)


def write(path, sound: np.ndarray, rate: int = 8000, kind: str = "wav 16 bit") -> str:
    """Save (samples,) or (samples, channels) as a file of this kind; returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    form = {"opus": "OGG"}.get(KINDS[kind][0], KINDS[kind][0].upper())
    soundfile.write(path, sound, rate, KINDS[kind][1], format=form)
    return str(path)


def save_digits(folder, count: int = 6, seconds: float = 0.4, rate: int = 8000) -> str:
    """A folder with two classes of `count` clips each, steady and beating tones; returns its path."""
    for label, name in enumerate(("beat", "tone")):
        for k in range(count):
            t = np.arange(round(seconds * rate * (0.7 + 0.3 * k / count))) / rate
            own = 0.3 * np.sin(2 * np.pi * (600 + 40 * k) * t) * (label or np.sin(2 * np.pi * 12 * t) > 0)
            noise = 0.01 * np.random.default_rng([label, k]).normal(size=len(t))
            write(folder / name / f"{k}.wav", own + noise, rate)
    return str(folder)
