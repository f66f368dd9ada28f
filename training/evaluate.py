"""Measure what pretraining is worth: scores against number of labels, beside honest floors, and a sentence.

    pretune evaluate --model runs/ae --dataset me/images
    pretune evaluate --model runs/ae --model microsoft/resnet-18 --dataset me/images --output_dir runs/compared

OUTPUT_DIR receives report.json, report.md, a figure and a confusion matrix. Stopped, the same command goes on. All
constants stand in `protocol.py`; a model may be one of ours or any image encoder of transformers.
"""

from typing import Any

from pretune.training.command.arguments.evaluate import EvaluateArguments
from pretune.training.command.running import run_command
from pretune.training.evaluation.running import EvaluationResult, run_evaluation


def evaluate(**arguments: Any) -> EvaluationResult:
    """Measure what pretraining is worth, as `pretune evaluate --name value` does.

    Args:
        arguments: the command line's, under the same names; `model` is a name or a list of them.

    Raises:
        InputError: something given does not fit; the message names the repair.
        Interrupted: Ctrl-C; what was computed is kept.
    """
    return run(EvaluateArguments(**arguments))


def run(args: EvaluateArguments) -> EvaluationResult:
    """`evaluate` with arguments that are read already."""
    return run_evaluation(args)


if __name__ == "__main__":
    run_command(EvaluateArguments, run)
