"""Try the ways to an encoder that suit a dataset, within a time, and say which is best on it.

    pretune try photos --minutes 20 --output_dir runs/tried
    pretune try photos --minutes 20 --backbone microsoft/resnet-18 --output_dir runs/tried

Routes are chosen on held-out labelled training samples; the test split is looked at once, in the report at the end.
OUTPUT_DIR receives the report of `pretune compare`, try.json, and a run folder for each try. `try` is a word of
Python's, so the script has another name than the verb.
"""

import contextlib
import dataclasses
import json
import logging
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from pretune.training.command.arguments.compare import CompareArguments
from pretune.training.command.arguments.pretrain import PretrainArguments
from pretune.training.command.arguments.try_routes import TryArguments
from pretune.training.command.parsing import build_arguments
from pretune.training.command.paths import folder_name, require_folders, require_room, written_to
from pretune.training.command.recipes import words_of
from pretune.training.command.running import like_ctrl_c, redrawn_every, run_command
from pretune.training.comparing.continued import JUDGED, data_words
from pretune.training.comparing.halving import FINISHED, halve, rounds_of, time_steps
from pretune.training.comparing.input_sizes import size_on
from pretune.training.comparing.report_time import SHARE, Look, look_within, warn_of_too_few
from pretune.training.comparing.routes import SIZE, Route, best_networks
from pretune.training.comparing.scoring import MOST, Judge
from pretune.training.comparing.verbs import run_verb
from pretune.training.data.kinds import kind_and_found
from pretune.training.data.loading import load_data
from pretune.training.data.samples import Samples
from pretune.training.errors import InputError, Interrupted, one_line
from pretune.training.evaluation.cells import FEATURES
from pretune.training.evaluation.embedders import kind_of, methods_for
from pretune.training.evaluation.planning import Before
from pretune.training.evaluation.running import EvaluationResult, run_evaluation
from pretune.training.modalities.modality import Modality
from pretune.training.protocol import TRAINED
from pretune.training.runs.folder import write_whole

logger = logging.getLogger("pretune.training.try_routes")
CONTINUED, RECORD, TOLD = "continued", "try.json", "try.md"
WORTH_SAYING = 1.0  # points
AS_PUBLISHED = "as published"  # a way that takes no steps
# A try is judged by its embedding, so little is looked at otherwise.
BRIEF = {"checkpointing_steps": "no", "max_eval_samples": JUDGED}
FORM = "{desc}: {percentage:3.0f} %|{bar}| {n:.0f} of {total:.0f} s{postfix}"


@dataclass
class TryResult:
    """What `try_routes` returns.

    Args:
        output_dir: folder of the report and of all tries.
        routes: how each went, the best first.
        evaluation: the report on the test split; None where there is none.
        command: makes the best route in full.
        may_overtake: makes one in full that had too little time to tell; None where there is none.
        at_its_size: goes on from the published model at the size at which it is best, where that was worth something
            at a smaller one; None elsewhere.
    """

    output_dir: Path
    routes: list[dict[str, Any]]
    evaluation: EvaluationResult | None
    command: str
    may_overtake: str | None = None
    at_its_size: str | None = None


def try_routes(dataset: Any, **arguments: Any) -> TryResult:
    """Try the ways to an encoder, as `pretune try DATASET --name value` does.

    Args:
        dataset: its name or path.
        arguments: the command line's, under the same names.

    Raises:
        InputError: something given does not fit, or too few samples are labelled; the message names the repair.
    """
    return run(TryArguments(dataset=dataset, **arguments))


def run(args: TryArguments) -> TryResult:
    """`try` with arguments that are read already."""
    with written_to(args.output_dir, "output_dir"):
        return _run(args)


def _run(args: TryArguments) -> TryResult:
    began, folder = time.monotonic(), Path(args.output_dir)
    require_folders(folder, "output_dir")
    require_room(folder, "output_dir", (FINISHED, RECORD, TOLD), ("report",), "try")
    require_folders(folder / "report", "output_dir")
    modality, found = kind_and_found(args)
    train, test = load_data(args, modality, found=found)
    judge = Judge.of(train)
    before = Before() if args.backbone is None else size_on(args.backbone, train, folder / "report", MOST)
    routes, data = _routes(args, modality, before.sizes.get(args.backbone)), data_words(args)
    published = _as_published(args, judge, before, folder / "report" / FEATURES)

    def make(given: dict[str, Any]) -> PretrainArguments:
        return build_arguments(PretrainArguments, None, {**data, **given, "output_dir": str(folder / "unused")})

    all_in_all, look = 60 * args.minutes, None
    with like_ctrl_c():
        try:
            with _bar(args.minutes, began) as (tell, run):
                left = max(0.0, all_in_all * (1 - SHARE) - (time.monotonic() - began))
                time_steps(routes, make, train, left / len(rounds_of(len(routes), left)) / max(1, len(routes)), tell)
                if test is not None:
                    look = look_within(all_in_all, [*published, *routes], train, test, folder / FINISHED)
                    all_in_all -= look.seconds
                seconds = max(0.0, all_in_all - (time.monotonic() - began))
                warn_of_too_few(seconds, routes)
                # what is held out, for want of a test split, is so in the tries too: none may learn from it
                unseen = {} if test is not None and test.held_out else {"eval_split": "none"}
                more = {**BRIEF, **unseen, "seed": args.seed}
                for route in routes:
                    route.given = {**data, **route.given, **more}
                tried = halve(routes, seconds, folder, judge, run, of=[args.minutes, judge.data.fingerprint])
        except KeyboardInterrupt:
            tried = _ranked(routes, published)
            if not any(route.steps for route in tried):
                raise Interrupted("stopped before the first way was tried; the same command begins anew.", 2) from None
            _tell([*published, *routes], tried, judge, args, folder)
            raise Interrupted(
                f"stopped; what was tried until then stands in {folder / TOLD}. The same command goes on.", 2
            ) from None
    tried = _ranked(tried, published)
    if not tried:
        raise InputError("no way could be tried: " + "; ".join(f"{r.name}: {r.note}" for r in routes))
    told, commands = _tell([*published, *routes], tried, judge, args, folder)
    evaluation = _report(args, tried, data, folder, train, before, look) if look is not None else None
    print(told)
    return TryResult(folder, [route.record() for route in tried], evaluation, **commands)


@contextlib.contextmanager
def _bar(
    minutes: float, began: float
) -> Iterator[tuple[Callable[[str], None], Callable[[str, dict[str, Any]], None]]]:
    """A bar of the seconds that passed since `began`, of those that are given: what tells it what is being done, and a
    `run_verb` that keeps it going."""
    given = 60 * minutes
    with tqdm(total=given, desc="try", bar_format=FORM, mininterval=redrawn_every(), leave=False) as bar:

        def tick() -> None:
            bar.update(min(time.monotonic() - began, given) - bar.n)

        def tell(doing: str) -> None:
            bar.set_postfix_str(doing, refresh=False)
            tick()

        def run(verb: str, arguments: dict[str, Any]) -> None:
            tell(f"{Path(arguments['output_dir']).name}: {arguments['max_steps']} steps")
            run_verb(verb, arguments, tick=tick)

        yield tell, run


def _routes(args: TryArguments, modality: Modality, size: int | None) -> list[Route]:
    """Those that there are; a published model goes on at an input size of `size`, if there is one."""
    found = {name: dict(given) for name, given in modality.routes.items()}
    if args.backbone is not None and modality.goes_on is not None:
        of_family = [(n, r) for n, r in found.items() if r["model_type"] == modality.goes_on["model_type"]]
        for name, given in of_family or [("", {})]:  # what may differ between views is found out for it too
            config = given.get("config", {}) | ({} if size is None else {SIZE: size})
            kind = name.partition(",")
            found[CONTINUED + kind[1] + kind[2]] = {
                **modality.goes_on, **({"config": config} if config else {}), "backbone": args.backbone
            }  # fmt: skip
    there = [*found, *[AS_PUBLISHED] * (args.backbone is not None)]
    unknown = [name for name in args.routes or () if name not in there]
    if unknown:
        raise InputError(f"unknown route {unknown[0]!r}: expected some of {', '.join(map(repr, there))}.")
    wanted = [(name, given) for name, given in found.items() if args.routes is None or name in args.routes]
    return [Route(name, given, place=place) for place, (name, given) in enumerate(wanted)]


def _as_published(args: TryArguments, judge: Judge, before: Before, kept: Path) -> list[Route]:
    """The published model as it is, if there is one, judged as all ways are; its features are `kept` there."""
    if args.backbone is None or (args.routes is not None and AS_PUBLISHED not in args.routes):
        return []
    size, route = before.sizes.get(args.backbone), Route(AS_PUBLISHED, {}, folder=args.backbone, published=True)
    try:
        began = time.monotonic()
        found = before.tried[args.backbone] if size else {"draws": judge.of_encoder(args.backbone, folder=kept)}
        seconds = found["seconds"] if size else time.monotonic() - began
        route.scores, route.seconds_a_sample = found["draws"], seconds / len(judge.data)
        route.given = {} if size is None else {"config": {SIZE: size}}
        logger.info("%s: %.1f %% on held-out labelled samples", route.name, route.score)
    except InputError as error:
        route.note = f"could not be tried: {one_line(error)}"
    return [route]


def _ranked(routes: Sequence[Route], published: Sequence[Route]) -> list[Route]:
    """Those that were tried, the best first."""
    return sorted((route for route in [*published, *routes] if route.scores), key=lambda route: -route.score)


def _report(
    args: TryArguments,
    tried: list[Route],
    data: dict[str, Any],
    folder: Path,
    train: Samples,
    before: Before,
    look: Look,
) -> EvaluationResult:
    """The comparison on the test split, by methods that train no network."""
    best = best_networks([route for route in tried if route.steps], 2)
    published = [] if args.backbone is None else [args.backbone]
    models = [*(route.folder for route in best), *published]
    # a published network untrained would take longer than all else, and nobody asks for it
    alone = [*(route.folder for route in best if not route.from_nothing), *published]
    before = dataclasses.replace(before, vectors_alone=alone, called={route.folder: route.name for route in best})
    usual = ("", "untrained", "raw", "pca")
    every = methods_for(train.modality, train.rows_stored)
    there = [name for name in every if name not in TRAINED and kind_of(name) in usual]
    return run_evaluation(
        CompareArguments(
            model=models, output_dir=str(folder / "report"), methods=there, max_train_samples=look.train,
            max_eval_samples=look.test, **data,
        ),
        "compare", before,
    )  # fmt: skip


def _advice(tried: list[Route], raw: float | None, args: TryArguments) -> dict[str, tuple[str, str]]:
    """{name: (sentence, command)}: what makes the best way in full. If that is a published model's, also one from
    nothing that had too little time to be told from it, and going on at the size at which the model is best, where
    this was worth something at a smaller one."""
    (best,) = best_networks(tried, 1)
    said = f"best here: {best.name}. In full"
    if best is not tried[0] and best.untold:
        said = f"{best.name} had too little time to tell, as what stands above it, and is most often better. In full"
    if raw is not None and raw >= tried[0].score:
        more = ", and a classifier of those may do" if best.published else " so far: more --minutes would tell"
        said = f"no way is better than raw samples{more}. Of them {best.name} in full"
    found = {"command": (f"{said}{_takes(best, best.steps_in_full)}:", _in_full(best, args))}
    if best.steps and best.from_nothing:
        return found
    for route in best_networks([r for r in tried if r.steps and r.untold], 1):
        passes = f"{route.passes_in_words} over the samples"
        said = f"{route.name} had too little time to tell, {passes}, and may be better. In full"
        found["may_overtake"] = f"{said}{_takes(route, route.steps_in_full)}:", _in_full(route, args)
    sized = [r for r in tried if r.steps and not r.from_nothing and r.size is not None]
    for route in [r for r in sized if best.size is not None and r.size < best.size][:1]:
        gain = route.score - route.began_at
        if gain >= WORTH_SAYING:
            larger = {**route.given, "config": {**route.given["config"], SIZE: best.size}}
            slower = (best.size / route.size) ** 2
            wider = dataclasses.replace(route, given=larger, seconds_a_step=route.seconds_a_step * slower)
            said = (
                f"{route.name} is {gain:.1f} points better than the published network at {route.size} pixels. The "
                f"same at {best.size}"
            )
            found["at_its_size"] = f"{said}{_takes(wider, route.steps)}:", _in_full(wider, args, route.steps)
    return found


def _takes(route: Route, steps: int) -> str:
    """So many steps, and the minutes of them."""
    if not steps or not route.seconds_a_step:
        return ""
    return f", {steps:,} steps, about {max(1, round(steps * route.seconds_a_step / 60))} min"


def _in_full(route: Route, args: TryArguments, steps: int | None = None) -> str:
    """The command that makes a route in full, into a folder of its own: with many more steps, or `steps`, or, of a
    published model as it is, its classifier."""
    into = f"{args.output_dir}_{folder_name(route.name, 'route')}"
    if route.name == AS_PUBLISHED:
        given = {**data_words(args), "model": args.backbone, "freeze_encoder": True}
        return shlex.join(["pretune", *words_of("finetune", {**given, "output_dir": into})])
    given = {k: v for k, v in route.given.items() if k not in (*BRIEF, "eval_split")} | data_words(args)
    given |= {"max_steps": steps or route.steps_in_full, "output_dir": into}
    return shlex.join(["pretune", *words_of("pretrain", given)])


def _tell(
    routes: list[Route], tried: list[Route], judge: Judge, args: TryArguments, folder: Path
) -> tuple[str, dict[str, str]]:
    """What came out, as text, and what to run next; kept in the folder, as text and as numbers."""
    raw = judge.of_raw()
    mean = None if raw is None else sum(raw) / len(raw)
    advice = _advice(tried, mean, args)
    wide = max(22, *(len(route.name) + 2 for route in routes))
    lines = [f"{'way':<{wide}}{'steps':>8}{'held-out labels':>18}{'at the start':>14}"]
    for route in tried:
        start = "" if route.began_at is None else f"{route.began_at:>12.1f} %"
        row = f"{route.name:<{wide}}{route.steps or '':>8}{route.score:>16.1f} %{start:<14}"
        lines.append(f"{row}  {_note(route)}".rstrip())
    lines += [f"{route.name:<{wide}}{route.note:>8}" for route in routes if route not in tried]
    if mean is not None:
        lines.append(f"{'raw samples':<{wide}}{'':>8}{mean:>16.1f} %")
    told = "\n".join([*lines, "", *[f"{said}\n  {command}" for said, command in advice.values()]])
    commands = {name: command for name, (_, command) in advice.items()}
    record = {"routes": [r.record() for r in routes], "best": best_networks(tried, 1)[0].name, "raw": raw, **commands}
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / RECORD, (json.dumps(record, indent=1) + "\n").encode())
    write_whole(folder / TOLD, f"# Ways to an encoder\n\n```text\n{told}\n```\n".encode(errors="replace"))
    return told, commands


def _note(route: Route) -> str:
    """What is to be known of it, beside its scores."""
    return "; ".join([f"at {route.size} pixels"] * (route.size is not None) + [route.note] * bool(route.note))


if __name__ == "__main__":
    run_command(TryArguments, run)
