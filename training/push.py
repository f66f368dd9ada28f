"""Push a run folder to the Hub: one commit with weights, config, processor, card, pictures and code.

    pretune push runs/ae --hub_model_id me/digits [--private] [--revision v2] [--create_pr] [--dry_run]

Files that would shadow or mix with ours are deleted by the same commit, all others stay; see `publishing/commit.py`.
"""

from pretune.training.command.arguments.push import PushArguments
from pretune.training.command.running import run_command
from pretune.training.publishing.commit import PushResult, push, tell


def run(args: PushArguments) -> PushResult:
    """`push` with arguments that are read already; says what it did."""
    result = push(**vars(args))
    tell(result, args.dry_run)
    return result


if __name__ == "__main__":
    run_command(PushArguments, run)
