"""The `pretune` command: one verb for each script. Loads torch only once the arguments are read."""

import importlib
import sys

from .training.command.arguments.card import CardArguments
from .training.command.arguments.compare import CompareArguments
from .training.command.arguments.config import ConfigArguments
from .training.command.arguments.embed import EmbedArguments
from .training.command.arguments.evaluate import EvaluateArguments
from .training.command.arguments.finetune import FinetuneArguments
from .training.command.arguments.inspect import InspectArguments
from .training.command.arguments.pretrain import PretrainArguments
from .training.command.arguments.push import PushArguments
from .training.command.arguments.try_routes import TryArguments
from .training.command.running import run_command

CLASSES = (
    InspectArguments, PretrainArguments, FinetuneArguments, EvaluateArguments, CompareArguments, TryArguments,
    EmbedArguments, PushArguments, CardArguments, ConfigArguments,
)  # fmt: skip
VERBS = {arguments.verb: arguments for arguments in CLASSES}
# Verbs that no script of their name does.
ELSEWHERE = {"config": "command.config_fields", "inspect": "inspect_data", "try": "try_routes"}


def main(argv: list[str] | None = None) -> None:
    """Run `pretune VERB ...`; exits with the verb's status."""
    words = list(sys.argv[1:] if argv is None else argv)
    verb = words[0] if words else "--help"
    if verb in ("-h", "--help"):
        lines = [f"  {name:<10}{arguments.__doc__}" for name, arguments in VERBS.items()]
        print("usage: pretune VERB [DATASET, RECIPE, MODEL, RUN_DIR or FAMILY] [--name value ...]\n\nverbs:")
        print("\n".join(lines))
        print("\n'pretune VERB --help' lists the arguments; 'pretune --version' the version.")
    elif verb == "--version":
        from . import __version__

        print(f"pretune {__version__}")
    elif verb not in VERBS:
        print(f"error: unknown verb {verb!r}: expected one of {', '.join(VERBS)}.", file=sys.stderr)
        sys.exit(2)
    else:
        script = f"{__package__}.training.{ELSEWHERE.get(verb, verb)}"
        run_command(VERBS[verb], lambda arguments: importlib.import_module(script).run(arguments), words[1:], verb)
