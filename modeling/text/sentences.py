"""What makes the folder of a model with `encode` one that sentence-transformers loads."""

import json
from pathlib import Path
from typing import Any

# By these two files sentence-transformers takes a model that has `encode`.
SENTENCE_FILES: dict[str, Any] = {
    "modules.json": [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.base.modules.transformer.Transformer"}
    ],
    "sentence_bert_config.json": {
        "modality_config": {"text": {"method": "encode", "method_output_name": None}},
        "module_output_name": "sentence_embedding",
    },
}


def write_sentence_files(folder: Path) -> None:
    """Make a model's folder one that sentence-transformers loads."""
    for name, content in SENTENCE_FILES.items():
        (folder / name).write_text(json.dumps(content, indent=2) + "\n")
