"""An evaluation from arguments to report: quick methods first, a report of them, then whole networks."""

import contextlib
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..command.arguments.evaluate import EvaluateArguments
from ..command.paths import named_path, require_folders, written_to
from ..command.recipes import command_of
from ..command.running import like_ctrl_c
from ..errors import InputError, Interrupted, one_line
from ..networks.encoders import Encoder
from ..networks.loading import require_not_missing
from ..protocol import MUST_BE_BEATEN, PROTOCOL, TRAINED
from .candidates import PLUS, Candidate
from .cells import Cells
from .embedders import methods_for
from .planning import Before, Plan, make_plan, reasons
from .progress import Progress
from .reporting.into_card import add_to_card, check_card
from .reporting.most_wrong import draw_most_wrong
from .reporting.report import chance_of, renamed, write_report
from .work import Work

logger = logging.getLogger(__name__)
REPORT_EVERY = 60.0  # seconds between reports of what is done so far, while whole networks are trained


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


def run_evaluation(args: EvaluateArguments, verb: str = "evaluate", before: Before | None = None) -> EvaluationResult:
    """Compute what is missing, write the report, and say the verdict.

    Args:
        args: what is measured.
        verb: whose command stands in the report.
        before: what was found out already.

    Raises:
        InputError: something given does not fit; the message names the repair.
        Interrupted: Ctrl-C; what was computed is kept, and reported.
    """
    folder = _folder(args)
    with written_to(folder, "output_dir"):
        return _run(args, verb, before, folder)


def _run(args: EvaluateArguments, verb: str, before: Before | None, folder: Path) -> EvaluationResult:
    began = time.perf_counter()
    if args.update_card:
        for name in args.model:
            check_card(Path(name))
    plan = make_plan(args, before or Before())
    for warning in plan.warnings:
        logger.warning("warning: %s", warning)
    for name, why in plan.left_out.items():
        logger.warning("warning: %s is left out: %s", name, why)
    cells = Cells(folder, plan.identity(), plan.splits.metrics, args.overwrite_output_dir, began)
    finished, measured = False, None
    try:
        measured = Measured(plan, cells, folder, verb)
        with like_ctrl_c():
            measured.all()
        report = measured.report()
        finished = True
    except KeyboardInterrupt:
        left = "what was computed is kept"
        if measured is not None and measured.report_of_the_rest() is not None:
            left = "the report of what was computed stands"
        raise Interrupted(f"stopped; {left} in {folder}, and the same command goes on.", 2) from None
    finally:
        cells.close(finished)
    if args.update_card:
        for name in args.model:
            if name not in report["models"]:
                continue  # it is left out
            add_to_card(Path(name), folder, report, name)
    told = report["verdict"]
    for line in [f"{model}: {s}" for model, s in told.get("sentences", {}).items()] or [told["sentence"]]:
        logger.info("%s", line)
    logger.info("%s", report["best"])
    logger.info("report.html, report.md and report.json in %s (%.0f s)", folder, report["timings"]["total_seconds"])
    return EvaluationResult(folder, report, told["helped"], told["outcome"], told["sentence"])


class Measured:
    """What a plan's candidates come to, as far as it was computed.

    Args:
        plan: of the evaluation.
        cells: known ones.
        folder: of the report.
        verb: whose command stands in it.
    """

    def __init__(self, plan: Plan, cells: Cells, folder: Path, verb: str):
        self.plan, self.folder, self.verb = plan, folder, verb
        self.work = Work(
            cells, plan.splits.train, plan.splits.test, plan.methods, plan.draws, plan.args.allow_short_classes,
            plan.augmentation,
        )  # fmt: skip
        self.facts: dict[str, Any] = {}
        self.reported = time.perf_counter()

    def all(self) -> None:
        """Quick methods of every candidate first, and a report of them; then whole networks."""
        plan, work = self.plan, self.work
        bar = Progress(self.verb, plan.args.disable_tqdm)
        try:
            work.expect(plan.candidates, bar)
            for candidate in plan.candidates:
                with self._unless_it_cannot(candidate.name):
                    self.facts[candidate.name] = work.embed(candidate, bar)
                    work.probe(candidate, bar)
            if not self.facts:
                raise InputError(f"nothing can be measured: {reasons(plan.left_out)}")
            if set(TRAINED) & set(plan.methods) and set(plan.methods) - set(TRAINED):
                told = self.report()["verdict"]["sentence"]
                bar.write(f"so far, without whole networks: {told}")
            encoders = [c for c in self._there() if isinstance(c, Encoder)]
            for encoder in encoders:
                with self._unless_it_cannot(encoder.name):
                    work.expect_networks(encoder, bar)
            for encoder in encoders:
                with self._unless_it_cannot(encoder.name):
                    work.train_networks(encoder, bar, self._now_and_then)
        finally:
            bar.close()

    def report(self) -> dict[str, Any]:
        """Write the report of all cells that are known."""
        plan, work, candidates = self.plan, self.work, self._there()
        splits = plan.splits
        report = {
            "protocol": {
                **PROTOCOL.record(),
                "labels_per_class_used": plan.counts,
                "draws_used": plan.args.draws,
                "augmentation": list(plan.augmentation),
                "n": {str(count): len(plan.draws[count]) for count in plan.counts},
            },
            "metric": plan.metric,
            "dataset": splits.record(plan.args.dataset),
            "models": {c.name: {**self.facts[c.name], "test_samples": plan.seen.get(c.name)} for c in candidates},
            "results": [row for candidate in candidates for row in work.rows(candidate)],
            "confusion": work.confusion(plan.shown, candidates),
            "warnings": plan.warnings,
            "left_out": dict(plan.left_out),
            "input_sizes": dict(plan.before.tried),
            "views": dict(plan.before.views),
            "timings": {"total_seconds": round(work.cells.seconds(), 1)},
            "command": command_of(self.verb, plan.args),
        }
        there = methods_for(splits.train.modality, splits.train.rows_stored)
        needed = [name for name in there if name in MUST_BE_BEATEN]
        hits = work.hits(candidates)
        first = next(iter(hits.values()), {})
        report["most_wrong"] = draw_most_wrong(self.folder, splits.test, first, *plan.shown)
        hits = hits if plan.metric == "accuracy" else {}
        called = plan.before.called
        report, hits = renamed(report, called), {called.get(name, name): hit for name, hit in hits.items()}
        self.reported = time.perf_counter()
        return write_report(self.folder, report, chance_of(plan.metric, splits.test.labels), needed, hits)

    def report_of_the_rest(self) -> dict[str, Any] | None:
        """The same where it was stopped; None where nothing was computed."""
        return self.report() if any(self.work.rows(candidate) for candidate in self._there()) else None

    def _there(self) -> list[Candidate]:
        return [candidate for candidate in self.plan.candidates if candidate.name in self.facts]

    @contextlib.contextmanager
    def _unless_it_cannot(self, name: str) -> Iterator[None]:
        """Where a candidate does not go, for want of memory or by what it is given, the others go on."""
        try:
            yield
        except (InputError, MemoryError, torch.OutOfMemoryError) as error:
            if len(self.plan.candidates) == 1 and isinstance(error, InputError):
                raise
            what = f"{name}, in part" if name in self.facts else name
            self.plan.left_out[what] = one_line(error) or "out of memory"
            logger.warning("warning: %s is left out: %s", what, self.plan.left_out[what])

    def _now_and_then(self) -> None:
        """A report of what is done so far, where the last one is old."""
        if time.perf_counter() - self.reported > REPORT_EVERY:
            self.report()


def _folder(args: EvaluateArguments) -> Path:
    if args.output_dir:
        require_folders(Path(args.output_dir), "output_dir")
        return Path(args.output_dir)
    if PLUS not in args.model[0]:
        require_not_missing(args.model[0])
    if not named_path(args.model[0], "model").is_dir():
        raise InputError(
            f"output_dir is missing, and {args.model[0]} is no local folder to put it in: pass --output_dir."
        )
    folder = Path(args.model[0]) / "evaluation"
    require_folders(folder, "output_dir")
    return folder
