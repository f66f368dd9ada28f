"""Checkpoints load completely or not at all, and are pushed with an honest card."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import CommitInfo
from safetensors import SafetensorError, safe_open
from transformers import PreTrainedModel
from transformers.utils import cached_file, is_peft_available, logging

from .pushing import push_saved

logger = logging.get_logger(__name__)
POINTER = b"version https://git-lfs.github.com"  # begins what Git LFS puts in the place of a large file


@dataclass(frozen=True)
class LoadReport:
    """What loading did to the weights of a network; `str` makes a sentence of it.

    Args:
        loaded: tensors of the encoder that came from `source`; 0 where all weights are new.
        source: the checkpoint, a folder or Hub id.
        new: parts of the network that have new weights: "classifier", "decoder".
        reason: why they are new, where that is not plain.
    """

    loaded: int = 0
    source: str = ""
    new: tuple[str, ...] = ()
    reason: str = ""

    def __str__(self) -> str:
        reason = f"{', ' if self.loaded else ' ('}{self.reason}{'' if self.loaded else ')'}" if self.reason else ""
        if not self.loaded:
            return f"all weights are new{reason}"
        news = f"; {' and '.join(self.new)} {'is' if len(self.new) == 1 else 'are'} new{reason}" if self.new else ""
        return f"{self.loaded} of {self.loaded} encoder tensors loaded from {self.source}{news}"


@contextlib.contextmanager
def quiet_loading() -> Iterator[None]:
    """Without transformers' progress bar and its table of weights that are left out: what is missing is an error here,
    or one line."""
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


@contextlib.contextmanager
def weights_told(name: Any) -> Iterator[None]:
    """The error of a damaged weight file says meanwhile whose it is, and what to do.

    Args:
        name: checkpoint that is loaded, a folder or Hub id.

    Raises:
        safetensors.SafetensorError: a file of weights is cut off, or none.
    """
    try:
        yield
    except SafetensorError as error:
        found = damaged_weights(Path(name))
        pointer = bool(found) and _begins_with(Path(name) / found[0], POINTER)
        repair = "It is a Git LFS pointer: run `git lfs pull` in its folder."
        if not pointer:
            repair = "Restore it, as from a checkpoint-<step> of its run, or download it again."
        raise SafetensorError(
            f"{', '.join(found) or 'a weight file'} of {name} is damaged ({' '.join(str(error).split())}). {repair}"
        ) from None


def damaged_weights(folder: Path) -> list[str]:
    """Names of the files of weights in a folder that are cut off, or none."""
    found = []
    for path in sorted(folder.glob("*.safetensors")) if folder.is_dir() else []:
        try:
            with safe_open(path, "pt"):
                pass
        except (SafetensorError, OSError):
            found.append(path.name)
    return found


def _begins_with(path: Path, start: bytes) -> bool:
    if not path.is_file():
        return False
    with open(path, "rb") as file:
        return file.read(len(start)) == start


def load_published(network: PreTrainedModel, name: str | Path, revision: str, options: dict[str, bool]) -> None:
    """Give `network` the weights of a plain checkpoint of transformers, a folder or Hub id.

    Args:
        network: a network of transformers without a head.
        name, revision: of the checkpoint.
        options: that it is built with.

    Raises:
        ValueError: it lacks a tensor of this network, or has it in another shape.
    """
    kind = type(network)
    with quiet_loading(), weights_told(name):
        loaded, info = kind.from_pretrained(
            name, revision=revision, config=network.config, output_loading_info=True, ignore_mismatched_sizes=True,
            **options,
        )  # fmt: skip
    lost = {*info["missing_keys"], *(key for key, *_ in info["mismatched_keys"])}
    if lost:
        raise ValueError(f"{name} lacks {len(lost)} tensors of {kind.__name__}, among them {sorted(lost)[0]}.")
    network.load_state_dict(loaded.state_dict())


ADAPTER = "adapter_config.json"  # of a folder that PEFT wrote: weights beside those of another checkpoint


class CompleteLoading:
    """`from_pretrained` that refuses a checkpoint which lacks part of the network. Put it left of `PreTrainedModel`.

    transformers only logs missing weights and goes on with random ones, and reads a folder without config.json as
    the default config. A pretrained encoder with random layers looks like one that did not help, so here it is an
    error.
    """

    load_report = LoadReport()  # of a network that was not loaded
    hub_tasks = {"encoder": "image-feature-extraction", "classifier": "image-classification"}  # of a minimal card
    _may_be_new: tuple[str, ...] = ()  # parameter prefixes a checkpoint may lack: the head, when fine-tuning starts
    _counters: tuple[str, ...] = ("bottleneck.steps",)  # ends of names of buffers that begin at 0 if a file lacks them

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
            ValueError: a checkpoint of another family, or one that lacks a tensor the config calls for, or has it in
                another shape or not finite (only a new head may be missing).
            OSError: no config.json, or no weights.
            safetensors.SafetensorError: a damaged weight file.
        """
        name = pretrained_model_name_or_path
        if kwargs.get("config") is None and kwargs.get("state_dict") is None:
            require_config(name, cls.config_class.model_type, kwargs)
        # transformers' own error for a wrong shape names no tensor; with True it goes on, and ours names them
        with weights_told(name):
            model, info = super().from_pretrained(
                name, *args, output_loading_info=True, ignore_mismatched_sizes=True, **kwargs
            )
        check_complete(model, info, name, ignore_mismatched_sizes)
        return (model, info) if output_loading_info else model

    def save_pretrained(self, save_directory: Any, *args, save_original_format: bool = False, **kwargs):
        """Write weights and config to a folder, as any model of transformers does.

        Args:
            save_directory: the folder.
            save_original_format: True writes a backbone's tensors under the names that transformers once published it
                with (ViT, Swin, BEiT, DINOv2). `from_pretrained` reads both, but whoever puts a file's tensors into
                the network by `load_state_dict` knows only the names in memory: `transformers.Trainer`, when it
                resumes or goes back to the best model, would leave such layers random with a line in the log.
        """
        super().save_pretrained(save_directory, *args, save_original_format=save_original_format, **kwargs)

    def push_to_hub(
        self,
        repo_id: str,
        *,
        commit_message: str | None = None,
        commit_description: str | None = None,
        private: bool | None = None,
        token: str | bool | None = None,
        revision: str | None = None,
        create_pr: bool = False,
        max_shard_size: int | str = "50GB",
        tags: list[str] | str | None = None,
    ) -> CommitInfo:
        """Upload weights and config, and a minimal card if the repository has none, in one commit.

        To publish a run use `pretune push RUN_DIR` (`pretune.push`): one commit with image processor, measured card,
        pictures and code, and without weight files left behind by earlier pushes, which this method does not remove.

        Args:
            repo_id: "name" or "organisation/name"; made if it does not exist.
            commit_message, commit_description: title and text of the commit.
            private: for a new repository.
            token: default: the one the Hub client finds itself.
            revision: branch to commit to; made if it is missing.
            create_pr: open a pull request instead.
            max_shard_size: of a file of weights.
            tags: further ones, for that card.
        """
        task = self.hub_tasks["classifier" if hasattr(self, "classifier") else "encoder"]
        what = f"{type(self).__name__} of {self.num_parameters():,} parameters"
        more = [tags] if isinstance(tags, str) else list(tags or [])
        names = ["pretune", self.config.model_type, *more]
        front = {"library_name": "transformers", "pipeline_tag": task, "tags": names}
        options = {"private": private, "token": token, "revision": revision, "create_pr": create_pr}
        options |= {"commit_description": commit_description, "max_shard_size": max_shard_size}
        return push_saved(self, repo_id, what, front, commit_message, **options)


def require_config(name: Any, model_type: str, kwargs: dict[str, Any]) -> None:
    """Raise unless checkpoint `name` has a config.json (transformers would use the defaults in silence) of its family.
    Of an adapter that PEFT wrote, the checkpoint that it was learnt on must have it.

    Raises:
        OSError: there is no config.json, or one that cannot be read.
        ValueError: it is of another `model_type`.
        ImportError: it is an adapter, and PEFT is not installed.
    """
    found = _file_of(name, "config.json", kwargs)
    if found is None:
        adapter = _file_of(name, ADAPTER, kwargs)
        base = None if adapter is None else _object_in(adapter).get("base_model_name_or_path")
        if base is not None and not is_peft_available():
            raise ImportError(f'{name} is an adapter, which PEFT loads: pip install "pretune[lora]".')
        found = None if base is None else _file_of(base, "config.json", {**kwargs, "revision": None})
    if found is None:
        raise OSError(
            f"{name} holds no config.json, so the network's sizes are unknown. Expected a folder written by "
            f"save_pretrained or by a pretune run, or the id of such a repository on the Hub."
        )
    saved = _object_in(found).get("model_type")
    if saved != model_type:
        raise ValueError(
            f"{name} is a checkpoint of type {saved!r}, expected {model_type!r}. Load it with AutoModel, or with the "
            f"class of its own family."
        )


def _object_in(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text())
    except (ValueError, RecursionError) as error:
        raise OSError(f"{path} is damaged ({' '.join(str(error).split())}). Restore it.") from None
    if not isinstance(value, dict):
        raise OSError(f"{path} is damaged: it holds no JSON object. Restore it.")
    return value


def _file_of(name: Any, file: str, kwargs: dict[str, Any]) -> Path | None:
    """A file of a checkpoint, here or on the Hub; None if it has none of this name."""
    hub_arguments = ("cache_dir", "force_download", "local_files_only", "token", "revision", "subfolder")
    options = {key: kwargs[key] for key in hub_arguments if kwargs.get(key) is not None}
    found = cached_file(name, file, _raise_exceptions_for_missing_entries=False, **options)
    return Path(found) if found is not None and Path(found).is_file() else None


def check_complete(model: Any, info: dict[str, Any], name: Any, new_head_size: bool) -> None:
    """Raise ValueError unless every tensor of `model`, but a new head's, came finite from checkpoint `name`."""
    saved_by_same_class = type(model).__name__ in (model.config.architectures or [])
    missing = {key for key in info["missing_keys"] if not key.endswith(model._counters)}
    lost = missing if saved_by_same_class else _without(missing, model._may_be_new)
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
    new = sorted({key.split(".")[0] for key in {*missing, *reshaped}})
    model.load_report = LoadReport(len(encoder), str(name), tuple(new))
    logger.info("%s", model.load_report)


def _without(keys: Any, prefixes: tuple[str, ...]) -> set[str]:
    return {key for key in keys if not key.startswith(prefixes or ("\0",))}


def _shorten(names: Any, most: int = 6) -> str:
    names = sorted(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
