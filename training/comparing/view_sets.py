"""The views that a published network goes on with, chosen on labelled training samples alone: changes of colour help
on most photographs, and where colour tells classes apart they turn the gain into a loss."""

import json
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..command.arguments.compare import CompareArguments
from ..errors import InputError, one_line
from ..modalities.modality import Modality
from .records import known, remember
from .routes import AS_GOOD
from .scoring import Judge, labelled_training
from .verbs import run_verb

logger = logging.getLogger(__name__)
STEPS = 30  # of each set; two passes over 1,000 images tell them apart
ENOUGH = 1000  # labelled training samples that are looked at
RECORD = "views.json"


def views_for(
    base: str, given: Mapping[str, Any], args: CompareArguments, modality: Modality
) -> dict[str, Any] | None:
    """Which set of views suits these samples, and what each came to.

    Args:
        base: the published network.
        given: arguments of `pretrain` to go on from it; its output_dir is where it will.
        args: of the comparison.
        modality: kind of input.

    Returns:
        {"taken", "tried": {views: per cent}, "steps", "samples"}; None where there is nothing to choose from, or by.

    Raises:
        InputError: the network cannot go on.
    """
    sets = [r.get("config", {}) for r in modality.routes.values() if r["model_type"] == given["model_type"]]
    sets = [config for number, config in enumerate(sets) if set(config) <= {"views"} and config not in sets[:number]]
    if len(sets) < 2:
        return None
    try:
        train = labelled_training(args, modality)
        judge = Judge.of(train, ENOUGH)
    except InputError as error:
        logger.warning("warning: views are not chosen for %s, but the usual ones taken: %s", base, one_line(error))
        return None
    folder = Path(given["output_dir"])
    path, steps = folder.parent / RECORD, min(STEPS, given.get("max_steps") or STEPS)
    key = f"{train.fingerprint} {train.labels_fingerprint} {json.dumps(dict(given), sort_keys=True, default=str)}"
    facts = known(path).get(key)
    if _is_whole(facts):
        return facts
    tried: dict[str, float] = {}
    for number, config in enumerate(sets):
        into = folder.with_name(f"{folder.name}_views_{number + 1}")
        logger.info("%s: %d steps with %s views", base, steps, config.get("views", "the usual"))
        run_verb(
            "pretrain",
            {**given, "config": config, "max_steps": steps, "output_dir": str(into), "overwrite_output_dir": True},
            show=not args.disable_tqdm,
        )
        views = json.loads((into / "config.json").read_text())["views"]
        tried[views] = round(float(np.mean(judge.of_encoder(str(into)))), 2)
        shutil.rmtree(into)
    facts = {"taken": best_views(tried), "tried": tried, "steps": steps, "samples": len(judge.data)}
    told = ", ".join(f"{views} ({score:.1f} %)" for views, score in tried.items())
    logger.info("%s: views on held-out labelled training samples: %s; %s is taken", base, told, facts["taken"])
    remember(path, key, facts)
    return facts


def best_views(tried: Mapping[str, float]) -> str:
    """The first that is as good as the best, or nearly: the usual ones stand first, and are better in full on most
    data."""
    return next(views for views, score in tried.items() if score >= max(tried.values()) - AS_GOOD)


def _is_whole(facts: Any) -> bool:
    """Whether they are as they were written: somebody may have changed the file, or a disk."""
    if not isinstance(facts, dict) or not isinstance(facts.get("tried"), dict):
        return False
    counts, scores = [facts.get("steps"), facts.get("samples")], list(facts["tried"].values())
    return (
        facts.get("taken") in facts["tried"]
        and all(type(n) is int and 0 < n < 2**31 for n in counts)
        and all(type(score) is float for score in scores)
    )
