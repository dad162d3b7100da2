"""The pictures of the page of results."""

from statistics import mean

from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from nalsm.report.drawing import BLUE, GREY, ORANGE, legend, new_figure, tidy
from nalsm.sweep.findings import Group, mean_and_deviation


def knob_curve(name: str, values: list[float], groups: list[Group]) -> Figure:
    """Accuracy and branching factor over the values of a knob (on a logarithmic axis), one above the other."""
    figure = new_figure(6.4)
    upper, lower = figure.subplots(2, sharex=True)
    _points(upper, values, [group.accuracies for group in groups], BLUE, "these runs")
    _published(upper, values, [group.published for group in groups])
    tidy(upper, ylabel="test accuracy, %")
    legend(upper)
    known = [(value, group.branching) for value, group in zip(values, groups, strict=True) if group.branching]
    if known:
        _points(lower, [value for value, _ in known], [factors for _, factors in known], ORANGE, "these runs")
    _published(lower, values, [group.published_of("branching_factor", "mean") for group in groups])
    lower.axhline(1, color=GREY, lw=1, ls=":", label="edge of chaos: 1")
    tidy(lower, xlabel=name, ylabel="branching factor")
    legend(lower)
    if min(values) > 0:
        lower.set_xscale("log")
        _ticks(lower, values)
    return figure


def size_curve(groups: list[Group]) -> Figure:
    """Accuracy and seconds of the whole run over the number of liquid neurons, one above the other."""
    figure = new_figure(6.4)
    upper, lower = figure.subplots(2, sharex=True)
    sizes = [group.cell.network.n_liquid for group in groups]
    _points(upper, sizes, [group.accuracies for group in groups], BLUE, "these runs")
    _published(upper, sizes, [group.published for group in groups])
    legend(upper, loc="lower right")
    tidy(upper, ylabel="test accuracy, %")
    seconds = [mean(sum(run.seconds.values()) for run in group.runs) for group in groups]
    lower.loglog(sizes, seconds, "o-", color=ORANGE)
    _ticks(lower, sizes)
    tidy(lower, xlabel="liquid neurons", ylabel="seconds of a run")
    return figure


def _points(axes, values, results, colour, label=None):
    """A point for the mean of each list of results, with its standard deviation if it has several."""
    statistics = [mean_and_deviation(list(each)) for each in results]
    means, deviations = [middle for middle, _ in statistics], [deviation or 0 for _, deviation in statistics]
    axes.errorbar(values, means, deviations, fmt="o-", color=colour, ms=6, lw=1.6, capsize=3, label=label)
    axes.grid(axis="y", color="0.9")


def _published(axes, values, figures):
    """Mark the published means."""
    known = [(value, figure.mean) for value, figure in zip(values, figures, strict=True) if figure]
    if known:
        axes.plot(*zip(*known, strict=True), "D", color=GREY, mfc="none", ms=9, label="published mean")


def _ticks(axes, values):
    axes.set_xticks(values, [f"{value:g}" for value in values])
    axes.xaxis.set_minor_locator(NullLocator())
