"""Hold models against each other on the same draws of labels, beside honest floors.

    pretune compare --model runs/own me/net me/net+continued --dataset photos --output_dir runs/compared

ID+continued is pretrained further on the training samples first; A+B is both side by side; --embeddings brings vectors
that something else made. OUTPUT_DIR receives the report of `pretune evaluate`, and the models made here.
"""

from pathlib import Path
from typing import Any

from pretune.training.command.arguments.compare import CompareArguments
from pretune.training.command.paths import require_folders, require_room, written_to
from pretune.training.command.running import like_ctrl_c, run_command
from pretune.training.comparing.continued import with_continued
from pretune.training.comparing.input_sizes import choose_sizes
from pretune.training.errors import Interrupted
from pretune.training.evaluation.cells import FEATURES, MADE, REPORT_FILES
from pretune.training.evaluation.running import EvaluationResult, run_evaluation


def compare(**arguments: Any) -> EvaluationResult:
    """Hold models against each other, as `pretune compare --name value` does.

    Args:
        arguments: the command line's, under the same names; `model` is a list of names.

    Raises:
        InputError: something given does not fit; the message names the repair.
        Interrupted: Ctrl-C; what was computed is kept.
    """
    return run(CompareArguments(**arguments))


def run(args: CompareArguments) -> EvaluationResult:
    """`compare` with arguments that are read already."""
    folder = Path(args.output_dir)
    require_folders(folder, "output_dir")
    require_room(folder, "output_dir", REPORT_FILES, (FEATURES, MADE), "a comparison")
    with written_to(folder, "output_dir"), like_ctrl_c():
        try:
            args, before = with_continued(args, choose_sizes(args))
        except KeyboardInterrupt:
            raise Interrupted(
                "stopped before anything was measured; a model that was going on has saved a checkpoint, and the same "
                "command goes on.",
                2,
            ) from None
    return run_evaluation(args, "compare", before)


if __name__ == "__main__":
    run_command(CompareArguments, run)
