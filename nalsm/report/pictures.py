"""The pictures of a report: from arrays to matplotlib figures, without pyplot and its global state.

The colours are those of Okabe and Ito, which people with any kind of colour blindness can tell apart.
"""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from nalsm.evaluation.paper import Published
from nalsm.runs.record import best_cycle
from nalsm.storage.files import replacing

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILION, PURPLE = "#0072B2", "#D55E00", "#CC79A7"  # (the yellow is too pale for lines on white)
SPLIT_STYLES = {
    "train": ("training", GREEN, (0, (1, 1))),
    "valid": ("validation", ORANGE, (0, (5, 1.5))),
    "test": ("test", BLUE, "-"),
}
RUN_COLOURS = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, BLACK)  # of several runs, in their order
GREY = "0.45"
WIDTH = 6.2  # inches: wide enough for a page, and still legible when a phone shrinks it
DPI = 160
_MOST_LAYERS = 20
_STYLE = {"titlesize": 12, "labelsize": 12, "ticksize": 11}


def png(figure: Figure) -> bytes:
    """Return a figure as PNG, without the date and the name of the program."""
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=DPI, metadata={"Software": None})
    return image.getvalue()


def save(figure: Figure, path: Path) -> None:
    """Write a figure as a PNG file, whole."""
    with replacing(path) as temporary:
        temporary.write_bytes(png(figure))


def new_figure(height: float) -> Figure:
    """Return an empty figure as wide as a page; `height` in inches."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def tidy(axes: Axes, xlabel: str = "", ylabel: str = "", title: str = "") -> None:
    """Set labels and title in the common style."""
    axes.set_xlabel(xlabel, fontsize=_STYLE["labelsize"])
    axes.set_ylabel(ylabel, fontsize=_STYLE["labelsize"])
    if title:
        axes.set_title(title, fontsize=_STYLE["titlesize"], loc="left")
    axes.tick_params(labelsize=_STYLE["ticksize"])
    axes.spines[["top", "right"]].set_visible(False)


def legend(axes: Axes, **options: Any) -> None:
    """Add a legend in the common style; options as in matplotlib."""
    axes.legend(**{"fontsize": 11, "frameon": False, **options})


# ---- one run -------------------------------------------------------------------------------------


def accuracy(accuracies: Mapping[str, np.ndarray], published: float | None = None) -> Figure:
    """Accuracy after each cycle; accuracies: fractions by split, [cycles]; published: mean in percent."""
    figure = new_figure(4.6)
    axes = figure.add_subplot()
    best = best_cycle(accuracies["valid"])
    cycles = np.arange(1, len(accuracies["valid"]) + 1)
    for split, (name, colour, dashes) in SPLIT_STYLES.items():
        axes.plot(
            cycles,
            100 * accuracies[split],
            color=colour,
            ls=dashes,
            lw=1.8,
            label=name,
            marker="." if len(cycles) < 15 else "",
        )
    if published:
        axes.axhline(published, color=GREY, lw=1, zorder=0, label=f"published, test: {published:.2f} %")
    axes.axvline(best, color=BLACK, lw=1, ls=":")
    for split in ("valid", "test"):
        axes.plot(best, 100 * accuracies[split][best - 1], "o", ms=8, mfc="none", mec=BLACK, mew=1.4)
    axes.plot([], [], "o", ls=":", color=BLACK, ms=8, mfc="none", mew=1.4, lw=1, label=f"best validation: cycle {best}")
    reference = [] if published is None else [published]
    low, high = accuracy_range([100 * values for values in accuracies.values()], reference)
    axes.set(
        xlim=(min(0, 1 - 0.02 * len(cycles)) if len(cycles) > 1 else 0, len(cycles) * 1.02 + 0.5), ylim=(low, high)
    )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=7))
    axes.grid(axis="y", color="0.9")
    tidy(axes, "cycle over the training samples", "accuracy (%)")
    figure.legend(loc="outside upper left", ncols=2, fontsize=11, frameon=False)
    return figure


def accuracy_range(curves: Sequence[np.ndarray], references: Sequence[float] = ()) -> tuple[float, float]:
    """Return limits of the axis, in percent, that leave out the steep beginning of the curves ([cycles] each)."""
    lows = [values[len(values) // 20 :].min() for values in curves]
    highs = [values.max() for values in curves]
    low, high = min([*lows, *references]), max([*highs, *references])
    margin = max(0.08 * (high - low), 0.25)
    return max(0.0, low - margin), min(100.5, high + margin)


def raster(spikes: np.ndarray, n_exc: int, n_liquid: int) -> Figure:
    """Spikes of one sample (bool [steps, N]), and their number in each ms."""
    figure = new_figure(6.0)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(2.2, 1))
    steps = len(spikes)
    size = np.clip(2200 / n_liquid, 0.4, 6)
    for first, end, colour in ((0, n_exc, BLUE), (n_exc, n_liquid, VERMILION)):
        ms, neuron = np.nonzero(spikes[:, first:end])
        top.scatter(ms, neuron + first, s=size, c=colour, linewidths=0)
    top.axhline(n_exc - 0.5, color=BLACK, lw=0.6)
    top.set(ylim=(n_liquid - 0.5, -0.5), xlim=(-1, steps))
    tidy(top, "", "liquid neuron (number)")
    handles = [
        Line2D([], [], marker="o", ls="", color=c, label=name)
        for c, name in ((BLUE, "excitatory"), (VERMILION, "inhibitory"))
    ]
    legend(top, handles=handles, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.1, handletextpad=0.2)
    edges = np.arange(steps + 1)
    bottom.stairs(
        spikes[:, :n_liquid].sum(axis=1), edges, baseline=None, color=BLACK, lw=1.5, label="all liquid neurons"
    )
    bottom.stairs(spikes[:, n_liquid:].sum(axis=1), edges, baseline=None, color=PURPLE, lw=1.2, label="inputs")
    bottom.set_ylim(0, None)
    bottom.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    tidy(bottom, "time in the presentation (ms)", "spikes per ms")
    legend(bottom, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.1)
    return figure


def branching(factors_by_split: Mapping[str, np.ndarray], published: float | None = None) -> Figure:
    """Branching factor of each recorded sample: float [samples] by split."""
    figure = new_figure(3.8)
    axes = figure.add_subplot()
    first = 1
    markers = {"train": "^", "valid": "s", "test": "o"}
    for split, factors in factors_by_split.items():
        name, colour, _ = SPLIT_STYLES[split]
        axes.plot(np.arange(first, first + len(factors)), factors, markers[split], ms=5.5, color=colour, label=name)
        first += len(factors)
    everything = np.concatenate(list(factors_by_split.values()))
    mean = float(np.nanmean(everything))
    axes.axhline(1, color=BLACK, lw=1, ls=":", label="1: edge of chaos")
    axes.axhline(mean, color=BLUE, lw=1.4, label=f"mean: {mean:.2f}")
    if published:
        axes.axhline(published, color=GREY, lw=1.4, ls="--", label=f"published mean: {published:.2f}")
    low, high = min(np.nanmin(everything), 1, published or 1), max(np.nanmax(everything), 1, published or 1)
    axes.set(xlim=(0, first), ylim=(max(0, low - 0.15 * (high - low) - 0.02), high + 0.15 * (high - low) + 0.02))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    tidy(axes, "recorded sample (number)", "branching factor")
    legend(axes, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, columnspacing=1.2)
    return figure


def weights(groups: Mapping[str, np.ndarray], before: float, bound: float) -> Figure:
    """Histograms of weights by type of synapse.

    groups : {title: float [n]}; before : absolute value of all weights at the start; bound : largest possible value
    """
    figure = new_figure(5.6)
    panels = figure.subplots(2, 3).flat
    largest = max(bound, before)
    for axes, (title, values) in zip(panels, groups.items(), strict=False):
        both_signs = title == "input"
        low, high = (-largest, largest) if both_signs else (0, largest) if title.startswith("E") else (-largest, 0)
        low, high = weight_range(values, -before if high == 0 else before, low, high)
        edges = np.linspace(low, high, 49 if both_signs else 25)
        colour = GREEN if both_signs else BLUE if title.startswith("E") else VERMILION
        share = 100 * np.histogram(values, edges)[0] / max(len(values), 1)
        axes.stairs(share, edges, fill=True, color=colour, alpha=0.85)
        for place in {-before, before} if both_signs else {before if title.startswith("E") else -before}:
            axes.axvline(place, color=BLACK, lw=1.6, ls="--")
        margin = 0.04 * (high - low)
        axes.set(xlim=(low - margin, high + margin), ylim=(0, max(share.max(initial=0) * 1.1, 1)))
        axes.yaxis.set_major_locator(MaxNLocator(nbins=4))
        arrow = title.replace("->", " → ")
        tidy(axes, "weight", "", f"{arrow}\n{len(values):,} synapses")
    for axes in figure.axes[0::3]:
        axes.set_ylabel("synapses of the type (%)", fontsize=11)
    last = figure.axes[-1]
    last.set_axis_off()
    handles = [
        Line2D([], [], color=BLACK, lw=1.6, ls="--", label="before:\nall at this weight"),
        *(Line2D([], [], color=c, lw=8, alpha=0.85, label=name) for c, name in
          ((BLUE, "after, excitatory"), (VERMILION, "after, inhibitory"), (GREEN, "after, inputs"))),
    ]  # fmt: skip
    legend(last, handles=handles, loc="center", handlelength=1.4)
    return figure


def weight_range(values: np.ndarray, before: float, low: float, high: float) -> tuple[float, float]:
    """Return the limits of a histogram: low and high, or closer ones if all weights are close to each other."""
    if not len(values):
        return low, high
    first, last = min(values.min(), before), max(values.max(), before)
    margin = max(0.1 * (last - first), 0.01)
    return (first - margin, last + margin) if last - first < 0.3 * (high - low) else (low, high)


def confusion(matrix: np.ndarray, classes: Sequence[str], word: str) -> Figure:
    """Confusion matrix, int [classes, classes]: true class (row), predicted class (column)."""
    long = max(map(len, classes)) > 2
    figure = new_figure(6.6 if long else 6.0)
    axes = figure.add_subplot()
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", norm=PowerNorm(0.4, 0, 1))  # this power makes rare errors visible
    for row, column in np.ndindex(matrix.shape):
        if matrix[row, column]:
            colour = "white" if share[row, column] > 0.3 else "black"
            axes.text(column, row, str(matrix[row, column]), ha="center", va="center", color=colour, fontsize=10)
    numbers = range(len(classes))
    axes.set_xticks(numbers, classes, rotation=45 if long else 0, ha="right" if long else "center")
    axes.set_yticks(numbers, classes)
    tidy(axes, f"predicted {word}", f"true {word}")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return figure


def class_accuracy(matrix: np.ndarray, classes: Sequence[str], word: str) -> Figure:
    """Accuracy on each class, from a confusion matrix."""
    figure = new_figure(4.4)
    axes = figure.add_subplot()
    shown = matrix.sum(axis=1)
    percent = 100 * np.diag(matrix) / np.maximum(shown, 1)
    mean = 100 * np.trace(matrix) / max(matrix.sum(), 1)
    present = np.flatnonzero(shown)
    low = max(0, np.floor(min(percent[present].min(initial=100), mean) / 5) * 5 - 5)
    axes.grid(axis="y", color="0.9")
    axes.plot(percent[present], present, "o", color=BLUE, ms=8)
    for number in present:
        axes.annotate(f"{percent[number]:.1f}", (percent[number], number), (8, 0), textcoords="offset points",
                      va="center", fontsize=11, bbox={"fc": "white", "ec": "none", "pad": 1})  # fmt: skip
    axes.axvline(mean, color=BLACK, lw=1.2, ls="--", zorder=1, label=f"all together: {mean:.2f} %")
    axes.set(xlim=(low, 100 + 0.1 * (100 - low)), ylim=(len(classes) - 0.4, -0.6))
    axes.set_xticks([tick for tick in MaxNLocator(6).tick_values(low, 100) if low <= tick <= 100])
    axes.set_yticks(range(len(classes)), classes)
    tidy(axes, "accuracy on the test set (%)", word)
    legend(axes, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.1)
    return figure


def rates(hertz: np.ndarray, positions: np.ndarray, n_exc: int) -> Figure:
    """Mean rate of each liquid neuron (float [R]) at its grid point (int [R, 3]), layer by layer."""
    positions = np.asarray(positions, int)
    sizes = positions.max(axis=0) + 1
    depth = int(np.argmin(sizes[::-1]))  # the shortest axis, the third of equals
    order = [axis for axis in range(3) if axis != 2 - depth] + [2 - depth]
    across, down, layer = positions[:, order].T
    n_layers = sizes[order[2]]
    layers = np.unique(np.linspace(0, n_layers - 1, min(n_layers, _MOST_LAYERS)).round().astype(int))
    columns = min(len(layers), 5)
    rows = -(-len(layers) // columns)
    figure = new_figure(0.4 + rows * (0.3 + 1.0 * min(5 / columns, 2)))
    panels = np.ravel(figure.subplots(rows, columns, squeeze=False))
    top = max(float(np.percentile(hertz, 99)), 1e-9)
    names = "xyz"
    dot = min(3.5, 35 / max(sizes))
    for axes, number in zip(panels, layers, strict=False):
        grid = np.full((sizes[order[1]], sizes[order[0]]), np.nan)
        here = layer == number
        grid[down[here], across[here]] = hertz[here]
        image = axes.imshow(grid, cmap="cividis", vmin=0, vmax=top, origin="lower", interpolation="nearest")
        inhibitory = here & (np.arange(len(hertz)) >= n_exc)
        axes.plot(across[inhibitory], down[inhibitory], "o", mfc="white", mec=BLACK, ms=dot, mew=0.15 * dot)
        axes.set_title(f"{names[order[2]]} = {number}", fontsize=11)
        axes.set(xticks=[], yticks=[])
    for axes in panels[len(layers) :]:
        axes.set_axis_off()
    panels[(rows - 1) * columns].set_xlabel(f"{names[order[0]]} →", fontsize=11)
    panels[(rows - 1) * columns].set_ylabel(f"{names[order[1]]} →", fontsize=11)
    bar = figure.colorbar(image, ax=list(panels), shrink=0.9, extend="max" if hertz.max() > top else "neither")
    bar.set_label("rate (Hz)", fontsize=12)
    bar.ax.tick_params(labelsize=11)
    return figure


def times(seconds: Mapping[str, float]) -> Figure:
    """Seconds of each stage."""
    figure = new_figure(0.9 + 0.42 * len(seconds))
    axes = figure.add_subplot()
    names, values = list(seconds), list(seconds.values())
    axes.barh(names, values, color=SKY, edgecolor=BLACK, linewidth=0.8, height=0.62)
    for number, value in enumerate(values):
        axes.annotate(f"{value:,.1f} s", (value, number), (5, 0), textcoords="offset points", va="center", fontsize=11)
    axes.set_xlim(0, max([*values, 0.1]) * 1.18)
    axes.invert_yaxis()
    tidy(axes, "time (s)")
    axes.tick_params(axis="y", length=0)
    return figure


# ---- several runs --------------------------------------------------------------------------------


def comparison(rows: Sequence[tuple[str, float | None, Published | None]]) -> Figure:
    """Test accuracies side by side; rows: [(label, percent or None, published figure or None)]."""
    figure = new_figure(1.5 + 0.62 * len(rows))
    whole, near = figure.subplots(1, 2, sharey=True, width_ratios=(1, 1.5))
    places = np.arange(len(rows))
    figures = [percent for _, percent, _ in rows if percent is not None]
    for place, (_, percent, published) in zip(places, rows, strict=True):
        colour = RUN_COLOURS[place % len(RUN_COLOURS)]
        if published:
            figures += [published.mean - published.deviation, published.mean + published.deviation]
            whole.barh(place, published.mean, height=0.8, color="0.85")
            near.barh(
                place, 2 * published.deviation, left=published.mean - published.deviation, height=0.8, color="0.85"
            )
            near.plot([published.mean] * 2, [place - 0.4, place + 0.4], color=GREY, lw=1.5)
        if percent is None:
            whole.annotate("no accuracy yet", (2, place), va="center", fontsize=11)
            continue
        whole.barh(place, percent, height=0.45, color=colour, edgecolor=BLACK, linewidth=0.6)
        near.plot(percent, place, "o", ms=9, color=colour, mec=BLACK, mew=0.8)
        side = 1 if published and percent > published.mean else -1  # away from the published figure
        near.annotate(f"{percent:.2f}", (percent, place), (9 * side, 0), textcoords="offset points", va="center",
                      ha="left" if side > 0 else "right", fontsize=11)  # fmt: skip
    low, high = (min(figures), max(figures)) if figures else (0, 100)
    margin = max(0.4 * (high - low), 0.5)  # room for the numbers
    near.set_xlim(max(0, low - margin), high + margin)
    near.set_xticks([tick for tick in near.get_xticks() if near.get_xlim()[0] <= tick <= 100])
    whole.set(xlim=(0, 100), ylim=(len(rows) - 0.4, -0.75))
    whole.set_yticks(places, [label for label, *_ in rows])
    near.grid(axis="x", color="0.9")
    near.set_axisbelow(True)
    tidy(whole, "test accuracy (%)", "", "whole scale")
    tidy(near, "test accuracy (%)", "", "the same, enlarged")
    near.tick_params(axis="y", length=0)
    handles = [Line2D([], [], color="0.85", lw=9, label="published (right: mean ± standard deviation)")]
    figure.legend(handles=handles, loc="outside upper left", ncols=2, fontsize=11, frameon=False)
    return figure


def learning_curves(curves: Sequence[tuple[str, np.ndarray]]) -> Figure:
    """Validation accuracy after each cycle of several runs; curves: [(label, fractions [cycles])]."""
    figure = new_figure(3.8 + 0.12 * len(curves))
    axes = figure.add_subplot()
    dashes = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)))
    for number, (label, values) in enumerate(curves):
        style: dict[str, Any] = {"color": RUN_COLOURS[number % len(RUN_COLOURS)], "ls": dashes[number % len(dashes)]}
        axes.plot(np.arange(1, len(values) + 1), 100 * values, lw=1.7, label=label, **style)
    low, high = accuracy_range([100 * values for _, values in curves])
    axes.set(ylim=(low, high))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=7))
    axes.grid(axis="y", color="0.9")
    tidy(axes, "cycle over the training samples", "validation accuracy (%)")
    figure.legend(loc="outside upper left", ncols=2, fontsize=11, frameon=False)
    return figure
