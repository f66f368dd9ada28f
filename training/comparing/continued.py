"""Published models pretrained further on the user's samples, each by a run of its own."""

import dataclasses
import logging
from pathlib import Path
from typing import Any

from ..command.arguments.compare import AUTO, CONTINUED, CompareArguments
from ..command.arguments.data import DataArguments, InMemory
from ..command.paths import folder_name
from ..errors import InputError, one_line
from ..evaluation.cells import MADE
from ..evaluation.planning import Before, reasons
from ..modalities.modality import Modality
from ..networks.encoders import config_and_modality
from .verbs import run_verb
from .view_sets import views_for

logger = logging.getLogger(__name__)
VIEWS = "config.views"
JUDGED = 256  # samples that a run made here is evaluated on: a look, since the report measures it


def with_continued(args: CompareArguments, before: Before) -> tuple[CompareArguments, Before]:
    """`args` with every ID+continued replaced by the folder of a run that went on from ID, which is made here.

    A run that is finished is taken as it is; one that was stopped goes on. What cannot go on, and why, and which views
    were taken, is added to what was found out `before`, whose input sizes the runs are made with.

    Raises:
        InputError: no model is left.
    """
    models, left_out, views = [], dict(before.left_out), {}
    for name in args.model:
        if not name.endswith(CONTINUED):
            models.append(name)
            continue
        base = name.removesuffix(CONTINUED)
        folder = Path(args.output_dir) / MADE / folder_name(base, "model")
        try:
            _, modality, _ = config_and_modality(base, args.revision)
            given = arguments_for(args, base, modality, folder, before.sizes.get(base))
            if args.continued_views == AUTO:
                found = views_for(base, given, args, modality)
                if found is not None:
                    views[base], given[VIEWS] = found, found["taken"]
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
    return dataclasses.replace(args, model=models), dataclasses.replace(before, left_out=left_out, views=views)


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
    if args.continued_views != AUTO:
        given[VIEWS] = args.continued_views
    return given


def data_words(args: DataArguments) -> dict[str, Any]:
    """What the user said of the dataset, for another verb.

    Raises:
        InputError: the dataset is an object in memory, which another process does not have.
    """
    if isinstance(args.dataset, InMemory):
        raise InputError("dataset is an object in memory, and the runs made here need one on disk: save it first.")
    return args.of_the_data()
