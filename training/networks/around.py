"""Encoders of transformers that came without a classifier of their kind of input's usual form: as a network of ours.

For texts: classifiers of transformers put a new pooler between encoder and head (BERT), or read one token. Ours
reads the mean over all tokens, which is what published sentence encoders are trained for.
"""

from transformers import PreTrainedConfig, PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING, MODEL_MAPPING

from ...modeling.families import FAMILIES
from ...modeling.shared.loading import LoadReport
from ..errors import InputError, one_line
from ..modalities.faults import LOADING_ERRORS


def around(config: PreTrainedConfig) -> PreTrainedConfig | None:
    """The config of a classifier of ours around an encoder of texts; None for one that is no such encoder, or whose
    checkpoint holds a classifier already."""
    kinds = getattr(config, "architectures", None) or []
    if any(kind.endswith("ForSequenceClassification") for kind in kinds):
        return None
    if type(config) not in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING or type(config) not in MODEL_MAPPING:
        return None
    if config.is_encoder_decoder or getattr(config, "vocab_size", None) is None:
        return None
    return FAMILIES["text_autoencoder"].config.around(config)


def load_around(name: str, revision: str | None, config: PreTrainedConfig) -> PreTrainedModel:
    """Checkpoint `name`, a plain encoder of transformers, as a classifier of ours whose head is new.

    Raises:
        InputError: it cannot be loaded, or lacks part of its network.
    """
    try:
        model = FAMILIES["text_autoencoder"].classifier(config)
        model.base_model.load_backbone(name, revision or "main")
    except LOADING_ERRORS as error:
        raise InputError(f"model {name} cannot be loaded: {one_line(error)}") from None
    model.load_report = LoadReport(len(model.base_model.encoder.state_dict()), name, ("classifier",))
    return model.eval()
