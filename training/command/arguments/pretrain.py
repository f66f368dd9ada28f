"""Arguments of `pretune pretrain`."""

from dataclasses import dataclass
from typing import ClassVar

from ....modeling.families import FAMILIES, PREFIX
from ...errors import InputError
from ..fields import argument, check_positive
from .training import TrainingArguments

AROUND = tuple(name for name, family in FAMILIES.items() if family.takes_backbone)


@dataclass(kw_only=True)
class PretrainArguments(TrainingArguments):
    """Pretrain an encoder without labels."""

    verb: ClassVar[str] = "pretrain"
    examples: ClassVar[tuple[str, ...]] = (
        "pretune pretrain digits --output_dir runs/digits",
        "pretune pretrain --dataset me/images --model_type conv_autoencoder --config.hidden_sizes 32 64 128 "
        "--output_dir runs/conv",
    )

    eval_knn: bool = argument(
        False,
        "between epochs also the accuracy of a nearest neighbour on the code, on a labelled sample",
        group="measurement",
    )
    backbone: str | None = argument(
        None,
        f"a model of transformers, its network and weights to start from; model_type is one of {', '.join(AROUND)}",
        group="network",
    )
    lora_rank: int | None = argument(
        None,
        "of the network of --backbone train only low-rank additions of this rank (needs peft); they are added to its "
        "weights at the end",
        group="network",
    )
    train_blocks: int | None = argument(
        None, "of the network of --backbone train only so many blocks, the last ones", group="network"
    )
    init_from: str | None = argument(
        None, "run folder or Hub id of an encoder of ours to go on from, on these data", group="network"
    )
    revision: str | None = argument(None, "branch, tag or commit of that Hub model", group="seldom needed")

    def __post_init__(self):
        super().__post_init__()
        check_positive(self, "lora_rank", "train_blocks")
        for name in ("lora_rank", "train_blocks"):
            if getattr(self, name) is not None and self.backbone is None:
                raise InputError(
                    f"{name} is about a published network that goes on: pass --backbone, or leave it out."
                )
        if self.lora_rank is not None and self.train_blocks is not None:
            raise InputError("lora_rank leaves the weights of every block, and train_blocks trains some: drop one.")
        around = self.model_type is not None and self.model_type.removeprefix(PREFIX) in AROUND
        if self.backbone is not None and (not around or self.init_from is not None):
            raise InputError(f"backbone needs --model_type {' or '.join(AROUND)}, and no --init_from.")
