"""Published models pretrained further on the user's samples, each by a run of its own."""

import dataclasses
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

from ..command.arguments.compare import CONTINUED, CompareArguments
from ..command.arguments.data import DataArguments, InMemory
from ..command.paths import folder_name
from ..command.recipes import words_of
from ..errors import InputError
from ..evaluation.cells import MADE
from ..modalities.modality import Modality
from ..networks.encoders import config_and_modality

logger = logging.getLogger(__name__)


def with_continued(args: CompareArguments) -> CompareArguments:
    """`args` with every ID+continued replaced by the folder of a run that went on from ID, which is made here.

    A run that is finished is taken as it is; one that was stopped goes on.

    Raises:
        InputError: ID is of a kind that cannot go on, or the run failed.
    """
    models = []
    for name in args.model:
        if not name.endswith(CONTINUED):
            models.append(name)
            continue
        base = name.removesuffix(CONTINUED)
        folder = Path(args.output_dir) / MADE / folder_name(base, "model")
        _, modality, _ = config_and_modality(base, args.revision)
        logger.info("%s is pretrained further on these samples, in %s", base, folder)
        given = arguments_for(args, base, modality, folder)
        if (folder / "run.json").is_file():
            given["resume_from_checkpoint"] = "latest"
        run_verb("pretrain", given)
        models.append(str(folder))
    return dataclasses.replace(args, model=models)


def arguments_for(args: CompareArguments, base: str, modality: Modality, folder: Path) -> dict[str, Any]:
    """What `pretrain` is given to go on from `base`.

    Raises:
        InputError: no family of this kind of input goes on from published weights.
    """
    if modality.goes_on is None:
        raise InputError(f"{base}{CONTINUED}: no family for {modality.words.many} goes on from published weights.")
    given = data_words(args) | dict(modality.goes_on) | {"backbone": base, "output_dir": str(folder)}
    given |= {"num_train_epochs": args.continued_epochs, "eval_split": "none"}
    if args.continued_steps is not None:
        given["max_steps"] = args.continued_steps
    if args.continued_views is not None:
        given["config.views"] = args.continued_views
    return given


def data_words(args: DataArguments) -> dict[str, Any]:
    """What the user said of the dataset, for another verb.

    Raises:
        InputError: the dataset is an object in memory, which another process does not have.
    """
    if isinstance(args.dataset, InMemory):
        raise InputError("dataset is an object in memory, and the runs made here need one on disk: save it first.")
    return args.of_the_data()


def run_verb(verb: str, given: dict[str, Any]) -> None:
    """`pretune VERB` with these arguments, in a process of its own, so that its memory is its own too.

    Raises:
        InputError: it failed; what it said last is repeated.
    """
    words = [sys.executable, "-m", __package__.split(".")[0], *words_of(verb, given)]
    done = subprocess.run(words, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        last = said[-1].removeprefix("error: ") if said else f"status {done.returncode}"
        raise InputError(f"pretune {verb} in {given.get('output_dir')} failed: {last}")
