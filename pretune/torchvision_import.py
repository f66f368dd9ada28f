"""torchvision beside a torch that it was not built for: timm needs its Python alone, and that much is made to work.

The torchvision of the usual index is built for CUDA. Beside a torch for the CPU its library does not load, and then
its import, and with it those of timm and transformers, fails for want of two operators that neither of them calls.
"""

import importlib.abc
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

OPERATORS = ("nms", "qnms")
SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
REPAIR = "Install the torchvision that belongs to this torch, from where torch came, or remove it."
declared: list[Any] = []  # what torch was told of: forgotten again where nothing holds it


class BeforeTorchvision(importlib.abc.MetaPathFinder):
    """Stands before the import of torchvision; nothing is loaded before somebody asks for that module."""

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """torchvision's own spec, with a loader that declares what is missing and tells what fails in one line."""
        if name != "torchvision":
            return None
        others = (finder.find_spec(name, path, target) for finder in sys.meta_path if finder is not self)
        spec = next((spec for spec in others if spec is not None), None)
        if spec is not None and spec.loader is not None:
            spec.loader = Declaring(spec.loader)
        return spec


class Declaring(importlib.abc.Loader):
    """torchvision's loader, after its operators are declared.

    Args:
        own: what loads the module.
    """

    def __init__(self, own: Any):
        self.own = own

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """As the own loader does."""
        return self.own.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """As the own loader does.

        Raises:
            InputError: it cannot be imported all the same; the message names the repair.
        """
        declare_operators(module.__path__)
        try:
            self.own.exec_module(module)
        except (RuntimeError, OSError, AttributeError, AssertionError) as error:
            from .training.errors import InputError, one_line

            raise InputError(f"torchvision does not work with this torch: {one_line(error)}. {REPAIR}") from None


def declare_operators(folders: list[str]) -> None:
    """Tell torch of the operators of a torchvision whose library does not load; where it loads, nothing is changed.

    Args:
        folders: where torchvision lies.
    """
    import torch

    for library in [path for folder in folders for path in Path(folder).glob("_C*.*")]:
        try:
            torch.ops.load_library(library)
            return
        except OSError:
            continue
    declared.append(torch.library.Library("torchvision", "FRAGMENT"))
    for operator in OPERATORS:
        declared[0].define(operator + SCHEMA)


def stand_before_torchvision() -> None:
    """For the rest of this process, unless torchvision is imported already."""
    if "torchvision" not in sys.modules and not any(isinstance(finder, BeforeTorchvision) for finder in sys.meta_path):
        sys.meta_path.insert(0, BeforeTorchvision())
