"""The errors a user can mend, apart from those only a developer can."""


class InputError(ValueError):
    """Something the user gave does not fit. The message says what came, what was expected and the repair.

    The command line prints it as one line and exits with status 2.
    """


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


def one_line(error: BaseException) -> str:
    """The message of `error` on a single line."""
    return " ".join(str(error).split())
