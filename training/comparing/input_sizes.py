"""The input size of published networks, chosen on labelled training samples alone, before anything is compared."""

import logging
import time
from pathlib import Path
from typing import Any

import numpy as np

from ..command.arguments.compare import AUTO, CONTINUED, OWN, CompareArguments
from ..data.samples import Samples
from ..errors import InputError, one_line
from ..evaluation.candidates import parse_names, to_load
from ..evaluation.cells import FEATURES, MADE
from ..evaluation.planning import Before
from ..modalities.modality import Modality, Preprocessing
from ..networks.encoders import config_and_modality
from .records import known, remember
from .scoring import Judge, labelled_training

logger = logging.getLogger(__name__)
ENOUGH = 1000  # labelled training samples that are looked at
AS_GOOD = 0.5  # points below the best, within which a smaller and quicker size is taken
RECORD = "input_sizes.json"


def choose_sizes(args: CompareArguments) -> Before:
    """The input size of each network of `args.model` that is not ours, by `args.input_size`.

    Raises:
        InputError: a size is given for a kind of input that has none.
    """
    if args.input_size == OWN:
        return Before()
    sizes: dict[str, int] = {}
    tried: dict[str, dict[str, Any]] = {}
    train: Samples | None = None
    for name in _published(args):
        found = _of_others(name, args.revision)
        if found is None:
            continue
        modality, fit = found
        if args.input_size != AUTO:
            if modality.input_sizes is None:
                raise InputError(f"input_size is for networks that take images, and {name} takes {modality.name}.")
            sizes[name] = int(args.input_size)
        elif modality.input_sizes is not None:
            train = train if train is not None else labelled_training(args, modality)
            facts = _found_out(name, fit, train, Path(args.output_dir), ENOUGH)
            if facts is not None:
                sizes[name], tried[name] = facts["taken"], facts
    return Before(sizes, tried)


def size_on(name: str, train: Samples, folder: Path, most: int = ENOUGH) -> Before:
    """The input size of one network that is not ours on these samples; none where there is nothing to choose.

    Args:
        name: of the network.
        train: training samples, some with labels.
        folder: of the report.
        most: labelled training samples that are looked at.
    """
    found = _of_others(name, None)
    facts = None if found is None or found[0].input_sizes is None else _found_out(name, found[1], train, folder, most)
    return Before() if facts is None else Before({name: facts["taken"]}, {name: facts})


def _of_others(name: str, revision: str | None) -> tuple[Modality, Preprocessing] | None:
    """What a network takes that is not ours; None of ours, and of one that cannot be read: its user says why."""
    try:
        config, modality, _ = config_and_modality(name, revision)
        fit = modality.preprocessing(name, revision, config, {})
    except InputError:
        return None
    return None if fit.ours else (modality, fit)


def _published(args: CompareArguments) -> list[str]:
    """Models that are named, alone, on one side of a pair, or to be continued."""
    tables = {text.partition("=")[0]: None for text in args.embeddings or ()}
    bases = [name.removesuffix(CONTINUED) for name in args.model]
    return to_load(*parse_names(bases, tables), tables)


def _found_out(name: str, fit: Preprocessing, train: Samples, folder: Path, most: int) -> dict[str, Any] | None:
    """What each size comes to, as an earlier call with the same samples found out, or now; None where there is nothing
    to choose from, or by."""
    path, own = folder / MADE / RECORD, fit.shape[1]
    key = f"{name} {train.fingerprint} {train.labels_fingerprint} {most}"
    facts = known(path).get(key)
    if _is_whole(facts):
        return facts
    wanted = train.modality.input_sizes(own, train.stored.shape[1:], train.traits)
    if len(wanted) < 2:
        return None
    try:
        judge = Judge.of(train, most)
    except InputError as error:
        logger.warning("warning: no input size is tried for %s: %s", name, one_line(error))
        return None
    logger.info("%s: input sizes %s are tried on labelled training samples", name, ", ".join(map(str, wanted)))
    draws: dict[int, list[float]] = {}
    seconds: dict[int, float] = {}
    for size in wanted:
        try:
            began = time.monotonic()
            draws[size] = judge.of_encoder(name, size=size, folder=folder / FEATURES)
            seconds[size] = round(time.monotonic() - began, 2)
        except InputError as error:
            logger.info("%s does not take %d: %s", name, size, one_line(error))
    if not draws:
        return None
    scores = {size: float(np.mean(found)) for size, found in draws.items()}
    taken = best_size(scores)
    facts = {
        "taken": taken,
        "own": own,
        "tried": {str(size): round(score, 2) for size, score in scores.items()},
        "samples": len(judge.data),
        "draws": draws[taken],
        "seconds": seconds[taken],
    }
    told = ", ".join(f"{size} ({score:.1f} %)" for size, score in scores.items())
    logger.info("%s: input sizes on held-out labelled training samples: %s; %d is taken", name, told, taken)
    remember(path, key, facts)
    return facts


def best_size(scores: dict[int, float]) -> int:
    """The smallest that is as good as the best, or nearly: larger ones cost more."""
    best = max(scores.values())
    return min(size for size, score in scores.items() if score >= best - AS_GOOD)


def _is_whole(facts: Any) -> bool:
    """Whether they are as they were written: somebody may have changed the file, or a disk."""
    if not isinstance(facts, dict) or not isinstance(facts.get("tried"), dict):
        return False
    sizes = [facts.get(name) for name in ("taken", "own", "samples")]
    draws = facts.get("draws")
    if not isinstance(draws, list) or not draws:
        return False
    scores = [*facts["tried"].values(), *draws, facts.get("seconds")]
    known = str(facts.get("taken")) in facts["tried"] and all(size.isdecimal() for size in facts["tried"])
    return known and all(type(n) is int and 0 < n < 2**31 for n in sizes) and all(type(s) is float for s in scores)
