"""The `pretune` command: one verb for each script. Loads torch only once the arguments are read."""

import importlib
import sys

from .training.command.arguments import (
    CardArguments,
    EmbedArguments,
    EvaluateArguments,
    FinetuneArguments,
    PretrainArguments,
    PushArguments,
)
from .training.command.running import run_command

VERBS = {
    "pretrain": PretrainArguments,
    "finetune": FinetuneArguments,
    "evaluate": EvaluateArguments,
    "embed": EmbedArguments,
    "push": PushArguments,
    "card": CardArguments,
}


def main(argv: list[str] | None = None) -> None:
    """Run `pretune VERB ...`; exits with the verb's status."""
    words = list(sys.argv[1:] if argv is None else argv)
    verb = words[0] if words else "--help"
    if verb in ("-h", "--help"):
        lines = [f"  {name:<10}{arguments.__doc__}" for name, arguments in VERBS.items()]
        print("usage: pretune VERB [RECIPE, MODEL or RUN_DIR] [--name value ...]\n\nverbs:\n" + "\n".join(lines))
        print("\n'pretune VERB --help' lists the arguments; 'pretune --version' the version.")
    elif verb == "--version":
        from . import __version__

        print(f"pretune {__version__}")
    elif verb not in VERBS:
        print(f"error: unknown verb {verb!r}: expected one of {', '.join(VERBS)}.", file=sys.stderr)
        sys.exit(2)
    else:
        script = f"{__package__}.training.{verb}"
        run_command(VERBS[verb], lambda arguments: importlib.import_module(script).run(arguments), words[1:], verb)
