"""What is wrong whatever the data are is told before they are looked at, let alone read."""

import pytest

import pretune
from pretune import InputError
from pretune.training.data import kinds, loading
from pretune.training.networks.before_data import require_new
from pretune.training.sources import dataset as source


@pytest.fixture
def unread(monkeypatch, tmp_path):
    """A dataset that may not be looked at."""

    def fail(*given):
        raise AssertionError("the dataset was looked at")

    for module in (kinds, loading, source):
        monkeypatch.setattr(module, "raw_splits", fail)
    (tmp_path / "photos").mkdir()
    (tmp_path / "afile").write_text("x")
    (tmp_path / "link").symlink_to("/nowhere/at/all")
    monkeypatch.chdir(tmp_path)
    return {"dataset": "photos", "output_dir": "run", "max_steps": 1}


@pytest.mark.parametrize("verb", ["pretrain", "finetune"])
@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"model_type": "conv_autoencodr"}, "conv_autoencoder"),
        ({"config": {"hiden_sizes": [8]}}, "Did you mean 'hidden_sizes'"),
        ({"config": {"image_sizes": 8}}, "Did you mean 'image_size'"),
        ({"config": {"latent_size": -1}}, "latent_size must be at least 1"),
        ({"config": {"latent_size": "many"}}, "expected int, got str"),
        ({"model_type": "conv_autoencoder", "config": {"corruption": "smudge"}}, "corruption 'smudge' is unknown"),
        ({"output_dir": "afile/run"}, "afile is a file"),
        ({"output_dir": "."}, "holds 3 files or folders"),
        ({"output_dir": "x" * 300}, "cannot be looked for: File name too long"),
        ({"output_dir": "link/run"}, "link is a link to nothing"),
        ({"dataset": "photos/gone"}, "no such file or folder in photos"),
        ({"dataset": "./phots"}, "Did you mean photos"),
    ],
)
def test_verbs_with_a_new_network(unread, verb, given, words):
    more = {"from_scratch": True} if verb == "finetune" else {}
    with pytest.raises(InputError, match=words) as caught:
        getattr(pretune, verb)(**{**unread, **more, **given})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("verb", "given"),
    [
        ("pretrain", {"init_from": "photos/gone"}),
        ("pretrain", {"model_type": "masked_image_model", "backbone": "photos/gone"}),
        ("finetune", {"model": "photos/gone"}),
        ("finetune", {"from_scratch": True, "unlabelled_dataset": "photos/gone"}),
    ],
)
def test_what_is_not_here_is_not_asked_of_the_hub(unread, verb, given):
    with pytest.raises(InputError, match="photos/gone was not found: there is no such file or folder in photos"):
        getattr(pretune, verb)(**unread, **given)


@pytest.mark.parametrize(
    ("family", "values"),
    [
        ("autoencoder", {"hidden_sizes": [8], "image_size": 7}),
        ("conv_autoencoder", {"corruption": ["mask"], "mask_patch_size": 7}),  # of images of 28 pixels, say
        ("joint_embedding", {"views": "without_colour", "view_size": 100}),
        ("joint_embedding", {"stem_kernel_size": 3}),  # a field of the family for speech too
        ("bag_autoencoder", {"latent_size": 8}),
        ("best_rq", {"hidden_size": 16}),  # what speech_best_rq is called where the data are sound
    ],
)
def test_what_some_data_would_take_is_left_to_them(family, values):
    require_new(family, values)
