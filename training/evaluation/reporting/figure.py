"""The figure of a report: a score against number of labels."""

from pathlib import Path

import numpy as np

from ...modalities.figures import new_figure, save_figure
from ...protocol import TABLE


def draw_few_labels(
    path: Path,
    found: dict[str, dict[tuple[str, int | str], list[float]]],
    counts: list[int | str],
    chance: tuple[float, str],
    labels_all: int,
    title: str,
    raw: str,
    metric: str = "accuracy",
    note: str | None = None,
) -> None:
    """Scores against number of labels: a panel for each model, bands of one sd over the draws.

    Args:
        found: by model, scores in per cent by (method, labels per class).
        counts: labels per class, ascending, possibly with "all" at the end.
        chance: what an answer that looks at no sample comes to, and which answer that is.
        labels_all: labels per class that "all" stands for.
        title: above it.
        raw: what a sample is without a network, such as "raw pixels".
        metric: what scores are called.
        note: what it is of, kept in the file.
    """
    figure = new_figure(6.2 * len(found) + 2.6, 5)
    places = [labels_all if count == "all" else count for count in counts]
    panels = figure.subplots(1, len(found), sharey=True, squeeze=False)[0]
    for panel, (model, accuracies) in zip(panels, found.items(), strict=True):
        for method in TABLE:
            points = [
                (x, accuracies[method.key, c])
                for x, c in zip(places, counts, strict=True)
                if (method.key, c) in accuracies
            ]
            if not points:
                continue
            x, means = [p[0] for p in points], np.array([np.mean(p[1]) for p in points])
            sds = np.array([np.std(p[1], ddof=1) if len(p[1]) > 1 else np.nan for p in points])  # NaN: no band there
            floor, colour = method.floor, method.colour
            panel.fill_between(x, means - sds, means + sds, color=colour, alpha=0.08 if floor else 0.18, linewidth=0)
            panel.plot(
                x, means, linestyle=method.line, marker=method.marker, color=colour,
                label=method.short.format(raw=raw), markersize=6 - 1.5 * floor,
                markerfacecolor="white" if floor else colour, linewidth=1.1 if floor else 2, zorder=2 if floor else 3,
            )  # fmt: skip
        panel.axhline(chance[0], color="black", linestyle=(0, (1, 4)), linewidth=1, label=chance[1])
        panel.set_xscale("log")
        panel.set_xticks(places, ["all" if c == "all" else str(c) for c in counts])
        panel.minorticks_off()
        panel.set_xlabel("labels per class")
        panel.set_title(model if len(found) > 1 else "", fontsize=10)
        panel.grid(alpha=0.25)
    figure.suptitle(title, fontsize=10)
    panels[0].set_ylabel(f"test {metric} in %")
    # not every method is measured for every model: the legend is of all panels
    lines = {name: line for panel in panels for line, name in zip(*panel.get_legend_handles_labels(), strict=True)}
    lines[chance[1]] = lines.pop(chance[1])  # at the end
    panels[-1].legend(
        lines.values(), lines.keys(), fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False
    )
    save_figure(figure, path, note)
