"""The paper's figures, computed from its runs one by one.

Source: V. A. Ivanov and K. P. Michmizos, "Increasing Liquid State Machine Performance with Edge-of-Chaos
Dynamics Organized by Astrocyte-modulated Plasticity", NeurIPS 2021 (arXiv 2111.01760). The two CSV files are
from the authors' own data sheet, "Data and simulations.xlsx" in the repository combra-lab/NALSM. They contain
figures only, one run a line.

runs.csv : figure or table of the paper, model, neurons, data set, network (0 to 9), the authors' two seeds,
    astrocyte weight, weight (of all synapses; LSM+AP-STDP: at the start), threshold and range of AP-STDP (Hz),
    share of neurons that the astrocyte is connected to (Fig. 4; empty: all), branching factor (empty: not
    given), accuracy (fraction of the test set).
kernel_quality.csv : SP, AP, and the rescaled difference of Fig. 3B (`rescaled_difference`). Nothing says which
    knobs these runs had.

What to know before comparing a run with these figures:
- LSM's figures in the paper's table (95.30 % on MNIST, 95.02 % on N-MNIST) are means of each network's best
  weight: exactly those of its largest test accuracy, so the weight was not chosen on other samples. At the fixed weight
  0.7 the mean on MNIST is 95.22 %. LSM+AP-STDP has each network's best range only; how many were tried is not stated.
- LSM on N-MNIST: an accuracy of 9.8 % comes from a NaN in the authors' program after a sample without spikes.
- The LSM+STDP runs come from a program in which only the first sample of a batch learns while it is presented, as
  with the knob learning_samples "first".
- The branching factors of LSM are not those of the authors' released program (docs/evaluating.md).
"""

import csv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from statistics import mean, stdev

from nalsm.datasets import is_own
from nalsm.models import MODELS, Knobs
from nalsm.runs.names import SPLITS

SOURCE = "Ivanov and Michmizos, NeurIPS 2021"
BEST_OF_EACH = ("LSM", "LSM+AP-STDP")  # models whose knob the paper chose for each network
# Sizes of every published run.
FULL = {
    "train_samples": 50_000,
    "valid_samples": 10_000,
    "test_samples": 10_000,
    "sample_ms": 250,
    "cycles": 5_000,
    "init_samples": 50_000,
    "init_ms": 20,
}
_FOLDER = Path(__file__).parent
_KNOBS = {  # column of runs.csv -> knob
    "astro_w_scaling": "astrocyte_weight",
    "weight": "initial_weight",
    "threshold_hz": "threshold_hz",
    "range_hz": "range_hz",
    "astrocyte_density": "astrocyte_density",
}
_OPTIONS = {"LSM+STDP": {"learning_samples": "first"}}  # knobs of every published run of a model
_IN_THE_TABLE = {"astrocyte_weight": 0.015}  # NALSM's value in the paper's table, where the rows have several


@dataclass(frozen=True)
class PublishedRun:
    """One run of the paper.

    accuracy : percent of the test set
    branching_factor : None where the sheet has none
    figure : figures and tables of the paper that show the run
    """

    model: str
    dataset: str
    n_liquid: int
    network: int
    knobs: Knobs
    accuracy: float
    branching_factor: float | None
    figure: str


@dataclass(frozen=True)
class Published:
    """A published figure: one value for each network.

    kind : how the runs were chosen, as in "best setting of each network"
    digits : behind the point, in `text`
    """

    values: tuple[float, ...]
    kind: str
    digits: int = 2

    @property
    def networks(self) -> int:
        return len(self.values)

    @property
    def mean(self) -> float:
        return mean(self.values)

    @property
    def deviation(self) -> float:
        """Standard deviation over networks, with n - 1; NaN for one network."""
        return stdev(self.values) if self.networks > 1 else float("nan")

    @property
    def text(self) -> str:
        """Mean and standard deviation, as in '95.96 ± 0.13'."""
        middle = f"{self.mean:.{self.digits}f}"
        return middle if self.networks == 1 else f"{middle} ± {self.deviation:.{self.digits}f}"

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class PublishedKernelQuality:
    """Mean ranks of ten networks: sp of the test counts, ap of the noisy counts; difference: SP - AP, rescaled."""

    sp: Published
    ap: Published
    difference: Published


def published_accuracy(model: str, dataset: str, n_liquid: int, knobs: Knobs | None = None) -> Published | None:
    """Return the published test accuracy in percent, or None where the paper has none.

    knobs : values by name; the figure is that of all networks at these values. None: the figure of the paper's
        table, which for LSM and LSM+AP-STDP is that of each network's best setting.
    """
    runs, kind = _chosen(model, dataset, n_liquid, knobs)
    return Published(tuple(run.accuracy for run in runs), kind) if runs else None


def published_branching(model: str, dataset: str, n_liquid: int, knobs: Knobs | None = None) -> Published | None:
    """Return the published branching factor, or None where the paper has none; arguments as `published_accuracy`."""
    runs, kind = _chosen(model, dataset, n_liquid, knobs)
    values = tuple(run.branching_factor for run in runs if run.branching_factor is not None)
    return Published(values, kind, digits=3) if values else None


def published_kernel_quality(
    model: str, dataset: str, n_liquid: int = 1000, knobs: Knobs | None = None
) -> PublishedKernelQuality | None:
    """Return the published kernel quality, or None where the paper has none.

    knobs : values by name; there is no figure for options that the published runs did not have. None: no matter which
    """
    if knobs is not None and MODELS[model].options_of(knobs) != _OPTIONS.get(model, {}):
        return None
    names = {"NALSM1000": "NALSM"}
    rows = [
        row
        for row in _rows("kernel_quality.csv")
        if (names.get(row["model"], row["model"]), row["dataset"], int(row["neurons"])) == (model, dataset, n_liquid)
    ]
    if not rows:
        return None
    sp, ap, difference = (
        Published(tuple(float(row[name]) for row in rows), "knobs not stated", digits)
        for name, digits in (("sp", 2), ("ap", 2), ("difference_rescaled", 3))
    )
    return PublishedKernelQuality(sp, ap, difference)


def rescaled_difference(sp: float, ap: float) -> float:
    """Return the difference of SP and AP as Figure 3B shows it.

    SP and AP are each scaled to 0..1 over the published runs of all models on both data sets, and then their
    difference is. This gives the sheet's own values for its runs; for other runs it may lie outside 0..1.
    """
    published = [(float(row["sp"]), float(row["ap"])) for row in _rows("kernel_quality.csv")]
    (low_sp, low_ap), (high_sp, high_ap) = (tuple(map(end, zip(*published, strict=True))) for end in (min, max))

    def difference(sp: float, ap: float) -> float:
        return (sp - low_sp) / (high_sp - low_sp) - (ap - low_ap) / (high_ap - low_ap)

    differences = [difference(*pair) for pair in published]
    return (difference(sp, ap) - min(differences)) / (max(differences) - min(differences))


def table_knobs(model: str, dataset: str, n_liquid: int) -> Knobs | None:
    """Return the knobs of the runs in the paper's table; None where it has the best setting of each network."""
    return None if model in BEST_OF_EACH else _chosen(model, dataset, n_liquid, None)[0][0].knobs


def closest_figure(
    function: Callable[..., Published | None], model: str, dataset: str, n_liquid: int, knobs: Knobs
) -> Published | None:
    """Return what `function` (`published_accuracy` or `published_branching`) has at these knobs for all networks.

    Where the paper has no such figure, the one of its table is returned; `kind` tells which it is.
    """
    table = function(model, dataset, n_liquid)
    found = function(model, dataset, n_liquid, knobs)
    return found if found and table and found.networks >= table.networks else table


def published_runs(
    model: str, dataset: str, n_liquid: int, knobs: Knobs | None = None, figure: str | None = None
) -> list[PublishedRun]:
    """Return the published runs of a cell in the order of the sheet.

    knobs : values by name. None: those of the figures and the table in which the astrocyte watches all neurons
    figure : "Fig. 4": the runs of this figure, at any astrocyte density. Its runs of density 1 are copies of three in
        the table, and are left out otherwise
    """
    runs = [run for run in _runs() if (run.model, run.dataset, run.n_liquid) == (model, dataset, n_liquid)]
    if figure:
        return [run for run in runs if figure in run.figure]
    copies = [run for run in runs if run.figure == "Fig. 4" and "astrocyte_density" not in run.knobs]
    wanted = [run for run in runs if run not in copies]
    if knobs is None:
        return [run for run in wanted if "astrocyte_density" not in run.knobs]
    return [run for run in wanted if run.knobs == knobs]


def published_cells() -> list[tuple[str, str, int]]:
    """Return (model, data set, liquid neurons) of everything that the paper has an accuracy of."""
    return list(dict.fromkeys((run.model, run.dataset, run.n_liquid) for run in _runs()))


def is_reduced(identity: Mapping) -> bool:
    """Tell whether a setting of a run is smaller than in the published ones; identity : as in `smaller_settings`."""
    return bool(smaller_settings(identity))


def smaller_settings(identity: Mapping) -> list[str]:
    """Return the names of those settings of FULL that are smaller in a run.

    identity : its settings. Data that a user brought have no published number of samples.
    """
    unused: tuple[str, ...] = () if MODELS[identity["model"]].initialisation else ("init_samples", "init_ms")
    if is_own(identity.get("dataset", "")):
        unused += (*(f"{split}_samples" for split in SPLITS), "sample_ms")
    return [name for name, size in FULL.items() if name not in unused and identity.get(name, size) < size]


def _chosen(model, dataset, n_liquid, knobs):
    """Return (runs, their kind) for a figure of the cell."""
    runs = published_runs(model, dataset, n_liquid, knobs)
    if knobs is None and model in BEST_OF_EACH:
        return _best_of_each_network(runs), "best setting of each network"
    if knobs is None and len({tuple(run.knobs.items()) for run in runs}) > 1:
        runs = [run for run in runs if run.knobs == _IN_THE_TABLE]
    kind = _at(model, runs[0].knobs) if runs else ""
    if model == "LSM+AP-STDP":
        kind += ", networks for which this was best"
    return runs, kind


def _best_of_each_network(runs: Iterable[PublishedRun]) -> list[PublishedRun]:
    best: dict[int, PublishedRun] = {}
    for run in runs:
        if run.network not in best or run.accuracy > best[run.network].accuracy:  # the first of equals
            best[run.network] = run
    return list(best.values())


def _at(model, knobs):
    named = MODELS[model].describe_knobs(knobs)
    return f"at {', '.join(named)}" if named else "all networks"


@lru_cache(maxsize=1)
def _runs():
    return tuple(map(_run, _rows("runs.csv")))


def _run(row):
    model = row["model"]
    values = {knob: float(row[column]) for column, knob in _KNOBS.items() if row[column]}
    return PublishedRun(
        model, row["dataset"], int(row["neurons"]), int(row["network"]),
        MODELS[model].recorded({**values, **_OPTIONS.get(model, {})}), round(100 * float(row["accuracy"]), 2),
        float(row["branching_factor"]) if row["branching_factor"] else None, row["figure"],
    )  # fmt: skip


@lru_cache(maxsize=2)
def _rows(name):
    with (_FOLDER / name).open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))
