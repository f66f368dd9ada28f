"""Datasets of pictures as people have them: what decides, what is kept, and what is said."""

import logging

import numpy as np
import PIL.Image
import pytest
from pictures_of_all_kinds import save
from transformers import AutoImageProcessor

import pretune
from pretune.training.command.arguments.data import DataArguments
from pretune.training.data.loading import load_data
from pretune.training.errors import InputError
from pretune.training.modalities.image import IMAGE, advise
from pretune.training.modalities.images.decoding import ImageReader
from pretune.training.modalities.modality import PLAIN

RNG = np.random.default_rng(0)


def read(dataset, wanted=None, **options):
    args = DataArguments(dataset=str(dataset), **{"eval_split": "none", **options})
    return load_data(args, IMAGE, wanted)[0]


@pytest.fixture
def said(caplog):
    caplog.set_level(logging.INFO, "pretune")
    return lambda: caplog.text


def photos(folder, sizes, mode="RGB", ending="png"):
    folder.mkdir(parents=True, exist_ok=True)
    for number, (width, height) in enumerate(sizes):
        pixels = RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)
        PIL.Image.fromarray(pixels).convert(mode).save(folder / f"{mode}{number:02}.{ending}")
    return folder


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([(4, 4), *[(40, 40)] * 5], 40),  # a thumbnail first
        ([(300, 300), *[(20, 20)] * 5], 20),  # a large one first
        ([(200, 150)] * 4, 64),  # photographs
        ([(100, 48), (90, 47), (80, 46)], 47),  # all different: the one in the middle by its short side
        ([(16, 12)] * 3, 12),
    ],
)
def test_the_usual_size_decides_and_a_new_network_takes_a_modest_one(tmp_path, said, sizes, expected):
    data = read(photos(tmp_path / "d", sizes))
    assert data.values.shape == (len(sizes), 3, expected, expected)
    assert f"are brought to {expected}x{expected} pixels" in said()
    assert ("no size is given, so a modest one is taken: 64x64" in said()) == (expected == 64)


def test_the_usual_mode_decides(tmp_path, said):
    folder = photos(photos(tmp_path / "d", [(16, 16)] * 2), [(16, 16)] * 5, "L")
    assert read(folder).values.shape == (7, 1, 16, 16) and "2 of 7 are converted to grey" in said()
    assert (
        read(folder, {"num_channels": 3}).values.shape == (7, 3, 16, 16) and "5 of 7 are converted to colour" in said()
    )


def test_small_pictures_of_one_size_are_kept_as_they_are(tmp_path):
    data = read(photos(tmp_path / "d", [(16, 16)] * 4))
    assert (
        data.form == PLAIN
        and data.again is None
        and np.array_equal(data.values[0].transpose(1, 2, 0), np.asarray(PIL.Image.open(tmp_path / "d" / "RGB00.png")))
    )


def test_a_second_model_has_them_read_anew(tmp_path):
    data = read(photos(tmp_path / "d", [(100, 80)] * 4))
    part = data.select(np.array([3, 1]))
    for size in (32, 64):
        config = pretune.AutoencoderConfig(image_size=size, num_channels=3)
        fit = IMAGE.preprocessing(None, None, config, data.settings)
        taken = part.taken_by(fit)
        assert taken.values.shape == (2, 3, size, size) and taken.taken_by(fit) is taken
        for row, number in enumerate((3, 1)):
            picture = PIL.Image.open(tmp_path / "d" / f"RGB{number:02}.png")
            assert np.array_equal(taken.values[row], fit.processor.stored(picture))


@pytest.mark.parametrize("channels", [2, 4, 5, 12, 64])
@pytest.mark.parametrize("last", [True, False])
def test_arrays_of_any_number_of_channels(tmp_path, channels, last):
    values = RNG.integers(0, 256, (6, channels, 70, 90), dtype=np.uint8)
    np.save(tmp_path / "a.npy", values.transpose(0, 2, 3, 1) if last else values)
    data = read(tmp_path / "a.npy", {"image_size": 16})
    assert data.values.shape == (6, channels, 16, 16)
    assert np.allclose(data.values.mean((0, 2, 3)), values.mean((0, 2, 3)), atol=12)


def test_too_many_channels_and_other_shapes_are_errors(tmp_path):
    for shape, words in (((4, 80, 90, 100), "80 channels"), ((4, 9), "expected"), ((4, 2, 3, 4, 5), "expected")):
        np.save(tmp_path / "a.npy", np.zeros(shape, np.uint8))
        with pytest.raises(InputError, match=words):
            read(tmp_path / "a.npy")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.arange(64) * 64, (0, 4095)),
        (np.arange(64) * 1000, (0, 65535)),
        (np.arange(64) * 100_000, (0, 6_300_000)),
        (np.arange(64) * 60 - 1000, (-1000, 2780)),
        (np.linspace(0, 1, 64) ** 2, (0, 1)),
        (np.linspace(-2, 7, 64), (-2, 7)),
    ],
    ids=["12 bits", "16 bits", "32 bits", "signed", "floats to 1", "floats"],
)
def test_values_of_more_than_eight_bits_are_kept(tmp_path, said, values, expected):
    images = np.stack([values.reshape(8, 8)] * 5)
    np.save(tmp_path / "a.npy", images)
    data = read(tmp_path / "a.npy")
    assert data.values.dtype == np.uint16 and len(np.unique(data.values)) == 64
    assert (np.diff(data.values[0].ravel().astype(int)) > 0).all()
    assert tuple(data.settings["value_range"]) == pytest.approx(expected) and data.settings["stored_bits"] == 16
    assert f"{expected[0]:g} becomes 0 and {expected[1]:g} becomes 1" in said()
    low, high = float(values.min()) + 1e-9, float(values[40])
    narrowed = read(tmp_path / "a.npy", value_range=[low, high])
    assert (narrowed.values[0].ravel()[40:] == 65535).all() and "5 images" in said() and "cut off" in said()


@pytest.mark.parametrize("dtype", [np.int16, np.int64, np.uint16, np.float32, np.float64])
def test_eight_bits_in_any_type_stay_eight_bits(tmp_path, dtype):
    images = RNG.integers(0, 256, (5, 8, 8))
    np.save(tmp_path / "a.npy", (images / 255 if np.issubdtype(dtype, np.floating) else images).astype(dtype))
    data = read(tmp_path / "a.npy")
    assert data.form == PLAIN and np.array_equal(data.values[:, 0], images)


def test_a_test_split_keeps_the_range_of_the_training_split(tmp_path, said):
    for split, top in (("train", 4000), ("test", 60_000)):
        for number in range(3):
            folder = tmp_path / "d" / split
            folder.mkdir(parents=True, exist_ok=True)
            values = np.full((8, 8), top, np.uint16)
            values[0, : number + 1] = 100
            PIL.Image.fromarray(values).save(folder / f"{number}.png")
    train, test = load_data(DataArguments(dataset=str(tmp_path / "d")), IMAGE)
    assert train.values[0, 0, 0, 0] == test.values[0, 0, 0, 0] and test.values.max() == 65535
    assert "3 images of" in said() and "outside of 0 to 4095, which are cut off" in said()


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.full((4, 8, 8), 7, np.uint8), "hold one value alone, 7 of 255"),
        (
            RNG.integers(0, 2, (4, 8, 8), dtype=np.uint8),
            "values from 0 to 1 of 255, 2 grey levels, so they are nearly bl",
        ),
        (RNG.integers(0, 5, (4, 8, 8), dtype=np.uint8) * 60, "few grey levels: 5"),
        (RNG.integers(0, 2, (4, 8, 8)).astype(bool), None),
        (RNG.integers(0, 256, (4, 8, 8), dtype=np.uint8), None),
    ],
)
def test_what_looks_amiss_gets_a_warning(tmp_path, said, images, words):
    np.save(tmp_path / "a.npy", images)
    read(tmp_path / "a.npy")
    assert ("warning" in said()) == (words is not None) and (words or "") in said()


def test_a_range_spreads_eight_bits_too(tmp_path):
    np.save(tmp_path / "a.npy", RNG.integers(0, 2, (6, 8, 8), dtype=np.uint8))
    data = read(tmp_path / "a.npy", value_range=[0, 1])
    assert set(np.unique(data.values)) == {0, 255} and data.settings["value_range"] == [0, 1]


def test_multi_band_files_train_and_are_read_by_the_saved_processor(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    (tmp_path / "d").mkdir()
    for number in range(6):
        bands = RNG.integers(0, 10_000, (20, 24, 5)).astype(np.uint16)
        tifffile.imwrite(tmp_path / "d" / f"{number}.tif", bands, photometric="minisblack", planarconfig="contig")
    config = {"image_size": 16, "hidden_sizes": [8], "latent_size": 2}
    run = pretune.pretrain(
        dataset=tmp_path / "d", output_dir=tmp_path / "run", config=config, max_steps=1, disable_tqdm=True
    )
    assert run.model.config.num_channels == 5 and (tmp_path / "run" / "reconstructions.png").is_file()
    pixels = AutoImageProcessor.from_pretrained(tmp_path / "run")(tmp_path / "d" / "0.tif", return_tensors="np")
    stored = read(tmp_path / "d", {"image_size": 16}).values[0]
    assert np.array_equal(np.rint(pixels["pixel_values"][0] * 65535), stored)


def test_pages_and_frames_are_samples_or_the_first_is(tmp_path, said):
    for label in ("a", "b"):
        (tmp_path / "d" / label).mkdir(parents=True)
        for number in range(2):
            shades = [PIL.Image.new("L", (8, 8), 40 * k + 20) for k in range(3)]
            shades[0].save(tmp_path / "d" / label / f"{number}.gif", save_all=True, append_images=shades[1:])
    first = read(tmp_path / "d", {"num_channels": 1})
    assert len(first) == 4 and "4 have several pages or frames: the first is read" in said()
    every = read(tmp_path / "d", {"num_channels": 1}, frames="all")
    assert every.values[:, 0, 0, 0].tolist() == [20, 60, 100] * 4
    assert every.labels.tolist() == [0] * 6 + [1] * 6 and every.rows.tolist() == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3


def test_alpha_is_told_and_may_be_kept(tmp_path, said):
    save("RGBA png", tmp_path / "d")
    assert read(tmp_path / "d", {"image_size": 8}).values.shape[1] == 3 and "3 of 3 have transparency" in said()
    assert read(tmp_path / "d", {"image_size": 8}, alpha="keep").values.shape[1] == 4
    behind = read(tmp_path / "d", {"image_size": 8}, alpha="white")
    assert behind.values.shape[1] == 3 and behind.settings["alpha"] == "white"
    with pytest.raises(InputError, match="alpha is 'nonsense', expected drop, keep or a colour"):
        read(tmp_path / "d", {"image_size": 8}, alpha="nonsense")


@pytest.mark.parametrize(("kind", "words"), [("bomb", "cannot be used: it has more than"), ("cut off", "is damaged")])
def test_what_cannot_be_read_is_named_for_what_it_is(tmp_path, monkeypatch, kind, words):
    folder = photos(tmp_path / "d", [(8, 8)] * 5)
    if kind == "bomb":
        photos(folder, [(40, 40)], "L")
        monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 400)
    else:
        (folder / "Z.png").write_bytes((folder / "RGB00.png").read_bytes()[:60])
    with pytest.raises(InputError, match=rf"(L00|Z)\.png\) {words}.*--skip_damaged"):
        read(folder)
    assert len(read(folder, skip_damaged=True)) == 5


def test_all_settings_are_in_the_key_of_the_cache(tmp_path):
    folder = photos(tmp_path / "d", [(30, 20)] * 3)
    wanted = [{"image_size": 8}, {"image_size": 9}, {"image_size": 8, "num_channels": 1}]
    options = [{}, {"resize": "pad"}, {"resize": "stretch"}, {"value_range": [0, 100]}]
    found = [read(folder, w, **o).fingerprint for w in wanted for o in options]
    assert len(set(found)) == len(found) and found == [
        read(folder, w, **o).fingerprint for w in wanted for o in options
    ]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (pretune.AutoencoderConfig(image_size=28), None),
        (pretune.AutoencoderConfig(image_size=64, num_channels=3), "warning"),
        (pretune.AutoencoderConfig(image_size=348, num_channels=3), "error"),
        (pretune.ConvAutoencoderConfig(image_size=128, num_channels=3), None),
    ],
)
def test_a_dense_network_is_no_network_for_photographs(config, expected, said):
    if expected == "error":
        with pytest.raises(InputError, match="93 million weights. Pass --model_type conv_autoencoder"):
            advise(config)
    else:
        advise(config)
        assert ("for photographs take --model_type conv_autoencoder" in said()) == (expected == "warning")


def test_memory_while_decoding_is_that_of_what_is_stored(tmp_path):
    """Arrays of another size are brought to the model's one by one."""
    import tracemalloc

    values = RNG.integers(0, 256, (3000, 40, 40), dtype=np.uint8)
    reader = ImageReader({"image_size": 32}, DataArguments(dataset="unused"), None)
    tracemalloc.start()
    stored = reader.from_arrays(values, "arrays").values
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= 1.3 * stored.nbytes + 10_000_000
