import pytest

from pretune import InputError
from pretune.training.command.arguments.pretrain import PretrainArguments
from pretune.training.command.arguments.push import PushArguments
from pretune.training.errors import checked_token, masked, one_line

TOKEN = "hf_given_0123456789"


@pytest.mark.parametrize("tail", ["", "\n", "\r\n", " ", "\t"])
@pytest.mark.parametrize(
    "quoted", [str, repr, lambda text: repr(f"Bearer {text}".encode()), lambda text: f"Bearer {text}"]
)
def test_a_token_is_masked_however_it_is_quoted(tail, quoted):
    text = masked(f"Illegal header value {quoted(TOKEN + tail)} of me", TOKEN + tail)
    assert "given" not in text and "***" in text and text.endswith("of me")


@pytest.mark.parametrize("variable", ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"])
def test_tokens_of_the_environment_are_masked(monkeypatch, variable):
    monkeypatch.setenv(variable, "secret-of-the-environment\n")
    assert one_line(OSError("400 secret-of-the-environment\nand more")) == "400 *** and more"


def test_tokens_of_the_login_are_masked(monkeypatch, tmp_path):
    from huggingface_hub import constants

    (tmp_path / "token").write_text("secret-of-the-login\n")
    (tmp_path / "stored").write_text(
        "[me]\nhf_token = secret-that-is-stored\nrefresh_token = secret%20\nexpires_at = 400\n"
    )
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(constants, "HF_STORED_TOKENS_PATH", str(tmp_path / "stored"))
    assert masked("400: secret-of-the-login secret-that-is-stored secret%20") == "400: *** *** ***"
    (tmp_path / "stored").write_bytes(b"\xff[")
    assert masked("secret-of-the-login") == "***"


def test_whatever_looks_like_a_token_is_masked_and_nothing_else():
    text = "hf_" + "a" * 30 + " Authorization: Bearer eyJx.y in /tmp/hf_home/hf_cache"
    assert masked(text) == "*** Authorization: Bearer *** in /tmp/hf_home/hf_cache"
    assert masked("plain words", None, True, "", "a") == "plain words"


@pytest.mark.parametrize("token", ["hf_x\nSet-Cookie: y", "hf x", "hf_\u00e9", "hf_x\x00"])
@pytest.mark.parametrize("kind", [PretrainArguments, PushArguments])
def test_a_token_that_no_header_may_hold_is_refused_unseen(token, kind):
    needed = (
        {"dataset": "digits", "output_dir": "out"}
        if kind is PretrainArguments
        else {"run_dir": "x", "hub_model_id": "y"}
    )
    with pytest.raises(InputError, match="hub_token holds a line end") as caught:
        kind(**needed, hub_token=token)
    assert token not in str(caught.value) and "hf_x" not in str(caught.value)
    assert kind(**needed, hub_token=" hf_fine\r\n").hub_token == "hf_fine"


def test_no_token_is_no_token():
    assert checked_token(None) is checked_token("") is checked_token("\n") is None
