"""A second kind of input goes through the same scripts: what they know of images they know from the modality's row."""

import json
import os
import re

import numpy as np
import pytest
from hub.server import HubServer

import pretune
from pretune.training.card import run as render_card
from pretune.training.command.arguments.card import CardArguments
from pretune.training.evaluation.embedders import methods_for
from pretune.training.modalities.listing import MODALITIES
from pretune.training.protocol import TRAINED

QUICK = {"disable_tqdm": True, "max_steps": 60, "per_device_train_batch_size": 16, "learning_rate": 1e-2}


@pytest.fixture
def rows():
    """The family and the modality, known for the time of a test."""
    from pretune.modeling.families import FAMILIES
    from pretune.tests.rows import register
    from pretune.training.modalities.listing import MODALITIES

    register()
    yield
    del FAMILIES["linear_rows"], MODALITIES["row"]


def save_rows(path) -> str:
    """90 rows of ten numbers in three classes that differ in a plane."""
    rng = np.random.default_rng(0)
    labels = np.arange(90) % 3
    centres = rng.normal(size=(3, 2)) @ rng.normal(size=(2, 10)) * 3
    np.savez(path, row=(centres[labels] + rng.normal(size=(90, 10))).astype(np.float32), label=labels)
    return str(path)


def test_every_verb_takes_rows_and_says_rows(rows, tmp_path, caplog):
    caplog.set_level("INFO")
    data = save_rows(tmp_path / "rows.npz")
    base = pretune.pretrain(model_type="linear_rows", dataset=data, output_dir=tmp_path / "base", **QUICK)
    assert base.model.config.row_size == 10 and base.metrics["eval_mean_row_loss"] > base.metrics["eval_loss"]
    head = pretune.finetune(model=base.output_dir, dataset=data, output_dir=tmp_path / "head", **QUICK)
    assert head.metrics["eval_accuracy"] > 80 and head.record["loading_report"].endswith("classifier is new")
    table = pretune.embed(base.output_dir, dataset=data, output_file=tmp_path / "embeddings.npz", disable_tqdm=True)
    assert (table.num_samples, table.latent_size) == (90, 3)
    report = pretune.evaluate(
        model=str(base.output_dir), dataset=data, labels_per_class=["5"], draws=2, update_card=True, disable_tqdm=True,
        methods=[m for m in methods_for(MODALITIES["row"], np.zeros((1, 10))) if m not in TRAINED],
    ).report  # fmt: skip
    assert {row["words"] for row in report["models"][str(base.output_dir)]["table"]} > {"floor: 1-NN on raw numbers"}
    render_card(CardArguments(run_dir=str(base.output_dir)))
    texts = [
        (tmp_path / name).read_text() for name in ("base/README.md", "head/README.md", "base/evaluation/report.md")
    ]
    shown = [*texts, caplog.text, json.dumps([base.record, head.record, report])]
    assert "floor: 1-NN on raw numbers" in texts[0] and "squared error a number" in texts[0]
    for text in shown:
        known = re.sub(r"(fit_images|image_column|image_classification|image_size|config\.image\w*)", "", text)
        assert not re.findall(r"\w*(?:image|pixel)\w*", known), re.findall(r".{40}(?:image|pixel).{40}", known)[:3]


PUSH = """
import sys
from pretune.tests.rows import register
register()
from pretune.cli import main
main(sys.argv[1:])
"""


@pytest.mark.slow
def test_rows_are_pushed_with_the_code_that_loads_them(rows, tmp_path, launch):
    data = save_rows(tmp_path / "rows.npz")
    base = pretune.pretrain(model_type="linear_rows", dataset=data, output_dir=tmp_path / "base", **QUICK)
    with HubServer(tokens={"hf_rows": ("me", "write")}, orgs=[]) as hub:
        env = {**os.environ, **hub.env(tmp_path / "home", "hf_rows")}
        launch("-c", PUSH, "push", base.output_dir, "--hub_model_id", "me/rows", env=env)
        files = hub.files("me/rows")
    assert {"model.safetensors", "preprocessor_config.json", "tests_rows_model.py"} <= set(files)
    assert json.loads(files["config.json"])["auto_map"]["AutoModel"] == "tests_rows_model.LinearRowsModel"
    assert "feature-extraction" in files["README.md"].decode().split("---")[1]
