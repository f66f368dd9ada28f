"""The files of a Hub repository: what of a run folder is uploaded, and the code that loads it elsewhere."""

import json
from pathlib import Path
from typing import Any

from ...model_cards.card import PICTURES
from ...modeling.families import FAMILIES, PREFIX
from ..runs.card_file import card_for_hub
from .code_export import export_code

MANIFEST = ".pretune.json"  # what a push wrote, so that the next one can delete what it no longer writes


def repository_files(folder: Path, record: dict[str, Any], repo_id: str) -> dict[str, bytes | Path]:
    """{name in the repository: content} of a finished run: this list and nothing else is ever uploaded."""
    code, auto_map = _code_of(record["model"]["model_type"])
    mine = {name: folder / name for name in ("model.safetensors", "run.json", "metrics.jsonl", *PICTURES)}
    mine |= {name: folder / name for name in ("per_class.csv", "confusion_matrix.csv")}
    files: dict[str, bytes | Path] = {name: path for name, path in mine.items() if path.is_file()}
    processors = {family.auto_classes[1] for family in FAMILIES.values()}
    processor_map = {k: v for k, v in auto_map.items() if k in processors}
    model_map = {k: v for k, v in auto_map.items() if k not in processors}
    for name, mapping in (("config.json", model_map), ("preprocessor_config.json", processor_map)):
        added = {"auto_map": mapping} if mapping else {}
        text = json.dumps({**json.loads((folder / name).read_text()), **added}, indent=2, sort_keys=True)
        files[name] = (text + "\n").encode()
    files["README.md"] = card_for_hub(folder, record, repo_id).encode()
    files |= {name: text.encode() for name, text in code.items()}
    files[MANIFEST] = (json.dumps({"files": sorted(files)}, indent=2) + "\n").encode()
    return files


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
            auto_map[auto], sources = export_code(cls)
            code |= sources
    return code, auto_map
