"""What a command does before and beside its work."""

import socket

import pytest
from huggingface_hub import get_session, set_client_factory
from huggingface_hub.errors import HTTPError
from huggingface_hub.utils._http import default_client_factory

from pretune.training.command import running


def test_a_hub_that_falls_silent_is_given_up(monkeypatch):
    monkeypatch.setattr(running, "SILENCE", 0.05)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    try:
        running.never_wait_for_ever()
        running.never_wait_for_ever()
        assert get_session().event_hooks["request"].count(running._limited) == 1
        with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and answers none
            url = f"http://127.0.0.1:{silent.getsockname()[1]}"
            for given in (None, 0.05):  # as most questions of the client are asked, and as some are
                with pytest.raises(HTTPError):
                    get_session().get(url, timeout=given)
    finally:
        set_client_factory(default_client_factory)
