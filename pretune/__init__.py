"""pretune: pretrain an encoder without labels, fine-tune it with few, and measure whether that helped.

Importing this package loads neither torch nor transformers. Touching a public class loads them and registers every
family with the Auto classes of transformers; `import pretune.auto` does the same at once.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if not os.path.isdir(os.path.join(__path__[0], "training")):  # a checkout: the package's folders lie beside this one
    __path__.append(os.path.dirname(__path__[0]))

from .modeling.families import public_classes  # noqa: E402
from .torchvision_import import stand_before_torchvision  # noqa: E402

if TYPE_CHECKING:  # for type checkers and editors; at run time `__getattr__` below finds the names
    from .modeling.families import *  # noqa: F403
    from .training.compare import compare as compare
    from .training.embed import embed as embed
    from .training.errors import InputError as InputError
    from .training.errors import Interrupted as Interrupted
    from .training.errors import PushFailed as PushFailed
    from .training.evaluate import evaluate as evaluate
    from .training.finetune import finetune as finetune
    from .training.inspect_data import inspect as inspect
    from .training.pretrain import pretrain as pretrain
    from .training.push import push as push
    from .training.try_routes import try_routes as try_routes

__version__ = "0.1.0"

stand_before_torchvision()

_PUBLIC = {
    **public_classes(),
    **{name: f"{__name__}.training.errors" for name in ("InputError", "Interrupted", "PushFailed")},
    **{
        verb: f"{__name__}.training.{verb}"
        for verb in ("pretrain", "finetune", "evaluate", "compare", "embed", "push")
    },
    "inspect": f"{__name__}.training.inspect_data",
    "try_routes": f"{__name__}.training.try_routes",
}

__all__ = [*_PUBLIC, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if not _PUBLIC[name].endswith(".errors"):  # errors are caught before anything heavy is loaded
        import_module(".auto", __name__)
    value = getattr(import_module(_PUBLIC[name]), name)
    globals()[name] = value  # a module of the same name, such as pretune.training.pretrain, never takes its place
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
