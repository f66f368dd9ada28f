"""What to do with a report: what is best on these data, and what to try next."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ....model_cards.words import labels_in_words
from ...protocol import FLOORS, METHODS, OF_THE_MODEL
from .intervals import Accuracies, paired_difference

NEARLY_COLLAPSED = 0.03  # effective rank as a share of the embedding's units, below which it is told


def best_in_words(found: Mapping[str, Accuracies], counts: list[int | str], words: Mapping[str, str]) -> str:
    """What has the highest mean at each number of labels, be it a model or a floor, in one sentence."""
    parts: list[tuple[str, list[str]]] = []
    for count in counts:
        means = {
            (model, method): float(np.mean(of_model[method, count]))
            for model, of_model in found.items()
            for method in METHODS + FLOORS
            if of_model.get((method, count))
        }
        if not means:
            continue
        (model, method), mean = max(means.items(), key=lambda item: item[1])
        name = words[method] + (f" of {model}" if len(found) > 1 and method not in FLOORS else "")
        told = f"{labels_in_words(count)} ({mean:.1f} %)"
        if parts and parts[-1][0] == name:
            parts[-1][1].append(told)
        else:
            parts.append((name, [told]))
    if not parts:
        return ""
    return "Best here: " + "; ".join(f"{name} with {', '.join(where)}" for name, where in parts) + "."


def floors_are_best(found: Accuracies, counts: list[int | str]) -> bool:
    """Whether some floor has a higher mean than all of the model's own methods, at every number of labels."""

    def best(count: int | str, methods: tuple[str, ...]) -> float:
        return max((float(np.mean(found[m, count])) for m in methods if found.get((m, count))), default=float("-inf"))

    return all(float("-inf") < best(count, OF_THE_MODEL) < best(count, FLOORS) for count in counts)


def against_its_base(
    found: Mapping[str, Accuracies], model: str, base: str | None, counts: list[int | str], words: Mapping[str, str]
) -> str | None:
    """What a model gains over the published one that it went on from, if that is measured too: what it gains over its
    network untrained is mostly the other's."""
    pairs = [
        (count, *(found[name].get(("linear", count), []) for name in (model, base)))
        for count in counts
        if base in found and base != model
    ]
    pairs = [(count, a, b) for count, a, b in pairs if len(a) == len(b) > 1]
    if not pairs:
        return None
    told = []
    for count, a, b in pairs:
        d = paired_difference(model, base, count, a, b, len(pairs))
        told.append(f"{d.mean:+.1f} +- {d.half_width:.1f} points with {labels_in_words(count)}")
    return f"Against {base}, from which it went on, {words['linear']} has {', '.join(told)}."


def next_step(health: Mapping[str, Any], outcome: str, beaten: bool = False) -> str | None:
    """What to try for one model, as its embedding shows; None where nothing stands out.

    Args:
        health: of the embedding.
        outcome: of the verdict.
        beaten: see `floors_are_best`.
    """
    rank, units = health["effective_rank"], health["units"]
    if units >= 8 and rank < max(2.0, NEARLY_COLLAPSED * units):
        return (
            f"The embedding is nearly collapsed: its effective rank is {rank:.1f} of {units}. Pretrain longer, on "
            f"more samples, or with a lower learning rate."
        )
    if health["live_units"] < units / 2:
        return f"Only {health['live_units']} of {units} units of the embedding are live: pretrain with another seed."
    if beaten or outcome == "did not help":
        return (
            "Take what is best above as it is; or pretrain longer, on more unlabelled samples, by another family, or "
            "go on from a published model (--backbone)."
        )
    return None
