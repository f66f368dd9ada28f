"""Tables of vectors and candidates side by side, beside an encoder, in one report."""

import zipfile

import numpy as np
import pytest

import pretune
from pretune import AutoencoderConfig, AutoencoderModel
from pretune.training.evaluation.candidates import Beside, Table, _lookup, parse_names

PROBES = ["knn", "linear", "raw_knn", "raw_linear", "pca_knn", "pca_linear", "untrained_knn", "untrained_linear"]
QUICK = {"disable_tqdm": True, "labels_per_class": ["1", "5"], "draws": 3, "methods": PROBES, "dataset": "digits"}


@pytest.fixture
def model(tmp_path):
    AutoencoderModel(AutoencoderConfig(image_size=8, hidden_sizes=[16], latent_size=8)).save_pretrained(tmp_path / "m")
    from pretune import AutoencoderImageProcessor

    AutoencoderImageProcessor.for_config(AutoencoderConfig(image_size=8)).save_pretrained(tmp_path / "m")
    return str(tmp_path / "m")


@pytest.fixture
def tables(model, tmp_path):
    for split in ("train", "test"):
        pretune.embed(model, dataset="digits", split=split, output_file=tmp_path / f"{split}.npz", disable_tqdm=True)
    return [f"paid={tmp_path / 'train.npz'}", f"paid={tmp_path / 'test.npz'}"]


def test_a_table_has_the_numbers_of_the_model_that_made_it(model, tables, tmp_path):
    report = pretune.evaluate(
        model=[model, f"{model}+paid"], embeddings=tables, output_dir=tmp_path / "r", **QUICK
    ).report  # fmt: skip
    rows = {(r["model"], r["method"], r["labels_per_class"], r["draw"]): r["accuracy"] for r in report["results"]}
    for method in ("knn", "linear"):
        assert all(rows[model, method, c, d] == rows["paid", method, c, d] for c in (1, 5) for d in range(3))
    assert {method for name, method, *_ in rows if name == "paid"} == {m for m in PROBES if "untrained" not in m}
    assert report["models"][f"{model}+paid"]["latent_size"] == 16 and report["models"][model]["cost"]["parameters"] > 0
    text = (tmp_path / "r/report.md").read_text()
    assert "Everything beside each other" in text and "What each costs" in text and "paid: a linear probe" in text
    assert text.count("| floor: 1-NN on raw pixels |") == 4  # once beside all, once with each
    assert (tmp_path / "r/report.html").read_text().count(
        "data:image/png;base64"
    ) == 3  # figure, confusion, most wrong


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["paid"], "expected NAME=TABLE"),
        (["paid=/nowhere.npz"], "there is no file"),
        (["paid={train}"], "Name two tables"),
        (["paid={test}", "paid={train}"], "lacks vectors of"),
        (["paid={train}", "paid={test}", "paid={test}"], "names 3 tables"),
        (["paid={nan}", "paid={test}"], "expected finite vectors"),
    ],
)
def test_tables_that_do_not_fit_are_refused(model, tables, tmp_path, given, told):
    with np.load(tmp_path / "train.npz") as arrays:
        np.savez(tmp_path / "nan.npz", **{**arrays, "latents": arrays["latents"] * np.nan})
    paths = {name: str(tmp_path / f"{name}.npz") for name in ("train", "test", "nan")}
    with pytest.raises(pretune.InputError, match=told):
        pretune.evaluate(
            model=model, embeddings=[text.format(**paths) for text in given], output_dir=tmp_path / "r", **QUICK
        )


@pytest.mark.parametrize(
    "change",
    [
        {"latents": np.zeros((3, 2, 2))}, {"latents": np.array(["a", "b", "c"])}, {"id": np.array([1.5, np.nan, 3])},
        {"id": np.array([1, 2])}, {"id": np.array(5)}, {"file": np.array(["a"])}, {"latents": None}, b"",
        b"PK\x03\x04", b"\x93NUMPY\x01\x00\xff\xff{'descr'", b"PAR1",
    ],
)  # fmt: skip
@pytest.mark.parametrize("ending", ["npz", "parquet"])
def test_a_damaged_table_is_named(tmp_path, change, ending):
    path = tmp_path / f"table.{ending}"
    if isinstance(change, bytes):
        path.write_bytes(change)
    else:
        columns = {"latents": np.ones((3, 2), np.float32), "id": np.arange(3), "file": np.array(list("abc")), **change}
        path = tmp_path / "table.npz"
        with zipfile.ZipFile(path, "w") as archive:
            for key, value in columns.items():
                if value is not None:  # `np.savez` takes no array that is called "file"
                    with archive.open(f"{key}.npy", "w") as file:
                        np.lib.format.write_array(file, value)
    with pytest.raises(pretune.InputError, match=f"--embeddings paid={path}") as caught:
        _lookup("paid", str(path))
    assert "\n" not in str(caught.value)


def test_names_side_by_side_are_told_from_files(tmp_path):
    (tmp_path / "a+b").mkdir()
    assert parse_names([str(tmp_path / "a+b"), "x+y", "z", "paid"], {"paid": 0}) == (
        [str(tmp_path / "a+b"), "z"], [["x", "y"]],
    )  # fmt: skip
    with pytest.raises(pretune.InputError, match="names nothing on one side"):
        parse_names(["x+"], {})


def test_neither_side_drowns_the_other(tmp_path):
    rng = np.random.default_rng(0)
    small, large = (
        Table(n, s * rng.normal(size=(50, 4)), s * rng.normal(size=(9, 4)), n) for n, s in (("a", 1), ("b", 1e4))
    )
    train, test = Beside([small, large]).vectors(tmp_path)
    assert train.shape == (50, 8) and test.shape == (9, 8)
    assert np.linalg.norm(train[:, :4]) == pytest.approx(np.linalg.norm(train[:, 4:]), rel=0.2)
