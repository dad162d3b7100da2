"""The results of a sweep's cells: records of the store, gathered over networks and compared with the paper's runs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import mean, stdev

from nalsm.constants import TRAINING
from nalsm.datasets import inputs_of
from nalsm.evaluation import MEASURES
from nalsm.evaluation.intervals import share_interval
from nalsm.evaluation.paper import Published
from nalsm.models import MODELS
from nalsm.runs.readouts import PUBLISHED
from nalsm.runs.recording import decisive
from nalsm.support.constants import as_text
from nalsm.sweep.plan import Cell
from nalsm.sweep.store import StoredRun

_JUDGED_BY = {"valid": "validation", "test": "test"}


@dataclass(frozen=True)
class Group:
    """The runs of one setting on several networks, with their own seeds or with several seeds on each.

    cell : the first cell of the setting; planned : number of runs that the sweeps have for it
    chosen : name of the knob of which each network has its best value; empty if all runs have the cell's knobs
    judged_by : the split whose accuracy decided which value is the best, "valid" or "test"
    tried : values of that knob, of which each network had two or more
    apart : other settings in words, in which groups of the same model, data set and size differ
    """

    cell: Cell
    runs: tuple[StoredRun, ...]
    planned: int
    chosen: str = ""
    judged_by: str = ""
    tried: tuple[float, ...] = ()
    apart: tuple[str, ...] = ()

    @property
    def dataset(self) -> str:
        return self.cell.dataset

    @property
    def model(self) -> str:
        return self.cell.model

    @property
    def label(self) -> str:
        """The model, marked if its readout is not the published one."""
        return self.cell.label

    @property
    def is_reduced(self) -> bool:
        return self.runs[0].is_reduced

    @property
    def knobs(self) -> str:
        """The knobs in words, "-" if the model has none."""
        model = MODELS[self.model]
        if not self.chosen:
            return ", ".join([*model.describe_knobs(self.cell.knobs), *self.marks]) or "-"
        heading = next(knob.heading for knob in model.knobs if knob.name == self.chosen)
        values = ", ".join(f"{value:g}" for value in self.tried)
        best = f"{heading}: best of {values} for each network by {_JUDGED_BY[self.judged_by]} accuracy"
        return ", ".join([best, *self.marks])

    @property
    def marks(self) -> list[str]:
        """What tells the runs from others with these knobs: constants, seeds, other settings."""
        seeds = [] if self.cell.has_own_seed else ["several seeds on each network"]
        return [*as_text(self.cell.constants), *seeds, *self.apart]

    @property
    def published(self) -> Published | None:
        """The published test accuracies (percent) to compare with."""
        return self.published_of("accuracy", "test")

    def published_of(self, measure: str, value: str) -> Published | None:
        """Return the published figure of a measure at these knobs, or None if there is none.

        None also for a reduced run, for one with other constants than the published ones, and for an accuracy with
        another readout than the published one.
        """
        if self.is_reduced or decisive(self.cell.constants):
            return None
        if measure == "accuracy" and self.cell.readout != PUBLISHED:
            return None
        knobs = None if self.chosen else self.cell.knobs
        figures = MEASURES[measure].published(self.model, self.dataset, self.cell.network.n_liquid, knobs)
        return figures.get(value)

    @property
    def accuracies(self) -> list[float]:
        """Test accuracies in percent."""
        return [run.test for run in self.runs]

    @property
    def fastest(self) -> StoredRun:
        """The run that took the least time: the one that other programs on its machine disturbed least."""
        return min(self.runs, key=lambda run: sum(run.seconds.values()))

    @property
    def sampling(self) -> tuple[float, float]:
        """95 % interval of the mean accuracy in percent, as far as it comes from the number of test samples."""
        low, high = share_interval(mean(self.accuracies) / 100, self.runs[0].sizes["test_samples"])
        return 100 * low, 100 * high

    def values_of(self, measure: str, value: str) -> list[float]:
        """Return a value of a measure for each network on which it was computed, if it is a number."""
        return [number for values in self.measured(measure) if (number := values.get(value)) is not None]

    def measured(self, measure: str) -> list[dict]:
        """Return the values of a measure, computed with the cell's parameters, for each network that has them."""
        found = [run.measured(measure, self.cell.parameters_of(measure)) for run in self.runs]
        return [values for values in found if values]

    @property
    def branching(self) -> list[float]:
        """Branching factor of each network."""
        return self.values_of("branching_factor", "mean")


def run_of(cell: Cell, store: Iterable[StoredRun]) -> StoredRun | None:
    """Return the stored run of a cell, the newest if there are several (of several engines), or None."""
    return max((run for run in store if _is_of(cell, run)), key=lambda run: run.started, default=None)


def is_complete(cell: Cell, run: StoredRun | None) -> bool:
    """Tell whether the stored run of a cell has all that the sweep asks for."""
    return run is not None and all(run.measured(name, cell.parameters_of(name)) for name in cell.measures)


def _is_of(cell: Cell, run: StoredRun) -> bool:
    network, settings = cell.network, cell.settings
    return (
        run.model == cell.model
        and run.readout == cell.readout
        and run.dataset == cell.dataset
        and (cell.source.own is None or run.dataset_sha256 == cell.source.own_fingerprint)
        and run.rates == cell.settings.get("rates")
        and run.knobs == cell.knobs
        and (run.constants or {}) == cell.constants_of(TRAINING)
        and run.network.get("constants", {}) == dict(network.constants)
        and run.seed == settings["seed"]
        and (tuple(run.network["dims"]), run.network["seed"]) == (network.dims, network.seed)
        and run.network["inputs"] == inputs_of(network.kind)
        and all(settings[name] == size for name, size in run.sizes.items())
        and settings["engine"] in ("auto", run.engine)
    )


def groups_of(cells: Iterable[Cell], found: dict[int, StoredRun | None]) -> list[Group]:
    """Return the Groups of cells that have results, in the cells' order; found : stored run by a cell's version."""
    of_setting: dict[tuple, list[Cell]] = {}
    for cell in cells:
        values = *cell.deciding.items(), *cell.constants.items()
        of_setting.setdefault((cell.model, cell.dataset, values, cell.has_own_seed), []).append(cell)
    groups = [
        Group(cells[0], tuple(run for cell in cells if (run := found[cell.version])), len(cells))
        for cells in of_setting.values()
    ]
    return _told_apart([group for group in groups if group.runs])


def _told_apart(groups: list[Group]) -> list[Group]:
    """Return the groups with `apart`."""

    def kind(cell: Cell) -> tuple:
        return cell.label, cell.dataset, cell.network.n_liquid

    values: dict[tuple, set] = {}  # of a setting, by (kind, its name)
    for cell in (group.cell for group in groups):
        for name, value in cell.deciding.items():
            values.setdefault((kind(cell), name), set()).add(value)

    def apart(cell: Cell) -> tuple[str, ...]:
        shown = {*cell.full_knobs, "readout"}  # in all tables
        own = ((name, value) for name, value in cell.deciding.items() if name not in shown)
        return tuple(f"{name.replace('_', ' ')} {value}" for name, value in own if len(values[kind(cell), name]) > 1)

    return [replace(group, apart=apart(group.cell)) for group in groups]


def families(groups: Iterable[Group]) -> list[tuple[str, list[Group]]]:
    """Return the groups that differ in one knob only, sorted by it: (name of the knob, groups of one curve)."""
    alike: dict[tuple, list[Group]] = {}
    for group in groups:
        cell = group.cell
        numbers = [knob.name for knob in MODELS[cell.model].all_knobs if not knob.choices]
        for knob in numbers:
            others = *(item for item in cell.deciding.items() if item[0] != knob), *cell.constants.items()
            alike.setdefault((knob, others, cell.model, cell.dataset, cell.has_own_seed), []).append(group)
    several = [(str(key[0]), members) for key, members in alike.items() if len(members) > 1]
    for knob, members in several:
        members.sort(key=lambda group: group.cell.full_knobs[knob])
    return several


def best_of_each_network(knob: str, members: Sequence[Group], judged_by: str) -> Group | None:
    """Return the Group of each network's best run among groups that differ in a knob.

    judged_by : the split whose accuracy decides, "valid" or "test"
    Networks with a single value of the knob are left out; None if there are no others.
    """
    of_network: dict[str, list[StoredRun]] = {}
    for run in (run for group in members for run in group.runs):
        of_network.setdefault(run.network["sha256"], []).append(run)
    best = [max(runs, key=lambda run: getattr(run, judged_by)) for runs in of_network.values() if len(runs) > 1]
    if not best:
        return None
    planned = max(group.planned for group in members)
    tried = tuple(group.cell.knobs[knob] for group in members)
    return Group(members[0].cell, tuple(best), planned, knob, judged_by, tried, members[0].apart)


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float | None] | None:
    """Return the mean and the standard deviation (n - 1; None for a single value); None for no values."""
    return None if not values else (mean(values), stdev(values) if len(values) > 1 else None)


# ---- comparing with the paper ------------------------------------------------------------------------


_FEWEST = 3  # runs on each side for a test; two may be equal by chance, which leaves no spread to test with


@dataclass(frozen=True)
class Comparison:
    """Own mean minus published mean; 95 % interval and p-value of Welch's test, None with too few runs for it."""

    difference: float
    interval: tuple[float, float] | None
    p: float | None


def compared(own: Sequence[float], published: Sequence[float]) -> Comparison:
    """Compare own and published values of a cell."""
    from scipy.stats import ttest_ind

    difference = mean(own) - mean(published)
    if min(len(own), len(published)) < _FEWEST or 1 in (len({*own}), len({*published})):
        return Comparison(difference, None, None)
    test = ttest_ind(own, published, equal_var=False)
    interval = test.confidence_interval(0.95)
    return Comparison(difference, (float(interval.low), float(interval.high)), float(test.pvalue))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for their number with Holm's step-down method (Scand. J. Statist. 6, 65, 1979)."""
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted
