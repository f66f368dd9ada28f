"""What an evaluation measures and with what: read and checked before anything is computed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from ..command.arguments.evaluate import EvaluateArguments
from ..command.paths import named_path, near_here
from ..data.samples import Samples
from ..data.seen import seen_by
from ..errors import InputError, one_line
from ..modalities.modality import Modality
from ..networks.encoders import Encoder, config_and_modality
from ..networks.loading import require_not_missing
from ..protocol import EXTRAS, PROTOCOL
from .candidates import Beside, Candidate, Encoded, parse_names, read_table, to_load
from .draws import draws_of
from .embedders import methods_for
from .labelled_splits import LabelledSplits, counts_of, load_splits

PLAIN_WORDS = "none"  # of --augmentation


@dataclass(frozen=True)
class Before:
    """What was found out before an evaluation.

    Args:
        sizes: by model, the input size that it is measured at.
        tried: by model, what was tried for it, for the report.
        views: by published model that went on, which sets of views were tried for it, for the report.
        left_out: what could not be measured, and why.
        vectors_alone: models whose embeddings are measured, and neither their network untrained nor trained further.
        called: by model, what the report calls it in place of its name.
    """

    sizes: Mapping[str, int] = field(default_factory=dict)
    tried: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    views: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    vectors_alone: Collection[str] = ()
    called: Mapping[str, str] = field(default_factory=dict)


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
        augmentation: kinds of changes that whole networks are trained with.
        before: what was found out before.
        left_out: what could not be measured, and why; more may follow.
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
    augmentation: tuple[str, ...]
    before: Before
    left_out: dict[str, str]

    def identity(self) -> dict[str, Any]:
        """What numbers must share to stand in one report."""
        usual = self.splits.train.modality.changes.standard
        more = {} if self.augmentation == tuple(usual) else {"augmentation": list(self.augmentation)}
        return {**self.splits.identity(), **more}


def make_plan(args: EvaluateArguments, before: Before) -> Plan:
    """Read data and models, and check all that can be checked before anything is computed.

    Raises:
        InputError: something given does not fit, or no model can be measured.
    """
    files = _table_files(args.embeddings)
    models, pairs = parse_names(args.model, files)
    names = to_load(models, pairs, files)
    if not names:
        raise InputError("--model names no model: name one at least, which says what kind of input this is.")
    left_out = dict(before.left_out)
    modality = _taken(names, args.revision, left_out)
    splits = load_splits(args, modality)
    train, test = splits.train, splits.test
    counts, notes = counts_of(args.labels_per_class, train, args.allow_short_classes)
    encoders = _encoders(args, [name for name in names if name not in left_out], train, before.sizes, left_out)
    tables = {name: read_table(name, paths, train, test) for name, paths in files.items()}
    candidates: list[Candidate] = [
        Encoded(encoders[name], train, test) if name in before.vectors_alone else encoders[name]
        for name in models if name in encoders
    ] + list(tables.values())  # fmt: skip
    for pair in pairs:
        lacking = [part for part in pair if part in left_out]
        if lacking:
            left_out["+".join(pair)] = f"{lacking[0]} is one side of it"
            continue
        candidates.append(Beside([tables.get(p) or Encoded(encoders[p], train, test) for p in pair]))
    methods = _methods(args, train)
    seen = {name: seen_by(name).record(test.digests) for name in encoders}
    warnings = splits.warnings() + _seen_before(seen, test) + notes + _few_draws(args.draws, counts)
    return Plan(
        args, splits, candidates, counts, {count: draws_of(count, args.draws) for count in counts}, methods,
        _metric(args, splits), _confusion_cell(args, methods, counts), warnings, seen, _augmentation(args, modality),
        before, left_out,
    )  # fmt: skip


def _encoders(
    args: EvaluateArguments, names: Sequence[str], train: Samples, sizes: Mapping[str, int], left_out: dict[str, str]
) -> dict[str, Encoder]:
    """{name: encoder} of those that load and take these samples; of the others it is noted why not."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    batch, labels, found = args.per_device_eval_batch_size, len(train.label_names), {}
    for name in names:
        try:
            encoder = Encoder(name, args.revision, labels, device, batch, train.problem_type, sizes.get(name))
            encoder.check(train)
            found[name] = encoder
        except InputError as error:
            if len(names) == 1:
                raise
            left_out[name] = one_line(error)
    if not found:
        raise InputError(f"no model can be measured: {reasons(left_out)}")
    return found


def _table_files(given: list[str] | None) -> dict[str, list[str]]:
    """{name: its files} of --embeddings NAME=FILE, or of two of one name, for the training and the test split."""
    found: dict[str, list[str]] = {}
    for text in given or ():
        name, equals, files = text.partition("=")
        if not equals or not name or not files:
            raise InputError(f"--embeddings {text!r}: expected NAME=TABLE, or NAME=TRAIN_TABLE NAME=TEST_TABLE.")
        if not named_path(files, "embeddings").is_file():
            raise InputError(f"--embeddings {text!r}: there is no file {files}.{near_here(Path(files))}")
        found.setdefault(name, []).append(files)
    return found


def _taken(names: list[str], revision: str | None, left_out: dict[str, str]) -> Modality:
    """The one kind of input that all models take; of those that cannot be loaded it is noted why not."""
    taken: dict[str, Modality] = {}
    for name in names:
        require_not_missing(name)  # a slip of the hand, which is better mended at once
        try:
            taken[name] = config_and_modality(name, revision)[1]
        except InputError as error:
            if len(names) == 1:
                raise
            left_out[name] = one_line(error)
    kinds = {modality.name: name for name, modality in taken.items()}
    if len(kinds) > 1:
        told = ", ".join(f"{name} takes {kind}" for kind, name in kinds.items())
        raise InputError(f"one report is about one kind of input, and {told}. Evaluate them one by one.")
    if not taken:
        raise InputError(f"no model can be measured: {reasons(left_out)}")
    return next(iter(taken.values()))


def reasons(left_out: Mapping[str, str]) -> str:
    """What could not be measured, each with why, on one line."""
    return "; ".join(f"{name}: {why}" for name, why in left_out.items())


def _metric(args: EvaluateArguments, splits: LabelledSplits) -> str:
    if args.metric is None or args.metric in splits.metrics:
        return args.metric or splits.metrics[0]
    raise InputError(f"metric is {args.metric!r}, expected one of {', '.join(splits.metrics)} for these labels.")


def _augmentation(args: EvaluateArguments, modality: Modality) -> tuple[str, ...]:
    """Kinds of changes that whole networks are trained with, fine-tuned and from scratch alike."""
    if args.augmentation is None:
        return tuple(modality.changes.standard)
    kinds = tuple(kind for kind in args.augmentation if kind != PLAIN_WORDS)
    modality.require_changes(kinds, f"{PLAIN_WORDS}, or ")
    return kinds


def _methods(args: EvaluateArguments, train: Samples) -> list[str]:
    """Those asked for, of those that there are for these samples; all of them by default."""
    there = methods_for(train.modality, train.rows_stored)
    if train.labels.ndim == 2:
        there.remove("self_training")  # guesses one class for each sample
    lacking = [name for name in args.methods or () if name not in there]
    if lacking and lacking[0] in EXTRAS and lacking[0].rpartition("_")[0] in train.modality.floors:
        extra = EXTRAS[lacking[0]]
        raise InputError(f"method {lacking[0]!r} needs an extra: install it with: pip install 'pretune[{extra}]'")
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
