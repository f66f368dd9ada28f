"""The record of an inspection as people read it."""

from collections.abc import Iterable, Mapping
from typing import Any

from ..files.left_out import shortened
from ..modalities.modality import Words
from .advice import Advice, duration

MANY = 30  # classes, sizes or files that are named


def told(record: Mapping[str, Any], words: Words) -> str:
    """What each split is like and what the splits have in common, a line each.

    Args:
        record: see `inspect.json`.
        words: of the modality.
    """
    lines = [line for name, facts in record["splits"].items() for line in _split(name, facts, words)]
    lines += [f"{facts['of']} and {facts['in']}: {_overlap(facts, words)}" for facts in record["overlaps"]]
    if record["group_columns"] and not any(facts["groups"] for facts in record["splits"].values()):
        names = ", ".join(record["group_columns"])
        lines.append(f"if {words.many} belong together by column {names}: --group_column keeps them on one side")
    return "\n".join(lines)


def _split(name: str, facts: Mapping[str, Any], words: Words) -> Iterable[str]:
    stored = f", stored as {'x'.join(map(str, facts['stored_as']))}" if facts["stored_as"] else ""
    yield f"{name}: {facts['samples']:,} {words.many}{stored}"
    if facts["classes"]:
        counts = sorted(facts["classes"].items(), key=lambda item: -item[1])
        yield f"  classes: {shortened([f'{label} {count:,}' for label, count in counts], MANY)}"
    if facts["labels_are"]:
        yield f"  labelled: {facts['labelled']:,}, unlabelled: {facts['unlabelled']:,}"
    for trait, counts in facts["traits"].items():
        yield f"  {trait}: {shortened([f'{value} {count:,}' for value, count in counts.items()], MANY)}"
    if "values" in facts:
        yield from _values(facts["values"], words)
    same, otherwise = facts["duplicates"], facts["labelled_otherwise"]
    if same or facts["near_duplicates"]:
        text = f"  duplicates: {same:,} the same as an earlier {words.one}, {facts['near_duplicates']:,} nearly"
        yield text + (f"; {otherwise:,} with another label" if otherwise else "")
    else:
        yield "  duplicates: none"
    if facts["groups"]:
        yield f"  groups: {', '.join(f'{key} {count:,}' for key, count in facts['groups'].items())}"
    if facts["damaged"]:
        damaged = [f"{one['file']} ({one['why']})" for one in facts["damaged"]]
        yield f"  damaged and left out, {len(damaged)}: {shortened(damaged)}"


def _values(values: Mapping[str, Any], words: Words) -> Iterable[str]:
    spread = values["histogram"]
    shares = " ".join(f"{100 * share:.0f}" for share in spread["shares"])
    yield (
        f"  values: {values['lowest']:.3g} to {values['highest']:.3g}, mean {values['mean']:.3g}; per cent in each "
        f"tenth of {spread['from']:.3g} to {spread['to']:.3g}: {shares}"
    )
    if values["of_one_value"]:
        yield f"  {values['of_one_value']:,} of {values['looked_at']:,} {words.many} are of one value throughout"


def _overlap(facts: Mapping[str, Any], words: Words) -> str:
    parts = [f"{facts['same']:,} {words.many} are in both", f"{facts['nearly']:,} nearly"]
    if "groups" in facts:
        parts.append(f"{facts['groups']:,} of a group of both")
    return ", ".join(parts)


def told_advice(advice: Advice) -> str:
    """The command of a first run and what it takes here."""
    lines = ["a first run:", f"  {advice.command}"]
    if advice.trial is not None:
        t = advice.trial
        lines.append(
            f"  about {duration(t.seconds)} for {t.total_steps:,} steps of {t.batch_size} and {_bytes(t.memory)} of "
            f"memory here ({t.device}; {t.parameters:,} weights; measured on {t.steps} step{'s' * (t.steps > 1)} of "
            f"{t.seconds_a_step:.3g} s)"
        )
    lines += [f"  {note}" for note in advice.notes]
    if advice.following:
        lines += ["then:", *(f"  {command}" for command in advice.following)]
    return "\n".join(lines)


def _bytes(count: int) -> str:
    return f"{count / 2**30:.1f} GB" if count >= 2**30 else f"{count / 2**20:.0f} MB"
