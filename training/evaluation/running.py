"""An evaluation from arguments to report: quick methods first, a report of them, then whole networks."""

import logging
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from ..command.arguments.evaluate import EvaluateArguments
from ..command.paths import require_folders
from ..command.recipes import command_of
from ..data.samples import Samples
from ..data.seen import seen_by
from ..errors import InputError, Interrupted
from ..modalities.modality import Modality
from ..networks.encoders import Encoder, config_and_modality
from ..protocol import MUST_BE_BEATEN, PROTOCOL, TRAINED
from .candidates import Beside, Candidate, Encoded, parse_names, read_table
from .cells import Cells
from .costs import cost_of
from .draws import draws_of
from .embedders import methods_for
from .labelled_splits import LabelledSplits, counts_of, load_splits
from .reporting.into_card import add_to_card, check_card
from .reporting.most_wrong import draw_most_wrong
from .reporting.report import chance_of, write_report
from .work import Work

logger = logging.getLogger(__name__)


@dataclass
class EvaluationResult:
    """What `evaluate` returns.

    Args:
        output_dir: folder of the report.
        report: all of report.json.
        helped, outcome, sentence: the verdict.
    """

    output_dir: Path
    report: dict[str, Any]
    helped: bool
    outcome: str
    sentence: str


@dataclass
class Plan:
    """What is measured, and with what.

    Args:
        args: as given.
        splits: the labelled samples.
        candidates: what is compared.
        counts, draws: numbers of labels, and the draws of each.
        methods: of the report.
        metric: what the verdict is of.
        shown: method and number of labels whose confusion is drawn.
        warnings: for a reader.
        seen: by model, which test samples it was trained on.
    """

    args: EvaluateArguments
    splits: LabelledSplits
    candidates: list[Candidate]
    counts: list[int | str]
    draws: dict[int | str, range]
    methods: list[str]
    metric: str
    shown: tuple[str, int | str]
    warnings: list[str]
    seen: dict[str, dict[str, Any]]


def run_evaluation(args: EvaluateArguments, verb: str = "evaluate") -> EvaluationResult:
    """Compute what is missing, write the report, and say the verdict.

    Raises:
        InputError: something given does not fit; the message names the repair.
        Interrupted: Ctrl-C; what was computed is kept, and reported.
    """
    began = time.perf_counter()
    folder = _folder(args)
    if args.update_card:
        for name in args.model:
            check_card(Path(name))
    plan = _plan(args)
    for warning in plan.warnings:
        logger.warning("warning: %s", warning)
    cells = Cells(folder, plan.splits.identity(), plan.splits.metrics, args.overwrite_output_dir, began)
    finished, report = False, None
    try:
        work = Work(cells, plan.splits.train, plan.splits.test, plan.methods, plan.draws, args.allow_short_classes)
        with tqdm(
            total=work.size(plan.candidates), desc=verb, unit=" cells", disable=args.disable_tqdm,
            mininterval=0.1 if sys.stderr.isatty() else 10,
        ) as bar:  # fmt: skip
            facts = {c.name: work.probe(c, bar) | {"cost": cost_of(c, plan.splits.test)} for c in plan.candidates}
            if set(TRAINED) & set(plan.methods) and set(plan.methods) - set(TRAINED):
                report = _report(plan, work, facts, folder, verb)
                bar.write(f"so far, without whole networks: {report['verdict']['sentence']}", file=sys.stderr)
            for candidate in plan.candidates:
                if isinstance(candidate, Encoder):
                    work.train_networks(candidate, bar)
        report = _report(plan, work, facts, folder, verb)
        finished = True
    except KeyboardInterrupt:
        left = "what was computed is kept" if report is None else "the report of what was computed stands"
        raise Interrupted(f"stopped; {left} in {folder}, and the same command goes on.", 2) from None
    finally:
        cells.close(finished)
    if args.update_card:
        for name in args.model:
            add_to_card(Path(name), folder, report, name)
    told = report["verdict"]
    logger.info("%s", told["sentence"])
    logger.info("%s", report["best"])
    logger.info("report.html, report.md and report.json in %s (%.0f s)", folder, report["timings"]["total_seconds"])
    return EvaluationResult(folder, report, told["helped"], told["outcome"], told["sentence"])


def _plan(args: EvaluateArguments) -> Plan:
    """Read data and models, and check all that can be checked before anything is computed."""
    files = _table_files(args.embeddings)
    models, pairs = parse_names(args.model, files)
    to_load = list(dict.fromkeys([*models, *(part for pair in pairs for part in pair if part not in files)]))
    if not to_load:
        raise InputError("--model names no model: name one at least, which says what kind of input this is.")
    splits = load_splits(args, _taken(to_load, args.revision))
    train, test = splits.train, splits.test
    counts, notes = counts_of(args.labels_per_class, train, args.allow_short_classes)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    encoders = {
        name: Encoder(
            name, args.revision, len(train.label_names), device, args.per_device_eval_batch_size, train.problem_type
        )
        for name in to_load
    }
    for encoder in encoders.values():
        encoder.check(train)
    tables = {name: read_table(name, paths, train, test) for name, paths in files.items()}
    candidates = [encoders[name] for name in models] + list(tables.values())
    for pair in pairs:
        candidates.append(Beside([tables.get(p) or Encoded(encoders[p], train, test) for p in pair]))
    methods = _methods(args, train)
    seen = {name: seen_by(name).record(test.digests) for name in to_load}
    warnings = splits.warnings() + _seen_before(seen, test) + notes + _few_draws(args.draws, counts)
    return Plan(
        args, splits, candidates, counts, {count: draws_of(count, args.draws) for count in counts}, methods,
        _metric(args, splits), _confusion_cell(args, methods, counts), warnings, seen,
    )  # fmt: skip


def _report(plan: Plan, work: Work, facts: dict[str, Any], folder: Path, verb: str) -> dict[str, Any]:
    """Write the report of all cells that are known."""
    splits, candidates = plan.splits, plan.candidates
    report = {
        "protocol": {
            **PROTOCOL.record(),
            "labels_per_class_used": plan.counts,
            "draws_used": plan.args.draws,
            "augmentation": list(splits.train.modality.changes.standard),
            "n": {str(count): len(plan.draws[count]) for count in plan.counts},
        },
        "metric": plan.metric,
        "dataset": splits.record(plan.args.dataset),
        "models": {c.name: {**facts[c.name], "test_samples": plan.seen.get(c.name)} for c in candidates},
        "results": [row for candidate in candidates for row in work.rows(candidate)],
        "confusion": work.confusion(plan.shown, candidates),
        "warnings": plan.warnings,
        "timings": {"total_seconds": round(work.cells.seconds(), 1)},
        "command": command_of(verb, plan.args),
    }
    there = methods_for(splits.train.modality, splits.train.values)
    needed = [name for name in there if name in MUST_BE_BEATEN]
    hits = work.hits(candidates)
    first = next(iter(hits.values()), {})
    report["most_wrong"] = draw_most_wrong(folder, splits.test, first, *plan.shown)
    hits = hits if plan.metric == "accuracy" else {}
    return write_report(folder, report, chance_of(plan.metric, splits.test.labels), needed, hits)


def _table_files(given: list[str] | None) -> dict[str, list[str]]:
    """{name: its files} of --embeddings NAME=FILE, or of two of one name, for the training and the test split."""
    found: dict[str, list[str]] = {}
    for text in given or ():
        name, equals, files = text.partition("=")
        if not equals or not name or not files:
            raise InputError(f"--embeddings {text!r}: expected NAME=TABLE, or NAME=TRAIN_TABLE NAME=TEST_TABLE.")
        found.setdefault(name, []).append(files)
    return found


def _taken(names: list[str], revision: str | None) -> Modality:
    """The one kind of input that all models take."""
    taken = {name: config_and_modality(name, revision)[1] for name in names}
    kinds = {modality.name: name for name, modality in taken.items()}
    if len(kinds) > 1:
        told = ", ".join(f"{name} takes {kind}" for kind, name in kinds.items())
        raise InputError(f"one report is about one kind of input, and {told}. Evaluate them one by one.")
    return taken[names[0]]


def _folder(args: EvaluateArguments) -> Path:
    if args.output_dir:
        require_folders(Path(args.output_dir), "output_dir")
        return Path(args.output_dir)
    if not Path(args.model[0]).is_dir():
        raise InputError(
            f"output_dir is missing, and {args.model[0]} is no local folder to put it in: pass --output_dir."
        )
    return Path(args.model[0]) / "evaluation"


def _metric(args: EvaluateArguments, splits: LabelledSplits) -> str:
    if args.metric is None or args.metric in splits.metrics:
        return args.metric or splits.metrics[0]
    raise InputError(f"metric is {args.metric!r}, expected one of {', '.join(splits.metrics)} for these labels.")


def _methods(args: EvaluateArguments, train: Samples) -> list[str]:
    """Those asked for, of those that there are for these samples; all of them by default."""
    there = methods_for(train.modality, train.values)
    if train.labels.ndim == 2:
        there.remove("self_training")  # guesses one class for each sample
    lacking = [name for name in args.methods or () if name not in there]
    if lacking:
        raise InputError(
            f"method {lacking[0]!r} is not for {train.modality.words.many} like these: expected some of "
            f"{', '.join(there)}."
        )
    return [name for name in there if args.methods is None or name in args.methods]


def _seen_before(seen: dict[str, dict[str, Any]], test: Samples) -> list[str]:
    """A warning for each model that learnt from test samples."""
    many = test.modality.words.many
    return [
        f"{facts['seen']} of {len(test)} test {many} are among what {name} was trained on: its numbers are too good"
        for name, facts in seen.items()
        if facts["seen"]
    ]


def _few_draws(draws: int, counts: list[int | str]) -> list[str]:
    if counts == ["all"] or draws >= PROTOCOL.draws:
        return []
    many = "one draw says" if draws == 1 else f"{draws} draws say"
    return [f"{many} little of chance, and a verdict takes a wide interval; the protocol has {PROTOCOL.draws} draws"]


def _confusion_cell(args: EvaluateArguments, methods: list[str], counts: list) -> tuple[str, int | str]:
    if args.confusion_cell is None:
        return "finetune" if "finetune" in methods else methods[0], 10 if 10 in counts else counts[-1]
    method, _, count = args.confusion_cell.partition(":")
    found = (method, int(count) if count.isdecimal() else count)
    if method not in methods or found[1] not in counts:
        raise InputError(
            f"confusion_cell is {args.confusion_cell!r}, expected METHOD:LABELS with one of {', '.join(methods)} and "
            f"one of {', '.join(map(str, counts))}."
        )
    return found
