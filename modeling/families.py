"""The families: one list that scripts, Auto classes, help texts, reference pages and tests read.

Loads no network before one is asked for, so that `pretune VERB --help` answers at once.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # for type checkers and editors, by way of `pretune`; at run time names are looked up when asked for
    from ..configuration.autoencoder import AutoencoderConfig as AutoencoderConfig
    from ..configuration.bigan import BiGANConfig as BiGANConfig
    from ..configuration.conv_autoencoder import ConvAutoencoderConfig as ConvAutoencoderConfig
    from ..configuration.joint_embedding import JointEmbeddingConfig as JointEmbeddingConfig
    from ..configuration.masked_image_model import MaskedImageModelConfig as MaskedImageModelConfig
    from ..configuration.speech.best_rq import BestRqConfig as BestRqConfig
    from ..configuration.speech.conv_autoencoder import SpeechConvAutoencoderConfig as SpeechConvAutoencoderConfig
    from ..configuration.speech.joint_embedding import SpeechJointEmbeddingConfig as SpeechJointEmbeddingConfig
    from ..configuration.text.bag_autoencoder import BagAutoencoderConfig as BagAutoencoderConfig
    from ..configuration.text.masked_language_model import MaskedLanguageModelConfig as MaskedLanguageModelConfig
    from ..configuration.text.text_autoencoder import TextAutoencoderConfig as TextAutoencoderConfig
    from .autoencoder import AutoencoderForImageClassification as AutoencoderForImageClassification
    from .autoencoder import AutoencoderModel as AutoencoderModel
    from .bigan import BiGANForImageClassification as BiGANForImageClassification
    from .bigan import BiGANModel as BiGANModel
    from .conv_autoencoder import ConvAutoencoderForImageClassification as ConvAutoencoderForImageClassification
    from .conv_autoencoder import ConvAutoencoderModel as ConvAutoencoderModel
    from .joint_embedding import JointEmbeddingForImageClassification as JointEmbeddingForImageClassification
    from .joint_embedding import JointEmbeddingModel as JointEmbeddingModel
    from .masked_image_model import MaskedImageModel as MaskedImageModel
    from .masked_image_model import MaskedImageModelForImageClassification as MaskedImageModelForImageClassification
    from .processors.image import AutoencoderImageProcessor as AutoencoderImageProcessor
    from .processors.speech import LogMelFeatureExtractor as LogMelFeatureExtractor
    from .speech.best_rq import BestRqForAudioClassification as BestRqForAudioClassification
    from .speech.best_rq import BestRqModel as BestRqModel
    from .speech.conv_autoencoder import (
        SpeechConvAutoencoderForAudioClassification as SpeechConvAutoencoderForAudioClassification,
    )
    from .speech.conv_autoencoder import SpeechConvAutoencoderModel as SpeechConvAutoencoderModel
    from .speech.joint_embedding import (
        SpeechJointEmbeddingForAudioClassification as SpeechJointEmbeddingForAudioClassification,
    )
    from .speech.joint_embedding import SpeechJointEmbeddingModel as SpeechJointEmbeddingModel
    from .text.bag_autoencoder import (
        BagAutoencoderForSequenceClassification as BagAutoencoderForSequenceClassification,
    )
    from .text.bag_autoencoder import BagAutoencoderModel as BagAutoencoderModel
    from .text.masked_language_model import MaskedLanguageModel as MaskedLanguageModel
    from .text.masked_language_model import (
        MaskedLanguageModelForSequenceClassification as MaskedLanguageModelForSequenceClassification,
    )
    from .text.text_autoencoder import (
        TextAutoencoderForSequenceClassification as TextAutoencoderForSequenceClassification,
    )
    from .text.text_autoencoder import TextAutoencoderModel as TextAutoencoderModel

PACKAGE = __package__.rpartition(".")[0]
PREFIX = "pretune_"  # of every `model_type`, so that none meets one of transformers


@dataclass(frozen=True)
class Family:
    """One family of networks.

    Args:
        purpose: what it is and what it is for, in a line.
        modality: the kind of its input, as `training/modalities/` names it.
        config_path, model_path, classifier_path, processor_path: where its classes are, as module.Class.
        auto_classes: of transformers, that find its classifier and its processor.
        takes_backbone: its network may be one of transformers, with published weights to start from.
    """

    purpose: str
    modality: str
    config_path: str
    model_path: str
    classifier_path: str
    processor_path: str
    auto_classes: tuple[str, str] = ("AutoModelForImageClassification", "AutoImageProcessor")
    takes_backbone: bool = False

    @property
    def config(self) -> type:
        """The class of its config."""
        return _class(self.config_path)

    @property
    def model(self) -> type:
        """The class that is pretrained."""
        return _class(self.model_path)

    @property
    def classifier(self) -> type:
        """The class that is fine-tuned."""
        return _class(self.classifier_path)

    @property
    def processor(self) -> type:
        """The class that makes the model's input of what people have."""
        return _class(self.processor_path)

    @property
    def paths(self) -> tuple[str, str, str, str]:
        """Where all its classes are."""
        return self.config_path, self.model_path, self.classifier_path, self.processor_path


SPEECH_PROCESSOR = f"{PACKAGE}.modeling.processors.speech.LogMelFeatureExtractor"
SPEECH_CLASSES = ("AutoModelForAudioClassification", "AutoFeatureExtractor")
IMAGE_PROCESSOR = f"{PACKAGE}.modeling.processors.image.AutoencoderImageProcessor"
TOKENIZER = "transformers.PreTrainedTokenizerFast"  # needs no code of ours, wherever it is loaded
OF_TEXT = ("AutoModelForSequenceClassification", "AutoTokenizer")
FAMILIES: dict[str, Family] = {  # by `model_type` without its prefix
    "autoencoder": Family(
        "dense autoencoder: small pictures, an embedding of few numbers",
        "image",
        f"{PACKAGE}.configuration.autoencoder.AutoencoderConfig",
        f"{PACKAGE}.modeling.autoencoder.AutoencoderModel",
        f"{PACKAGE}.modeling.autoencoder.AutoencoderForImageClassification",
        IMAGE_PROCESSOR,
    ),
    "conv_autoencoder": Family(
        "convolutional autoencoder: pictures of any size, quick to train from nothing",
        "image",
        f"{PACKAGE}.configuration.conv_autoencoder.ConvAutoencoderConfig",
        f"{PACKAGE}.modeling.conv_autoencoder.ConvAutoencoderModel",
        f"{PACKAGE}.modeling.conv_autoencoder.ConvAutoencoderForImageClassification",
        IMAGE_PROCESSOR,
    ),
    "joint_embedding": Family(
        "joint embedding: photographs, a network of our own or a published one; learns what views of a picture share",
        "image",
        f"{PACKAGE}.configuration.joint_embedding.JointEmbeddingConfig",
        f"{PACKAGE}.modeling.joint_embedding.JointEmbeddingModel",
        f"{PACKAGE}.modeling.joint_embedding.JointEmbeddingForImageClassification",
        IMAGE_PROCESSOR,
        takes_backbone=True,
    ),
    "masked_image_model": Family(
        "masked image model: any network of transformers or timm, also from published weights",
        "image",
        f"{PACKAGE}.configuration.masked_image_model.MaskedImageModelConfig",
        f"{PACKAGE}.modeling.masked_image_model.MaskedImageModel",
        f"{PACKAGE}.modeling.masked_image_model.MaskedImageModelForImageClassification",
        IMAGE_PROCESSOR,
        takes_backbone=True,
    ),
    "bigan": Family(
        "bidirectional GAN: an encoder learned beside a generator of pictures",
        "image",
        f"{PACKAGE}.configuration.bigan.BiGANConfig",
        f"{PACKAGE}.modeling.bigan.BiGANModel",
        f"{PACKAGE}.modeling.bigan.BiGANForImageClassification",
        IMAGE_PROCESSOR,
    ),
    "speech_joint_embedding": Family(
        "joint embedding of speech: one embedding for a clip however it sounds, few minutes of a CPU",
        "speech",
        f"{PACKAGE}.configuration.speech.joint_embedding.SpeechJointEmbeddingConfig",
        f"{PACKAGE}.modeling.speech.joint_embedding.SpeechJointEmbeddingModel",
        f"{PACKAGE}.modeling.speech.joint_embedding.SpeechJointEmbeddingForAudioClassification",
        SPEECH_PROCESSOR,
        SPEECH_CLASSES,
    ),
    "speech_conv_autoencoder": Family(
        "convolutional autoencoder of speech: gives back a clip heard through noise",
        "speech",
        f"{PACKAGE}.configuration.speech.conv_autoencoder.SpeechConvAutoencoderConfig",
        f"{PACKAGE}.modeling.speech.conv_autoencoder.SpeechConvAutoencoderModel",
        f"{PACKAGE}.modeling.speech.conv_autoencoder.SpeechConvAutoencoderForAudioClassification",
        SPEECH_PROCESSOR,
        SPEECH_CLASSES,
    ),
    "speech_best_rq": Family(
        "BEST-RQ: a transformer for hours of speech, which names random codes of hidden frames",
        "speech",
        f"{PACKAGE}.configuration.speech.best_rq.BestRqConfig",
        f"{PACKAGE}.modeling.speech.best_rq.BestRqModel",
        f"{PACKAGE}.modeling.speech.best_rq.BestRqForAudioClassification",
        SPEECH_PROCESSOR,
        SPEECH_CLASSES,
    ),
    "bag_autoencoder": Family(
        "bag-of-words autoencoder: texts, the topics of a corpus in half a minute",
        "text",
        f"{PACKAGE}.configuration.text.bag_autoencoder.BagAutoencoderConfig",
        f"{PACKAGE}.modeling.text.bag_autoencoder.BagAutoencoderModel",
        f"{PACKAGE}.modeling.text.bag_autoencoder.BagAutoencoderForSequenceClassification",
        TOKENIZER,
        OF_TEXT,
    ),
    "text_autoencoder": Family(
        "denoising autoencoder of texts: any encoder of transformers, also from published weights",
        "text",
        f"{PACKAGE}.configuration.text.text_autoencoder.TextAutoencoderConfig",
        f"{PACKAGE}.modeling.text.text_autoencoder.TextAutoencoderModel",
        f"{PACKAGE}.modeling.text.text_autoencoder.TextAutoencoderForSequenceClassification",
        TOKENIZER,
        OF_TEXT,
        takes_backbone=True,
    ),
    "masked_language_model": Family(
        "masked language model: any encoder of transformers, also from published weights",
        "text",
        f"{PACKAGE}.configuration.text.masked_language_model.MaskedLanguageModelConfig",
        f"{PACKAGE}.modeling.text.masked_language_model.MaskedLanguageModel",
        f"{PACKAGE}.modeling.text.masked_language_model.MaskedLanguageModelForSequenceClassification",
        TOKENIZER,
        OF_TEXT,
        takes_backbone=True,
    ),
}


def _class(path: str) -> type:
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


def public_classes() -> dict[str, str]:
    """{class: its module} of all families; none of transformers' own."""
    paths = (path for family in FAMILIES.values() for path in family.paths if path.startswith(f"{PACKAGE}."))
    return {name: module for module, _, name in (path.rpartition(".") for path in paths)}


def family_of(config: object) -> Family | None:
    """The family that `config` is of; None for a config that is not ours."""
    return next((family for family in FAMILIES.values() if type(config) is family.config), None)


def register_families() -> None:
    """Make every family known to the Auto classes of transformers. Calling it again changes nothing."""
    import transformers
    from transformers import AutoConfig, AutoModel, AutoModelForPreTraining

    # by its own module: transformers 5.17 shows it at the top only where torchvision is installed
    from transformers.models.auto.image_processing_auto import AutoImageProcessor
    from transformers.models.auto.video_processing_auto import VIDEO_PROCESSOR_MAPPING

    for family in FAMILIES.values():
        classifier, processor = family.auto_classes
        AutoConfig.register(family.config.model_type, family.config, exist_ok=True)
        AutoModel.register(family.config, family.model, exist_ok=True)
        AutoModelForPreTraining.register(family.config, family.model, exist_ok=True)
        getattr(transformers, classifier).register(family.config, family.classifier, exist_ok=True)
        of_images = processor == AutoImageProcessor.__name__
        if of_images:
            # none: else `pipeline` guesses one from a repository's image processor, and asks whether its code may run
            VIDEO_PROCESSOR_MAPPING.register(family.config, {}, exist_ok=True)
        if not family.processor_path.startswith(f"{PACKAGE}."):
            continue  # found by its own files
        if of_images:
            known = {"pil": family.processor}
            AutoImageProcessor.register(family.config, image_processor_classes=known, exist_ok=True)
        else:
            getattr(transformers, processor).register(family.config, family.processor, exist_ok=True)
