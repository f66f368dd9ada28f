"""Images: (C, H, W) rows of 8 or 16 bits, decoded from pictures of any kind; models take float pixels in [0, 1]."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from ...modeling.families import PREFIX
from ...modeling.processors.pictures import full_scale
from ...modeling.shared.images import augmentation
from ..errors import InputError
from ..protocol import PROTOCOL
from .images.decoding import ImageReader
from .images.digests import difference_hashes, image_digests
from .images.files import ENDINGS, cell_of, feature
from .images.patches import PatchFeatures, patches_fit
from .images.pictures import draw_images, draw_reconstructions
from .images.pixel_tables import pictures_of, pixel_columns
from .images.preprocessing import ImagePreprocessing
from .images.sizes import input_sizes
from .images.volumes import dicom_to_tiff, nifti_to_tiff
from .modality import Changes, Inputs, Modality, Words

logger = logging.getLogger(__name__)
SMALL = 32  # pixels a side, below which photographs lose too much
COMMON = {
    "optim": "adamw", "weight_decay": 0.05, "lr_scheduler_type": "cosine", "warmup_steps": 0.1,
    "mixed_precision": "auto",
}  # fmt: skip
GOES_ON = {
    **COMMON, "model_type": "joint_embedding", "learning_rate": 3e-4, "per_device_train_batch_size": 64,
}  # fmt: skip
ROUTES = {
    "joint embedding": {
        **COMMON, "model_type": "joint_embedding", "learning_rate": 3e-3, "per_device_train_batch_size": 128,
    },
    "joint embedding, colours kept": {
        **COMMON, "model_type": "joint_embedding", "learning_rate": 3e-3, "per_device_train_batch_size": 128,
        "config": {"views": "without_colour"},
    },
    "autoencoder": {
        **COMMON, "model_type": "conv_autoencoder", "learning_rate": 3e-3, "per_device_train_batch_size": 128,
        "config": {"pooling": "mean_max", "decoder_kind": "dense", "corruption": ["warp", "mask"]},
    },
    "masked image model": {
        **COMMON, "model_type": "masked_image_model", "learning_rate": 1e-3, "per_device_train_batch_size": 128,
    },
}  # fmt: skip
DENSE = (f"{PREFIX}autoencoder", f"{PREFIX}bigan")  # families that see an image as a list of numbers
PHOTOGRAPH = 64  # pixels a side, from which that is worth a warning
TINY = 16  # pixels a side, below which convolutions have little to do
MOST_WEIGHTS = 50_000_000  # of the first and last layer together: 200 MB, 800 MB while training


def is_image(feature: Any) -> bool:
    """Whether a `datasets` feature is a column of pictures: of type Image, or what is stored for one."""
    import datasets

    return isinstance(feature, datasets.Image) or (isinstance(feature, dict) and set(feature) == {"bytes", "path"})


def may_hold_images(feature: Any) -> bool:
    """Whether pictures can be read from it: of type Image, or files as bytes or as paths."""
    return is_image(feature) or str(getattr(feature, "dtype", "")).removeprefix("large_") in ("binary", "string")


def shape_of(images: np.ndarray) -> dict[str, int]:
    """(N, C, H, W) -> fields of a config."""
    return {"image_size": images.shape[2], "num_channels": images.shape[1]}


def to_pixels(stored: torch.Tensor) -> Inputs:
    """(B, C, H, W) uint8 or uint16 -> float in [0, 1]."""
    return {"pixel_values": stored.to(torch.float32).div_(full_scale(stored.dtype))}


def raw_rows(images: np.ndarray) -> np.ndarray:
    """(N, C, H, W) stored images -> (N, D) float32 in [0, 1]; larger ones than `raw_size` are averaged down to it."""
    top = np.float32(full_scale(images.dtype))
    if max(images.shape[2:]) <= PROTOCOL.raw_size:
        return (images / top).reshape(len(images), -1)
    size, parts = PROTOCOL.raw_size, []
    for start in range(0, len(images), 256):
        part = torch.from_numpy(np.ascontiguousarray(images[start : start + 256])).float() / float(top)
        parts.append(torch.nn.functional.interpolate(part, size=(size, size), mode="area").flatten(1).numpy())
    return np.concatenate(parts)


def advise(config: Any) -> None:
    """Say what is better for photographs than a dense network, before one is built for them.

    Raises:
        InputError: it would be larger than any use of it.
    """
    if getattr(config, "model_type", None) not in DENSE or config.image_size < PHOTOGRAPH:
        return
    weights = 2 * config.num_pixels * config.hidden_sizes[0]
    name, size = config.model_type.removeprefix(PREFIX), config.image_size
    told = f"{name} is dense and knows no shapes in images of {size} pixels"
    if weights > MOST_WEIGHTS:
        raise InputError(
            f"{told}; it would have {weights / 1e6:.0f} million weights. Pass --model_type conv_autoencoder, or a "
            f"smaller --config.image_size."
        )
    logger.warning("warning: %s: for photographs take --model_type conv_autoencoder", told)


def smaller(shape: tuple[int, ...], config: Mapping[str, Any]) -> dict[str, Any] | None:
    """Half the side of (C, H, W) images, inside a published network first, down to SMALL."""
    size, inside = config.get("image_size", shape[1]), config.get("backbone_image_size") or 0
    if inside // 2 >= size:
        return {"backbone_image_size": inside // 2}
    return {"image_size": max(SMALL, size // 2)} if size > SMALL else None


def first_run(shape: tuple[int, ...], samples: int) -> dict[str, Any]:
    """A small dense network for tiny images, else the recipe for photographs, sized for these (C, H, W)."""
    channels, size, _ = shape
    if size < TINY:
        return {"model_type": "autoencoder"}
    steps = max(200, 10 * samples // 64)  # each picture ten times
    return {"recipe": "photos", "config": {"image_size": size, "num_channels": channels}, "max_steps": steps}


def describe(config: Any) -> str:
    """What a model takes, in words."""
    size, channels = getattr(config, "image_size", None), getattr(config, "num_channels", None)
    sides = size if isinstance(size, (list, tuple)) else (size, size)
    parts = [f"{sides[0]} x {sides[1]} pixels"] if size else []
    parts += [f"{channels} channel{'s' * (channels != 1)}"] if channels else []
    return ", ".join(parts)


def _on_pixels(change: Callable[[torch.Tensor, Sequence[str]], torch.Tensor]):
    def changed(inputs: Inputs, kinds: Sequence[str]) -> Inputs:
        return {**inputs, "pixel_values": change(inputs["pixel_values"], kinds)}

    return changed


def _mixup(inputs: Inputs, targets: torch.Tensor, alpha: float) -> tuple[Inputs, torch.Tensor]:
    pixel_values, targets = augmentation.mixup(inputs["pixel_values"], targets, alpha)
    return {**inputs, "pixel_values": pixel_values}, targets


IMAGE = Modality(
    name="image",
    words=Words("image", "images", "pixel", "pixels"),
    input_name="pixel_values",
    array_name="image",
    shape_fields=("image_size", "num_channels"),
    shape_of=shape_of,
    likely_shapes=({"image_size": 64, "num_channels": 1}, {"image_size": 96, "num_channels": 3}),
    fits=is_image,
    may_hold=may_hold_images,
    reader=ImageReader,
    to_model=to_pixels,
    preprocessing=ImagePreprocessing,
    advise=advise,
    changes=Changes(
        augmentation.KINDS,
        _on_pixels(augmentation.augment),
        _on_pixels(augmentation.weaken),
        _on_pixels(augmentation.strengthen),
        _mixup,
    ),
    raw=raw_rows,
    show=draw_reconstructions,
    show_samples=draw_images,
    describe=describe,
    auto_classes=("AutoModelForImageClassification", "AutoImageProcessor"),
    tasks={"encoder": "image-feature-extraction", "classifier": "image-classification"},
    example={
        "encoder": (
            "import pretune.auto\nfrom PIL import Image\nfrom transformers import AutoImageProcessor, AutoModel\n\n"
            "model, processor = (kind.from_pretrained(MODEL_ID) for kind in (AutoModel, AutoImageProcessor))\n"
            'pixel_values = processor(Image.open("picture.png"), return_tensors="pt")["pixel_values"]\n'
            "embedding = model.encode(pixel_values)"
        ),
        "classifier": (
            "import pretune.auto\nfrom transformers import pipeline\n\n"
            'classify = pipeline("image-classification", model=MODEL_ID)\nprint(classify("picture.png"))'
        ),
    },
    endings=ENDINGS,
    foreign={".dcm": dicom_to_tiff, ".dicom": dicom_to_tiff, ".nii": nifti_to_tiff, ".nii.gz": nifti_to_tiff},
    feature=feature,
    cell=cell_of,
    digest=image_digests,
    near_hash=difference_hashes,
    number_columns=pixel_columns,
    of_number_columns=pictures_of,
    first_run=first_run,
    floors={"patches": PatchFeatures},
    floor_fits=patches_fit,
    goes_on=GOES_ON,
    routes=ROUTES,
    smaller=smaller,
    input_sizes=input_sizes,
)
