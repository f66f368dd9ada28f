"""Which labelled samples a draw has: stratified, and the same for whoever asks."""

import numpy as np

from ..errors import InputError
from ..protocol import PROTOCOL
from ..randomness import seed_for


def draw_rows(labels: np.ndarray, names: list[str], count: int | str, draw: int) -> np.ndarray:
    """The labelled samples of one draw, the same for whoever asks.

    Args:
        labels: (N,) class numbers of the training split.
        names: of the classes.
        count: samples of each class, or "all".
        draw: its number, from 0. A larger count of the same draw holds the smaller one.

    Returns:
        (count * L,) sorted row numbers.

    Raises:
        InputError: a class has fewer samples.
    """
    if count == "all":
        return np.arange(len(labels))
    check_count(labels, names, count)
    rng = np.random.default_rng(seed_for(PROTOCOL.seed, "draw", draw))
    return np.sort(np.concatenate([rng.permutation(rows)[:count] for rows in _by_class(labels)]))


def check_count(labels: np.ndarray, names: list[str], count: int) -> None:
    """Raise InputError unless every class that occurs among labels (N,) has `count` samples."""
    sizes = {names[labels[rows[0]]]: len(rows) for rows in _by_class(labels)}
    poorest = min(sizes, key=sizes.get)
    if sizes[poorest] < count:
        raise InputError(
            f"labels_per_class is {count}, but class {poorest!r} has only {sizes[poorest]} training samples. "
            f"The largest possible number is {sizes[poorest]}."
        )


def hold_out(labels: np.ndarray, draw: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Split one draw's samples to choose hyper-parameters by.

    Args:
        labels: (N,) of the drawn samples.
        draw: its number.

    Returns:
        (rows to fit, rows to judge by), stratified; None if a class has only one sample.
    """
    groups = _by_class(labels)
    if min(map(len, groups)) < 2:
        return None
    rng = np.random.default_rng(seed_for(PROTOCOL.seed, "held out", draw))
    held = [rng.permutation(rows)[: max(1, round(PROTOCOL.held_out * len(rows)))] for rows in groups]
    judged = np.sort(np.concatenate(held))
    return np.setdiff1d(np.arange(len(labels)), judged), judged


def draws_of(count: int | str, draws: int) -> range:
    """The draws of a cell: with all labels there is one set of them, and everything is computed once."""
    return range(1 if count == "all" else draws)


def _by_class(labels: np.ndarray) -> list[np.ndarray]:
    return [np.flatnonzero(labels == label) for label in np.unique(labels)]
