import json

import pytest
from families import tiny_config, tiny_model

from pretune import InputError
from pretune.training.networks.config_limits import require_plausible
from pretune.training.networks.loading import load_config, load_pretrainable


@pytest.mark.parametrize(
    "values, message",
    [
        ([1], "expected a mapping"),
        ({"num_labels": 10**9}, "num_labels is 1000000000, expected at most 1,000,000"),
        ({"backbone_config": {"num_hidden_layers": 10**6}}, "num_hidden_layers is 1000000, expected at most 10,000"),
        ({"hidden_sizes": [8, [10**12]]}, "hidden_sizes is 1000000000000"),
    ],
)
def test_configs_of_no_network_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        require_plausible(values)


def test_numbers_that_count_nothing_may_be_large():
    require_plausible({"seed": 2**60, "eos_token_id": 10**9, "rope_theta": 10**10, "hidden_size": 4096, "deep": True})


@pytest.mark.parametrize(
    "change",
    [{"num_labels": 10**9}, {"num_labels": 1e300}, {"id2label": 5}, {"hidden_sizes": "wide"}, {"model_type": [1]},
     {"dtype": 7}, {"architectures": 3}, {"architectures": [3]}, {"image_size": 10**9}],
)  # fmt: skip
def test_nonsense_in_a_config_is_one_line(tmp_path, change):
    tiny_model("pretune_autoencoder").save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, **change}))
    with pytest.raises(InputError, match="cannot be loaded|is of type") as caught:
        load_pretrainable(str(tmp_path), None, load_config(str(tmp_path), None))
    assert "\n" not in str(caught.value)


def test_a_config_in_python_is_held_to_the_same():
    with pytest.raises(ValueError, match="num_labels must be a whole number up to 1,000,000"):
        tiny_config("pretune_autoencoder", num_labels=10**9)
