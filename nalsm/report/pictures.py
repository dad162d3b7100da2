"""The pictures of a report: from arrays to matplotlib figures."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from nalsm.evaluation.intervals import share_interval
from nalsm.report.drawing import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PAPER,
    PURPLE,
    RULE,
    SKY,
    VERMILION,
    legend,
    new_figure,
    tidy,
)
from nalsm.runs.record import best_cycle

SPLIT_STYLES = {
    "train": ("training", GREEN, (0, (1, 1))),
    "valid": ("validation", ORANGE, (0, (5, 1.5))),
    "test": ("test", BLUE, "-"),
}
_MOST_LAYERS = 20
_MOST_BINS = 30  # of a histogram
_DOT = ("#fdfdfd", "#020202")  # face and edge of dots on an image, which is the same in light and dark
_RARE = 0.4  # power that makes small shares visible
_MOST_NAMES = 60  # of classes along an axis; of more, every so many are named


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
        axes.plot(best, 100 * accuracies[split][best - 1], "o", ms=8, mfc="none", mec=BLACK, mew=1.4, clip_on=False)
    axes.plot([], [], "o", ls=":", color=BLACK, ms=8, mfc="none", mew=1.4, lw=1, label=f"best validation: cycle {best}")
    reference = [] if published is None else [published]
    low, high = accuracy_range([100 * values for values in accuracies.values()], reference)
    axes.set(
        xlim=(min(0, 1 - 0.02 * len(cycles)) if len(cycles) > 1 else 0, len(cycles) * 1.02 + 0.5), ylim=(low, high)
    )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=7))
    axes.grid(axis="y", color=RULE)
    tidy(axes, "cycle over the training samples", "accuracy (%)")
    figure.legend(loc="outside upper left", ncols=2, fontsize=11, frameon=False)
    return figure


def ridge_accuracy(accuracies: Mapping[str, np.ndarray], strengths: Sequence[float]) -> Figure:
    """Accuracy of the ridge readout for each strength of its penalty; accuracies: fractions by split, [strengths]."""
    figure = new_figure(4.6)
    axes = figure.add_subplot()
    best = best_cycle(accuracies["valid"]) - 1
    for split, (name, colour, dashes) in SPLIT_STYLES.items():
        axes.semilogx(strengths, 100 * accuracies[split], color=colour, ls=dashes, lw=1.8, marker=".", label=name)
    for split in ("valid", "test"):
        axes.plot(strengths[best], 100 * accuracies[split][best], "o", ms=8, mfc="none", mec=BLACK, mew=1.4)
    axes.axvline(strengths[best], color=BLACK, lw=1, ls=":", label="best validation")
    axes.grid(axis="y", color="0.9")
    tidy(axes, "strength of the penalty", "accuracy (%)")
    figure.legend(loc="outside upper left", ncols=2, fontsize=11, frameon=False)
    return figure


def accuracy_range(curves: Sequence[np.ndarray], references: Sequence[float] = ()) -> tuple[float, float]:
    """Return limits of the axis, in percent, that leave out the steep beginning of the curves ([cycles] each)."""
    lows = [values[len(values) // 20 :].min() for values in curves]
    highs = [values.max() for values in curves]
    low, high = min([*lows, *references]), max([*highs, *references])
    margin = max(0.08 * (high - low), 0.25)
    return max(0.0, low - margin), min(100.0, high + margin)


def raster(spikes: np.ndarray, n_exc: int, n_liquid: int) -> Figure:
    """Spikes of one sample (bool [steps, N]), and their number in each ms."""
    figure = new_figure(6.0)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(2.2, 1))
    steps = len(spikes)
    size = np.clip(2200 / n_liquid, 0.4, 6)
    for first, end, colour in ((0, n_exc, BLUE), (n_exc, n_liquid, VERMILION)):
        ms, neuron = np.nonzero(spikes[:, first:end])
        top.scatter(ms, neuron + first, s=size, c=colour, linewidths=0, rasterized=True)  # thousands of spikes
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
    """How many recorded samples have which branching factor; factors_by_split: float [samples] by split, NaN: none."""
    figure = new_figure(3.8)
    axes = figure.add_subplot()
    known = {split: factors[~np.isnan(factors)] for split, factors in factors_by_split.items()}
    everything = np.concatenate(list(known.values()))
    edges = np.histogram_bin_edges(everything, int(np.clip(len(everything) // 8, 5, _MOST_BINS)))
    below = np.zeros(len(edges) - 1)
    for split, factors in known.items():
        name, colour, _ = SPLIT_STYLES[split]
        above = below + np.histogram(factors, edges)[0]
        axes.stairs(above, edges, baseline=below, fill=True, color=colour, alpha=0.8, label=name)
        below = above
    mean = float(everything.mean())
    axes.axvline(1, color=BLACK, lw=1, ls=":", label="1: edge of chaos")
    axes.axvline(mean, color=BLACK, lw=1.6, label=f"mean: {mean:.2f}")
    if published:
        axes.axvline(published, color=GREY, lw=1.6, ls="--", label=f"published mean: {published:.2f}")
    axes.set_ylim(0, max(below.max() * 1.08, 1))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    tidy(axes, "branching factor", "recorded samples")
    legend(axes, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, columnspacing=1.2)
    return figure


def weights(groups: Mapping[str, np.ndarray], before: float, bound: float) -> Figure:
    """Histograms of weights by type of synapse.

    groups : {title: float [n]}; before : absolute value of all weights at the start; bound : largest possible value
    """
    figure = new_figure(5.6)
    panels = figure.subplots(2, 3).flat
    largest = max(bound, before) or 1.0  # a model can have weights of 0
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
    size = float(np.clip(100 / len(classes), 3, 10))
    for row, column in np.argwhere(matrix):
        strength = share[row, column] ** _RARE
        axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fc=BLUE, alpha=strength, lw=0))
        axes.text(column, row, str(matrix[row, column]), ha="center", va="center", fontsize=size,
                  color=PAPER if strength > 0.6 else BLACK)  # fmt: skip
    numbers, end = range(0, len(classes), -(-len(classes) // _MOST_NAMES)), len(classes) - 0.5
    names = [classes[number] for number in numbers]
    axes.set(xlim=(-0.5, end), ylim=(end, -0.5), aspect="equal")
    axes.set_xticks(numbers, names, rotation=45 if long else 0, ha="right" if long else "center", parse_math=False)
    axes.set_yticks(numbers, names, parse_math=False)
    tidy(axes, f"predicted {word}", f"true {word}")
    axes.spines[:].set_visible(True)
    axes.spines[:].set_color(RULE)
    axes.tick_params(length=0)
    return figure


def class_accuracy(matrix: np.ndarray, classes: Sequence[str], word: str) -> Figure:
    """Accuracy on each class with its 95 % interval, from a confusion matrix."""
    figure = new_figure(1.2 + 0.32 * max(len(classes), 3))
    axes = figure.add_subplot()
    shown, right = matrix.sum(axis=1), np.diag(matrix)
    mean = 100 * right.sum() / max(shown.sum(), 1)
    lowest = mean
    for number in np.flatnonzero(shown):
        percent = 100 * right[number] / shown[number]
        low, high = (100 * end for end in share_interval(percent / 100, shown[number]))
        lowest = min(lowest, low)
        axes.plot([low, high], [number, number], color=BLUE, lw=2, alpha=0.6, solid_capstyle="butt")
        axes.plot(percent, number, "o", color=BLUE, ms=8, clip_on=False)
        axes.annotate(f"{percent:.1f}", (1.02, number), xycoords=("axes fraction", "data"), va="center", fontsize=11)
    axes.axvline(mean, color=BLACK, lw=1.2, ls="--", zorder=1, label=f"all together: {mean:.2f} %")
    axes.plot([], [], color=BLUE, lw=2, alpha=0.6, label="95 % interval")
    axes.grid(axis="y", color=RULE)
    axes.set(xlim=(max(0, np.floor(lowest / 5) * 5), 100), ylim=(len(classes) - 0.4, -0.6))
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.set_yticks(range(len(classes)), classes, parse_math=False)
    tidy(axes, "accuracy on the test set (%)", word)
    legend(axes, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.1, ncols=2)
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
        axes.plot(across[inhibitory], down[inhibitory], "o", mfc=_DOT[0], mec=_DOT[1], ms=dot, mew=0.15 * dot)
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
