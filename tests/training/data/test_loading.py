import io
import json
import re

import numpy as np
import PIL.Image
import pytest

from pretune.training.command.arguments.pretrain import PretrainArguments
from pretune.training.data import loading
from pretune.training.data.samples import subset
from pretune.training.errors import InputError
from pretune.training.modalities.cache import cache_folder
from pretune.training.modalities.image import IMAGE

SHARED_MNIST = __import__("pathlib").Path(__file__).resolve().parents[3].parent / "shared/data/mnist"


def arguments(dataset, **changes):
    return PretrainArguments(dataset=str(dataset), output_dir="unused", **changes)


def load_data(args, **wanted):
    return loading.load_data(args, IMAGE, wanted)


def png(image: np.ndarray, kind: str = "PNG", mode: str | None = None) -> bytes:
    file = io.BytesIO()
    picture = PIL.Image.fromarray(image)
    (picture.convert(mode) if mode else picture).save(file, kind)
    return file.getvalue()


@pytest.fixture
def parquet(tmp_path, blobs):
    """A folder in Hub layout with a train and a test split."""
    import datasets

    images, labels = blobs
    features = datasets.Features({"picture": datasets.Image(), "kind": datasets.ClassLabel(names=["a", "b", "c"])})
    folder = tmp_path / "hub"
    (folder / "data").mkdir(parents=True)
    for split, rows in (("train", range(45)), ("test", range(45, 60))):
        columns = {
            "picture": [{"bytes": png(images[r]), "path": None} for r in rows],
            "kind": [int(labels[r]) for r in rows],
        }
        data = datasets.Dataset.from_dict(columns, features=features)
        data.to_parquet(folder / "data" / f"{split}-00000-of-00001.parquet")
    return folder


def test_digits_are_built_in():
    train, test = load_data(arguments("digits"))
    assert train.values.shape == (1437, 1, 8, 8) and train.values.dtype == np.uint8 and train.values.max() == 255
    assert len(test) == 360 and test.label_names == [str(d) for d in range(10)]
    assert np.bincount(test.labels).min() >= 35  # stratified


def test_hub_layout_finds_columns_by_type_and_keeps_the_order(parquet, blobs):
    train, test = load_data(arguments(parquet))
    assert np.array_equal(train.values[:, 0], blobs[0][:45]) and np.array_equal(train.labels, blobs[1][:45])
    assert np.array_equal(test.values[:, 0], blobs[0][45:]) and test.label_names == ["a", "b", "c"]


def test_decoded_once_then_mapped_from_the_cache(parquet, monkeypatch):
    first, _ = load_data(arguments(parquet))
    monkeypatch.setattr(PIL.Image, "open", lambda *a: pytest.fail("decoded a second time"))
    # the size is known from the cache's key only if the model gives it, so look at the first image only
    second, _ = load_data(arguments(parquet), image_size=8, num_channels=1)
    assert np.array_equal(first.values, second.values) and first.fingerprint == second.fingerprint
    assert isinstance(second.values, np.memmap) and second.values.nbytes == 45 * 64
    assert cache_folder().is_dir()


def test_single_parquet_holds_a_part_out(parquet):
    file = next((parquet / "data").glob("train*"))
    (train, held), (again, _) = load_data(arguments(file)), load_data(arguments(file, seed=9))
    assert len(train) + len(held) == 45 and 3 <= len(held) <= 15 and held.held_out and not train.held_out
    assert train.fingerprint == again.fingerprint  # no run's seed moves a held-out image into training
    whole, none = load_data(arguments(file, eval_split="none"))
    assert len(whole) == 45 and none is None


@pytest.mark.parametrize("classes", [True, False])
def test_folder_of_images(tmp_path, blobs, classes):
    for k, (image, label) in enumerate(zip(*blobs, strict=True)):
        folder = tmp_path / "pictures" / ("abc"[label] if classes else ".")
        folder.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(image).save(folder / f"{k:02}.png")
    train, held = load_data(arguments(tmp_path / "pictures"))
    assert len(train) + len(held) == 60
    assert train.label_names == (["a", "b", "c"] if classes else None)


def test_arrays_of_every_layout_and_type_agree(tmp_path, blobs):
    images = blobs[0]
    variants = {
        "u8.npy": images,
        "hwc.npy": images[..., None],
        "chw.npy": images[:, None],
        "f4.npy": images.astype(np.float32) / 255,
        "i8.npy": images.astype(np.int64),
    }
    for name, array in variants.items():
        np.save(tmp_path / name, array)
        train, _ = load_data(arguments(tmp_path / name, eval_split="none"))
        assert np.array_equal(train.values[:, 0], images), name
        assert train.labels is None


def test_several_labels_at_once(tmp_path, blobs):
    import datasets

    lists = [[0], [], [1, 2]] * 20
    features = datasets.Features(
        {"image": datasets.Image(), "tags": datasets.List(datasets.ClassLabel(names=["x", "y", "z"]))}
    )
    data = {"image": [{"bytes": png(i), "path": None} for i in blobs[0]], "tags": lists}
    datasets.Dataset.from_dict(data, features=features).to_parquet(tmp_path / "tags.parquet")
    train, _ = load_data(arguments(tmp_path / "tags.parquet", eval_split="none"))
    assert train.labels[:3].tolist() == [[1, 0, 0], [0, 0, 0], [0, 1, 1]] and train.label_names == ["x", "y", "z"]


def test_labels_as_words_and_as_plain_numbers(tmp_path, blobs):
    import datasets

    column = [{"bytes": png(i), "path": None} for i in blobs[0]]
    table = {"image": column, "label": [int(x) for x in blobs[1]], "word": ["abc"[x] for x in blobs[1]]}
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.Value("int64"), "word": datasets.Value("string")}
    )
    datasets.Dataset.from_dict(table, features=features).to_parquet(tmp_path / "plain.parquet")
    numbers, _ = load_data(arguments(tmp_path / "plain.parquet", eval_split="none"))
    words, _ = load_data(arguments(tmp_path / "plain.parquet", eval_split="none", label_column="word"))
    assert np.array_equal(numbers.labels, words.labels) and words.label_names == ["a", "b", "c"]


def test_subset_is_stratified_and_follows_the_seed():
    train, _ = load_data(arguments("digits"))
    drawn = subset(train, None, 10, seed=3)
    assert np.bincount(drawn.labels).tolist() == [10] * 10
    assert (
        drawn.fingerprint == subset(train, None, 10, seed=3).fingerprint != subset(train, None, 10, seed=4).fingerprint
    )
    assert len(subset(train, 100, None, seed=0)) == 100
    with pytest.raises(InputError, match="class '8' .* has only 139 samples. The largest possible number is 139"):
        subset(train, None, 140, seed=0)


def test_images_that_differ_are_brought_to_the_usual_or_the_given_size(tmp_path, blobs, caplog):
    folder = tmp_path / "mixed"
    folder.mkdir()
    for k, image in enumerate(blobs[0][:10]):
        PIL.Image.fromarray(image).save(folder / f"{k}.png")
    PIL.Image.fromarray(np.zeros((12, 9, 3), np.uint8)).save(folder / "x.png")
    with caplog.at_level("INFO"):
        usual, _ = load_data(arguments(folder, eval_split="none"))
    assert usual.values.shape == (11, 1, 8, 8) and np.array_equal(usual.values[:10, 0], blobs[0][:10])
    assert "1 of 11 images are brought to 8x8 pixels; what is not square is cropped" in caplog.text
    assert "1 of 11 are converted to grey" in caplog.text
    fitted, _ = load_data(arguments(folder, eval_split="none"), image_size=16, num_channels=3)
    assert fitted.values.shape == (11, 3, 16, 16)
    assert load_data(arguments("digits"), image_size=28)[0].values.shape[1:] == (1, 28, 28)


def test_colour_arrays_are_fitted(tmp_path):
    np.save(tmp_path / "colour.npy", np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), dtype=np.uint8))
    fitted, _ = load_data(arguments(tmp_path / "colour.npy", fit_images=True, eval_split="none"), image_size=16)
    assert fitted.values.shape == (20, 3, 16, 16) and fitted.fingerprint


def test_a_damaged_image_is_named_or_skipped_and_counted(tmp_path, blobs):
    for k, (image, label) in enumerate(zip(*blobs, strict=True)):
        folder = tmp_path / "abc"[label]
        folder.mkdir(exist_ok=True)
        PIL.Image.fromarray(image).save(folder / f"{k:02}.png")
    broken = tmp_path / "b" / "04.png"
    broken.write_bytes(broken.read_bytes()[:60])
    with pytest.raises(InputError, match=r"04\.png\) is damaged.*--skip_damaged"):
        load_data(arguments(tmp_path))
    data, _ = load_data(arguments(tmp_path, skip_damaged=True, eval_split="none"))
    assert (len(data), data.skipped, len(data.labels)) == (59, 1, 59)
    assert np.bincount(data.labels).tolist() == [20, 19, 20]


def bad_datasets(tmp_path):
    images = np.zeros((10, 8, 8), np.float32)
    nan, infinite = images.copy(), images.copy()
    nan[3, 0, 0], infinite[4, 1, 1] = np.nan, np.inf
    import datasets

    datasets.Dataset.from_dict({"text": ["a"]}).to_parquet(tmp_path / "text.parquet")
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.npz").write_bytes(b"no archive")
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "names.npz", pictures=images, drawings=images)
    for name, array in {
        "nan": nan,
        "inf": infinite,
        "none": images[:0],
        "flat": images[:, 0],
    }.items():
        np.save(tmp_path / f"{name}.npy", array)
    return [
        ("nowhere/at/all", "was not found: there is no such file or folder"),
        (tmp_path / "missing.npz", "was not found"),
        (tmp_path / "text.parquet", r"has no column of images; its columns are text \(Value\). Pass --input_column"),
        (tmp_path / "empty", "is an empty folder"),
        (tmp_path / "broken.npz", "cannot be read as arrays"),
        (tmp_path / "objects.npy", "pickled objects are refused"),
        (tmp_path / "names.npz", "holds the arrays pictures, drawings, expected 'image'"),
        (tmp_path / "nan.npy", "image 3 of .* holds NaN or infinity"),
        (tmp_path / "inf.npy", "image 4 of .* holds NaN or infinity"),
        (tmp_path / "none.npy", "is empty"),
        (tmp_path / "flat.npy", r"have shape \(10, 8\), expected"),
        ("no-such/dataset", "cannot be loaded.*Expected a Hub id, a file or folder that is here"),
    ]


def test_bad_datasets_are_named_with_the_repair(tmp_path):
    before = None
    for dataset, message in bad_datasets(tmp_path):
        before = before or sorted(tmp_path.rglob("*"))
        with pytest.raises(InputError, match=message) as caught:
            load_data(arguments(dataset))
        assert not re.search(r"Traceback", str(caught.value))
    assert sorted(tmp_path.rglob("*")) == before  # no file of the user's touched


def test_labels_that_do_not_fit_stop_only_who_needs_them(tmp_path, caplog):
    np.savez(tmp_path / "odd.npz", image=np.zeros((10, 8, 8), np.uint8), label=np.full(10, np.inf))
    args = arguments(tmp_path / "odd.npz", eval_split="none")
    with pytest.raises(InputError, match="hold infinity"):
        loading.load_data(args, IMAGE, need_labels=True)
    train, _ = loading.load_data(args, IMAGE)
    assert train.labels is None and caplog.text.count("hold infinity") == 1


def test_a_test_split_without_labels_is_not_what_labelled_samples_are_judged_by(tmp_path, blobs, caplog):
    """As competitions have it: train is labelled, test is to be predicted."""
    import datasets

    caplog.set_level("INFO")
    for split, rows in (("train", range(40)), ("test", range(40, 60))):
        columns = {
            "image": [{"bytes": png(blobs[0][r]), "path": None} for r in rows],
            "label": [int(blobs[1][r]) if split == "train" else None for r in rows],
        }
        features = {"image": datasets.Image(), "label": datasets.Value("int64")}
        (tmp_path / "hub").mkdir(exist_ok=True)
        data = datasets.Dataset.from_dict(columns, features=datasets.Features(features))
        data.to_parquet(tmp_path / "hub" / f"{split}.parquet")
    train, held = load_data(arguments(tmp_path / "hub"))
    assert len(train) + len(held) == 40 and held.held_out and "has no test split with labels" in caplog.text
    _, asked = load_data(arguments(tmp_path / "hub", eval_split="test"))
    assert len(asked) == 20 and asked.labels is None


def test_wrong_columns_and_splits(parquet):
    with pytest.raises(InputError, match="picture, kind. Pass one of these as --input_column"):
        load_data(arguments(parquet, input_column="image"))
    with pytest.raises(InputError, match="has no images in column 'kind'"):
        load_data(arguments(parquet, input_column="kind"))
    with pytest.raises(InputError, match="has no split 'other': it has train, test. Pass --train_split"):
        load_data(arguments(parquet, train_split="other"))
    with pytest.raises(InputError, match="has no split 'dev'"):
        load_data(arguments(parquet, eval_split="dev"))


def test_an_interrupted_decoding_leaves_no_cache(parquet, monkeypatch):
    from pretune.training.modalities.images import decoding as images

    monkeypatch.setenv("PRETUNE_CACHE", str(parquet / "cache"))
    monkeypatch.setattr(images, "open_picture", lambda *a: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        load_data(arguments(parquet))
    assert not list((parquet / "cache").glob("*.npy")) + list((parquet / "cache").glob(".*"))


@pytest.mark.skipif(not SHARED_MNIST.is_dir(), reason="MNIST is not beside the checkout")
def test_mnist_is_held_at_its_uint8_size():
    train, test = load_data(arguments(SHARED_MNIST))
    assert train.values.shape == (60000, 1, 28, 28) and len(test) == 10000
    assert train.values.nbytes + test.values.nbytes <= 1.3 * 70000 * 784
    facts = [json.loads(path.read_text()) for path in cache_folder().glob("*.json")]
    assert any(f.get("fingerprint") == train.fingerprint for f in facts)
