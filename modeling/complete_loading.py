"""Checkpoints load completely or not at all."""

from pathlib import Path
from typing import Any

from transformers.utils import cached_file, logging

logger = logging.get_logger(__name__)


class CompleteLoading:
    """`from_pretrained` that refuses a checkpoint which lacks part of the network. Put it left of `PreTrainedModel`.

    transformers only logs missing weights and goes on with random ones, and reads a folder without config.json as
    the default config. A pretrained encoder with random layers looks like one that did not help, so here it is an
    error.
    """

    _may_be_new: tuple[str, ...] = ()  # parameter prefixes a checkpoint may lack: the head, when fine-tuning starts

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: Any,
        *args,
        output_loading_info: bool = False,
        ignore_mismatched_sizes: bool = False,
        **kwargs,
    ):
        """Load a checkpoint completely.

        Args:
            pretrained_model_name_or_path: a folder written by `save_pretrained` or a training run, or a Hub id.
            ignore_mismatched_sizes: a head of another size than the checkpoint's may be new; nothing else may.
            output_loading_info: also return transformers' dictionary of missing and unexpected names.

        Raises:
            ValueError: a tensor the config calls for is missing, of another shape or not finite (only a new head
                may be missing).
            OSError: no config.json, or no weights, or a damaged file.
        """
        name = pretrained_model_name_or_path
        if kwargs.get("config") is None and kwargs.get("state_dict") is None:
            require_config(name, kwargs)
        # transformers' own error for a wrong shape names no tensor; with True it goes on, and ours names them
        model, info = super().from_pretrained(
            name, *args, output_loading_info=True, ignore_mismatched_sizes=True, **kwargs
        )
        check_complete(model, info, name, ignore_mismatched_sizes)
        return (model, info) if output_loading_info else model


def require_config(name: Any, kwargs: dict[str, Any]) -> None:
    """Raise OSError if checkpoint `name` has no config.json (transformers would use the defaults in silence)."""
    hub_arguments = ("cache_dir", "force_download", "local_files_only", "token", "revision", "subfolder")
    found = cached_file(
        name,
        "config.json",
        _raise_exceptions_for_missing_entries=False,
        **{key: kwargs[key] for key in hub_arguments if kwargs.get(key) is not None},
    )
    if found is None or not Path(found).is_file():
        raise OSError(
            f"{name} holds no config.json, so the network's sizes are unknown. Expected a folder written by "
            f"save_pretrained or by a pretune run, or the id of such a repository on the Hub."
        )


def check_complete(model: Any, info: dict[str, Any], name: Any, new_head_size: bool) -> None:
    """Raise ValueError unless every tensor of `model`, but a new head's, came finite from checkpoint `name`."""
    saved_by_same_class = type(model).__name__ in (model.config.architectures or [])
    lost = set(info["missing_keys"]) if saved_by_same_class else _without(info["missing_keys"], model._may_be_new)
    reshaped = {key for key, *_ in info["mismatched_keys"]}
    lost |= _without(reshaped, model._may_be_new) if new_head_size else reshaped
    if lost:
        hint = ""
        if all(key.startswith(model._may_be_new or "\0") for key in lost):
            hint = " For a new head pass ignore_mismatched_sizes=True, or load the encoder's own checkpoint."
        elif any("decoder." in key for key in lost):
            hint = " A classifier keeps no decoder; load the autoencoder it was fine-tuned from instead."
        raise ValueError(
            f"{name}: {len(lost)} tensors of {type(model).__name__} are missing or of another shape: "
            f"{_shorten(lost)}. Nothing was loaded.{hint}"
        )
    broken = [
        key for key, value in model.state_dict().items()
        if value.is_floating_point() and not value.is_meta and not value.isfinite().all()
    ]  # fmt: skip
    if broken:
        raise ValueError(
            f"{name}: {len(broken)} tensors hold NaN or infinity: {_shorten(broken)}. Load an earlier checkpoint."
        )
    prefix = "" if type(model).base_model_prefix not in dict(model.named_children()) else model.base_model_prefix + "."
    encoder = [key for key in model.state_dict() if key.startswith(f"{prefix}encoder.")]
    new = sorted({key.split(".")[0] for key in {*info["missing_keys"], *reshaped}})
    news = f"; {' and '.join(new)} is new" if new else ""
    model.loading_report = f"{len(encoder)} of {len(encoder)} encoder tensors loaded from {name}{news}"
    logger.info(model.loading_report)


def _without(keys: Any, prefixes: tuple[str, ...]) -> set[str]:
    return {key for key in keys if not key.startswith(prefixes or ("\0",))}


def _shorten(names: Any, most: int = 6) -> str:
    names = sorted(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
