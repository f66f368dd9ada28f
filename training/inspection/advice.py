"""The command that a first run on a dataset would be, measured here, and those that may follow."""

import dataclasses
import shlex
from pathlib import Path
from typing import Any

from ...modeling.families import FAMILIES
from ..command.arguments.data import DataArguments, InMemory
from ..command.arguments.pretrain import PretrainArguments
from ..command.parsing import build_arguments
from ..command.paths import folder_name
from ..command.recipes import call_of, command_of, python_call, recipe_names, words_of
from ..data.labels import REAL
from ..data.samples import Samples
from ..errors import InputError, one_line
from ..evaluation.embedders import methods_for
from ..protocol import BESIDE, TRAINED
from .trial import Trial, measured

LONGEST = 2 * 3600.0  # seconds that a first run should take at most
FEWEST = 200  # steps, below which a run learns nothing to speak of


@dataclasses.dataclass(frozen=True)
class Advice:
    """What to do first with a dataset.

    Args:
        command: of a first run.
        trial: what it takes; None where no network could be tried.
        notes: what to know of it.
        following: commands for afterwards.
    """

    command: str
    trial: Trial | None
    notes: list[str]
    following: list[str]


def advice_for(args: DataArguments, data: Samples, damaged: bool) -> Advice:
    """The modality's first run on training samples, cut to a bearable time.

    Args:
        args: what the user said of the dataset; the command says it again.
        data: the training split.
        damaged: samples had to be left out.
    """
    first = _first_run(data)
    recipe, given = first.pop("recipe", None), {**args.of_the_data(), "skip_damaged": damaged}
    given |= {"output_dir": _new_folder(args.dataset), **first}
    wanted = build_arguments(PretrainArguments, recipe, given)
    trial, notes = None, []
    try:
        trial = measured(wanted, data)
    except InputError as error:
        notes.append(f"it was not tried: {one_line(error)}")
    if trial is not None and trial.seconds > LONGEST:
        whole, possible = trial, max(FEWEST, int(LONGEST / trial.seconds_a_step))
        if possible < whole.total_steps:
            trial = dataclasses.replace(trial, total_steps=possible)
            notes.append(f"cut to what is bearable: all {whole.total_steps:,} steps take {duration(whole.seconds)}")
            wanted = dataclasses.replace(wanted, max_steps=possible)
        else:
            notes.append("long for a first run: a smaller input or network (--config), or a GPU, takes less")
    in_memory = isinstance(args.dataset, InMemory)
    if in_memory:
        notes.append("`data` is the dataset, an object in memory")
    command = (call_of if in_memory else command_of)("pretrain", wanted)
    return Advice(command, trial, notes, _following(args, data, wanted.output_dir, recipe, damaged))


def _first_run(data: Samples) -> dict[str, Any]:
    """As the modality says, else its first family with all that is default."""
    if data.modality.first_run is not None:
        return dict(data.modality.first_run(data.stored.shape[1:], len(data)))
    return {"model_type": next(name for name, family in FAMILIES.items() if family.modality == data.modality.name)}


def _new_folder(dataset: str) -> str:
    """runs/NAME, with a number where that is taken."""
    name = folder_name(Path(dataset).name, "first").partition(".")[0] or "first"
    folders = (Path("runs", name if number == 1 else f"{name}_{number}") for number in range(1, 1000))
    return next(str(folder) for folder in folders if not folder.exists())


def _following(args: DataArguments, data: Samples, folder: str, recipe: str | None, damaged: bool) -> list[str]:
    """Measuring by quick methods and fine-tuning, or without labels the embeddings; of the dataset they say what the
    first run says, since each verb reads it anew."""
    said = {name: value for name, value in args.of_the_data().items() if name not in ("dataset", "skip_damaged")}
    given = {"model": folder, "dataset": args.dataset, **said, **({"skip_damaged": True} if damaged else {})}
    # of this recipe, or of its dataset
    usual = (f"{recipe}_finetune", f"{(recipe or '').rpartition('_')[0]}_finetune")
    own = next((name for name in usual if name in recipe_names("finetune")), None)
    runs = [("finetune", own, {**given, "output_dir": f"{folder}_classifier"})]
    if data.labels is None:
        runs = [("embed", None, {**given, "output_file": f"{folder}.parquet"})]
    elif data.problem_type != REAL:
        runs.insert(0, ("evaluate", None, {**given, "methods": _quick(data)}))
    if isinstance(args.dataset, InMemory):
        return [python_call(*run) for run in runs]
    return [
        shlex.join(["pretune", verb, *([named] if named else []), *words_of(verb, values)[1:]])
        for verb, named, values in runs
    ]


def _quick(data: Samples) -> list[str]:
    """Methods that train no network, and that there are for these samples."""
    there = methods_for(data.modality, data.values)
    return [name for name in there if name not in (*TRAINED, "knn", "self_training", BESIDE, "untrained_knn")]


def duration(seconds: float) -> str:
    """A time for people."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
