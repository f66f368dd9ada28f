"""The protocol of `pretune evaluate`: every constant that a number depends on, in one place.

A changed constant is a new protocol: raise `version`. The version stands in every file `evaluate` writes, and numbers
of different versions are never compared (`tests/training/test_protocol.py` holds the constants to their version). The
rule by which accuracies become a verdict has a version of its own, beside it in `verdict.py`.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Method:
    """One way to classify with few labels, and how it is shown.

    Args:
        key: its name in reports and on the command line.
        words: in a sentence; {raw} stands for what a floor without a network sees.
        short: in the legend of a figure.
        colour, line, marker: there; told apart without colour: filled markers and solid lines are the model's.
        own: it uses the pretrained model.
        floor: it uses no pretrained network, and its figure says whether one is worth anything.
        must_be_beaten: without it no count says that pretraining helped.
        trains: a whole network is trained; all others fit something to features that stay as they are.
        extra: of the installation, without which there is none; "" where everybody has it.
    """

    key: str
    words: str
    short: str
    colour: str
    line: Any
    marker: str
    own: bool = False
    floor: bool = False
    must_be_beaten: bool = False
    trains: bool = False
    extra: str = ""


BESIDE = "beside_linear"  # takes the floor that a kind of input names for it


def _floor(name: str, words: str, short: str, colour: str, line: Any) -> tuple[Method, Method]:
    """A floor of one kind of input, by the nearest neighbour and by a linear model."""
    return (
        Method(
            f"{name}_knn", f"1-NN on {words}", f"floor: 1-NN, {short}", colour, line, "^",
            floor=True, must_be_beaten=True,
        ),
        Method(
            f"{name}_linear", f"a linear model on {words}", f"floor: linear, {short}", colour, line, "s",
            floor=True, must_be_beaten=True,
        ),
    )  # fmt: skip


TABLE = (
    Method("knn", "1-NN on the embedding", "1-NN on the embedding", "#7fb2e5", "-", "^", own=True),
    Method(
        "linear", "a linear probe on the embedding", "linear probe on the embedding", "#1f77d0", "-", "s", own=True
    ),
    Method(
        "self_training", "self-training on the embedding", "self-training on the embedding", "#5e3fa0", "-", "D",
        own=True,
    ),
    Method(
        BESIDE, "a linear probe on the embedding beside a floor's vector", "linear probe, embedding beside floor",
        "#2a9d8f", "-", "P", own=True,
    ),
    Method("finetune", "fine-tuning", "fine-tuned", "#0b3c8c", "-", "o", own=True, trains=True),
    Method("scratch", "the same network from scratch", "same network from scratch", "#c0392b", "-.", "X", trains=True),
    Method("raw_knn", "1-NN on {raw}", "floor: 1-NN, {raw}", "#555555", "--", "^", floor=True, must_be_beaten=True),
    Method(
        "raw_linear", "a linear model on {raw}", "floor: linear, {raw}", "#555555", "--", "s",
        floor=True, must_be_beaten=True,
    ),
    Method(
        "pca_knn", "1-NN on principal components", "floor: 1-NN, PCA", "#999999", ":", "^",
        floor=True, must_be_beaten=True,
    ),
    Method(
        "pca_linear", "a linear model on principal components", "floor: linear, PCA", "#999999", ":", "s",
        floor=True, must_be_beaten=True,
    ),
    *_floor("tfidf", "words by their rarity (tf-idf)", "tf-idf", "#555555", "--"),
    *_floor("lsa8", "latent semantic analysis, 8 numbers", "LSA-8", "#8a8a8a", "-."),
    *_floor("lsa50", "latent semantic analysis, 50 numbers", "LSA-50", "#999999", ":"),
    *_floor("lsa256", "latent semantic analysis, 256 numbers", "LSA-256", "#b3b3b3", (0, (3, 1, 1, 1))),
    Method(
        "stats_knn", "1-NN on mean and spread of each band", "floor: 1-NN, mean and spread", "#777777", "-.", "^",
        floor=True, must_be_beaten=True,
    ),
    Method(
        "stats_linear", "a linear model on mean and spread of each band", "floor: linear, mean and spread", "#777777",
        "-.", "s", floor=True, must_be_beaten=True,
    ),
    Method(
        "stretched_knn", "1-NN on clips of one length", "floor: 1-NN, one length", "#aaaaaa", (0, (3, 1, 1, 1)), "^",
        floor=True, must_be_beaten=True,
    ),
    Method(
        "stretched_linear", "a linear model on clips of one length", "floor: linear, one length", "#aaaaaa",
        (0, (3, 1, 1, 1)), "s", floor=True, must_be_beaten=True,
    ),
    Method(
        "scattering_linear", "a linear model on time scattering", "floor: linear, time scattering", "#555577",
        (0, (5, 2)), "D", floor=True, extra="scattering",
    ),
    Method(
        "patches_linear", "a linear model on whitened patches", "floor: linear, whitened patches", "#2e8b57",
        (0, (5, 2)), "D", floor=True,
    ),
    Method(
        "untrained_knn", "1-NN on an untrained encoder", "floor: 1-NN, untrained encoder", "#b8860b",
        (0, (5, 1, 1, 1)), "^", floor=True,
    ),
    Method(
        "untrained_linear", "a linear probe on an untrained encoder", "floor: linear, untrained encoder", "#b8860b",
        (0, (5, 1, 1, 1)), "s", floor=True,
    ),
)  # fmt: skip
METHODS = tuple(method.key for method in TABLE if not method.floor)
FLOORS = tuple(method.key for method in TABLE if method.floor)
OF_THE_MODEL = tuple(method.key for method in TABLE if method.own)
MUST_BE_BEATEN = tuple(method.key for method in TABLE if method.must_be_beaten)
TRAINED = tuple(method.key for method in TABLE if method.trains)
EXTRAS = {method.key: method.extra for method in TABLE if method.extra}


def words_of_methods(raw: str) -> dict[str, str]:
    """{method: how a sentence names it}; `raw` is what a sample is without a network, such as "raw pixels"."""
    return {method.key: method.words.format(raw=raw) for method in TABLE}


def name_in_table(method: str, words: Mapping[str, str]) -> str:
    """How a table names a method, by `words_of_methods`; floors are called so."""
    return "floor: " * (method in FLOORS) + words[method]


@dataclass(frozen=True)
class Protocol:
    """How accuracy, or another score, with few labels is measured.

    The labelled samples of a draw are stratified and the same for every method and model; every choice of a
    hyper-parameter is made by accuracy on a held-out, stratified part of these samples alone (the default wins
    ties), and the chosen one is fitted to all of them. With one label per class the default is taken. Test samples
    serve only to count. With several labels a sample a draw gives each label its count, and the choice is made by mean
    average precision. Groups, where they are named, are drawn one after another, and none is on both sides of a
    held-out part.

    Args:
        version: raised with any change below, or of what the words here mean.
        labels_per_class, draws: what is reported unless the user asks for other ones.
        seed: of the draws, of held-out parts, initial weights and the order of batches.
        test_split: which samples are counted; the held-out part has a version of its own, in `data/holding_out.py`,
            since numbers on a test split do not depend on it. It stands beside them where samples were held out.
        neighbours, distance: of the nearest-neighbour vote, on features as they are.
        standardisation: of features before the linear probe; their statistics come from the reference samples.
        reference_samples: training samples, without labels, for these statistics and the health of the embedding.
        penalties: of the linear probe, softmax regression: the inverse of scikit-learn's C. The middle one is the
            default.
        probe_iterations: of L-BFGS, at most.
        self_training_rounds: in each, of the reference samples without a label in this draw, the surer half of each
            class as the linear probe sees them joins the labelled ones.
        pca_values: PCA is fitted to all training samples, without labels, or to a draw of as many as have this many
            numbers together.
        raw_size: raw images larger than this are averaged down to it, in pixels.
        learning_rates: of fine-tuning and from scratch alike (Adam); the middle one is the default.
        schedule: of the learning rate, and weight decay and augmentation; the report names the kinds that were used.
        steps, epochs: a network is trained for the larger of both, in batches of batch_size; all labels at once in
            batches of batch_size_all.
        held_out: share of the labelled samples by which hyper-parameters are chosen.
        calibration_bins: of the calibration error, of equal width over the chance that a classifier gives its answer.
        confidence: of intervals of paired differences (Student's t); in the verdict corrected for the number of
            comparisons (Bonferroni).
    """

    version: int = 1
    labels_per_class: tuple[int | str, ...] = (1, 5, 10, 100, "all")
    draws: int = 5
    seed: int = 0
    test_split: str = "the test split, else validation, else a part held out of the training split"
    neighbours: int = 1
    distance: str = "euclidean"
    standardisation: str = "mean 0, and all features divided by the largest sd among them"
    reference_samples: int = 10_000
    penalties: tuple[float, ...] = (0.1, 1.0, 10.0)
    probe_iterations: int = 200
    self_training_rounds: int = 3
    pca_values: int = 200_000_000
    raw_size: int = 64
    learning_rates: tuple[float, ...] = (3e-4, 1e-3, 3e-3)
    schedule: str = "linear to 0 without warm-up; no weight decay; augmentation for sound, and for nothing else"
    steps: int = 1000
    epochs: int = 10
    batch_size: int = 32
    batch_size_all: int = 128
    held_out: float = 0.2
    calibration_bins: int = 15
    confidence: float = 0.95

    def record(self) -> dict[str, Any]:
        """As it is written beside the numbers."""
        return dataclasses.asdict(self)


PROTOCOL = Protocol()


def default_first(grid: tuple[float, ...]) -> list[float]:
    """A grid with its default, the middle, in front: it is taken where nothing can be held out, and wins ties."""
    return sorted(grid, key=lambda value: value != grid[len(grid) // 2])
