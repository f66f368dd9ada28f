"""`pretune evaluate` and `pretune embed`: honest on cases whose answer is known, careful with what does not fit."""

import json

import numpy as np
import pytest
from sklearn.datasets import load_digits

import pretune
from pretune import AutoencoderConfig, AutoencoderForImageClassification, AutoencoderModel, InputError
from pretune.training import evaluate as evaluate_module
from pretune.training.protocol import FLOORS, METHODS, PROTOCOL

PROBES = [m for m in METHODS + FLOORS if m not in ("finetune", "scratch")]
WIDE = {"image_size": 8, "hidden_sizes": [64, 32], "latent_size": 16}
QUICK = {"disable_tqdm": True, "labels_per_class": ["1", "5", "all"]}


def save_arrays(path, images, labels):
    np.savez(path, image=np.asarray(images, np.uint8), label=labels)
    return str(path)


@pytest.fixture
def untrained(tmp_path):
    AutoencoderModel(AutoencoderConfig(**WIDE)).save_pretrained(tmp_path / "untrained")
    return str(tmp_path / "untrained")


@pytest.fixture(scope="session")
def knowing(tmp_path_factory):
    """An encoder that plainly helps: it was trained with all labels."""
    folder = tmp_path_factory.mktemp("knowing") / "run"
    pretune.finetune(
        dataset="digits", from_scratch=True, output_dir=folder, num_train_epochs=20, disable_tqdm=True,
        config={"hidden_sizes": [64, 32], "latent_size": 16},
    )  # fmt: skip
    return str(folder)


def test_it_says_so_where_pretraining_plainly_helps(knowing, tmp_path):
    result = pretune.evaluate(model=knowing, dataset="digits", methods=PROBES, output_dir=tmp_path / "r", **QUICK)
    assert result.helped and result.sentence.startswith("With ")
    report = json.loads((tmp_path / "r/report.json").read_text())
    assert report["verdict"]["helped"] is True and report["protocol"]["version"] == PROTOCOL.version
    assert {tuple(sorted(row)) for row in report["results"]} == {
        ("accuracy", "draw", "labels_per_class", "method", "model")
    }
    per_cell = {(r["method"], r["labels_per_class"]) for r in report["results"]}
    assert per_cell == {(m, c) for m in PROBES for c in (1, 5, "all")}
    assert len(report["results"]) == len(PROBES) * (5 + 5 + 1)
    health = report["models"][knowing]["health"]
    assert health["units"] == 16 and 1 < health["effective_rank"] <= 16
    text = (tmp_path / "r/report.md").read_text()
    assert result.sentence in text and "floor: 1-NN on raw pixels" in text and "Protocol, version 1" in text
    assert (tmp_path / "r/few_labels.png").is_file() and (tmp_path / "r/confusion.png").is_file()
    assert not (tmp_path / "r/features").exists()


def test_an_untrained_encoder_did_not_help(untrained, tmp_path):
    result = pretune.evaluate(model=untrained, dataset="digits", methods=PROBES, output_dir=tmp_path / "r", **QUICK)
    assert not result.helped and result.sentence.startswith("Pretraining did not help here")


@pytest.mark.parametrize("case", ["noise", "shuffled"])
def test_nothing_helps_where_there_is_nothing_to_learn(case, knowing, tmp_path):
    rng, digits = np.random.default_rng(0), load_digits()
    images = rng.integers(0, 256, (600, 8, 8)) if case == "noise" else digits.images[:600] * 15
    path = save_arrays(tmp_path / "d.npz", images, rng.permutation(np.arange(600) % 10))
    result = pretune.evaluate(model=knowing, dataset=path, methods=PROBES, output_dir=tmp_path / "r", **QUICK)
    assert not result.helped and result.sentence.startswith("Pretraining did not help here")


@pytest.mark.slow
@pytest.mark.parametrize("case", ["helps", "untrained", "noise", "shuffled"])
def test_the_verdict_with_whole_networks(case, knowing, untrained, tmp_path):
    rng, digits = np.random.default_rng(0), load_digits()
    dataset = "digits"
    if case in ("noise", "shuffled"):
        images = rng.integers(0, 256, (600, 8, 8)) if case == "noise" else digits.images[:600] * 15
        dataset = save_arrays(tmp_path / "d.npz", images, rng.permutation(np.arange(600) % 10))
    model = untrained if case == "untrained" else knowing
    result = pretune.evaluate(
        model=model, dataset=dataset, labels_per_class=[1, 5] if case == "helps" else [1], output_dir=tmp_path / "r",
        disable_tqdm=True,
    )  # fmt: skip
    assert result.helped == (case == "helps"), result.sentence
    assert {row["method"] for row in result.report["results"]} == set(METHODS + FLOORS)


@pytest.mark.slow
def test_a_model_of_transformers_beside_ours_with_whole_networks(untrained, tmp_path):
    import torch
    from transformers import ResNetConfig, ResNetForImageClassification
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

    torch.manual_seed(0)
    config = ResNetConfig(layer_type="basic", embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1])
    ResNetForImageClassification(config).save_pretrained(tmp_path / "resnet")
    ViTImageProcessorPil(size={"height": 16, "width": 16}).save_pretrained(tmp_path / "resnet")
    models = [untrained, str(tmp_path / "resnet")]
    result = pretune.evaluate(
        model=models, dataset="digits", labels_per_class=[2], draws=2, output_dir=tmp_path / "r", disable_tqdm=True
    )
    for model in models:
        rows = [row for row in result.report["results"] if row["model"] == model]
        assert {row["method"] for row in rows} == set(METHODS + FLOORS) and len(rows) == 20
        assert all(row["accuracy"] > 5 for row in rows)
    assert result.report["models"][models[1]]["latent_size"] == 16


def test_interrupted_it_goes_on_without_doing_anything_twice(untrained, npz, tmp_path, monkeypatch):
    args = {
        "model": untrained, "dataset": npz, "labels_per_class": [1, 5], "draws": 3, "output_dir": tmp_path / "r",
        "methods": ["knn", "raw_knn", "untrained_linear"], "disable_tqdm": True,
    }  # fmt: skip
    calls = {"knn": 0, "linear": 0}
    knn, linear = evaluate_module.nearest_neighbour, evaluate_module.linear_probe

    def count(name, function, stop_at=None):
        def counted(*words):
            if calls[name] == stop_at:
                raise KeyboardInterrupt
            calls[name] += 1
            return function(*words)

        return counted

    monkeypatch.setattr(evaluate_module, "nearest_neighbour", count("knn", knn))
    monkeypatch.setattr(evaluate_module, "linear_probe", count("linear", linear, stop_at=2))
    with pytest.raises(pretune.Interrupted, match="the same command goes on"):
        pretune.evaluate(**args)
    assert calls == {"knn": 6, "linear": 2}
    with open(tmp_path / "r/cells.jsonl", "a") as file:
        file.write('{"source": "cut off by a ki')
    monkeypatch.setattr(evaluate_module, "linear_probe", count("linear", linear))
    result = pretune.evaluate(**args)
    assert calls == {"knn": 12, "linear": 6} and len(result.report["results"]) == 18
    again = pretune.evaluate(**args)
    assert calls == {"knn": 12, "linear": 6} and again.report["results"] == result.report["results"]
    fresh = pretune.evaluate(**{**args, "output_dir": tmp_path / "fresh"})
    assert fresh.report["results"] == result.report["results"]


def test_several_models_see_the_same_draws_and_share_their_floors(knowing, untrained, tmp_path):
    result = pretune.evaluate(
        model=[knowing, untrained], dataset="digits", labels_per_class=[5], methods=["knn", "raw_knn", "pca_knn"],
        output_dir=tmp_path / "r", disable_tqdm=True,
    )  # fmt: skip
    rows = {m: [r for r in result.report["results"] if r["model"] == m] for m in (knowing, untrained)}
    floors = [
        [(r["method"], r["draw"], r["accuracy"]) for r in part if r["method"] != "knn"] for part in rows.values()
    ]
    assert floors[0] == floors[1] and len(rows[knowing]) == 15
    (ranked,) = result.report["ranking"]
    assert ranked["better"] == knowing and ranked["worse"] == untrained and ranked["draws"] == 5
    assert f"{knowing} is better than {untrained}" in (tmp_path / "r/report.md").read_text()


def test_numbers_of_other_versions_or_data_are_not_mixed(untrained, npz, tmp_path):
    args = {"model": untrained, "labels_per_class": [1], "methods": ["knn"], "output_dir": tmp_path / "r"}
    pretune.evaluate(dataset=npz, disable_tqdm=True, **args)
    with pytest.raises(InputError, match="another dataset.*--overwrite_output_dir"):
        pretune.evaluate(dataset="digits", disable_tqdm=True, **args)
    lines = (tmp_path / "r/cells.jsonl").read_text().splitlines()
    first = json.loads(lines[0])
    first["identity"]["protocol"] = 0
    (tmp_path / "r/cells.jsonl").write_text("\n".join([json.dumps(first), *lines[1:]]))
    with pytest.raises(InputError, match="another protocol"):
        pretune.evaluate(dataset=npz, disable_tqdm=True, **args)
    pretune.evaluate(dataset=npz, disable_tqdm=True, overwrite_output_dir=True, **args)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("mine")
    with pytest.raises(InputError, match="it is not an evaluation's"):
        pretune.evaluate(dataset=npz, **{**args, "output_dir": tmp_path / "mine"}, overwrite_output_dir=True)


def test_what_does_not_fit_is_a_one_line_error(untrained, tmp_path, blobs):
    images, labels = blobs
    ok = {"model": untrained, "output_dir": tmp_path / "r", "methods": ["knn"], "disable_tqdm": True}
    plain = save_arrays(tmp_path / "plain.npz", images, labels)
    np.savez(tmp_path / "none.npz", image=images)
    np.savez(tmp_path / "large.npz", image=images.repeat(2, 1).repeat(2, 2), label=labels)
    np.savez(tmp_path / "several.npz", image=images, label=np.eye(3, dtype=np.int64)[labels])
    for dataset, more, words in (
        (tmp_path / "none.npz", {}, "has no labels"),
        (tmp_path / "several.npz", {}, "several labels an image"),
        (
            plain,
            {"labels_per_class": [17]},
            "class '0' has only 16 training samples. The largest possible number is 16",
        ),
        (plain, {"labels_per_class": ["many"]}, "labels_per_class must be numbers"),
        (plain, {"labels_per_class": [1], "methods": ["knn", "guess"]}, "unknown method 'guess'"),
        (plain, {"labels_per_class": [1], "confusion_cell": "linear:1"}, "expected METHOD:LABELS"),
        (plain, {"eval_split": "none"}, "leaves nothing to measure on"),
        (tmp_path / "large.npz", {"labels_per_class": [1]}, "--fit_images"),
        (plain, {"update_card": True}, "needs the folder of a finished run"),
    ):
        with pytest.raises(InputError, match=words) as raised:
            pretune.evaluate(dataset=dataset, **{**ok, **more})
        assert "\n" not in str(raised.value)
    fitted = pretune.evaluate(dataset=tmp_path / "large.npz", labels_per_class=[1], fit_images=True, **ok)
    assert len(fitted.report["results"]) == 5


def test_labels_that_training_never_shows_and_images_in_both_splits(untrained, tmp_path, blobs, caplog):
    from datasets import ClassLabel, Dataset, DatasetDict, Features, Image

    features = Features({"image": Image(), "label": ClassLabel(names=["a", "b", "c"])})

    def split(rows):
        return Dataset.from_dict({"image": list(blobs[0][rows]), "label": blobs[1][rows]}, features=features)

    without_c = np.flatnonzero(blobs[1] != 2)
    DatasetDict(train=split(without_c[:20]), test=split(np.arange(40, 60))).save_to_disk(tmp_path / "unused")
    for name, train, test in (
        ("lacks", without_c[:20], np.arange(40, 60)),
        ("both", np.arange(30), np.arange(27, 60)),
    ):
        (tmp_path / name).mkdir()
        split(train).to_parquet(tmp_path / name / "train.parquet")
        split(test).to_parquet(tmp_path / name / "test.parquet")
    args = {"model": untrained, "methods": ["knn"], "labels_per_class": [1], "disable_tqdm": True}
    with pytest.raises(InputError, match="labelled 'c', and .* none of them to learn from"):
        pretune.evaluate(dataset=tmp_path / "lacks", output_dir=tmp_path / "r", **args)
    pretune.evaluate(dataset=tmp_path / "both", output_dir=tmp_path / "r", **args)
    assert "3 of 33 test images are also training images" in caplog.text


def test_the_protocols_counts_that_do_not_fit_are_left_out_aloud(untrained, npz, tmp_path, caplog):
    result = pretune.evaluate(
        model=untrained, dataset=npz, methods=["knn"], output_dir=tmp_path / "r", disable_tqdm=True
    )
    assert {r["labels_per_class"] for r in result.report["results"]} == {1, 5, 10, "all"}
    assert "left out: labels_per_class is 100, but class '0' has only 16" in caplog.text


def test_update_card_puts_the_evidence_into_the_runs_card(knowing, tmp_path):
    import shutil

    run = tmp_path / "run"
    shutil.copytree(knowing, run)
    result = pretune.evaluate(
        model=run, dataset="digits", methods=["knn", "linear", "untrained_linear", "raw_knn"], labels_per_class=[1, 5],
        update_card=True, disable_tqdm=True,
    )  # fmt: skip
    assert result.output_dir == run / "evaluation"
    card = (run / "README.md").read_text()
    assert "## What pretraining is worth" in card and "| raw knn |" in card and "(few_labels.png)" in card
    assert "accuracy in %, linear probe, 5 labels per class (mean of 5 draws)" in card
    assert (run / "few_labels.png").is_file()
    (run / "README.md").write_text(card + "my own words")
    with pytest.raises(InputError, match="edited by hand"):
        pretune.evaluate(model=run, dataset="digits", update_card=True, overwrite_output_dir=True)
    assert (run / "README.md").read_text().endswith("my own words")


def test_the_command_line_takes_several_models_and_counts(launch, untrained, npz, tmp_path):
    AutoencoderForImageClassification(AutoencoderConfig(**WIDE)).save_pretrained(tmp_path / "other")
    done = launch(
        "-m", "pretune", "evaluate", "--model", untrained, "--model", tmp_path / "other", "--dataset", npz,
        "--labels_per_class", "1", "5", "--methods", "knn,raw_knn", "--output_dir", tmp_path / "r",
    )  # fmt: skip
    assert "Whether pretraining helped was not measured" in done.stderr and "cells" in done.stderr
    report = json.loads((tmp_path / "r/report.json").read_text())
    assert len(report["results"]) == 2 * 2 * 2 * 5
    assert (
        report["command"].startswith("pretune evaluate --dataset ") and "--labels_per_class 1 5" in report["command"]
    )


# --- embed -----------------------------------------------------------------------------------------------------------


def test_embed_writes_codes_labels_and_row_ids(untrained, npz, blobs, tmp_path):
    import pyarrow.parquet as pq
    import torch

    model = AutoencoderModel.from_pretrained(untrained).eval()
    expected = model.encode(torch.from_numpy(blobs[0])[:, None] / 255).detach().numpy()
    for name in ("codes.parquet", "codes.npz"):
        result = pretune.embed(untrained, dataset=npz, output_file=tmp_path / name, disable_tqdm=True)
        assert (result.num_images, result.latent_size) == (60, 16)
    table = pq.read_table(tmp_path / "codes.parquet").to_pydict()
    arrays = np.load(tmp_path / "codes.npz", allow_pickle=False)
    np.testing.assert_allclose(np.array(table["latents"]), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(arrays["latents"], expected, rtol=1e-5, atol=1e-6)
    for found in (table["label"], arrays["label"]):
        assert np.array_equal(found, blobs[1])
    assert table["id"] == list(range(60)) == arrays["id"].tolist() and table["label_name"][:3] == ["0", "1", "2"]
    with pytest.raises(InputError, match="exists. Choose another, or pass --overwrite"):
        pretune.embed(untrained, dataset=npz, output_file=tmp_path / "codes.npz")
    with pytest.raises(InputError, match="must end in .parquet or .npz"):
        pretune.embed(untrained, dataset=npz, output_file=tmp_path / "codes.csv")


def test_embed_in_parts_is_embed_at_once_and_a_fault_leaves_no_file(untrained, npz, tmp_path, monkeypatch):
    from pretune.training import encoders

    whole = pretune.embed(untrained, dataset=npz, output_file=tmp_path / "a.npz", disable_tqdm=True)
    monkeypatch.setattr(encoders, "AT_ONCE", 7)
    for name in ("b.npz", "b.parquet"):
        pretune.embed(untrained, dataset=npz, output_file=tmp_path / name, disable_tqdm=True)
    a, b = (np.load(tmp_path / name)["latents"] for name in ("a.npz", "b.npz"))
    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert whole.latent_size == 16

    def stop(self, images):
        raise KeyboardInterrupt

    monkeypatch.setattr(encoders.Encoder, "resized", stop)
    with pytest.raises(KeyboardInterrupt):
        pretune.embed(untrained, dataset=npz, output_file=tmp_path / "c.npz", disable_tqdm=True)
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["a.npz", "b.npz", "b.parquet", "blobs.npz"]
