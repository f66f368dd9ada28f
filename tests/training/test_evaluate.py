"""`pretune evaluate` and `pretune embed`: honest on cases whose answer is known, careful with what does not fit."""

import json

import numpy as np
import pytest
from sklearn.datasets import load_digits

import pretune
from pretune import AutoencoderConfig, AutoencoderForImageClassification, AutoencoderModel, InputError
from pretune.training.data import holding_out
from pretune.training.evaluation import tuned_networks
from pretune.training.evaluation import work as work_module
from pretune.training.evaluation.embedders import methods_for
from pretune.training.evaluation.evidence.intervals import paired_difference
from pretune.training.evaluation.evidence.verdict import CANNOT_BE_TOLD, DID_NOT_HELP
from pretune.training.evaluation.reporting.tables import accuracies_of
from pretune.training.modalities.image import IMAGE
from pretune.training.networks.encoders import Encoder
from pretune.training.protocol import PROTOCOL

EVERY = methods_for(IMAGE, np.zeros((1, 1, 8, 8), np.uint8))
PROBES = [m for m in EVERY if m not in ("finetune", "scratch")]
WIDE = {"image_size": 8, "hidden_sizes": [64, 32], "latent_size": 16}
QUICK = {"disable_tqdm": True, "labels_per_class": ["1", "5", "all"]}


def save_arrays(path, images, labels):
    np.savez(path, image=np.asarray(images, np.uint8), label=labels)
    return str(path)


def save_splits(folder, images, **labels):
    """A folder in Hub layout: the first 40 images train, the others test; one column for each of `labels`."""
    from datasets import ClassLabel, Dataset, Features, Image

    kinds = {
        name: ClassLabel(names=[str(label) for label in range(max(values) + 1)]) for name, values in labels.items()
    }
    folder.mkdir()
    for split, rows in (("train", slice(40)), ("test", slice(40, None))):
        columns = {"image": list(images[rows]), **{name: values[rows] for name, values in labels.items()}}
        data = Dataset.from_dict(columns, features=Features({"image": Image(), **kinds}))
        data.to_parquet(folder / f"{split}.parquet")
    return str(folder)


def save_resnet(folder, **processor):
    """A model of transformers, with an image processor that takes `processor`."""
    from transformers import ResNetConfig, ResNetForImageClassification
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

    config = ResNetConfig(layer_type="basic", embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1])
    ResNetForImageClassification(config).save_pretrained(folder)
    ViTImageProcessorPil(**{"size": {"height": 16, "width": 16}, **processor}).save_pretrained(folder)
    return str(folder)


def save_misfit(folder):
    """A model of transformers whose image processor gives another size than it takes."""
    from transformers import ViTConfig, ViTModel
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

    sizes = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    ViTModel(ViTConfig(**sizes, image_size=16, patch_size=4)).save_pretrained(folder)
    ViTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    return str(folder)


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
    scores = {"accuracy", "balanced_accuracy", "macro_f1", "draw", "labels_per_class", "method", "model"}
    for row in report["results"]:  # a nearest neighbour gives no chances
        assert set(row) - scores == (set() if row["method"].endswith("knn") else {"calibration_error"})
    linear = report["other_scores"]["calibration_error"][str(knowing)]
    assert {row["method"] for row in linear["table"]} == {"linear", "self_training"} and len(linear["differences"]) > 0
    assert "| calibration error in points |" in (tmp_path / "r/report.md").read_text()
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
    assert not result.helped and result.outcome in (DID_NOT_HELP, CANNOT_BE_TOLD), result.sentence


@pytest.mark.parametrize("case", ["noise", "shuffled"])
def test_nothing_helps_where_there_is_nothing_to_learn(case, knowing, tmp_path):
    rng, digits = np.random.default_rng(0), load_digits()
    images = rng.integers(0, 256, (600, 8, 8)) if case == "noise" else digits.images[:600] * 15
    path = save_arrays(tmp_path / "d.npz", images, rng.permutation(np.arange(600) % 10))
    result = pretune.evaluate(model=knowing, dataset=path, methods=PROBES, output_dir=tmp_path / "r", **QUICK)
    assert not result.helped and result.outcome in (DID_NOT_HELP, CANNOT_BE_TOLD), result.sentence


@pytest.mark.slow
@pytest.mark.parametrize("case", ["helps", "shuffled"])
def test_the_verdict_with_whole_networks(case, knowing, tmp_path):
    dataset = "digits"
    if case == "shuffled":
        labels = np.random.default_rng(0).permutation(np.arange(600) % 10)
        dataset = save_arrays(tmp_path / "d.npz", load_digits().images[:600] * 15, labels)
    result = pretune.evaluate(
        model=knowing, dataset=dataset, labels_per_class=[1, 5] if case == "helps" else [1], output_dir=tmp_path / "r",
        disable_tqdm=True,
    )  # fmt: skip
    assert result.helped == (case == "helps"), result.sentence
    assert {row["method"] for row in result.report["results"]} == set(EVERY)


@pytest.mark.slow
def test_more_draws_make_no_lucky_initial_weights_significant(tmp_path):
    import torch

    torch.manual_seed(107)  # better than most initial weights, as one of so many must be
    AutoencoderModel(AutoencoderConfig(**WIDE)).save_pretrained(tmp_path / "lucky")
    model = str(tmp_path / "lucky")
    result = pretune.evaluate(
        model=model, dataset="digits", methods=["linear", "untrained_linear", "raw_knn", "raw_linear", "pca_knn",
        "pca_linear"], labels_per_class=[5], draws=12, output_dir=tmp_path / "r", disable_tqdm=True,
    )  # fmt: skip
    found = accuracies_of(result.report["results"], model)
    assert paired_difference("", "", 5, found["linear", 5], found["untrained_linear", 5], 1).low > 0
    (told,) = result.report["models"][model]["differences"]
    assert told["mean"] < told["half_width"] and not result.helped


@pytest.mark.slow
def test_a_model_of_transformers_beside_ours_with_whole_networks(untrained, tmp_path):
    models, methods = [untrained, save_resnet(tmp_path / "resnet")], ["knn", "finetune", "scratch"]
    result = pretune.evaluate(
        model=models, dataset="digits", labels_per_class=[1], draws=2, methods=methods, output_dir=tmp_path / "r",
        disable_tqdm=True,
    )  # fmt: skip
    for model in models:
        rows = [row for row in result.report["results"] if row["model"] == model]
        assert {row["method"] for row in rows} == set(methods) and len(rows) == 2 * len(methods)
        assert all(row["accuracy"] > 5 for row in rows)
    assert result.report["models"][models[1]]["latent_size"] == 16


def test_interrupted_it_goes_on_without_doing_anything_twice(untrained, npz, tmp_path, monkeypatch):
    args = {
        "model": untrained, "dataset": npz, "labels_per_class": [1, 5], "draws": 3, "output_dir": tmp_path / "r",
        "methods": ["knn", "raw_knn", "untrained_linear"], "disable_tqdm": True,
    }  # fmt: skip
    calls = {"knn": 0, "linear": 0}
    knn, linear = work_module.nearest_neighbour, work_module.linear_probe

    def count(name, function, stop_at=None):
        def counted(*words):
            if calls[name] == stop_at:
                raise KeyboardInterrupt
            calls[name] += 1
            return function(*words)

        return counted

    monkeypatch.setattr(work_module, "nearest_neighbour", count("knn", knn))
    monkeypatch.setattr(work_module, "linear_probe", count("linear", linear, stop_at=2))
    with pytest.raises(pretune.Interrupted, match="the same command goes on"):
        pretune.evaluate(**args)
    assert calls == {"knn": 6, "linear": 2}
    with open(tmp_path / "r/cells.jsonl", "a") as file:
        file.write('{"source": "cut off by a ki')
    monkeypatch.setattr(work_module, "linear_probe", count("linear", linear))
    result = pretune.evaluate(**args)
    assert calls == {"knn": 12, "linear": 6} and len(result.report["results"]) == 18
    again = pretune.evaluate(**args)
    assert calls == {"knn": 12, "linear": 6} and again.report["results"] == result.report["results"]
    fresh = pretune.evaluate(**{**args, "output_dir": tmp_path / "fresh"})
    assert fresh.report["results"] == result.report["results"]


def test_only_networks_that_are_missing_are_trained(untrained, npz, tmp_path, monkeypatch):
    trained = []

    def fit(jobs, rate, steps):  # counts, and leaves the networks as they start
        trained.append(len(jobs))
        if stop_at is not None and sum(trained) > stop_at:
            raise KeyboardInterrupt

    def networks(**more):
        trained.clear()
        args = {"model": untrained, "dataset": npz, "labels_per_class": [1], "output_dir": tmp_path / "r", **more}
        return pretune.evaluate(**args, disable_tqdm=True), sum(trained)

    stop_at = None
    monkeypatch.setattr(tuned_networks, "fit", fit)
    assert networks(methods=["finetune"], draws=3)[1] == 3  # with one label per class no learning rate is chosen
    assert networks(methods=["finetune", "scratch"], draws=3)[1] == 3
    assert networks(methods=["finetune", "scratch"], draws=5)[1] == 4
    assert networks(methods=["finetune", "scratch"], draws=5, confusion_cell="scratch:1")[1] == 0
    assert networks(methods=["finetune", "scratch"], draws=2)[1] == 0
    stop_at = 0
    with pytest.raises(pretune.Interrupted):
        networks(methods=["finetune"], draws=5, labels_per_class=[1, 2])
    stop_at = None
    result, count = networks(methods=["finetune"], draws=5, labels_per_class=[1, 2])
    assert count == 5 * (3 + 1) and len(result.report["results"]) == 10  # three learning rates, then the best one
    monkeypatch.setattr(tuned_networks, "can_stack", lambda model: False)  # one draw after another
    stop_at = 3 * 4
    with pytest.raises(pretune.Interrupted):
        networks(methods=["scratch"], draws=5, labels_per_class=[2])
    stop_at = None
    resumed, count = networks(methods=["scratch"], draws=5, labels_per_class=[2])
    assert count == 2 * 4  # three of five draws were kept
    fresh, count = networks(methods=["scratch"], draws=5, labels_per_class=[2], output_dir=tmp_path / "fresh")
    assert count == 5 * 4 and fresh.report["results"] == resumed.report["results"]


def test_time_is_that_of_all_calls(untrained, npz, tmp_path):
    args = {"model": untrained, "dataset": npz, "methods": ["knn"], "output_dir": tmp_path / "r", "disable_tqdm": True}
    pretune.evaluate(**args, labels_per_class=[1])
    path = tmp_path / "r/cells.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[-1]["seconds"] += 1000
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    longer = pretune.evaluate(**args, labels_per_class=[1, 5])
    assert 1000 < longer.report["timings"]["total_seconds"] < 1100


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
    text = (tmp_path / "r/report.md").read_text()
    assert f"{knowing} is better than {untrained}" in text
    assert [text.count(f"\n- **{model}**: Whether pretraining ") for model in (knowing, untrained)] == [1, 1]


def test_numbers_of_other_versions_or_data_are_not_mixed(untrained, npz, tmp_path):
    args = {"model": untrained, "labels_per_class": [1], "methods": ["knn"], "output_dir": tmp_path / "r"}
    pretune.evaluate(dataset=npz, disable_tqdm=True, **args)
    with pytest.raises(InputError, match="another dataset.*--overwrite_output_dir"):
        pretune.evaluate(dataset="digits", disable_tqdm=True, **args)
    lines = (tmp_path / "r/cells.jsonl").read_text().splitlines()
    for number, damaged in ((1, "[]"), (1, "{}"), (2, '{"source": "x", "method": "knn"}'), (2, "7")):
        kept = [damaged if place == number else line for place, line in enumerate(lines, 1)]
        (tmp_path / "r/cells.jsonl").write_text("\n".join(kept))
        with pytest.raises(InputError, match=f"line {number} of .*cells.jsonl is not as evaluate writes it"):
            pretune.evaluate(dataset=npz, disable_tqdm=True, **args)
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


def test_numbers_of_other_labels_of_the_same_images_are_not_mixed(untrained, blobs, tmp_path):
    images, labels = blobs
    dataset = save_splits(tmp_path / "d", images, good=labels, bad=np.random.default_rng(0).permutation(labels))
    args = {
        "model": untrained, "dataset": dataset, "labels_per_class": ["all"], "methods": ["knn"],
        "output_dir": tmp_path / "r", "disable_tqdm": True,
    }  # fmt: skip
    pretune.evaluate(label_column="good", **args)
    with pytest.raises(InputError, match="another dataset"):
        pretune.evaluate(label_column="bad", **args)


def test_cells_are_of_the_processor_and_config_too(blobs, tmp_path):
    import torch

    folder = tmp_path / "resnet"
    dataset = save_splits(tmp_path / "d", blobs[0], label=blobs[1])
    args = {
        "model": save_resnet(folder), "dataset": dataset, "labels_per_class": ["all"], "methods": ["knn", "raw_knn"],
        "output_dir": tmp_path / "r", "disable_tqdm": True,
    }  # fmt: skip

    def fingerprint():
        return Encoder(str(folder), None, 3, torch.device("cpu"), 8).fingerprint

    pretune.evaluate(**args)
    first = fingerprint()
    settings = json.loads((folder / "preprocessor_config.json").read_text())
    moved = {**settings, "image_mean": [5.0, 5.0, 5.0], "image_std": [0.01, 0.5, 3.0]}
    (folder / "preprocessor_config.json").write_text(json.dumps(moved))
    after = pretune.evaluate(**args).report["results"]
    assert fingerprint() != first
    assert len((tmp_path / "r/cells.jsonl").read_text().splitlines()) == 1 + 2 + 1  # knn again, raw_knn kept
    assert pretune.evaluate(**{**args, "output_dir": tmp_path / "fresh"}).report["results"] == after
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    assert fingerprint() == first
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "transformers_version": "0", "_name_or_path": "else"}))
    assert fingerprint() == first  # these two change nothing
    (folder / "config.json").write_text(json.dumps({**config, "hidden_act": "gelu"}))
    assert fingerprint() != first


def test_numbers_do_not_depend_on_which_other_models_are_listed(untrained, blobs, tmp_path):
    large = blobs[0].repeat(2, 1).repeat(2, 2) ^ np.random.default_rng(0).integers(0, 99, (60, 16, 16), np.uint8)
    AutoencoderModel(AutoencoderConfig(image_size=4, hidden_sizes=[8], latent_size=3)).save_pretrained(tmp_path / "4")
    small, resnet = str(tmp_path / "4"), save_resnet(tmp_path / "resnet")
    args = {
        "dataset": save_arrays(tmp_path / "large.npz", large, blobs[1]), "labels_per_class": [1], "fit_images": True,
        "methods": ["knn", "raw_knn"], "disable_tqdm": True,
    }  # fmt: skip
    alone = [pretune.evaluate(model=m, output_dir=tmp_path / f"r{i}", **args) for i, m in enumerate((small, resnet))]
    every = pretune.evaluate(model=[untrained, resnet, small], output_dir=tmp_path / "r", **args)
    for result in alone:
        for row in result.report["results"]:
            assert row in every.report["results"]
    assert every.report["dataset"]["shape"] == [1, 16, 16] and every.report["warnings"] == []


def test_images_of_different_sizes_are_brought_to_one_that_the_report_names(untrained, blobs, tmp_path):
    images = [image if k % 3 else image.repeat(2, 0).repeat(2, 1) for k, image in enumerate(blobs[0])]
    args = {"model": untrained, "dataset": save_splits(tmp_path / "d", images, label=blobs[1]), "disable_tqdm": True}
    more = {"labels_per_class": [1], "methods": ["knn"], "output_dir": tmp_path / "r"}
    report = pretune.evaluate(**args, **more).report
    assert report["dataset"]["shape"] == [1, 8, 8] and report["dataset"]["fitted_to_one_shape"] is True
    text = (tmp_path / "r/report.md").read_text()
    assert "brought to 1x8x8 numbers each for the floors on raw pixels" in text


def test_what_does_not_fit_is_a_one_line_error(untrained, tmp_path, blobs):
    images, labels = blobs
    ok = {"model": untrained, "output_dir": tmp_path / "r", "methods": ["knn"], "disable_tqdm": True}
    plain = save_arrays(tmp_path / "plain.npz", images, labels)
    np.savez(tmp_path / "none.npz", image=images)
    np.savez(tmp_path / "large.npz", image=images.repeat(2, 1).repeat(2, 2), label=labels)
    np.savez(tmp_path / "real.npz", image=images, label=labels + 0.5)
    np.savez(tmp_path / "one.npz", image=images, label=np.ones(60, np.int64))
    misfit = save_misfit(tmp_path / "misfit")
    for dataset, more, words in (
        (tmp_path / "none.npz", {}, "has no labels"),
        (tmp_path / "real.npz", {}, "are real numbers, and evaluation is of classes"),
        (tmp_path / "one.npz", {}, "all images of .* are labelled '1', expected more classes"),
        (plain, {"model": misfit}, "misfit does not take images of 1x8x8 as its processor gives them: Input"),
        (plain, {"model": [untrained, untrained + "/"]}, "names the same model twice"),
        (plain, {"output_dir": tmp_path / "plain.npz/r"}, "plain.npz is a file, expected a folder"),
        (plain, {"labels_per_class": ""}, "labels_per_class is empty"),
        (plain, {"methods": []}, "methods is empty"),
        (
            plain,
            {"labels_per_class": [21]},
            r"class '\d' has only \d+ training samples. The largest possible number is \d+; with --allow_short",
        ),
        (plain, {"labels_per_class": ["many"]}, "labels_per_class must be numbers"),
        (plain, {"labels_per_class": [1], "methods": ["knn", "guess"]}, "unknown method 'guess'"),
        (plain, {"labels_per_class": [1], "confusion_cell": "linear:1"}, "expected METHOD:LABELS"),
        (plain, {"eval_split": "none"}, "leaves nothing to measure on"),
        (plain, {"update_card": True}, "needs the folder of a finished run"),
    ):
        with pytest.raises(InputError, match=words) as raised:
            pretune.evaluate(dataset=dataset, **{**ok, **more})
        assert "\n" not in str(raised.value)
    assert not (tmp_path / "r").exists()
    fitted = pretune.evaluate(dataset=tmp_path / "large.npz", labels_per_class=[1], **ok)
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
    lacking = pretune.evaluate(dataset=tmp_path / "lacks", output_dir=tmp_path / "lacking", **args).report
    assert "labelled 'c', and" in caplog.text and "none of them to learn from" in lacking["warnings"][0]
    report = pretune.evaluate(dataset=tmp_path / "both", output_dir=tmp_path / "r", **args).report
    assert "3 of 33 test images are also training images" in caplog.text
    assert report["dataset"]["test_samples_in_training"] == 3
    assert "3 of 33 test images are also training images" in (tmp_path / "r/report.md").read_text()


def test_the_report_says_what_it_is_of(untrained, npz, tmp_path, caplog):
    import PIL.Image

    other = str(tmp_path / "other")
    AutoencoderModel(AutoencoderConfig(**WIDE)).save_pretrained(other)
    report = pretune.evaluate(
        model=[untrained, other], dataset=npz, labels_per_class=[1, 5], draws=3, methods=["knn", "raw_knn"],
        confusion_cell="knn:5", output_dir=tmp_path / "r", disable_tqdm=True,
    ).report  # fmt: skip
    text = (tmp_path / "r/report.md").read_text()
    assert "3 draws say little of chance" in text and "3 draws say little of chance" in caplog.text
    assert "all labels" not in text and "has a new head" in text and "- n: {'1': 3, '5': 3}" in text
    assert "![confusion matrix: knn, 5 labels per class, draw 0](confusion.png)" in text
    assert "Rule of the verdict, version 7: Pretraining helped if" in text
    tested = report["dataset"]["test"]["samples"]
    shown = report["confusion"]
    assert (shown["method"], shown["labels_per_class"], shown["draw"]) == ("knn", 5, 0)
    for model in (untrained, other):
        matrix = np.array(shown["matrices"][model])
        (row,) = [
            r for r in report["results"]
            if (r["model"], r["method"], r["labels_per_class"], r["draw"]) == (model, "knn", 5, 0)
        ]  # fmt: skip
        assert matrix.sum() == tested and 100 * matrix.trace() / tested == pytest.approx(row["accuracy"])
    for name in ("few_labels.png", "confusion.png"):
        assert (
            f"pretune evaluate, protocol 1, held out by version {holding_out.VERSION}: pretune evaluate "
            in PIL.Image.open(tmp_path / "r" / name).info["Description"]
        )
    again = pretune.evaluate(
        model=untrained, dataset=npz, labels_per_class=[1, "all"], draws=1, methods=["knn"], output_dir=tmp_path / "r",
        disable_tqdm=True,
    )  # fmt: skip
    assert again.sentence.startswith("Whether pretraining helped was not measured") and not again.helped
    assert "with all labels one run" in (tmp_path / "r/report.md").read_text()


def test_titles_name_the_protocol_and_one_draw_has_no_band(tmp_path, monkeypatch):
    from matplotlib.axes import Axes

    from pretune.training.evaluation.reporting import figure as evaluation_figure
    from pretune.training.runs import pictures

    figures, bands = [], []
    save, band = pictures.save_figure, Axes.fill_between
    for module in (pictures, evaluation_figure):
        kept = lambda figure, *rest: (figures.append(figure), save(figure, *rest))  # noqa: E731
        monkeypatch.setattr(module, "save_figure", kept)
    monkeypatch.setattr(Axes, "fill_between", lambda self, x, *y, **k: (bands.append(y), band(self, x, *y, **k))[1])
    found = {"a": {("knn", 5): [50.0, 60.0], ("knn", "all"): [90.0]}}
    both, title = (
        {"a": {**found["a"], ("linear", 5): [4.0, 6], ("linear", "all"): [7.0]}, "b": found["a"]},
        "d; protocol 1",
    )
    evaluation_figure.draw_few_labels(tmp_path / "f.png", both, [5, "all"], (10.0, "guess"), 50, title, "raw pixels")
    pictures.draw_confusions(tmp_path / "c.png", {"a": np.eye(2, dtype=int)}, ["0", "1"], "knn; protocol 1")
    assert [figure.get_suptitle() for figure in figures] == ["d; protocol 1", "knn; protocol 1"]
    assert figures[1].axes[0].get_title() == "a"
    assert all(np.isfinite(low[0]) and np.isnan([low[1], high[1]]).all() for low, high in bands) and len(bands) == 3
    legend = [text.get_text() for text in figures[0].axes[-1].get_legend().get_texts()]
    assert legend == ["1-NN on the embedding", "linear probe on the embedding", "guess"]  # of either panel


def test_the_protocols_counts_that_do_not_fit_are_left_out_aloud(untrained, npz, tmp_path, caplog):
    result = pretune.evaluate(
        model=untrained, dataset=npz, methods=["knn"], output_dir=tmp_path / "r", disable_tqdm=True
    )
    assert {r["labels_per_class"] for r in result.report["results"]} == {1, 5, 10, "all"}
    assert "left out: labels_per_class is 100, but class " in caplog.text


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
    assert "## What pretraining is worth" in card and "| floor: 1-NN on raw pixels |" in card
    assert "(few_labels.png)" in card
    flat = " ".join(card.split())
    assert "accuracy in %, a linear probe on the embedding, 5 labels per class (mean of 5 draws, protocol 1)" in flat
    assert "accuracy in %, a linear probe on the embedding, 1 label per class (mean of 5 draws, protocol 1)" in flat
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
    assert "Whether pretraining helped was not measured" in done.stderr and "of about" in done.stderr
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
        assert (result.num_samples, result.latent_size) == (60, 16)
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
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(InputError, match="folder.npz is a folder, expected a file"):
        pretune.embed(untrained, dataset=npz, output_file=tmp_path / "folder.npz", overwrite=True)
    with pytest.raises(InputError, match="codes.npz is a file, expected a folder"):
        pretune.embed(untrained, dataset=npz, output_file=tmp_path / "codes.npz/x.npz")
    with pytest.raises(InputError, match="does not take images of 1x8x8"):
        pretune.embed(save_misfit(tmp_path / "misfit"), dataset=npz, output_file=tmp_path / "new/x.npz")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("suffix", ["npz", "parquet"])
def test_row_ids_are_those_of_the_split_where_damaged_images_are_left_out(suffix, untrained, blobs, tmp_path):
    import io

    import PIL.Image
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = []
    for image in blobs[0][:10]:
        PIL.Image.fromarray(image).save(stream := io.BytesIO(), "PNG")
        rows.append({"bytes": stream.getvalue(), "path": None})
    rows[3]["bytes"] = b"broken"
    pq.write_table(pa.table({"image": rows, "label": blobs[1][:10]}), tmp_path / "damaged.parquet")
    path = tmp_path / f"codes.{suffix}"
    args = {"dataset": tmp_path / "damaged.parquet", "output_file": path, "skip_damaged": True, "disable_tqdm": True}
    pretune.embed(untrained, **args)
    table = np.load(path) if suffix == "npz" else pq.read_table(path).to_pydict()
    assert list(table["id"]) == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert list(table["label"]) == [blobs[1][row] for row in table["id"]]


def test_embed_takes_its_model_by_name_too():
    from pretune.training.command.arguments.embed import EmbedArguments
    from pretune.training.command.parsing import parse_arguments

    rest = ["--dataset", "digits", "--output_file", "x.npz"]
    assert parse_arguments(EmbedArguments, ["ae", *rest]).model == "ae"
    assert parse_arguments(EmbedArguments, ["--model", "ae", *rest]).model == "ae"
    with pytest.raises(InputError, match="model is given twice: ae and vit"):
        parse_arguments(EmbedArguments, ["ae", "--model", "vit", *rest])


def test_embed_in_parts_is_embed_at_once_and_a_fault_leaves_no_file(untrained, npz, tmp_path, monkeypatch):
    from pretune.training.networks import encoders

    whole = pretune.embed(untrained, dataset=npz, output_file=tmp_path / "a.npz", disable_tqdm=True)
    monkeypatch.setattr(encoders, "AT_ONCE", 7)
    for name in ("b.npz", "b.parquet"):
        pretune.embed(untrained, dataset=npz, output_file=tmp_path / name, disable_tqdm=True)
    a, b = (np.load(tmp_path / name)["latents"] for name in ("a.npz", "b.npz"))
    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert whole.latent_size == 16

    def stop(self, model, values, size):
        raise KeyboardInterrupt

    monkeypatch.setattr(encoders.Encoder, "_outputs", stop)
    with pytest.raises(KeyboardInterrupt):
        pretune.embed(untrained, dataset=npz, output_file=tmp_path / "c.npz", disable_tqdm=True)
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["a.npz", "b.npz", "b.parquet", "blobs.npz"]
