"""The kinds of input, by name, and which one a model takes."""

from typing import Any

import transformers

from ...modeling.families import family_of
from .image import IMAGE
from .modality import Modality
from .speech import SPEECH
from .text import TEXT

MODALITIES: dict[str, Modality] = {"image": IMAGE, "speech": SPEECH, "text": TEXT}


def modality_of(config: Any) -> Modality | None:
    """What a model of this config takes: its family's, or of a network of transformers the one it has a classifier
    for; None for any other."""
    family = family_of(config)
    if family is not None:
        return MODALITIES[family.modality]
    return next((m for m in MODALITIES.values() if type(config) in classifiers_of(m)), None)


def classifiers_of(modality: Modality) -> Any:
    """transformers' mapping from configs to classifiers of this kind of input."""
    return getattr(transformers, modality.auto_classes[0])._model_mapping
