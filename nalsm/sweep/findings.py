"""The results of a sweep's cells: records of the store, gathered over networks."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import mean, stdev

from nalsm.datasets import NETWORK_INPUTS
from nalsm.evaluation.paper import (
    Published,
    closest_figure,
    is_reduced,
    published_accuracy,
    published_branching,
    published_kernel_quality,
)
from nalsm.sweep.plan import Cell
from nalsm.sweep.store import StoredRun


@dataclass(frozen=True)
class Group:
    """The runs of one setting on several networks; `planned`: how many networks the sweeps have for it."""

    cell: Cell
    runs: tuple[StoredRun, ...]
    planned: int

    @property
    def dataset(self) -> str:
        """The data set as the runs recorded it: simulated recordings have a name of their own."""
        return self.runs[0].dataset

    @property
    def is_reduced(self) -> bool:
        return is_reduced({"model": self.cell.model, **self.runs[0].sizes})

    @property
    def _key(self):
        return self.cell.model, self.dataset, self.cell.network.n_liquid

    @property
    def published(self) -> Published | None:
        """The published accuracy to compare with."""
        return None if self.is_reduced else closest_figure(published_accuracy, *self._key, self.cell.knobs)

    @property
    def published_branching(self) -> Published | None:
        return None if self.is_reduced else closest_figure(published_branching, *self._key, self.cell.knobs)

    @property
    def published_ranks(self) -> tuple[Published | None, Published | None]:
        """The published SP and AP; each may be None."""
        published = None if self.is_reduced else published_kernel_quality(*self._key)
        return (published.sp, published.ap) if published else (None, None)

    @property
    def accuracies(self) -> list[float]:
        """Test accuracies in percent."""
        return [run.test for run in self.runs]

    @property
    def branching(self) -> list[float]:
        return [run.measures["branching_factor"]["mean"] for run in self.runs if "branching_factor" in run.measures]

    @property
    def ranks(self) -> tuple[list[float], list[float]]:
        """SP of each network, and AP of each."""
        known = [run.measures["kernel_quality"] for run in self.runs if "kernel_quality" in run.measures]
        return [values["SP"] for values in known], [values["AP"] for values in known]


def runs_of(cell: Cell, store: Iterable[StoredRun]) -> list[StoredRun]:
    """Return the stored runs of a cell: one for each name that its data set was recorded under, the newest of each."""
    of_name = {}
    for run in sorted(store, key=lambda run: run.started):
        if _is_of(cell, run):
            of_name[run.dataset] = run
    return list(of_name.values())


def _is_of(cell, run):
    network, settings = cell.network, cell.settings
    return (
        run.model == cell.model
        and run.dataset.removeprefix("simulated ") == cell.dataset
        and run.knobs == cell.knobs
        and run.seed == settings["seed"]
        and (tuple(run.network["dims"]), run.network["seed"]) == (network.dims, network.seed)
        and run.network["inputs"] == NETWORK_INPUTS[network.kind]
        and all(settings[name] == size for name, size in run.sizes.items())
        and settings["engine"] in ("auto", run.engine)
    )


def groups_of(cells: Iterable[Cell], found: dict[int, list[StoredRun]]) -> list[Group]:
    """Return the Groups of cells that have results, in the cells' order; found : stored runs by a cell's version."""
    cells_of, runs_of_group = {}, {}
    for cell in cells:
        setting = cell.model, cell.dataset, tuple(cell.knobs.values()), cell.network.dims
        cells_of.setdefault(setting, []).append(cell)
        for run in found[cell.version]:
            runs_of_group.setdefault((setting, run.dataset), []).append(run)
    return [
        Group(cells_of[setting][0], tuple(runs), len(cells_of[setting])) for (setting, _), runs in runs_of_group.items()
    ]


def mean_and_deviation(values: list[float]) -> tuple[float, float | None] | None:
    """Return the mean and the standard deviation (n - 1; None for a single value); None for no values."""
    return None if not values else (mean(values), stdev(values) if len(values) > 1 else None)
