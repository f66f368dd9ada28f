"""Whitened patches tell textures that raw pixels do not, and repeat themselves."""

import numpy as np
import pytest

from pretune.training.evaluation.embedders import methods_for
from pretune.training.evaluation.probes import Standardiser, linear_probe
from pretune.training.modalities.image import IMAGE, raw_rows
from pretune.training.modalities.images.patches import FILTERS, PatchFeatures


def textures(count, size=24, channels=1):
    """Stripes along one diagonal or the other, of any phase and brightness, with noise."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % 2
    y, x = np.mgrid[:size, :size]
    waves = [np.sin((x + (1 - 2 * k) * y) * 0.9 + rng.uniform(0, 6.3)) for k in labels]
    pixels = 110 + 40 * np.stack(waves) + rng.normal(0, 15, (count, size, size)) + rng.uniform(-60, 60, (count, 1, 1))
    return np.repeat(pixels.clip(0, 255).astype(np.uint8)[:, None], channels, 1), labels


@pytest.mark.parametrize("channels", [1, 3])
def test_textures_are_told_apart_where_raw_pixels_are_not(channels):
    images, labels = textures(120, channels=channels)
    floor = PatchFeatures()
    floor.fit(images)
    accuracies = []
    for features in (floor.embed(images).astype(np.float32), raw_rows(images)):
        scale = Standardiser(features)
        answers = linear_probe(scale(features[:20]), labels[:20], scale(features[20:]), 0).given
        accuracies.append(100 * np.mean(answers == labels[20:]))
    assert accuracies[0] > 95 > 75 > accuracies[1]


def test_features_are_bounded_repeat_themselves_and_do_not_depend_on_the_batch():
    images, _ = textures(70, size=40)
    first, second = PatchFeatures(), PatchFeatures()
    first.fit(images)
    second.fit(images)
    found = first.embed(images)
    assert found.shape == (70, 8 * FILTERS) and found.dtype == np.float16 and 0 <= found.min() <= found.max() <= 1
    assert np.array_equal(found, second.embed(images)) and first.cost > 0
    np.testing.assert_allclose(found[5:6], first.embed(images[5:6]), atol=2e-3)
    np.testing.assert_allclose(found, first.embed(images.astype(np.uint16) * 257), atol=2e-3)


def test_a_picture_and_its_mirror_image_have_the_same_features_if_asked():
    images, _ = textures(40, size=27, channels=3)
    plain, mirrored = PatchFeatures(30), PatchFeatures(30, mirrored=True)
    for floor in (plain, mirrored):
        floor.fit(images)
    seen, turned = images[:10], np.ascontiguousarray(images[:10, :, :, ::-1])
    assert plain.embed(seen).shape == mirrored.embed(seen).shape == (10, 240)
    np.testing.assert_allclose(mirrored.embed(seen), mirrored.embed(turned), atol=2e-3)
    assert np.abs(plain.embed(seen).astype(float) - plain.embed(turned)).max() > 0.02
    assert len(mirrored.filters) == 2 * len(plain.filters) and 0 < mirrored.embed(seen).max() <= 1


def test_they_are_a_floor_for_photographs_and_not_for_tiny_images():
    assert "patches_linear" in methods_for(IMAGE, np.zeros((1, 3, 32, 32), np.uint8))
    assert "patches_linear" not in methods_for(IMAGE, np.zeros((1, 1, 8, 8), np.uint8))
