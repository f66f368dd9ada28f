"""Files of sound: which endings they have, the column that holds them, and clips in memory as such a file."""

import importlib.util
import io
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np

from ...errors import InputError

ENDINGS = frozenset(".wav .flac .ogg .oga .opus .mp3 .aif .aiff .aifc .au .snd .caf .w64 .rf64".split())


def sound_libraries() -> tuple[ModuleType, ModuleType]:
    """soundfile and soxr.

    Raises:
        InputError: they are not installed.
    """
    missing = [name for name in ("soundfile", "soxr") if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(f"sound is read with {' and '.join(missing)}: pip install 'pretune[audio]'.")
    import soundfile
    import soxr

    return soundfile, soxr


def feature() -> Any:
    """The type of a `datasets` column of sound files, which are not decoded there."""
    import datasets

    return datasets.Audio(decode=False)


def is_clip(feature: Any) -> bool:
    """Whether a `datasets` feature is a column of sound: of type Audio, or what is stored for one."""
    import datasets

    return isinstance(feature, datasets.Audio) or (isinstance(feature, dict) and set(feature) == {"bytes", "path"})


def may_hold_clips(feature: Any) -> bool:
    """Whether sound can be read from it: of type Audio, or files as bytes or as paths."""
    return is_clip(feature) or str(getattr(feature, "dtype", "")).removeprefix("large_") in ("binary", "string")


def cell_of(value: Any) -> dict[str, Any] | None:
    """{"array": (samples,) or (channels, samples), "sampling_rate"}, as `datasets` decodes sound, as a file without
    loss, {"bytes", "path"}; None for anything else."""
    if not isinstance(value, Mapping) or not {"array", "sampling_rate"} <= set(value):
        return None
    soundfile, _ = sound_libraries()
    file, array = io.BytesIO(), np.asarray(value["array"])
    kind = "PCM_16" if array.dtype == np.int16 else "FLOAT"
    array = array if kind == "PCM_16" else array.astype(np.float32)
    soundfile.write(file, array.T, int(value["sampling_rate"]), kind, format="WAV")
    return {"bytes": file.getvalue(), "path": None}
