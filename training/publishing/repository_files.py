"""The files of a Hub repository: what of a run folder is uploaded, and the code that loads it elsewhere.

Only plain files of the folder are: a link could point anywhere on this machine, and a folder that was unpacked from an
archive can hold links. Paths of this machine are shortened.
"""

import json
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ...model_cards.card import PICTURES, render_card
from ...modeling.families import FAMILIES, PREFIX
from ...modeling.shared.loading import damaged_weights
from ..errors import InputError, one_line
from ..modalities.listing import MODALITIES
from ..runs.card_file import card_bytes
from ..runs.folder import card_was_edited
from ..runs.local_paths import paths_in, without_local_paths
from .code_export import PACKAGE, export_code

MANIFEST = ".pretune.json"  # what a push wrote, so that the next one can delete what it no longer writes
NEEDED = ("model.safetensors", "run.json", "config.json")
FOR_OTHERS = ("modules.json", "sentence_bert_config.json")  # by which sentence-transformers takes a model
SENT = (*NEEDED, *FOR_OTHERS, "README.md", "metrics.jsonl", "per_class.csv", "confusion_matrix.csv", *PICTURES)


def plain_files(folder: Path, processor_files: tuple[str, ...] = ("preprocessor_config.json",)) -> dict[str, Path]:
    """{name: path} of what is sent of a run folder as it lies there, the processor's files included.

    Raises:
        InputError: one of them is a link, a folder, a pipe ..., or a file that a model needs is missing.
    """
    found = {}
    for name in (*SENT, *processor_files):
        path = folder / name
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:
            continue
        except OSError as error:
            raise InputError(f"{path} cannot be read: {one_line(error)}.") from None
        if not stat.S_ISREG(mode) or path.resolve().parent != folder.resolve():
            kind = "a link" if stat.S_ISLNK(mode) else "a folder" if stat.S_ISDIR(mode) else "no plain file"
            raise InputError(
                f"{path} is {kind}, and only plain files of a run folder are pushed. Replace it by what is meant to "
                f"be public, or remove it."
            )
        found[name] = path
    missing = [name for name in (*NEEDED, *processor_files) if name not in found]
    if missing:
        raise InputError(f"{folder} lacks {', '.join(missing)}: expected the folder of a finished run.")
    return found


def require_whole(folder: Path, files: Iterable[str]) -> None:
    """Raise InputError for weights that are cut off, or a file of settings that cannot be read: nobody could load
    what was pushed.

    Args:
        folder: of the run.
        files: names of what would be pushed.
    """
    broken = [name for name in damaged_weights(folder) if name in files]
    if broken:
        raise InputError(
            f"{folder / broken[0]} is damaged: it holds no whole weights. Restore it, as from a checkpoint-<step> of "
            f"its run, or run again."
        )
    for name in files:
        if name.endswith(".json") and name != "modules.json":  # which is a list
            _read_json(folder / name)


def repository_files(folder: Path, record: dict[str, Any], repo_id: str) -> dict[str, bytes | Path]:
    """{name in the repository: content} of a finished run: this list and nothing else is ever uploaded.

    Raises:
        InputError: see `plain_files`; or a config that is no JSON.
    """
    own = processor_files_of(record)
    files: dict[str, bytes | Path] = dict(plain_files(folder, own))
    known = [*paths_in(record.get("arguments", {})), str(folder.resolve()), str(folder.absolute())]
    public = without_local_paths(record, known)
    files["run.json"] = _json_bytes(public)
    code, auto_map = _code_of(record["model"]["model_type"])
    processors = {family.auto_classes[1] for family in FAMILIES.values()}
    processor_map = {k: v for k, v in auto_map.items() if k in processors}
    model_map = {k: v for k, v in auto_map.items() if k not in processors}
    for name, mapping in (("config.json", model_map), (own[-1], processor_map)):
        added = {"auto_map": mapping} if mapping else {}
        files[name] = _json_bytes({**without_local_paths(_read_json(folder / name), known), **added}, sort_keys=True)
    if card_was_edited(folder / "README.md", record):
        text = (folder / "README.md").read_bytes().decode(errors="replace")
        files["README.md"] = card_bytes(without_local_paths(text, known))
    else:
        files["README.md"] = card_bytes(render_card(public, repo_id))
    files |= {name: text.encode() for name, text in code.items()}
    files[MANIFEST] = _json_bytes({"files": sorted(files)})
    return files


def processor_files_of(record: dict[str, Any]) -> tuple[str, ...]:
    """What the run's processor is saved as; the last one is its config."""
    modality = MODALITIES.get(record.get("modality", {}).get("name", ""))
    return ("preprocessor_config.json",) if modality is None else modality.processor_files


def _json_bytes(value: Any, sort_keys: bool = False) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=sort_keys) + "\n").encode()


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text())
    except (ValueError, OSError, RecursionError) as error:
        raise InputError(f"{path} cannot be read: {one_line(error)}. Restore it, or run again.") from None
    if not isinstance(value, dict):
        raise InputError(f"{path} holds no JSON object, expected one. Restore it, or run again.")
    return value


def _code_of(model_type: str) -> tuple[dict[str, str], dict[str, str]]:
    """({file: source}, `auto_map`) of one of our families; a model of transformers needs neither."""
    family = FAMILIES.get(model_type.removeprefix(PREFIX))
    code: dict[str, str] = {}
    auto_map: dict[str, str] = {}
    if family is not None:
        classifier, processor = family.auto_classes
        for auto, cls in (
            ("AutoConfig", family.config), ("AutoModel", family.model), ("AutoModelForPreTraining", family.model),
            (classifier, family.classifier), (processor, family.processor),
        ):  # fmt: skip
            if not cls.__module__.startswith(f"{PACKAGE}."):
                continue  # transformers' own
            auto_map[auto], sources = export_code(cls)
            code |= sources
    return code, auto_map
