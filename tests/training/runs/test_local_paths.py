import json

import pytest

from pretune.training.runs.local_paths import paths_in, without_local_paths


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/home/me/data/x.npz", "x.npz"),
        ("/home/me/data/x.npz [train]", "x.npz [train]"),
        ("38 of 38 tensors loaded from /home/me/run", "38 of 38 tensors loaded from run"),
        (
            "pretune pretrain --dataset /srv/a/b --output_dir='/srv/c/d'",
            "pretune pretrain --dataset b --output_dir='d'",
        ),
        ("~/secret/run", "run"),
        ("file:///home/me/x", "x"),
        (r"C:\Users\me\run", "run"),
        ("me/data", "me/data"),
        ("runs/ae and/or 1/2 a /b", "runs/ae and/or 1/2 a /b"),
        ("https://huggingface.co/me/data", "https://huggingface.co/me/data"),
        ("squared error a pixel", "squared error a pixel"),
    ],
)
def test_absolute_paths_in_a_text(text, expected):
    assert without_local_paths(text) == expected


def test_known_paths_may_hold_anything():
    arguments = {
        "dataset": "/home/me/My Data/it's.npz",
        "output_dir": "/out",
        "seed": 1,
        "license": None,
        "deep": [["/a b/c d"]],
    }
    known = list(paths_in(arguments))
    assert known == ["/home/me/My Data/it's.npz", "/out", "/a b/c d"]
    record = {
        "command": """pretune pretrain --dataset '/home/me/My Data/it'"'"'s.npz' --output_dir /out""",
        "arguments": arguments,
        "model": {"labels": ["/home/me/x", "and/or"], "parameters": 3},
        "text": "/out and /outer and me/out",
    }
    before = json.dumps(record)
    found = without_local_paths(record, known)
    assert json.dumps(record) == before
    assert (
        "/home" not in json.dumps({k: v for k, v in found.items() if k != "model"})
        and found["model"] == record["model"]
    )
    assert found["arguments"] == {**arguments, "dataset": "it's.npz", "output_dir": "out", "deep": [["c d"]]}
    assert found["text"] == "out and /outer and me/out"
