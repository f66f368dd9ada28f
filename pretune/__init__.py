"""pretune: pretrain an encoder without labels, fine-tune it with few, and measure whether that helped.

Importing this package loads neither torch nor transformers. Touching a public class loads them and registers every
family with the Auto classes of transformers; `import pretune.auto` does the same at once.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if not os.path.isdir(os.path.join(__path__[0], "training")):  # a checkout: the package's folders lie beside this one
    __path__.append(os.path.dirname(__path__[0]))

if TYPE_CHECKING:  # for type checkers and editors; at run time `__getattr__` below finds the names
    from .configuration.autoencoder import AutoencoderConfig as AutoencoderConfig
    from .configuration.bigan import BiGANConfig as BiGANConfig
    from .configuration.conv_autoencoder import ConvAutoencoderConfig as ConvAutoencoderConfig
    from .configuration.masked_image_model import MaskedImageModelConfig as MaskedImageModelConfig
    from .modeling.autoencoder import AutoencoderForImageClassification as AutoencoderForImageClassification
    from .modeling.autoencoder import AutoencoderModel as AutoencoderModel
    from .modeling.bigan import BiGANForImageClassification as BiGANForImageClassification
    from .modeling.bigan import BiGANModel as BiGANModel
    from .modeling.conv_autoencoder import (
        ConvAutoencoderForImageClassification as ConvAutoencoderForImageClassification,
    )
    from .modeling.conv_autoencoder import ConvAutoencoderModel as ConvAutoencoderModel
    from .modeling.masked_image_model import MaskedImageModel as MaskedImageModel
    from .modeling.masked_image_model import (
        MaskedImageModelForImageClassification as MaskedImageModelForImageClassification,
    )
    from .modeling.processors.image import AutoencoderImageProcessor as AutoencoderImageProcessor
    from .training.embed import embed as embed
    from .training.errors import InputError as InputError
    from .training.errors import Interrupted as Interrupted
    from .training.errors import PushFailed as PushFailed
    from .training.evaluate import evaluate as evaluate
    from .training.finetune import finetune as finetune
    from .training.pretrain import pretrain as pretrain
    from .training.push import push as push

__version__ = "0.1.0"

_PUBLIC = {
    "AutoencoderConfig": "configuration.autoencoder",
    "AutoencoderForImageClassification": "modeling.autoencoder",
    "AutoencoderImageProcessor": "modeling.processors.image",
    "AutoencoderModel": "modeling.autoencoder",
    "BiGANConfig": "configuration.bigan",
    "BiGANForImageClassification": "modeling.bigan",
    "BiGANModel": "modeling.bigan",
    "ConvAutoencoderConfig": "configuration.conv_autoencoder",
    "ConvAutoencoderForImageClassification": "modeling.conv_autoencoder",
    "ConvAutoencoderModel": "modeling.conv_autoencoder",
    "InputError": "training.errors",
    "Interrupted": "training.errors",
    "MaskedImageModel": "modeling.masked_image_model",
    "MaskedImageModelConfig": "configuration.masked_image_model",
    "MaskedImageModelForImageClassification": "modeling.masked_image_model",
    "PushFailed": "training.errors",
    "embed": "training.embed",
    "evaluate": "training.evaluate",
    "finetune": "training.finetune",
    "pretrain": "training.pretrain",
    "push": "training.push",
}

__all__ = [*_PUBLIC, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if _PUBLIC[name] != "training.errors":  # errors are caught before anything heavy is loaded
        import_module(".auto", __name__)
    value = getattr(import_module(f".{_PUBLIC[name]}", __name__), name)
    globals()[name] = value  # a module of the same name, such as pretune.training.pretrain, never takes its place
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
