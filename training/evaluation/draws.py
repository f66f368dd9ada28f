"""Which labelled samples a draw has: stratified, and the same for whoever asks.

Labels are (N,) class numbers or, several at once, (N, L) zeros and ones; groups (N,) strings, what samples belong to.
"""

import numpy as np

from ..data.samples import shuffled, whole_groups
from ..errors import InputError
from ..protocol import PROTOCOL
from ..randomness import seed_for


def draw_rows(
    labels: np.ndarray,
    names: list[str],
    count: int | str,
    draw: int,
    groups: np.ndarray | None = None,
    allow_short: bool = False,
) -> np.ndarray:
    """The labelled samples of one draw, the same for whoever asks, from (N,) or (N, L) labels.

    With several labels at once every label, and having none, comes to at least `count` samples: the rarest first, and
    none is drawn for a label that has enough. With groups, samples of one group are drawn one after another.

    Args:
        labels: of the training split.
        names: of the classes.
        count: samples of each class, or "all".
        draw: its number, from 0. A larger count of the same draw holds the smaller one.
        groups: of the training split.
        allow_short: a class with fewer samples gives all that it has.

    Returns:
        (n,) sorted row numbers; n is count * L with one label a sample.

    Raises:
        InputError: a class has fewer samples.
    """
    if count == "all":
        return np.arange(len(labels))
    if not allow_short:
        check_count(labels, names, count)
    rng = np.random.default_rng(seed_for(PROTOCOL.seed, "draw", draw))
    if labels.ndim == 2:
        return _rows_of_several(labels, count, shuffled(np.arange(len(labels)), groups, rng))
    return np.sort(np.concatenate([shuffled(rows, groups, rng)[:count] for rows in _by_class(labels)]))


def _rows_of_several(labels: np.ndarray, count: int, order: np.ndarray) -> np.ndarray:
    """Round by round, so that fewer give a part of what more give: in the k-th each label comes to k samples."""
    members = _with_none(labels)[order]  # (N, L + 1), in the order in which they are drawn
    members = members[:, np.argsort(members.sum(0), kind="stable")]
    places = [np.flatnonzero(column) for column in members.T]
    taken, have = np.zeros(len(order), dtype=bool), np.zeros(len(places), dtype=np.int64)
    for wanted in range(1, count + 1):
        for label, own in enumerate(places):
            for place in own if have[label] < wanted else ():
                if not taken[place]:
                    taken[place] = True
                    have += members[place]
                    if have[label] >= wanted:
                        break
    return np.sort(order[taken])


def _with_none(labels: np.ndarray) -> np.ndarray:
    """(N, L) zeros and ones -> (N, L + 1) bool: the last column is of rows without any label."""
    labels = labels > 0
    return np.column_stack([labels, ~labels.any(1)])


def check_count(labels: np.ndarray, names: list[str], count: int) -> None:
    """Raise InputError unless every class that occurs in (N,) or (N, L) labels has `count` samples."""
    sizes = class_sizes(labels, names)
    poorest = min(sizes, key=sizes.get)
    if sizes[poorest] < count:
        raise InputError(
            f"labels_per_class is {count}, but class {poorest!r} has only {sizes[poorest]} training samples. "
            f"The largest possible number is {sizes[poorest]}; with --allow_short_classes such a class gives all it "
            f"has."
        )


def class_sizes(labels: np.ndarray, names: list[str]) -> dict[str, int]:
    """{class or label: samples} of those that occur in (N,) or (N, L) labels."""
    if labels.ndim == 2:
        return {name: int(size) for name, size in zip(names, (labels > 0).sum(0), strict=True) if size}
    return {names[labels[rows[0]]]: len(rows) for rows in _by_class(labels)}


def hold_out(labels: np.ndarray, draw: int, groups: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray] | None:
    """Split one draw's samples, with (N,) or (N, L) labels, to choose hyper-parameters by.

    Args:
        labels: of the drawn samples.
        draw: its number.
        groups: of the drawn samples; none is on both sides.

    Returns:
        (rows to fit, rows to judge by), stratified; None if a class has only one sample, or nothing can be spared.
    """
    rng = np.random.default_rng(seed_for(PROTOCOL.seed, "held out", draw))
    if labels.ndim == 2:
        judged = _spared(_with_none(labels), rng, groups)
    elif groups is not None:
        judged = whole_groups(groups, _by_class(labels), PROTOCOL.held_out, rng)
    else:
        classes = _by_class(labels)
        if min(map(len, classes)) < 2:
            return None
        held = [rng.permutation(rows)[: max(1, round(PROTOCOL.held_out * len(rows)))] for rows in classes]
        judged = np.sort(np.concatenate(held))
    if len(judged) == 0:
        return None
    return np.setdiff1d(np.arange(len(labels)), judged), judged


def _spared(members: np.ndarray, rng: np.random.Generator, groups: np.ndarray | None) -> np.ndarray:
    """About PROTOCOL.held_out of the rows (n, L + 1), whole groups of them, none with the last sample of a label that
    is left to fit."""
    names = np.arange(len(members)) if groups is None else groups
    left, wanted, judged = members.sum(0), round(PROTOCOL.held_out * len(members)), []
    _, number = np.unique(names, return_inverse=True)
    for group in rng.permutation(number.max() + 1):
        rows = np.flatnonzero(number == group)
        mine = members[rows].sum(0)
        if len(judged) < wanted and (left - mine)[mine > 0].min(initial=1) > 0:
            left, judged = left - mine, [*judged, *rows]
    return np.sort(np.asarray(judged, dtype=np.int64))


def draws_of(count: int | str, draws: int) -> range:
    """The draws of a cell: with all labels there is one set of them, and everything is computed once."""
    return range(1 if count == "all" else draws)


def _by_class(labels: np.ndarray) -> list[np.ndarray]:
    return [np.flatnonzero(labels == label) for label in np.unique(labels)]
