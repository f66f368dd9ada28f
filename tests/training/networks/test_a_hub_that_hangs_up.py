"""A Hub that hangs up in the middle of an answer, or answers something else than it was asked, is one line."""

import pytest
from huggingface_hub.errors import HTTPError

from pretune import AutoencoderConfig
from pretune.training.errors import InputError
from pretune.training.modalities.clips.preprocessing import _extractor_of
from pretune.training.modalities.images.preprocessing import _processor_of, _saved
from pretune.training.modalities.texts.tokenizing import published_tokenizer
from pretune.training.networks.loading import load_config, load_pretrainable
from pretune.training.networks.published import published_config, published_normalisation
from pretune.training.sources.saved import hub_splits

SAID = "Server disconnected without sending a response."
NAME = "me/hangs-up"


class Dataset:
    dataset, dataset_config = NAME, None


ASKED = {
    "config": lambda: load_config(NAME, None),
    "weights": lambda: load_pretrainable(NAME, None, AutoencoderConfig(image_size=8, hidden_sizes=[8])),
    "backbone": lambda: published_config(NAME, None),
    "image processor": lambda: _processor_of(NAME, None),
    "image processor of ours": lambda: _saved(NAME, None),
    "feature extractor": lambda: _extractor_of(NAME, None),
    "tokenizer": lambda: published_tokenizer(NAME, None),
    "dataset": lambda: hub_splits(Dataset()),
}


# as its client and those that read what it answers raise them: the last ones of a web page or a list in place of facts
RAISED = [HTTPError, ValueError, KeyError, TypeError, AttributeError, IndexError, AssertionError, ImportError]


@pytest.fixture(autouse=True, params=RAISED, ids=lambda kind: kind.__name__)
def hub_that_hangs_up(request, monkeypatch):
    def hang_up(*args, **kwargs):
        raise request.param(SAID)

    monkeypatch.setattr("transformers.utils.hub.hf_hub_download", hang_up)
    monkeypatch.setattr("transformers.utils.hub.snapshot_download", hang_up)
    monkeypatch.setattr("datasets.load_dataset", hang_up)


@pytest.mark.parametrize("what", list(ASKED))
def test_it_is_one_line(what):
    with pytest.raises(InputError, match=f"{SAID}|Can't load .* '{NAME}'") as caught:
        ASKED[what]()
    assert "\n" not in str(caught.value) and NAME in str(caught.value)


def test_what_a_backbone_was_normalised_by_is_not_known():
    why = published_normalisation(NAME, None, 3)
    assert isinstance(why, str) and (SAID in why or NAME in why)
