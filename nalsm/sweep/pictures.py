"""The pictures of the page of results."""

from statistics import mean

from matplotlib.figure import Figure

from nalsm.report.comparison_pictures import log_ticks
from nalsm.report.drawing import BLUE, GREY, ORANGE, RULE, legend, new_figure, tidy
from nalsm.sweep.findings import Group, mean_and_deviation


def knob_curve(name: str, values: list[float], groups: list[Group]) -> Figure:
    """Accuracy over the values of a knob, on a logarithmic axis; below it the branching factor, if any is known."""
    factors = [(value, group.branching) for value, group in zip(values, groups, strict=True) if group.branching]
    figure = new_figure(6.4 if factors else 3.6)
    panels = list(figure.subplots(2 if factors else 1, sharex=True, squeeze=False).flat)
    _accuracies(panels[0], values, groups)
    if factors:
        known, results = [value for value, _ in factors], [branching for _, branching in factors]
        _points(panels[1], known, results, ORANGE, "these runs")
        _published(panels[1], values, [group.published_of("branching_factor", "mean") for group in groups])
        panels[1].axhline(1, color=GREY, lw=1, ls=":", label="edge of chaos: 1")
        tidy(panels[1], ylabel="branching factor")
        legend(panels[1])
    panels[-1].set_xlabel(name, fontsize=12)
    if min(values) > 0:
        panels[-1].set_xscale("log")
        log_ticks(panels[-1], values)
    return figure


def size_curve(groups: list[Group]) -> Figure:
    """Accuracy, and seconds of the fastest run, over the number of liquid neurons, one above the other."""
    figure = new_figure(6.4)
    upper, lower = figure.subplots(2, sharex=True)
    sizes = [group.cell.network.n_liquid for group in groups]
    _accuracies(upper, sizes, groups)
    seconds = [sum(group.fastest.seconds.values()) for group in groups]
    lower.loglog(sizes, seconds, "o-", color=ORANGE)
    log_ticks(lower, sizes)
    tidy(lower, xlabel="liquid neurons", ylabel="seconds of the fastest run")
    return figure


def _accuracies(axes, values, groups):
    """The mean of each group; its error bar is the standard deviation over networks, or that of the test samples.

    The interval of the test samples is shown where it says more: of a single run, and of few test samples.
    """
    means = [mean(group.accuracies) for group in groups]
    bars = []
    for middle, group in zip(means, groups, strict=True):
        low, high = group.sampling
        deviation = (mean_and_deviation(group.accuracies) or (0, None))[1]
        bars.append((middle - low, high - middle) if group.is_reduced or deviation is None else (deviation, deviation))
    label = "these runs"
    if groups[0].is_reduced:
        label += ", ± 95 % by test samples"
    elif any(len(group.runs) == 1 for group in groups):
        label += " (single ones ± 95 % by test samples)"
    axes.errorbar(values, means, list(zip(*bars, strict=True)), fmt="o-", color=BLUE, ms=6, lw=1.6, capsize=3,
                  label=label)  # fmt: skip
    _published(axes, values, [group.published for group in groups])
    axes.grid(axis="y", color=RULE)
    axes.set_ylim(top=min(axes.get_ylim()[1], 100))
    tidy(axes, ylabel="test accuracy, %")
    legend(axes, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.1)


def _points(axes, values, results, colour, label=None):
    """A point for the mean of each list of results, with its standard deviation if it has several."""
    statistics = [mean_and_deviation(list(each)) for each in results]
    means, deviations = [middle for middle, _ in statistics], [deviation or 0 for _, deviation in statistics]
    axes.errorbar(values, means, deviations, fmt="o-", color=colour, ms=6, lw=1.6, capsize=3, label=label)
    axes.grid(axis="y", color=RULE)


def _published(axes, values, figures):
    """Mark the published means."""
    known = [(value, figure.mean) for value, figure in zip(values, figures, strict=True) if figure]
    if known:
        axes.plot(*zip(*known, strict=True), "D", color=GREY, mfc="none", ms=9, label="published mean")
