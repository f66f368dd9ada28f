"""The errors a user can mend, apart from those only a developer can; no message ever holds a token."""

import configparser
import contextlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

TOKEN_VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
NO_MEMORY = "can't allocate memory"  # as torch says it of a CPU
# What stands behind "Bearer", and what has the Hub's own form, is masked whosever token it is.
LOOKS_LIKE_A_TOKEN = re.compile(r"(?<=Bearer )[^\s'\"]+|\bhf_[A-Za-z0-9]{20,}")


class InputError(ValueError):
    """Something the user gave does not fit. The message says what came, what was expected and the repair.

    The command line prints it as one line and exits with status 2.
    """


class NotReached(InputError):
    """What the user named is nowhere: not here, and not on the Hub or that is not answering. Asking again, for another
    kind of input, takes as long and says the same."""


class Interrupted(Exception):
    """Training was stopped by a signal after it had saved a checkpoint.

    Args:
        message: where the checkpoint is and how to go on.
        signal_number: the signal that came; the command line exits with 128 plus this number.
    """

    def __init__(self, message: str, signal_number: int):
        super().__init__(message)
        self.signal_number = signal_number


class PushFailed(Exception):
    """The Hub did not take a push. The run folder is as it was; the message holds the command that tries again.

    The command line exits with status 3.
    """


@contextlib.contextmanager
def memory_told() -> Iterator[None]:
    """What the memory of this computer does not hold becomes one line meanwhile.

    Raises:
        InputError: a part of what was asked for is larger than the memory that is free.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and NO_MEMORY not in str(error):
            raise
        raise InputError(
            f"the memory does not hold what was asked for ({one_line(error) or 'no more is free'}). Ask for fewer or "
            f"smaller samples (--max_train_samples, smaller sizes in config), or a smaller network or batch."
        ) from None


def one_line(error: BaseException, *tokens: str | bool | None) -> str:
    """The message of `error` on a single line, without `tokens` and those that this machine knows; see `masked`."""
    return " ".join(masked(str(error), *tokens).split())


def masked(text: str, *tokens: str | bool | None) -> str:
    """`text` with every token as ***: clients of the Hub, servers and proxies repeat what they were sent.

    Args:
        text: of an error or a warning, by whomever.
        tokens: those that were given; anything but a text counts for nothing. The tokens of the environment and of
            the login are masked as well.
    """
    known = {token.strip() for token in [*tokens, *_tokens_here()] if isinstance(token, str)}
    forms = {form for token in known if len(token) > 3 for form in (token, repr(token)[1:-1], quote(token, safe=""))}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, "***")
    return LOOKS_LIKE_A_TOKEN.sub("***", text)


def checked_token(token: str | None, name: str = "hub_token") -> str | None:
    """A token as it may stand in a header: without the line end of the file it was read from.

    Raises:
        InputError: it holds something else that no header may hold. The message does not show it.
    """
    token = token.strip() if isinstance(token, str) else token
    if isinstance(token, str) and not re.fullmatch(r"[!-~]*", token):
        raise InputError(
            f"{name} holds a line end, a space or a character that is no part of a token (it is not shown here). "
            f"Expected one word such as hf_..., copied whole."
        )
    return token or None


def _tokens_here() -> list[str]:
    """Those of the environment and of the login, as they stand; nothing is fetched, renewed or imported."""
    found = [os.environ.get(name, "") for name in TOKEN_VARIABLES]
    constants = sys.modules.get("huggingface_hub.constants")
    if constants is None:  # nobody has read a login yet
        return found
    with contextlib.suppress(OSError, UnicodeDecodeError):
        found.append(Path(constants.HF_TOKEN_PATH).read_text())
    stored = configparser.ConfigParser(interpolation=None)
    with contextlib.suppress(OSError, UnicodeDecodeError, configparser.Error):
        stored.read_string(Path(constants.HF_STORED_TOKENS_PATH).read_text())
    fields = (item for section in stored.sections() for item in stored[section].items())
    return [*found, *(value for name, value in fields if name.endswith("token"))]
