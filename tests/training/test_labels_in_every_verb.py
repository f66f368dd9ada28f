"""Labels of every kind, and none, in the verbs: partly labelled ones, several, real numbers, groups, overlap."""

import io
import logging

import numpy as np
import PIL.Image
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoImageProcessor, ResNetConfig, ResNetForImageClassification, pipeline
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

import pretune
from pretune import AutoencoderConfig, AutoencoderModel, InputError
from pretune.training.command.arguments.data import DataArguments
from pretune.training.data.loading import load_data
from pretune.training.data.seen import FILE, seen_by
from pretune.training.modalities.image import IMAGE

TINY = {"hidden_sizes": [16, 8], "latent_size": 4}
QUICK = {"disable_tqdm": True, "per_device_train_batch_size": 8}
SCRATCH = {**QUICK, "from_scratch": True, "config": TINY}
PROBES = ["knn", "linear", "raw_knn", "raw_linear", "pca_knn", "pca_linear", "untrained_knn", "untrained_linear"]


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO)
    return caplog


@pytest.fixture
def encoder(tmp_path):
    torch.manual_seed(0)
    AutoencoderModel(AutoencoderConfig(image_size=8, **TINY)).save_pretrained(tmp_path / "encoder")
    return str(tmp_path / "encoder")


def save(path, images, label=None, **more):
    np.savez(path, image=images, **({} if label is None else {"label": np.asarray(label)}), **more)
    return str(path)


def saved_resnet(folder):
    config = ResNetConfig(layer_type="basic", embedding_size=8, hidden_sizes=[8, 12], depths=[1, 1])
    ResNetForImageClassification(config).save_pretrained(folder)
    ViTImageProcessorPil(size={"height": 16, "width": 16}).save_pretrained(folder)
    return str(folder)


# --- partly labelled -------------------------------------------------------------------------------------------------


@pytest.fixture
def partly(tmp_path, blobs):
    """Of 60 images 20 are labelled."""
    images, labels = blobs
    return save(tmp_path / "partly.npz", images, np.where(np.arange(60) % 9 < 3, labels, -1))


def test_partly_labelled_data_go_through_every_verb(partly, tmp_path, lines):
    base = pretune.pretrain(dataset=partly, output_dir=tmp_path / "base", max_steps=4, config=TINY, **QUICK)
    kept = base.record["dataset"]["train"]["samples"]
    assert kept + base.record["dataset"]["evaluation"]["samples"] == 60 and not lines.records[0].levelno > logging.INFO
    lines.clear()
    run = pretune.finetune(model=base.output_dir, dataset=partly, output_dir=tmp_path / "run", max_steps=4, **QUICK)
    labelled = run.record["dataset"]["train"]["samples"]
    assert labelled < 21 and run.model.config.num_labels == 3
    assert f"{labelled} of {kept} images of {partly} [train] are labelled, and these are used" in lines.text
    (offer,) = [line for line in lines.messages if "--unlabelled_dataset" in line]
    assert f"the {kept - labelled} images without labels" in offer and offer.endswith(f"--unlabelled_dataset {partly}")
    assert run.record["dataset"]["overlap"]["in_pretraining"] == 0
    assert "Pretraining did not see them either." in (tmp_path / "run/README.md").read_text()
    more = pretune.finetune(
        model=base.output_dir, dataset=partly, output_dir=tmp_path / "more", max_steps=4, unlabelled_dataset=partly,
        **QUICK,
    )  # fmt: skip
    assert more.record["dataset"]["unlabelled"]["samples"] == kept  # nothing of what is held out
    report = pretune.evaluate(
        model=str(base.output_dir), dataset=partly, labels_per_class=["2"], draws=2, methods=["knn"], disable_tqdm=True
    ).report
    assert report["dataset"]["train"]["samples"] == labelled
    assert any("are labelled, and these are used" in warning for warning in report["warnings"])


@pytest.mark.parametrize("known", ["train", "held out"])
def test_labels_on_one_side_alone_of_what_is_held_out(known, blobs, encoder, tmp_path, lines):
    images, labels = blobs
    train, held = load_data(DataArguments(dataset=save(tmp_path / "all.npz", images, labels)), IMAGE)
    rows = (train if known == "train" else held).rows[:9]
    some = np.full(60, -1)
    some[rows] = np.arange(9) % 3
    few = save(tmp_path / "few.npz", images, some)
    asked = {"model": encoder, "dataset": few, "labels_per_class": ["1"], "output_dir": str(tmp_path / "report")}
    with pytest.raises(InputError, match="none of the .* labelled|are in the part held out"):
        pretune.evaluate(**asked, methods=["linear"], disable_tqdm=True)
    given = {"dataset": few, "output_dir": tmp_path / "run", "max_steps": 2, **SCRATCH}
    if known == "held out":
        with pytest.raises(InputError, match="all 9 labelled images of .* are in the part held out"):
            pretune.finetune(**given)
        return
    run = pretune.finetune(**given)
    assert run.record["dataset"]["train"]["samples"] == 9 and "eval_accuracy" not in run.metrics
    assert f"nothing is evaluated: none of the {len(held)} images" in lines.text


@pytest.mark.parametrize("suffix", ["parquet", "npz"])
def test_embed_writes_labels_where_there_are_some(suffix, partly, encoder, tmp_path):
    path = tmp_path / f"codes.{suffix}"
    pretune.embed(encoder, dataset=partly, output_file=path, disable_tqdm=True)
    if suffix == "parquet":
        table = pq.read_table(path).to_pydict()
        assert table["label"][:4] == [0, 1, 2, None] and table["label_name"][:4] == ["0", "1", "2", None]
    else:
        arrays = np.load(path, allow_pickle=False)
        assert arrays["label"][:4].tolist() == [0, 1, 2, -1] and arrays["label_name"][:4].tolist() == [
            "0",
            "1",
            "2",
            "",
        ]
    assert len(table["id"] if suffix == "parquet" else arrays["id"]) == 60


@pytest.mark.parametrize("kind", ["several", "numbers"])
def test_embed_writes_other_labels_too(kind, encoder, blobs, tmp_path):
    labels = np.array([[1, 1], [0, 1], [np.nan, 0]] * 20) if kind == "several" else np.array([0.5, 2, np.nan] * 20)
    data = save(tmp_path / "d.npz", blobs[0], labels)
    pretune.embed(encoder, dataset=data, output_file=tmp_path / "codes.parquet", disable_tqdm=True)
    table = pq.read_table(tmp_path / "codes.parquet").to_pydict()
    expected = [[1, 1], [0, 1], None] if kind == "several" else [0.5, 2, None]
    assert table["label"][:3] == expected and "label_name" not in table


@pytest.mark.parametrize("labels", [[[float("inf")]] * 60, [{"x": 1}] * 60, [None] * 60])
def test_odd_labels_stop_no_verb_that_needs_none(labels, encoder, blobs, tmp_path, lines):
    image = pa.array([{"bytes": png(picture), "path": None} for picture in blobs[0]])
    (tmp_path / "d").mkdir()
    pq.write_table(pa.table({"image": image, "label": pa.array(labels)}), tmp_path / "d/train.parquet")
    for name in ("embed", "pretrain"):
        lines.clear()
        if name == "embed":
            pretune.embed(encoder, dataset=tmp_path / "d", output_file=tmp_path / "c.npz", disable_tqdm=True)
        else:
            pretune.pretrain(dataset=tmp_path / "d", output_dir=tmp_path / "r", max_steps=2, config=TINY, **QUICK)
        told = [r.getMessage() for r in lines.records if r.levelno > logging.INFO and "label" in r.getMessage()]
        assert len(told) <= 1
    assert "label" not in np.load(tmp_path / "c.npz")
    with pytest.raises(InputError, match="label"):
        pretune.finetune(dataset=tmp_path / "d", output_dir=tmp_path / "f", max_steps=2, **SCRATCH)


def png(image):
    file = io.BytesIO()
    PIL.Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


# --- real numbers ----------------------------------------------------------------------------------------------------


@pytest.fixture
def bright(tmp_path):
    """Images whose label is how bright they are, in a unit of its own; a tenth has none."""
    rng = np.random.default_rng(0)
    level = rng.uniform(40, 200, 300)
    images = (level[:, None, None] + rng.normal(0, 20, (300, 8, 8))).clip(0, 255).astype(np.uint8)
    return save(tmp_path / "bright.npz", images, np.where(np.arange(300) % 10, 1000 + 7.5 * level, np.nan))


@pytest.mark.parametrize("network", ["ours", "resnet", "mixup", "kept"])
def test_real_numbers_are_learnt(network, bright, tmp_path):
    options = {
        **QUICK,
        "dataset": bright,
        "output_dir": tmp_path / "run",
        "num_train_epochs": 30,
        "learning_rate": 3e-3,
    }
    if network == "resnet":
        options["model"] = saved_resnet(tmp_path / "resnet")
    else:
        options |= {"from_scratch": True, "config": TINY}
    options |= {"mixup": {"mixup_alpha": 0.2}, "kept": {"ema_decay": 0.9, "early_stopping_patience": 20}}.get(
        network, {}
    )
    run = pretune.finetune(**options)
    assert run.metrics["eval_r2"] > 0.8 and run.metrics["eval_mae"] < 200 and "eval_accuracy" not in run.metrics
    assert run.model.config.problem_type == "regression" and run.model.config.num_labels == 1
    assert not (tmp_path / "run/confusion_matrix.csv").exists()
    with np.load(bright) as found:  # the saved model answers in the unit of the labels
        known = np.isfinite(found["label"])
        images, labels = found["image"][known], found["label"][known]
    processor = AutoImageProcessor.from_pretrained(run.output_dir)
    mode = "RGB" if network == "resnet" else "L"
    pictures = [PIL.Image.fromarray(image).convert(mode) for image in images[:50]]
    answers = run.model(**processor(pictures, return_tensors="pt")).logits[:, 0].detach().numpy()
    assert np.corrcoef(answers, labels[:50])[0, 1] > 0.9 and abs(answers - labels[:50]).mean() < 200
    card = (tmp_path / "run/README.md").read_text()
    assert "| R2 |" in card and "mean absolute error" in card


def test_whole_numbers_are_targets_if_asked_and_a_run_goes_on_from_its_own_head(blobs, tmp_path):
    data = save(tmp_path / "d.npz", blobs[0], blobs[1] * 10 + 20)
    options = {**SCRATCH, "dataset": data, "learning_rate": 1e-2}
    run = pretune.finetune(output_dir=tmp_path / "a", problem_type="regression", num_train_epochs=40, **options)
    assert run.model.config.id2label == {0: "label"} and run.metrics["eval_r2"] > 0.5
    again = pretune.finetune(
        model=run.output_dir, output_dir=tmp_path / "b", problem_type="regression", dataset=data, max_steps=1,
        learning_rate=1e-9, **QUICK,
    )  # fmt: skip
    assert again.metrics["eval_r2"] == pytest.approx(run.metrics["eval_r2"], abs=1e-3)
    assert pretune.finetune(output_dir=tmp_path / "c", max_steps=1, **options).model.config.num_labels == 3


def test_what_needs_classes_refuses_real_numbers_in_a_line(bright, encoder, tmp_path):
    for options in ({"labels_per_class": 3}, {"label_smoothing": 0.1}, {"unlabelled_dataset": bright}):
        with pytest.raises(InputError, match=f"{next(iter(options))} is about classes"):
            pretune.finetune(dataset=bright, output_dir=tmp_path / "r", max_steps=1, **SCRATCH, **options)
    with pytest.raises(InputError, match="real numbers, and evaluation is of classes"):
        pretune.evaluate(model=encoder, dataset=bright, output_dir=tmp_path / "e", disable_tqdm=True)


# --- several labels, unbalanced ones ---------------------------------------------------------------------------------


@pytest.fixture
def tagged(tmp_path):
    """Images with a bright left half, top half, both or neither, and a list of words that says so."""
    rng = np.random.default_rng(0)
    images, tags = rng.integers(0, 60, (160, 8, 8), dtype=np.uint8), []
    for k, image in enumerate(images):
        left, top = k % 2, k // 2 % 3 == 0
        image[:, :4] += np.uint8(90 * left)
        image[:4] += np.uint8(90 * top)
        tags.append(["left"] * left + ["top"] * top)
    (tmp_path / "tagged").mkdir()
    for split, rows in (("train", range(110)), ("test", range(110, 160))):
        image = pa.array([{"bytes": png(images[r]), "path": None} for r in rows])
        table = pa.table({"image": image, "tags": pa.array([tags[r] for r in rows])})
        pq.write_table(table, tmp_path / "tagged" / f"{split}.parquet")
    return str(tmp_path / "tagged")


def test_several_labels_are_trained_and_evaluated(tagged, encoder, tmp_path):
    run = pretune.finetune(
        dataset=tagged, label_column="tags", output_dir=tmp_path / "run", num_train_epochs=20, learning_rate=3e-3,
        **SCRATCH,
    )  # fmt: skip
    assert run.metrics["eval_mean_average_precision"] > 90 and list(run.model.config.id2label.values()) == [
        "left",
        "top",
    ]
    assert "mean average precision in %" in (tmp_path / "run/README.md").read_text()
    options = {"dataset": tagged, "label_column": "tags", "labels_per_class": ["2", "8", "all"], "disable_tqdm": True}
    result = pretune.evaluate(
        model=[str(run.output_dir), encoder], output_dir=tmp_path / "r", methods=PROBES, **options
    )
    report = result.report
    assert report["metric"] == "mean_average_precision" and report["confusion"] is None
    assert {"mean_average_precision", "macro_f1"} <= set(report["results"][0])
    best = {
        (row["model"], row["method"]): row["mean_average_precision"]
        for row in report["results"]
        if row["labels_per_class"] == "all"
    }
    assert best[str(run.output_dir), "linear"] > 90 and best[encoder, "raw_linear"] > 90
    text = (tmp_path / "r/report.md").read_text()
    assert "| mean average precision in % |" in text and "confusion" not in text
    assert (tmp_path / "r/few_labels.png").is_file() and not (tmp_path / "r/confusion.png").exists()
    with pytest.raises(InputError, match="metric is 'balanced_accuracy', expected one of mean_average_precision"):
        pretune.evaluate(model=encoder, output_dir=tmp_path / "b", metric="balanced_accuracy", **options)


@pytest.mark.slow
def test_whole_networks_with_several_labels(tagged, encoder, tmp_path):
    from pretune.training.evaluation.embedders import methods_for
    from pretune.training.modalities.image import IMAGE

    report = pretune.evaluate(
        model=encoder, dataset=tagged, label_column="tags", labels_per_class=["2", "4"], draws=2, disable_tqdm=True,
        output_dir=tmp_path / "r",
    ).report  # fmt: skip
    of_images = methods_for(IMAGE, np.zeros((1, 1, 8, 8), np.uint8))
    assert {row["method"] for row in report["results"]} == set(of_images) - {"self_training"}  # that guesses one class
    trained = [r["mean_average_precision"] for r in report["results"] if r["method"] == "scratch"]
    assert len(trained) == 4 and min(trained) > 50


def test_unbalanced_classes_are_told_and_judged_by_the_metric_asked_for(encoder, blobs, tmp_path):
    images, labels = blobs
    rows = np.flatnonzero((labels == 0) | (np.arange(60) % 6 == 1))  # 20 of class 0, 10 of class 1
    data = save(tmp_path / "d.npz", images[rows], labels[rows])
    options = {"model": encoder, "dataset": data, "methods": ["knn", "raw_knn"], "draws": 2, "disable_tqdm": True}
    with pytest.raises(InputError, match="with --allow_short_classes such a class gives all it has"):
        pretune.evaluate(labels_per_class=["12"], output_dir=tmp_path / "r", **options)
    options |= {"labels_per_class": ["12"], "allow_short_classes": True, "output_dir": tmp_path / "r"}
    report = pretune.evaluate(**options).report
    assert any("'1' (" in warning and "give all they have" in warning for warning in report["warnings"])
    assert {"accuracy", "balanced_accuracy", "macro_f1"} <= set(report["results"][0])
    other = pretune.evaluate(**options, metric="balanced_accuracy").report  # the same cells, told otherwise
    assert other["results"] == report["results"] and other["metric"] == "balanced_accuracy"
    assert "| balanced accuracy in % |" in (tmp_path / "r/report.md").read_text()


def test_finetune_takes_all_of_a_short_class_if_asked(blobs, tmp_path, lines):
    images, labels = blobs
    rows = np.flatnonzero((labels == 0) | (np.arange(60) % 12 == 1))
    data = save(tmp_path / "d.npz", images[rows], labels[rows])
    options = {**SCRATCH, "dataset": data, "eval_split": "none", "max_steps": 1, "labels_per_class": 8}
    with pytest.raises(InputError, match="--allow_short_classes"):
        pretune.finetune(output_dir=tmp_path / "a", **options)
    run = pretune.finetune(output_dir=tmp_path / "b", allow_short_classes=True, **options)
    assert run.record["dataset"]["train"]["samples"] == 8 + 5 and "'1' (5)" in lines.text
    assert 0 <= run.metrics["train_balanced_accuracy"] <= 100


# --- overlap, groups -------------------------------------------------------------------------------------------------


def save_hub(folder, train, test):
    """A folder in Hub layout; each part is (images, labels)."""
    folder.mkdir()
    for split, (images, labels) in (("train", train), ("test", test)):
        image = pa.array([{"bytes": png(own), "path": None} for own in images])
        pq.write_table(
            pa.table({"image": image, "label": pa.array(list(map(int, labels)))}), folder / f"{split}.parquet"
        )
    return str(folder)


def test_test_samples_in_training_are_told_by_run_report_and_card(blobs, encoder, tmp_path, lines):
    images, labels = blobs
    data = save_hub(tmp_path / "d", (images[:40], labels[:40]), (images[35:], labels[35:]))
    run = pretune.finetune(dataset=data, output_dir=tmp_path / "run", max_steps=1, **SCRATCH)
    assert (
        "5 of 25 test images are also training images" in lines.text and run.record["dataset"]["overlap"]["same"] == 5
    )
    card = (tmp_path / "run/README.md").read_text()
    assert (
        "5 of 25 evaluation images are training images too, pixel for pixel" in card and "never trained on" not in card
    )
    report = pretune.evaluate(
        model=encoder,
        dataset=data,
        labels_per_class=["1"],
        methods=["knn"],
        output_dir=tmp_path / "r",
        disable_tqdm=True,
    ).report
    assert report["dataset"]["test_samples_in_training"] == 5


def test_what_pretraining_saw_is_known_later(blobs, tmp_path, lines):
    images, labels = blobs
    every = save(tmp_path / "every.npz", images)
    base = pretune.pretrain(
        dataset=every, output_dir=tmp_path / "base", max_steps=1, eval_split="none", config=TINY, **QUICK
    )
    assert len(seen_by(base.output_dir).digests) == 60 and seen_by(base.output_dir).complete
    data = save_hub(tmp_path / "d", (images[:40], labels[:40]), (images[40:], labels[40:]))
    run = pretune.finetune(model=base.output_dir, dataset=data, output_dir=tmp_path / "run", max_steps=1, **QUICK)
    assert run.record["dataset"]["overlap"]["in_pretraining"] == 20
    assert "20 of 20 test images were learnt from in pretraining" in lines.text
    assert "20 of 20 were learnt from in pretraining" in (tmp_path / "run/README.md").read_text()
    report = pretune.evaluate(
        model=str(base.output_dir), dataset=data, labels_per_class=["1"], methods=["knn"], disable_tqdm=True,
        update_card=True,
    ).report  # fmt: skip
    assert any("20 of 20 test images are among what" in warning for warning in report["warnings"])
    assert "20 of these 20 images were trained on" in (base.output_dir / "README.md").read_text()
    scratch = pretune.finetune(dataset=data, output_dir=tmp_path / "scratch", max_steps=1, **SCRATCH)
    assert scratch.record["dataset"]["overlap"]["in_pretraining"] == 0
    (base.output_dir / FILE).unlink()
    lines.clear()
    unknown = pretune.finetune(
        model=base.output_dir, dataset=data, output_dir=tmp_path / "unknown", max_steps=1, **QUICK
    )
    assert not unknown.record["dataset"]["overlap"]["pretraining_known"]
    assert "is not known here, so that was not checked" in (unknown.output_dir / "README.md").read_text()


def test_groups_are_never_on_both_sides(encoder, blobs, tmp_path):
    images, labels = blobs
    data = save(tmp_path / "d.npz", images, labels, patient=np.arange(60) // 6)
    grouped = {"dataset": data, "group_column": "patient"}
    run = pretune.finetune(output_dir=tmp_path / "run", max_steps=2, early_stopping_patience=1, **grouped, **SCRATCH)
    assert run.record["dataset"]["overlap"]["groups"] == 0
    assert "No group of samples is in both." in (tmp_path / "run/README.md").read_text()
    options = {"model": encoder, "labels_per_class": ["4"], "methods": ["linear"], "disable_tqdm": True}
    report = pretune.evaluate(output_dir=tmp_path / "r", **grouped, **options).report
    assert report["dataset"]["test_samples_of_groups_in_training"] == 0 and report["dataset"]["held_out_version"] == 5
    with pytest.raises(InputError, match="another dataset"):
        pretune.evaluate(output_dir=tmp_path / "r", dataset=data, **options)


def test_a_class_that_training_lacks_is_a_warning(encoder, blobs, tmp_path, lines):
    images, labels = blobs
    known = np.flatnonzero(labels[:40] != 2)
    data = save_hub(tmp_path / "d", (images[known], labels[known]), (images[40:], labels[40:]))
    pretune.finetune(dataset=data, output_dir=tmp_path / "run", max_steps=1, **SCRATCH)
    assert "labelled '2', and there are none of them to learn from" in lines.text
    report = pretune.evaluate(
        model=encoder, dataset=data, labels_per_class=["2"], methods=["knn", "linear"], output_dir=tmp_path / "r",
        disable_tqdm=True,
    ).report  # fmt: skip
    assert any("labelled '2'" in warning for warning in report["warnings"])
    assert max(row["accuracy"] for row in report["results"]) <= 100 * (labels[40:] != 2).mean()


def test_a_pipeline_gives_the_names_of_numbers_that_do_not_begin_at_zero(blobs, tmp_path):
    data = save(tmp_path / "d.npz", blobs[0], np.array([1001, 52013, 7])[blobs[1]])
    run = pretune.finetune(
        dataset=data, output_dir=tmp_path / "run", num_train_epochs=20, learning_rate=3e-3, **SCRATCH
    )
    classify = pipeline("image-classification", model=str(run.output_dir))
    assert {answer["label"] for answer in classify(PIL.Image.fromarray(blobs[0][0]))} == {"7", "1001", "52013"}
