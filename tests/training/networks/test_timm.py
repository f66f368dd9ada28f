"""Networks of timm through transformers' wrapper, in every verb: a tiny one with random weights, from a folder."""

import json
import subprocess
import sys

import numpy as np
import PIL.Image
import pytest
import torch
from transformers import AutoConfig, AutoImageProcessor, AutoModelForImageClassification
from transformers.image_utils import load_image

import pretune

pytest.importorskip("timm")

QUICK = {"disable_tqdm": True, "eval_split": "none"}
SETTINGS = {
    "input_size": [3, 32, 32], "mean": [0.5, 0.4, 0.3], "std": [0.25, 0.2, 0.3], "interpolation": "bicubic",
    "crop_pct": 0.8, "num_classes": 4,
}  # fmt: skip


@pytest.fixture
def network(tmp_path):
    """A folder as transformers saves it, with the settings of timm's transforms."""
    from transformers import TimmWrapperConfig, TimmWrapperForImageClassification

    config = TimmWrapperConfig(architecture="test_resnet", num_labels=4)
    TimmWrapperForImageClassification(config).save_pretrained(tmp_path / "timm")
    path = tmp_path / "timm" / "config.json"
    # timm's own export writes the number of classes among the arguments too
    settings = {**json.loads(path.read_text()), "pretrained_cfg": SETTINGS, "model_args": {"num_classes": 4}}
    path.write_text(json.dumps(settings))
    return tmp_path / "timm"


@pytest.fixture
def photos(tmp_path):
    rng = np.random.default_rng(0)
    for label in ("cat", "dog"):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for number in range(6):
            image = rng.integers(0, 256, (40 + number, 56, 3), dtype=np.uint8)
            PIL.Image.fromarray(image).save(tmp_path / "photos" / label / f"{number}.png")
    return tmp_path / "photos"


def test_embed(network, photos, tmp_path):
    made = pretune.embed(str(network), dataset=photos, output_file=tmp_path / "codes.npz", disable_tqdm=True)
    codes = np.load(tmp_path / "codes.npz")["latents"]
    assert made.num_samples == 12 and codes.std(0).max() > 0
    with torch.no_grad():
        pixels = AutoImageProcessor.from_pretrained(network)(load_image(str(photos / "cat" / "0.png")))
        model = AutoModelForImageClassification.from_pretrained(network, config=config_of(network)).eval()
        expected = model.timm_model.forward_head(model.timm_model.forward_features(**x(pixels)), pre_logits=True)
    np.testing.assert_allclose(codes[0], expected[0], rtol=1e-3, atol=1e-4)


def config_of(network):
    config = AutoConfig.from_pretrained(network)
    config.model_args = {}
    return config


def x(pixels):
    return {"x": pixels["pixel_values"]}


def test_finetune_and_what_it_saves(network, photos, tmp_path):
    pretune.finetune(dataset=photos, model=network, output_dir=tmp_path / "run", max_steps=2, **QUICK)
    saved = AutoImageProcessor.from_pretrained(tmp_path / "run")
    assert saved.data_config == AutoImageProcessor.from_pretrained(network).data_config
    model = AutoModelForImageClassification.from_pretrained(tmp_path / "run")
    assert model.config.id2label == {0: "cat", 1: "dog"}
    logits = model(**saved(load_image(str(photos / "cat" / "0.png")))).logits
    assert logits.shape == (1, 2) and logits.isfinite().all()


def test_evaluate(network, photos, tmp_path):
    options = {"labels_per_class": ["1"], "draws": 2, "methods": ["knn", "finetune"], "disable_tqdm": True}
    report = pretune.evaluate(model=[str(network)], dataset=photos, output_dir=tmp_path / "report", **options).report
    assert {row["method"] for row in report["results"]} == {"knn", "finetune"}


def test_pretrain_around_it(network, photos, tmp_path):
    run = pretune.pretrain(
        dataset=photos, output_dir=tmp_path / "run", model_type="masked_image_model", backbone=network, max_steps=2,
        config={"image_size": 32, "mask_patch_size": 8}, **QUICK,
    )  # fmt: skip
    assert run.model.config.image_mean == [0.5, 0.4, 0.3] and run.model.config.image_std == [0.25, 0.2, 0.3]


@pytest.mark.slow
def test_a_torchvision_that_does_not_load_is_one_line(tmp_path):
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text("raise RuntimeError('operator torchvision::x is not there')")
    (tmp_path / "torchvision-1.0.dist-info").mkdir()
    (tmp_path / "torchvision-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: torchvision\nVersion: 1.0"
    )
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from pretune.cli import main; main()"
    words = ["pretrain", "digits", "--output_dir", str(tmp_path / "run"), "--max_steps", "1"]
    process = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=240)
    assert process.returncode == 2 and process.stderr.count("\n") == 1
    assert "torchvision does not work with this torch: operator torchvision::x is not there" in process.stderr
    assert "Install the torchvision that belongs to this torch" in process.stderr
