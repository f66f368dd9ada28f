import numpy as np
import pytest
import torch

from pretune import AutoencoderConfig, AutoencoderModel
from pretune.training.command.arguments.pretrain import PretrainArguments
from pretune.training.data.batches import Columns
from pretune.training.data.loading import load_data
from pretune.training.learning.health import embedding_health, live_units, mean_sample, mean_sample_error
from pretune.training.modalities.image import IMAGE, to_pixels
from pretune.training.runs.pictures import first_two_components


def test_dead_units_are_counted_out():
    model = AutoencoderModel(AutoencoderConfig(image_size=8, hidden_sizes=[16, 8], latent_size=4))
    with torch.no_grad():
        model.encoder[0].weight[:5] = 0
        model.encoder[0].bias[:5] = torch.tensor([-1.0, 0.0, 1.0, 2.0, 3.0])  # off, or on and the same for every image
    pixels = torch.rand(200, 1, 8, 8)
    counts = live_units(model.train(), [{"pixel_values": part} for part in pixels.split(64)])
    hidden = model.encoder[:2](pixels.flatten(1))
    by_hand = sum(len(set(column)) > 1 for column in hidden.T.tolist())
    assert counts["encoder.1"] == (by_hand, 16) and 0 < by_hand <= 11 and counts["encoder.3"][1] == 8
    assert set(counts) == {"encoder.1", "encoder.3", "decoder.1", "decoder.3"}
    assert model.training and not model.encoder[1]._forward_hooks


def test_mean_sample_and_its_error():
    images = np.random.default_rng(0).integers(0, 256, (2500, 1, 4, 4), dtype=np.uint8)
    columns = Columns(images, to_pixels, torch.device("cpu"))
    mean = mean_sample(columns, "pixel_values")
    assert mean.numpy() == pytest.approx(images.mean(0) / 255)
    assert mean_sample_error(columns, "pixel_values", mean) == pytest.approx((images / 255).var(0).mean(), rel=1e-5)
    where = torch.zeros(4, 4, dtype=torch.bool)
    where[1, 2:] = True
    assert mean_sample_error(columns, "pixel_values", mean, where) == pytest.approx(
        (images / 255).var(0)[:, 1, 2:].mean(), rel=1e-5
    )


def test_a_masked_model_is_judged_where_it_was_asked_to_predict(tiny):
    import pretune

    network = {"model_type": "vit", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    network["intermediate_size"] = 16  # the default is that of a large network
    options = {"model_type": "masked_image_model", "config": {"backbone_config": network, "mask_patch_size": 2}}
    run = pretune.pretrain(**{**tiny, **options})
    pixels = torch.rand(2, 1, 8, 8)
    hidden = run.model.eval()(pixels).mask[0, 0]
    train, test = load_data(PretrainArguments(dataset=tiny["dataset"], output_dir="unused"), IMAGE)
    train, judged = (Columns.of(split, torch.device("cpu")) for split in (train, test))
    expected = mean_sample_error(judged, "pixel_values", mean_sample(train, "pixel_values"), hidden)
    assert run.metrics["eval_mean_image_loss"] == pytest.approx(expected)
    with torch.no_grad():
        loss = run.model(torch.from_numpy(test.values) / 255).squared_error.mean() / 64
    assert run.metrics["eval_squared_error"] / 64 == pytest.approx(float(loss), rel=1e-3)


def test_a_family_that_generates_need_not_be_a_game(tiny, monkeypatch):
    import pretune

    def generate(self, count, generator=None):
        return self.decode(torch.rand(count, self.config.latent_size, generator=generator))

    monkeypatch.setattr(AutoencoderModel, "generate", generate, raising=False)
    monkeypatch.setattr(AutoencoderModel, "generates", True)
    assert (pretune.pretrain(**tiny).output_dir / "samples.png").is_file()


def test_health_of_embeddings_whose_health_is_known():
    rng = np.random.default_rng(0)
    round_code = rng.normal(size=(20000, 4))
    health = embedding_health(round_code)
    assert health["live_units"] == health["units"] == 4
    assert abs(health["effective_rank"] - 4) < 0.01 and abs(health["spread"] - 1) < 0.02
    assert abs(health["first_component"] - 0.25) < 0.02 and health["correlation"] < 0.03
    line = rng.normal(size=(1000, 1)) * np.ones((1, 4))  # one dimension, four times
    health = embedding_health(line)
    assert abs(health["effective_rank"] - 1) < 1e-6 and health["first_component"] > 0.999
    assert health["correlation"] > 0.999
    assert embedding_health(np.c_[round_code[:, :2], np.zeros((20000, 2))])["live_units"] == 2
    dead = embedding_health(np.ones((10, 3)))
    assert dead["live_units"] == 0 and dead["effective_rank"] == 0 and dead["correlation"] == 0
    assert embedding_health(round_code[:, :1])["effective_rank"] == 1


def test_health_stands_in_the_metrics_of_every_epoch_and_1nn_if_asked_for(tiny, tmp_path, blobs):
    import json

    import pretune

    run = pretune.pretrain(**{**tiny, "logging_steps": 1}, eval_knn=True)
    lines = [json.loads(line) for line in (run.output_dir / "metrics.jsonl").read_text().splitlines()]
    found = [line for line in lines if "embedding.effective_rank" in line]
    assert len(found) == 4 and all(0 <= line["embedding.knn_accuracy"] <= 100 for line in found)
    assert run.metrics["embedding.live_units"] <= 4
    np.save(tmp_path / "bare.npy", blobs[0])
    with pytest.raises(pretune.InputError, match="eval_knn needs one label for each image"):
        pretune.pretrain(**{**tiny, "dataset": tmp_path / "bare.npy", "output_dir": tmp_path / "no"}, eval_knn=True)


def test_a_bigan_draws_samples(tiny):
    import pretune

    network = {"hidden_sizes": [16], "latent_size": 4, "discriminator_sizes": [16]}
    run = pretune.pretrain(**{**tiny, "config": network, "model_type": "bigan", "learning_rate": 2e-4})
    assert (run.output_dir / "samples.png").is_file() and "samples.png" in (run.output_dir / "README.md").read_text()


@pytest.mark.parametrize(("samples", "units"), [(40, 7), (7, 40), (5, 5)])
def test_few_samples_of_many_units_have_the_numbers_of_the_whole_covariance(samples, units):
    """Nearly 4,000 units, as one recipe has, took a minute by their covariance."""
    embedding = np.random.default_rng(0).normal(size=(samples, units)) * np.arange(1, units + 1)
    variances = np.linalg.eigvalsh(np.cov(embedding, rowvar=False)).clip(0)
    shares = variances[variances > 0] / variances.sum()
    health = embedding_health(embedding)
    assert health["effective_rank"] == pytest.approx(np.exp(-(shares * np.log(shares)).sum()))
    assert health["first_component"] == pytest.approx(shares.max())
    centred = embedding - embedding.mean(0)
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    found, kept = first_two_components(embedding)
    assert np.allclose(np.abs(found), np.abs(centred @ axes[:2].T)) and kept == pytest.approx(
        (sizes[:2] ** 2).sum() / (sizes**2).sum()
    )


def test_one_sample_alone_has_components_too():
    assert first_two_components(np.ones((1, 5)))[0].shape == (1, 2)
