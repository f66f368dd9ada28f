"""What a folder says of its model's costs, whatever somebody wrote into it."""

import json

import pytest

from pretune.training.evaluation.costs import _on_disk

CARD = "---\nlicense: mit\n---\n# A model\n"
RECORD = {"timings": {"train_seconds": 120.0, "peak_memory_mb": 900}}


def test_of_a_run(tmp_path):
    (tmp_path / "run.json").write_text(json.dumps(RECORD))
    (tmp_path / "README.md").write_text(CARD)
    (tmp_path / "model.safetensors").write_bytes(b"12345")
    (tmp_path / "other.safetensors").symlink_to(tmp_path / "nowhere")
    assert _on_disk(tmp_path) == {"bytes": 5, "minutes": 2.0, "peak_memory_mb": 900, "licence": "mit"}
    assert _on_disk(tmp_path / "nowhere") == {}


@pytest.mark.parametrize(
    ("record", "card"),
    [
        ("", ""), ("[" * 20000, "---\n" + "[" * 20000 + "\n---\n"), ("5", "---\nlicense: [5]\n---\n"),
        ('{"timings": {"train_seconds": "x", "peak_memory_mb": 5}}', "---\n5\n---\n"),
        ('{"timings": {"train_seconds": NaN, "peak_memory_mb": 5}}', "---\na: *b\n---\n"),
        ('{"timings": {"train_seconds": 1' + "0" * 400 + ', "peak_memory_mb": 5}}', "---\nlicense: 2026-99-99\n---\n"),
    ],
)  # fmt: skip
def test_of_nonsense_nothing_is_known(tmp_path, record, card):
    (tmp_path / "run.json").write_text(record)
    (tmp_path / "README.md").write_text(card)
    found = _on_disk(tmp_path)
    assert found.keys() <= {"bytes", "licence"} and isinstance(found.get("licence", ""), str)
