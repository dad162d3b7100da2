"""The figures and the table of the paper, drawn from the results store over the published runs.

They show the data of the paper's figures; the layout is our own. Only runs with the sizes of the published ones
count. Pale dots are published runs, full ones are runs of the store.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nalsm.evaluation.paper import (
    Published,
    PublishedRun,
    published_accuracy,
    published_cells,
    published_kernel_quality,
    published_runs,
    rescaled_difference,
    table_knobs,
)
from nalsm.models import ASTROCYTE_DENSITY, LEARNING_SAMPLES, MODELS, Knobs
from nalsm.report.drawing import BLUE, GREEN, GREY, ORANGE, PURPLE, SHADE, VERMILION, new_figure, tidy
from nalsm.runs.readouts import PUBLISHED
from nalsm.runs.recording import decisive
from nalsm.sweep.findings import mean_and_deviation
from nalsm.sweep.store import StoredRun

DATASETS = ("MNIST", "N-MNIST")
DENSITIES = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0)  # of Figure 4
_NEURONS = 1000
_FIRST = {LEARNING_SAMPLES.name: "first"}
_NALSM = {"astrocyte_weight": 0.015}  # of Figure 4


@dataclass(frozen=True)
class Series:
    """The runs of a model that are drawn alike: those with these options."""

    title: str
    model: str
    options: Knobs
    colour: str

    def has(self, model: str, knobs: Knobs) -> bool:
        return model == self.model and MODELS[model].options_of(knobs) == self.options


_SERIES = (
    Series("NALSM", "NALSM", {}, BLUE),
    Series("LSM+AP-STDP", "LSM+AP-STDP", {}, ORANGE),
    Series("LSM", "LSM", {}, GREEN),
    Series("LSM+STDP, the first sample of a batch learns", "LSM+STDP", _FIRST, VERMILION),
    Series("LSM+STDP, every sample learns", "LSM+STDP", {}, PURPLE),
)


# ---- runs of the store ----------------------------------------------------------------------------


def comparable(store: Iterable[StoredRun]) -> list[StoredRun]:
    """Return the runs that were made like the published ones: all samples, snapshots, cycles, constants, readout."""
    return [run for run in store if run.readout == PUBLISHED and not run.is_reduced and not decisive(run.all_constants)]


def table_runs(store: Iterable[StoredRun], model: str, dataset: str, n_liquid: int) -> list[StoredRun]:
    """Return the runs to compare with a row of the paper's table: one for each network.

    Where the paper has the best setting of each network, so has this, chosen by test accuracy as there.
    """
    knobs = table_knobs(model, dataset, n_liquid)
    best: dict[str, StoredRun] = {}
    for run in store:
        is_cell = (run.model, run.dataset, run.network["neurons"]) == (model, dataset, n_liquid)
        if not is_cell or run.seed != run.network["seed"] or knobs not in (None, run.knobs):
            continue
        old = best.setdefault(run.network["sha256"], run)
        if run.test > old.test:
            best[run.network["sha256"]] = run
    return list(best.values())


def _of(series: Series, store: Sequence[StoredRun], dataset: str) -> list[StoredRun]:
    return [
        run
        for run in store
        if series.has(run.model, run.knobs) and (run.dataset, run.network["neurons"]) == (dataset, _NEURONS)
    ]


def _published(series: Series, dataset: str) -> list[PublishedRun]:
    return [run for run in published_runs(series.model, dataset, _NEURONS) if series.has(run.model, run.knobs)]


# ---- the figures ----------------------------------------------------------------------------------


def figure_2(store: Sequence[StoredRun]) -> Figure:
    """Accuracy against branching factor: every run, at all values of the knobs."""
    figure, panels = _panels(5.2)
    for axes, dataset in zip(panels, DATASETS, strict=True):
        for series, own in branching_points(store, dataset):
            published = [(run.branching_factor, run.accuracy) for run in _published(series, dataset)]
            _dots(axes, series, published, own)
        axes.axvline(1, color=GREY, lw=1, ls=":")
        axes.set_ylim(85, 97)
        if not any(own for _, own in branching_points(store, dataset)):
            axes.text(0.03, 0.04, "no own runs", transform=axes.transAxes, fontsize=10, color=GREY)
        tidy(axes, "branching factor", "test accuracy, %" if dataset == DATASETS[0] else "", dataset)
    _common_legend(figure, _SERIES)
    return figure


def readme_picture(store: Sequence[StoredRun]) -> Figure:
    """The part of Figure 2 on MNIST, with what the factor means."""
    figure = new_figure(4.4)
    axes = figure.add_subplot()
    for series, own in branching_points(store, "MNIST"):
        _dots(axes, series, [(run.branching_factor, run.accuracy) for run in _published(series, "MNIST")], own)
    axes.axvline(1, color=GREY, lw=1, ls=":")
    for x, words, side in ((0.98, "activity dies out", "right"), (1.02, "activity grows", "left")):
        axes.text(x, 0.02, words, transform=axes.get_xaxis_transform(), ha=side, fontsize=10, color=GREY)
    axes.set_ylim(88, 96.6)
    tidy(axes, "branching factor of the liquid", "test accuracy on MNIST, %")
    _common_legend(figure, _SERIES)
    return figure


def branching_points(store: Sequence[StoredRun], dataset: str) -> list[tuple[Series, list[tuple[float, float]]]]:
    """Return (branching factor, accuracy in percent) of the runs of each series."""
    return [
        (
            series,
            [
                (factor, run.test)
                for run in _of(series, store, dataset)
                if (factor := run.measured("branching_factor").get("mean")) is not None
            ],
        )
        for series in _SERIES
    ]


def figure_3a(store: Sequence[StoredRun]) -> Figure:
    """Accuracy of the four models, one run of each network, at the settings of the paper's table."""
    figure = new_figure(5.2)
    rows = figure.subplots(2, len(DATASETS), sharex="col", sharey="row", height_ratios=(3, 2))
    for (upper, lower), dataset in zip(rows.T, DATASETS, strict=True):
        for place, series in enumerate(_SERIES[:4]):
            own = [run.test for run in table_runs(store, series.model, dataset, _NEURONS)]
            figures = published_accuracy(series.model, dataset, _NEURONS)
            for axes in (upper, lower):
                _columns(axes, series, place, figures.values if figures else (), own)
            if not own:
                _say_none(lower, place + 0.18)
        upper.set_ylim(94.4, 96.6)
        lower.set_ylim(85.4, 90.6)
        tidy(upper, title=dataset)
        tidy(lower)
        _name_columns(lower)
        upper.spines["bottom"].set_visible(False)
        upper.tick_params(bottom=False)
    figure.supylabel("test accuracy, % (the axis is cut)", fontsize=12)
    _common_legend(figure, ())
    return figure


def figure_3b(store: Sequence[StoredRun]) -> Figure:
    """Kernel quality of the four models: the rescaled difference of SP and AP, one run of each network."""
    figure, panels = _panels(4.4, sharey=False)
    measured = [run for run in store if run.measured("kernel_quality")]
    for axes, dataset in zip(panels, DATASETS, strict=True):
        for place, series in enumerate(_SERIES[:4]):
            ranks = [run.measured("kernel_quality") for run in table_runs(measured, series.model, dataset, _NEURONS)]
            own = [rescaled_difference(values["SP"], values["AP"]) for values in ranks]
            figures = published_kernel_quality(series.model, dataset, _NEURONS)
            _columns(axes, series, place, figures.difference.values if figures else (), own)
            if not own:
                _say_none(axes, place + 0.18)
        tidy(axes, "", "rescaled SP - AP" if dataset == DATASETS[0] else "", dataset)
        _name_columns(axes)
    _common_legend(figure, ())
    return figure


def figure_4(store: Sequence[StoredRun]) -> Figure:
    """Accuracy of NALSM against the density of the astrocyte's connections."""
    figure, panels = _panels(4.2)
    series = _SERIES[0]
    for axes, dataset in zip(panels, DATASETS, strict=True):
        published = [
            (ASTROCYTE_DENSITY.of(run.knobs), run.accuracy)
            for run in published_runs("NALSM", dataset, _NEURONS, figure="Fig. 4")
        ]
        own = density_points(store, dataset)
        _dots(axes, series, [(x - 0.012, y) for x, y in published], [(x + 0.012, y) for x, y in own])
        for points, shift, style in ((published, -0.012, "--"), (own, 0.012, "-")):
            xs = sorted({x for x, _ in points})
            means = [mean(y for x, y in points if x == each) for each in xs]
            axes.plot([x + shift for x in xs], means, style, color=series.colour, lw=1.2)
        for density in DENSITIES:
            if density not in {x for x, _ in own}:
                _say_none(axes, density + 0.03)
        axes.set_xticks(DENSITIES, [f"{density:g}" for density in DENSITIES])
        tidy(axes, "astrocyte density", "test accuracy, %" if dataset == DATASETS[0] else "", dataset)
    _common_legend(figure, ())
    return figure


def density_points(store: Sequence[StoredRun], dataset: str) -> list[tuple[float, float]]:
    """Return (density, accuracy in percent) of each run of NALSM at the weight of Figure 4, whatever its seed."""
    return [
        (ASTROCYTE_DENSITY.of(run.knobs), run.test)
        for run in store
        if (run.model, run.dataset, run.network["neurons"]) == ("NALSM", dataset, _NEURONS)
        and {name: value for name, value in run.knobs.items() if name != ASTROCYTE_DENSITY.name} == _NALSM
    ]


def table_1(store: Sequence[StoredRun]) -> Figure:
    """Own minus published mean accuracy of each cell of the paper's table, beside the published deviation."""
    rows = table_rows(store)
    figure = new_figure(0.36 * len(rows) + 1.2)
    axes = figure.add_subplot()
    widest = 0.9
    for place, row in enumerate(rows):
        deviation = row.published.deviation
        axes.plot([-deviation, deviation], [place, place], color=SHADE, lw=9, solid_capstyle="butt")
        if row.own:
            middle, own_deviation = mean_and_deviation(row.own) or (0.0, None)
            difference = middle - row.published.mean
            axes.errorbar(difference, place, xerr=own_deviation or 0, fmt="o", color=BLUE, ms=6, capsize=3)
            widest = max(widest, abs(difference) + (own_deviation or 0))
        else:
            axes.text(
                0.99, place, "no runs", transform=axes.get_yaxis_transform(), ha="right", va="center", fontsize=9,
                color=GREY,
            )  # fmt: skip
    axes.axvline(0, color=GREY, lw=1, ls=":")
    axes.set_yticks(range(len(rows)), [row.title for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(-1.1 * widest, 1.1 * widest)
    tidy(axes, "own minus published mean, points", "", "grey: published standard deviation")
    axes.tick_params(labelsize=9)
    return figure


@dataclass(frozen=True)
class TableRow:
    """A cell of the paper's table; own: test accuracies in percent, one for each network."""

    model: str
    dataset: str
    n_liquid: int
    published: Published
    own: tuple[float, ...]

    @property
    def title(self) -> str:
        size = "" if self.n_liquid == _NEURONS else f" ({self.n_liquid:,} neurons)"
        return f"{self.dataset}, {self.model}{size}"


def table_rows(store: Sequence[StoredRun]) -> list[TableRow]:
    """Return the cells of the paper's table, by data set, size and model."""
    order = {name: place for place, name in enumerate(MODELS)}
    cells = sorted(published_cells(), key=lambda cell: (cell[1], cell[2], order[cell[0]]))
    return [
        TableRow(*cell, figure, tuple(run.test for run in table_runs(store, *cell)))
        for cell in cells
        if (figure := published_accuracy(*cell))
    ]


FIGURES: dict[str, Callable[[Sequence[StoredRun]], Figure]] = {
    "figure_2": figure_2, "figure_3a": figure_3a, "figure_3b": figure_3b, "figure_4": figure_4, "table_1": table_1,
}  # fmt: skip


# ---- parts of a picture ---------------------------------------------------------------------------

_PUBLISHED: dict[str, Any] = {"ls": "", "marker": "o", "ms": 5, "mew": 0, "alpha": 0.35}
_OWN: dict[str, Any] = {"ls": "", "marker": "o", "ms": 6, "mew": 0}


def _panels(height: float, sharey: bool = True) -> tuple[Figure, Sequence[Axes]]:
    figure = new_figure(height)
    return figure, figure.subplots(1, len(DATASETS), sharey=sharey)


def _dots(axes: Axes, series: Series, published: Sequence[tuple], own: Sequence[tuple]) -> None:
    for points, style, who in ((published, _PUBLISHED, "published"), (own, _OWN, "own")):
        if points:
            axes.plot(*zip(*points, strict=True), **style, color=series.colour, gid=f"{who} {series.title}")


def _columns(axes: Axes, series: Series, place: int, published: Sequence[float], own: Sequence[float]) -> None:
    """Draw the values of a model in its column: published ones on the left with their mean, own ones on the right."""
    for values, shift in ((published, -0.18), (own, 0.18)):
        xs = [place + shift + 0.02 * (k % 5 - 2) for k in range(len(values))]
        pairs = list(zip(xs, values, strict=True))
        _dots(axes, series, *((pairs, ()) if values is published else ((), pairs)))
        if values:
            axes.plot([place + shift - 0.13, place + shift + 0.13], [mean(values)] * 2, color=series.colour, lw=1.5)


def _name_columns(axes: Axes) -> None:
    names = ["NALSM", "LSM+\nAP-STDP", "LSM", "LSM+\nSTDP"]
    axes.set_xticks(range(len(names)), names, fontsize=9)
    axes.set_xlim(-0.6, len(names) - 0.4)


def _say_none(axes: Axes, place: float) -> None:
    """Write at the bottom of a column that there are no own runs."""
    axes.text(
        place, 0.02, "no runs", transform=axes.get_xaxis_transform(), rotation=90, ha="center", va="bottom",
        fontsize=8, color=GREY,
    )  # fmt: skip


def _common_legend(figure: Figure, series: Sequence[Series]) -> None:
    """Add a legend below the panels: colours of the series, and which circles are whose."""
    axes = figure.axes[0]
    handles = [axes.plot([], [], "o", color=each.colour, label=each.title)[0] for each in series]
    for style, who in ((_PUBLISHED, "published runs"), (_OWN, "own runs")):
        handles += axes.plot([], [], **style, color=GREY, label=who)
    figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=9, frameon=False)
