"""What was saved with a model decides how images are read: damaged, it is an error and never another reading."""

import json

import pytest

from pretune import AutoencoderConfig, AutoencoderImageProcessor
from pretune.training.errors import InputError
from pretune.training.modalities.images.preprocessing import ImagePreprocessing

CONFIG = AutoencoderConfig(image_size=8, num_channels=1, hidden_sizes=[8])
SAVED = {"image_processor_type": "AutoencoderImageProcessor"}
DAMAGED = {
    "empty": b"",
    "cut": b'{"image_processor_type": "Autoen',
    "bytes": b"\xff\xfe\x00",
    "list": b"[]",
    "null": b"null",
    "number": b"5",
    "deep": b"[" * 50_000,
    "types": json.dumps({**SAVED, "value_range": "wide", "size": [[1]]}).encode(),
    "size": json.dumps({**SAVED, "size": {"a": {}}}).encode(),
}


@pytest.fixture
def folder(tmp_path):
    CONFIG.save_pretrained(tmp_path)
    AutoencoderImageProcessor.for_config(CONFIG, value_range=[0.0, 4095.0]).save_pretrained(tmp_path)
    return tmp_path


def made(folder):
    return ImagePreprocessing(str(folder), None, CONFIG, {}).processor


def test_what_was_saved_is_used_and_nothing_saved_is_none(folder):
    assert list(made(folder).value_range) == [0.0, 4095.0]
    (folder / "preprocessor_config.json").unlink()
    assert made(folder).value_range is None


@pytest.mark.parametrize("kind", list(DAMAGED))
def test_a_damaged_one_is_one_line_that_names_it(folder, kind):
    (folder / "preprocessor_config.json").write_bytes(DAMAGED[kind])
    with pytest.raises(InputError, match=r"preprocessor_config\.json of model .* cannot be read: .*restore it") as it:
        made(folder)
    assert "\n" not in str(it.value)


def test_one_that_is_not_ours_says_nothing(folder):
    (folder / "preprocessor_config.json").write_text('{"image_processor_type": "ViTImageProcessor"}')
    assert made(folder).value_range is None
