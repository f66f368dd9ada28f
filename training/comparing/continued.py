"""Published models pretrained further on the user's samples, each by a run of its own."""

import contextlib
import dataclasses
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from ..command.arguments.compare import CONTINUED, CompareArguments
from ..command.arguments.data import DataArguments, InMemory
from ..command.paths import folder_name
from ..command.recipes import words_of
from ..errors import InputError, one_line
from ..evaluation.cells import MADE
from ..evaluation.planning import Before, reasons
from ..modalities.modality import Modality
from ..networks.encoders import config_and_modality
from ..runs.folder import STARTED_BY

logger = logging.getLogger(__name__)
KEPT = 4096  # bytes of what a process said last
PATIENCE = 5.0  # seconds until a process that was stopped is told so
JUDGED = 256  # samples that a run made here is evaluated on: a look, since the report measures it


def with_continued(args: CompareArguments, before: Before) -> tuple[CompareArguments, Before]:
    """`args` with every ID+continued replaced by the folder of a run that went on from ID, which is made here.

    A run that is finished is taken as it is; one that was stopped goes on. What cannot go on, and why, is added to
    what was found out `before`, whose input sizes the runs are made with.

    Raises:
        InputError: no model is left.
    """
    models, left_out = [], dict(before.left_out)
    for name in args.model:
        if not name.endswith(CONTINUED):
            models.append(name)
            continue
        base = name.removesuffix(CONTINUED)
        folder = Path(args.output_dir) / MADE / folder_name(base, "model")
        try:
            _, modality, _ = config_and_modality(base, args.revision)
            given = arguments_for(args, base, modality, folder, before.sizes.get(base))
            if folder.is_dir() and any(path.name != ".lock" for path in folder.iterdir()):
                given["resume_from_checkpoint"] = "latest"
            logger.info("%s is pretrained further on these samples, in %s", base, folder)
            run_verb("pretrain", given, show=not args.disable_tqdm)
        except InputError as error:
            if len(args.model) == 1:
                raise
            left_out[name] = one_line(error)
            continue
        models.append(str(folder))
    if not models:
        raise InputError(f"no model is left: {reasons(left_out)}")
    return dataclasses.replace(args, model=models), dataclasses.replace(before, left_out=left_out)


def arguments_for(
    args: CompareArguments, base: str, modality: Modality, folder: Path, size: int | None = None
) -> dict[str, Any]:
    """What `pretrain` is given to go on from `base`, at an input size of `size` if there is one.

    Raises:
        InputError: no family of this kind of input goes on from published weights.
    """
    if modality.goes_on is None:
        raise InputError(f"{base}{CONTINUED}: no family for {modality.words.many} goes on from published weights.")
    given = data_words(args) | dict(modality.goes_on) | {"backbone": base, "output_dir": str(folder)}
    # it has an evaluation split as the report has one: what is held out for the report must not be learnt from
    given |= {"num_train_epochs": args.continued_epochs, "max_eval_samples": JUDGED}
    if args.continued_steps is not None:
        given["max_steps"] = args.continued_steps
    if size is not None:
        given["config.backbone_image_size"] = size
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


def run_verb(verb: str, given: dict[str, Any], show: bool = False, tick: Callable[[], None] | None = None) -> None:
    """`pretune VERB` with these arguments, in a process of its own, so that its memory is its own too. If this one is
    killed, the other saves a checkpoint and stops.

    Args:
        verb, given: what is run.
        show: what it says, its progress bar too, is seen while it runs.
        tick: called once a second.

    Raises:
        InputError: it failed; what it said last is repeated.
    """
    words = [sys.executable, "-m", __package__.split(".")[0], *words_of(verb, given)]
    environment = {**os.environ, STARTED_BY: str(os.getpid())}
    process, said = subprocess.Popen(words, stderr=subprocess.PIPE, env=environment), bytearray()
    listener = threading.Thread(target=_listen, args=(process.stderr, said, show), daemon=True)
    listener.start()
    try:
        while process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(1.0)
            if tick is not None:
                tick()
    except KeyboardInterrupt:
        _stop(process)
        raise
    listener.join()
    if process.returncode:
        lines = [line for line in said.decode(errors="replace").replace("\r", "\n").splitlines() if line.strip()]
        last = lines[-1].strip().removeprefix("error: ") if lines else f"status {process.returncode}"
        raise InputError(f"pretune {verb} in {given.get('output_dir')} failed: {last}")


def _listen(stream: IO[bytes], said: bytearray, show: bool) -> None:
    """Keep the end of what a process says, and let it be seen."""
    while chunk := stream.read1():
        said += chunk
        del said[:-KEPT]
        if show:
            sys.stderr.write(chunk.decode(errors="replace"))
            sys.stderr.flush()


def _stop(process: subprocess.Popen) -> None:
    """It saves a checkpoint when it is stopped; at a terminal Ctrl-C has reached it already."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE)
        return
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(10 * PATIENCE)
        return
    process.kill()
