"""Registers every family with the Auto classes of transformers: `import pretune.auto`, then `AutoModel` knows them."""

from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoModel,
    AutoModelForImageClassification,
    AutoModelForPreTraining,
)

from .configuration.autoencoder import AutoencoderConfig
from .configuration.bigan import BiGANConfig
from .configuration.conv_autoencoder import ConvAutoencoderConfig
from .configuration.masked_image_model import MaskedImageModelConfig
from .modeling.autoencoder import AutoencoderForImageClassification, AutoencoderModel
from .modeling.bigan import BiGANForImageClassification, BiGANModel
from .modeling.conv_autoencoder import ConvAutoencoderForImageClassification, ConvAutoencoderModel
from .modeling.masked_image_model import MaskedImageModel, MaskedImageModelForImageClassification
from .modeling.processors.image import AutoencoderImageProcessor

# One row a family: config, model, classifier, image processor.
FAMILIES = [
    (AutoencoderConfig, AutoencoderModel, AutoencoderForImageClassification, AutoencoderImageProcessor),
    (ConvAutoencoderConfig, ConvAutoencoderModel, ConvAutoencoderForImageClassification, AutoencoderImageProcessor),
    (MaskedImageModelConfig, MaskedImageModel, MaskedImageModelForImageClassification, AutoencoderImageProcessor),
    (BiGANConfig, BiGANModel, BiGANForImageClassification, AutoencoderImageProcessor),
]

for config, model, classifier, image_processor in FAMILIES:
    AutoConfig.register(config.model_type, config)
    AutoModel.register(config, model)
    AutoModelForPreTraining.register(config, model)
    AutoModelForImageClassification.register(config, classifier)
    AutoImageProcessor.register(config, image_processor_classes={"pil": image_processor})
