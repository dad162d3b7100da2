"""The pictures that put several runs side by side. Runs of one setting on several networks share a place."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullLocator

from nalsm.evaluation.paper import Published
from nalsm.report.drawing import BLACK, GREY, LINE_COLOURS, RULE, SHADE, new_figure, tidy
from nalsm.report.pictures import accuracy_range

_DASHES = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)))
_MARKERS = "osD^vP*X"
_CYCLES_APART = 5  # times as many cycles from which on a linear axis would hide the shorter curves


@dataclass(frozen=True, eq=False)  # arrays do not compare
class Shown:
    """What the pictures show of a setting: one run, or several networks or seeds.

    label : in a few words, with "reduced" where it is
    tests : test accuracies in percent; curves : validation accuracies, fractions [cycles]
    branching : (branching factor, test accuracy in percent) of each run that has both
    """

    label: str
    tests: Sequence[float]
    published: Published | None = None
    curves: Sequence[np.ndarray] = ()
    branching: Sequence[tuple[float, float]] = ()
    is_reduced: bool = False


def accuracies(rows: Sequence[Shown]) -> Figure:
    """Test accuracies side by side, on the whole scale and enlarged: mean and range of each row, published behind."""
    figure = new_figure(1.5 + 0.62 * len(rows))
    whole, near = figure.subplots(1, 2, sharey=True, width_ratios=(1, 1.5))
    values: list[float] = []
    for place, row in enumerate(rows):
        colour, face = _colours(place, row)
        if row.published:
            mean, deviation = row.published.mean, np.nan_to_num(row.published.deviation)
            values += [mean - deviation, mean + deviation]
            whole.barh(place, mean, height=0.8, color=SHADE)
            near.barh(place, 2 * deviation, left=mean - deviation, height=0.8, color=SHADE)
            near.plot([mean] * 2, [place - 0.4, place + 0.4], color=GREY, lw=1.5)
        if not row.tests:
            whole.annotate("no accuracy yet", (2, place), va="center", fontsize=11)
            continue
        values += row.tests
        mean = float(np.mean(row.tests))
        whole.barh(place, mean, height=0.45, color=face, edgecolor=colour, linewidth=1.2)
        if len(row.tests) > 1:
            near.plot([min(row.tests), max(row.tests)], [place, place], color=colour, lw=1.6)
            near.plot(row.tests, [place] * len(row.tests), "|", ms=9, color=colour)
        near.plot(mean, place, "o", ms=9, mfc=face, mec=colour, mew=1.6)
        near.annotate(f"{mean:.2f}", (1.02, place), xycoords=("axes fraction", "data"), va="center", fontsize=11)
    near.set_xlim(*_near(values))
    whole.set(xlim=(0, 100), ylim=(len(rows) - 0.4, -0.75))
    whole.set_yticks(range(len(rows)), [row.label for row in rows], parse_math=False)
    near.xaxis.set_major_locator(MaxNLocator(5))
    near.grid(axis="x", color=RULE)
    near.set_axisbelow(True)
    tidy(whole, "test accuracy (%)", "", "whole scale")
    tidy(near, "test accuracy (%)", "", "the same, enlarged")
    near.tick_params(axis="y", length=0)
    handles = [Line2D([], [], color=SHADE, lw=9, label="published (right: mean ± standard deviation)")]
    if any(row.is_reduced for row in rows):
        handles.append(Line2D([], [], ls="", marker="o", ms=9, mfc="none", mec=BLACK, mew=1.6, label="hollow: reduced"))
    figure.legend(handles=handles, loc="outside upper left", ncols=2, fontsize=11, frameon=False)
    return figure


def _colours(place: int, row: Shown) -> tuple[str, str]:
    """Return the colour of a row's edge and of its face."""
    colour = LINE_COLOURS[place % len(LINE_COLOURS)]
    return colour, "none" if row.is_reduced else colour


def _near(values: Sequence[float]) -> tuple[float, float]:
    """Return limits around values in percent, within 0 to 100."""
    low, high = (min(values), max(values)) if values else (0, 100)
    margin = max(0.2 * (high - low), 0.3)
    return max(0, low - margin), min(100, high + margin)


def learning_curves(rows: Sequence[Shown]) -> Figure:
    """Validation accuracy after each cycle: a curve, or the mean and range of several."""
    figure = new_figure(3.8 + 0.12 * len(rows))
    axes = figure.add_subplot()
    lengths = [len(curve) for row in rows for curve in row.curves]
    for number, row in enumerate(rows):
        common = min(map(len, row.curves))
        curves = 100 * np.array([curve[:common] for curve in row.curves])
        cycles = np.arange(1, common + 1)
        style: dict[str, Any] = {
            "color": LINE_COLOURS[number % len(LINE_COLOURS)], "ls": _DASHES[number % len(_DASHES)]
        }  # fmt: skip
        shown = _thinned(cycles)
        if len(curves) > 1:
            low, high = curves.min(axis=0)[shown], curves.max(axis=0)[shown]
            axes.fill_between(cycles[shown], low, high, color=style["color"], alpha=0.2, lw=0)
        axes.plot(cycles[shown], curves.mean(axis=0)[shown], lw=1.7, label=row.label.replace("\n", ", "), **style)
    axes.set_ylim(*accuracy_range([100 * curve for row in rows for curve in row.curves]))
    if max(lengths) > _CYCLES_APART * min(lengths):
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:,.0f}")
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=7))
    axes.grid(axis="y", color=RULE)
    tidy(axes, "cycle over the training samples", "validation accuracy (%)")
    figure.legend(loc="outside upper left", fontsize=11, frameon=False)
    return figure


def _thinned(cycles: np.ndarray) -> np.ndarray:
    """Return the places of at most about 600 cycles, denser at the beginning, where curves are steep."""
    if len(cycles) < 600:
        return np.arange(len(cycles))
    return np.unique(np.append(np.geomspace(1, len(cycles), 300), np.linspace(1, len(cycles), 300)).astype(int)) - 1


def accuracy_by_branching(rows: Sequence[Shown], published: Sequence[Shown] = ()) -> Figure:
    """Test accuracy against branching factor, a point for each run; published runs of the same labels behind them."""
    figure = new_figure(4.6)
    axes = figure.add_subplot()
    labels = list(dict.fromkeys(row.label for row in (*rows, *published)))
    for row in published:
        _scatter(axes, row, labels.index(row.label), mec=GREY, mfc="none", ms=5, mew=0.8, alpha=0.7)
    for row in rows:
        place = labels.index(row.label)
        colour, face = _colours(place, row)
        _scatter(axes, row, place, mec=colour, mfc=face, ms=8, mew=1.4, label=row.label.replace("\n", ", "))
    axes.axvline(1, color=GREY, lw=1, ls=":")
    axes.annotate("1: edge of chaos", (1, 0.02), (4, 0), xycoords=("data", "axes fraction"), fontsize=10, color=GREY,
                  textcoords="offset points")  # fmt: skip
    axes.grid(color=RULE)
    axes.set_axisbelow(True)
    axes.set_ylim(*_near([test for row in (*rows, *published) for _, test in row.branching]))
    tidy(axes, "branching factor", "test accuracy (%)")
    if published:
        axes.plot([], [], "o", mec=GREY, mfc="none", ms=5, label="published runs")
    figure.legend(loc="outside upper left", ncols=2, fontsize=11, frameon=False)
    return figure


def _scatter(axes, row, place, **style):
    factors, tests = zip(*row.branching, strict=True)
    axes.plot(factors, tests, _MARKERS[place % len(_MARKERS)], clip_on=False, **style)


def log_ticks(axes: Any, values: Sequence[float]) -> None:
    """Give the logarithmic axis x ticks at some values, in plain numbers."""
    axes.set_xticks(values, [f"{value:g}" for value in values])
    axes.xaxis.set_minor_locator(NullLocator())
