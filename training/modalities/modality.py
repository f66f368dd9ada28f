"""What is particular to a kind of input, as one row that all else asks: nothing above knows images from speech."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from torch import Tensor, nn

from ..command.arguments.data import DataArguments
from ..errors import InputError
from .digests import digests_of

Inputs = dict[str, Tensor]  # a model's arguments: {"pixel_values": (B, C, H, W)} for images
PLAIN = "plain"  # the form of stored rows that are the samples as they are


@dataclass(frozen=True)
class Words:
    """How people name a sample of this kind and its parts.

    Args:
        one, many: "image", "images".
        part, parts: what a sample is made of and an error is counted for: "pixel", "pixels".
    """

    one: str
    many: str
    part: str
    parts: str

    @property
    def raw(self) -> str:
        """The floor that uses no network."""
        return f"raw {self.parts}"

    @property
    def mean(self) -> str:
        """What a network that learned nothing answers every sample with."""
        return f"mean {self.one}"

    def record(self) -> dict[str, str]:
        """For run.json, from which cards are rendered."""
        names = ("one", "many", "part", "parts", "raw", "mean")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Read:
    """A split as a reader gives it.

    Args:
        values: (N, ...), stored rows.
        rows: (M,) the row of the split that each came from; damaged ones are missing, others may be there twice.
        fingerprint: changes whenever the stored rows do.
        facts: what samples there are and what is done to them, a line each; nothing where that goes without saying.
        settings: how they were read, for the processor that is saved beside a new model.
        form: PLAIN, or the `key` of what brought them to their shape.
        again: reads the same samples for a model with other preprocessing, (N, ...) rows in their order; None for
            plain ones, which `Preprocessing.fitted` takes.
        content: (N,) `Modality.digest` of the samples as they were before they were brought to one shape; None where
            the stored rows are as they were.
        traits: what the samples were like before, counted: {"sizes": {"480x640": 12}}, most frequent first.
        damaged: {row of the split: why}, of those that the reader could not take.
    """

    values: np.ndarray
    rows: np.ndarray
    fingerprint: str
    facts: Sequence[str] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    form: str = PLAIN
    again: Callable[["Preprocessing"], np.ndarray] | None = None
    content: np.ndarray | None = None
    traits: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    damaged: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Learnt:
    """What has to be learnt from training samples before there can be a new network.

    Args:
        settings: more of `Read.settings`.
        fields: of the network's config.
    """

    settings: Mapping[str, Any]
    fields: Mapping[str, Any]


class Reader(Protocol):
    """Decodes every split of a dataset to rows of one shape, each sample once. Raises InputError."""

    def from_arrays(self, values: np.ndarray, name: str) -> Read:
        """Arrays (N, ...) as they stand in a file."""

    def from_column(self, rows: Any, column: str, name: str) -> Read:
        """A column of a `datasets` split."""


class Preprocessing(Protocol):
    """What lies between stored rows and one model.

    Attributes:
        ours: the model is of one of our families.
        processor: is saved beside the model.
        on_device: from `Modality.to_model`'s arguments to the model's own, a module without weights to train.
        key: changes with all that decides what `fitted` gives; rows of this form are fitted already.
        fitting: what becomes of samples of another shape, for the card; None where there is nothing to say.
    """

    ours: bool
    processor: Any
    on_device: nn.Module
    key: str
    fitting: str | None

    def fitted(self, values: np.ndarray) -> np.ndarray:
        """Plain stored rows (N, ...) in the shape that the model takes."""


class Embedder(Protocol):
    """Whatever makes one vector a sample: a network, trained or not, or a floor of a kind of input."""

    def fit(self, unlabelled: np.ndarray) -> None:
        """Learn from stored rows (N, ...) of training samples, without labels; most have nothing to learn."""

    def embed(self, values: np.ndarray) -> np.ndarray:
        """Stored rows (N, ...) -> (N, D) float."""

    @property
    def cost(self) -> int:
        """Numbers that it has to keep to embed."""


@dataclass(frozen=True)
class Changes:
    """Random changes of training samples that keep what they mean; each takes and gives a model's arguments.

    Args:
        kinds: what may be asked for by name.
        augment: as the given kinds say.
        weaken, strengthen: for pseudo-labels: a small change, and a large one.
        mixup: blends samples, and their targets (B, L) alike, with a share drawn from Beta(alpha, alpha).
        standard: kinds that the networks of the report are trained with, from scratch and fine-tuned alike.
    """

    kinds: tuple[str, ...]
    augment: Callable[[Inputs, Sequence[str]], Inputs]
    weaken: Callable[[Inputs, Sequence[str]], Inputs]
    strengthen: Callable[[Inputs, Sequence[str]], Inputs]
    mixup: Callable[[Inputs, Tensor, float], tuple[Inputs, Tensor]]
    standard: tuple[str, ...] = ()


@dataclass(frozen=True)
class Modality:
    """One kind of input.

    Args:
        name: as families name it.
        words: for people.
        input_name: the models' argument.
        other_inputs: what networks of transformers call theirs, where that is another word.
        array_name: the array of a .npz file that holds the samples.
        shape_fields: fields of a config that say what a model takes.
        shape_of: stored rows -> those fields of a new network's config.
        likely_shapes: what the data may say of a new network, unlike ones, by which a config is tried before any are
            read; what all of them refuse alike is wrong for any data.
        fits: is this `datasets` feature a column of ours?
        may_hold: can it be one, if the user says so?
        reader: (shape fields wanted of a new network, options, the model's preprocessing if there is one) -> a
            `Reader`.
        to_model: stored rows on the device -> the model's arguments.
        preprocessing: (checkpoint or None, revision, config, settings of `Read` that its processor is to have) -> its
            `Preprocessing`.
        advise: looks at a new network's config before it is built; may say something, or raise InputError.
        changes: random ones, while training.
        raw: stored rows -> (N, D) float32, the report's floor without a network, and what principal components are
            taken of; None for a kind whose samples are no vectors.
        floors: more of them by the name that methods of the report begin with: "stats" serves "stats_knn" and
            "stats_linear", which stand in the protocol's table.
        beside: the one of `floors` that knows what an embedding leaves out, so that both together are a method of the
            report; None for none.
        floor_fits: (name, stored rows) -> whether that floor is one for samples like these.
        show: draws originals over reconstructions (path, originals, reconstructions, hidden), both as the model has
            them; hidden, True for parts that the model did not see, is broadcast to them, or None.
        show_samples: draws samples as the model has them, in rows, with a caption above each or none (path, samples,
            captions, columns).
        describe: (config) -> what the model takes, in words.
        auto_classes: of transformers: for a classifier, for a processor.
        tasks: of the Hub, for "encoder" and "classifier".
        example: Python that uses a published model, for both; MODEL_ID stands for its name.
        endings: of files that are samples, in lower case with the dot.
        foreign: endings of files that are samples once they are written as another file, by (path, path to write).
        feature: the `datasets` type of a column of such files, not decoded.
        cell: a sample in memory as such a file, {"bytes", "path"}; None if it is none.
        digest: stored rows -> (N,) uint64, equal for equal samples alone, whatever kind of file held them. What is
            held out follows from it.
        near_hash: stored rows -> (N,) uint64, in few bits another for samples that look or sound the same; None where
            there is none, for this kind or these rows.
        goes_on: arguments of `pretrain` for going on from a published model on one's own samples; None where no
            family does.
        routes: ways to an encoder that `try` holds against each other, by name: arguments of `pretrain`, of which
            `goes_on` is one more where there is a published model, with each `config` of the routes of its family.
        smaller: (shape of a stored row, fields of a config) -> fields that make a network's input half as large, which
            is quicker; None where it should be no smaller.
        passes: over the samples, below which a network that begins from nothing has hardly begun to learn.
        input_sizes: (input side of a network that is not ours, shape of a stored row, `Read.traits`) -> sides to
            try for it, ascending, its own among them; None where inputs have no side.
        first_run: (shape of a stored row, samples) -> arguments of `pretrain` for a first run on data of one's own,
            `recipe` and `config` among them; what is left out is the family's default.
        in_cells: a column holds samples themselves, never names of their files; tables of them are datasets.
        many: (file of a kind in `endings`, options) -> the samples in it, one a line; None where a file is always one.
        number_columns: (names of a table's columns, its first row) -> those that hold samples as numbers; None for a
            kind that no table holds so.
        of_number_columns: ({one of these: its cells}, name of the table) -> (N, ...) samples.
        twins: {family of another kind of input: the family that is meant where samples are of this kind}; else the one
            that is called KIND_FAMILY.
        column_names: the usual ones of columns of samples, the first that is there is taken where several fit.
        learn: (plain training rows, tokenizer, size of its vocabulary, revision) -> what a new network needs of them;
            None where there is nothing to learn.
        lengths: stored rows as a model takes them -> (N,) `words.parts` of each, by which batches are put together;
            None where all have the same.
        processor_files: what `processor.save_pretrained` writes.
        features: what a classifier's head is given -> (B, D).
    """

    name: str
    words: Words
    input_name: str
    array_name: str
    shape_fields: tuple[str, ...]
    shape_of: Callable[[np.ndarray], dict[str, Any]]
    fits: Callable[[Any], bool]
    may_hold: Callable[[Any], bool]
    reader: Callable[[Mapping[str, Any], DataArguments, Preprocessing | None], Reader]
    to_model: Callable[[Tensor], Inputs]
    preprocessing: Callable[[str | None, str | None, Any, Mapping[str, Any]], Preprocessing]
    advise: Callable[[Any], None]
    changes: Changes
    raw: Callable[[np.ndarray], np.ndarray] | None
    show: Callable[[Path, np.ndarray, np.ndarray, np.ndarray | None], None]
    show_samples: Callable[[Path, np.ndarray, Sequence[str] | None, int], None]
    describe: Callable[[Any], str]
    auto_classes: tuple[str, str]
    tasks: Mapping[str, str]
    example: Mapping[str, str]
    endings: frozenset[str] = frozenset()
    foreign: Mapping[str, Callable[[str, Path], None]] = field(default_factory=dict)
    feature: Callable[[], Any] | None = None
    cell: Callable[[Any], dict[str, Any] | None] = lambda value: None
    digest: Callable[[np.ndarray], np.ndarray] = digests_of
    near_hash: Callable[[np.ndarray], np.ndarray | None] | None = None
    floors: Mapping[str, Callable[[], Embedder]] = field(default_factory=dict)
    floor_fits: Callable[[str, np.ndarray], bool] = lambda name, values: True
    goes_on: Mapping[str, Any] | None = None
    routes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    passes: int = 30
    smaller: Callable[[tuple[int, ...], Mapping[str, Any]], dict[str, Any] | None] = lambda shape, config: None
    first_run: Callable[[tuple[int, ...], int], Mapping[str, Any]] | None = None
    input_sizes: Callable[[int, tuple[int, ...], Mapping[str, Mapping[str, int]]], list[int]] | None = None
    likely_shapes: tuple[Mapping[str, Any], ...] = ()
    other_inputs: tuple[str, ...] = ()
    beside: str | None = None
    in_cells: bool = False
    many: Callable[[Path, DataArguments], list[Any]] | None = None
    number_columns: Callable[[Sequence[str], Mapping[str, Any]], list[str]] | None = None
    of_number_columns: Callable[[Mapping[str, Any], str], np.ndarray] | None = None
    column_names: tuple[str, ...] = ()
    twins: Mapping[str, str] = field(default_factory=dict)
    learn: Callable[[np.ndarray, str, int, str | None], Learnt] | None = None
    lengths: Callable[[np.ndarray], np.ndarray] | None = None
    processor_files: tuple[str, ...] = ("preprocessor_config.json",)
    features: Callable[[Tensor], Tensor] = lambda given: given.flatten(1)

    def require_changes(self, kinds: Sequence[str], also: str = "") -> None:
        """Raise InputError for a kind of change that there is none of for samples like these.

        Args:
            kinds: names that were given.
            also: what else may be said.
        """
        unknown = [kind for kind in kinds if kind not in self.changes.kinds]
        if unknown:
            raise InputError(
                f"augmentation {unknown[0]!r} is unknown for {self.words.many}: expected {also}some of "
                f"{', '.join(self.changes.kinds)}."
            )

    def record(self) -> dict[str, Any]:
        """What run.json keeps of it, for the card."""
        return {
            "name": self.name,
            "words": self.words.record(),
            "tasks": dict(self.tasks),
            "example": dict(self.example),
        }
