"""Docs never promise what does not run: every `sh` and `python` block of the README and the guides, in their order.

All of them run in one process, since each cold start would cost 15 s: in a folder with made-up photographs, against a
Hub on this machine's loopback. Training is cut to a few steps, and reports to two methods and two draws.
"""

import csv
import io
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from clips_of_all_kinds import save_digits
from hub.server import HubServer, Repository
from texts import little_corpus

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TOKEN, CLASSES = "hf_write_secret_0123456789", ("birch", "elm", "oak")
SHORTER = {"pretrain": "--max_steps 4", "finetune": "--max_steps 4", "evaluate": "--draws 2 --disable_tqdm"}
SHORTER["compare"] = SHORTER["evaluate"]
RUNNER = """
import json, sys
from pretune.cli import main
for page, kind, text in json.load(sys.stdin):
    print("RUN", page, text.splitlines()[0], file=sys.stderr, flush=True)
    if kind == "python":
        exec(compile(text, page, "exec"), {"__name__": "__main__"})
    else:
        main(json.loads(text))
"""


def blocks(page: Path) -> list[tuple[str, str]]:
    """(language, text) of every block of a page; the language of a block without one is empty."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(), re.S | re.M)


def commands(text: str) -> list[list[str]]:
    """The words after `pretune` of each line of a block, made shorter."""
    found = []
    for line in text.splitlines():
        program, verb, *words = shlex.split(line, comments=True)
        assert program == "pretune", f"a block of the shell holds lines of pretune; mark others as text: {line}"
        words += SHORTER.get(verb, "").split()
        if verb == "evaluate" and "--methods" not in words:
            words += ["--methods", "knn", "raw_knn"]
        found.append([verb, *words])
    return found


def photographs(folder: Path, labelled: bool) -> list[tuple[str, str]]:
    """60 small photographs of 3 classes, no two of one size; returns (file, class)."""
    rng, rows = np.random.default_rng(0), []
    for i in range(60):
        name = f"{CLASSES[i % 3]}/IMG_{i // 3:04d}.jpg" if labelled else f"IMG_{i:04d}.jpg"
        pixels = rng.integers(0, 120, (70 + i, 130 - i, 3), dtype=np.uint8)
        pixels[..., i % 3] += 130
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(pixels).save(folder / name)
        rows.append((name, CLASSES[i % 3]))
    return rows


def digits_table() -> dict[str, bytes]:
    """A dataset repository of 8x8 images with labels."""
    import datasets

    rng = np.random.default_rng(1)
    rows = {
        "image": [PIL.Image.fromarray(rng.integers(0, 255, (8, 8), dtype=np.uint8)) for _ in range(40)],
        "label": [i % 2 for i in range(40)],
    }
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["no", "yes"])})
    table = io.BytesIO()
    datasets.Dataset.from_dict(rows, features=features).to_parquet(table)
    return {"data/train-00000-of-00001.parquet": table.getvalue()}


def published_model(folder: Path) -> dict[str, bytes]:
    """The files of a small ResNet as others publish it."""
    from transformers import ResNetConfig, ResNetForImageClassification
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

    config = ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", num_labels=5)
    ResNetForImageClassification(config).save_pretrained(folder)
    ViTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> tuple[Path, HubServer]:
    """The folder in which every block of every page ran, and the Hub they pushed to."""
    folder = tmp_path_factory.mktemp("docs")
    photographs(folder / "photos", labelled=True)
    photographs(folder / "photos_without_labels", labelled=False)
    rows = photographs(folder / "photos_in_a_table", labelled=False)
    with (folder / "photos_in_a_table" / "metadata.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file_name", "species"), *rows])
    with (folder / "notes.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *zip(*little_corpus(60), strict=True)])
    save_digits(folder / "clips", 20)
    todo = []
    for page in PAGES:
        for kind, text in blocks(page):
            if kind == "python":
                todo.append((page.name, kind, text))
            elif kind == "sh":
                todo += [(page.name, kind, json.dumps(words)) for words in commands(text)]
    with HubServer(tokens={TOKEN: ("me", "write")}, orgs=["microsoft"]) as hub:
        for name in ("me/labelled-images", "me/more-images"):
            hub.repositories["datasets", name] = Repository(private=False)
            hub.commit(name, digits_table(), kind="datasets")
        hub.repositories["models", "microsoft/resnet-18"] = Repository(private=False)
        hub.commit("microsoft/resnet-18", published_model(tmp_path_factory.mktemp("resnet")))
        env = {**os.environ, **hub.env(tmp_path_factory.mktemp("home"), TOKEN)}
        done = subprocess.run(
            [sys.executable, "-c", RUNNER], input=json.dumps(todo), text=True, capture_output=True, cwd=folder, env=env
        )
        assert done.returncode == 0, done.stderr[-3000:]
        yield folder, hub


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_says_whether_it_runs(page):
    kinds = {kind for kind, _ in blocks(page)}
    assert kinds <= {"sh", "python", "text"}, "sh and python are run; what cannot run is text"
    assert page.read_text().count("```") == 2 * len(blocks(page))


@pytest.mark.slow
def test_every_block_runs_and_leaves_what_the_text_says(ran):
    folder, hub = ran
    for name in (
        "photos/evaluation/report.md", "photos/evaluation/few_labels.png", "denoising/reconstructions.png",
        "photos/latents.png", "photos/loss.png", "classifier/confusion_matrix.png", "embeddings.parquet",
        "masked/backbone/config.json", "resumable/model.safetensors", "beside/report.html",
        "compared_photos/report.html",
    ):  # fmt: skip
        assert (folder / "runs" / name).is_file(), name
    assert {"model.safetensors", "confusion_matrix.png", "README.md"} <= set(hub.files("me/photos"))
    assert {"model.safetensors", "confusion_matrix.png", "per_class.csv"} <= set(hub.files("me/mine"))
