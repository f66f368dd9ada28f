"""`embed --neighbours`: some samples beside those that are nearest in the embedding."""

import numpy as np
import PIL.Image
import pytest

import pretune
from pretune import AutoencoderConfig, AutoencoderModel, InputError
from pretune.training.embed import neighbours_of


def test_the_nearest_are_found_and_nobody_is_its_own():
    groups = np.repeat(np.eye(4), 6, axis=0) + np.random.default_rng(0).normal(0, 0.01, (24, 4))
    asked, nearest = neighbours_of(groups, 4, 5)
    assert asked.tolist() == [0, 6, 12, 18] and nearest.shape == (4, 5)
    assert (nearest // 6 == (asked // 6)[:, None]).all() and not (nearest == asked[:, None]).any()


@pytest.mark.parametrize(("count", "shape"), [(1, (1, 0)), (3, (3, 2)), (20, (8, 5))])
def test_few_samples_have_few_neighbours(count, shape):
    assert neighbours_of(np.random.default_rng(0).normal(size=(count, 3)), 8, 5)[1].shape == shape


@pytest.fixture
def encoder(tmp_path):
    network = AutoencoderConfig(image_size=8, hidden_sizes=[16, 8], latent_size=4)
    AutoencoderModel(network).save_pretrained(tmp_path / "encoder")
    return str(tmp_path / "encoder")


def test_a_picture_beside_the_table(encoder, npz, tmp_path):
    given = {"dataset": npz, "output_file": str(tmp_path / "x.npz"), "disable_tqdm": True}
    pretune.embed(encoder, **given, neighbours=str(tmp_path / "seen" / "n.png"))
    assert PIL.Image.open(tmp_path / "seen" / "n.png").size[1] > 500 and (tmp_path / "x.npz").is_file()
    with pytest.raises(InputError, match="n.png exists"):
        pretune.embed(
            encoder, **{**given, "output_file": str(tmp_path / "y.npz")}, neighbours=str(tmp_path / "seen/n.png")
        )
    assert not (tmp_path / "y.npz").exists()
    (tmp_path / "photos").mkdir()
    with pytest.raises(InputError, match="neighbours .*n.png lies inside the dataset"):
        given = {**given, "dataset": str(tmp_path / "photos"), "output_file": str(tmp_path / "y.npz")}
        pretune.embed(encoder, **given, neighbours=str(tmp_path / "photos/n.png"))
    with pytest.raises(InputError, match="must end in .png"):
        pretune.embed(encoder, **given, neighbours="n.jpg")
