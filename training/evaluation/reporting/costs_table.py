"""The table of what candidates cost."""

from collections.abc import Mapping
from typing import Any


def costs_table(models: Mapping[str, Mapping[str, Any]], many: str) -> list[str]:
    """Lines of Markdown: what each candidate took, keeps, and takes to answer; none where nothing is known.

    Args:
        models: of the report, with `cost` and `latent_size`.
        many: what samples are called.
    """
    if not any(facts.get("cost") for facts in models.values()):
        return []
    columns = ["minutes to train", "peak memory", "parameters", "file", "width", "one alone", f"{many} a second"]
    lines = ["", "What each costs, asked on this machine:", ""]
    lines += [f"| | {' | '.join(columns)} | licence |", "|---" * (len(columns) + 2) + "|"]
    for name, facts in models.items():
        cost = facts.get("cost") or {}
        cells = [
            _shown(cost, "minutes", "{:.1f}"),
            _shown(cost, "peak_memory_mb", "{:,} MB"),
            _shown(cost, "parameters", "{:,}"),
            f"{cost['bytes'] / 1e6:.1f} MB" if cost.get("bytes") else "",
            str(facts["latent_size"]),
            _shown(cost, "milliseconds", "{:.1f} ms"),
            _shown(cost, "samples_per_second", "{:,.0f}"),
            str(cost.get("licence") or ""),
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def _shown(cost: Mapping[str, Any], key: str, form: str) -> str:
    return "" if cost.get(key) is None else form.format(cost[key])
