"""What came out of the cells: read from their version folders, gathered over networks."""

from dataclasses import dataclass
from statistics import mean, stdev

from nalsm.evaluation.paper import ACCURACIES, BRANCHING_FACTORS, KERNEL_QUALITIES, is_reduced
from nalsm.runs.listing import RunStatus, read_status
from nalsm.sweep.plan import Cell
from nalsm.sweep.steps import branching_factor_of, kernel_quality_of, trained_folder


@dataclass(frozen=True)
class Finding:
    """The results of one cell; `parameters` is what its parameter file holds.

    branching : mean branching factor, None where not computed
    ranks : (SP, AP), None where not computed
    peak_bytes : the most memory its training has held, None where not noted
    """

    cell: Cell
    status: RunStatus
    parameters: dict
    branching: float | None
    ranks: tuple[float, float] | None
    peak_bytes: int | None

    @property
    def test(self):
        """Accuracy on the test set, percent, at the cycle with the best validation accuracy."""
        return 100 * self.status.accuracies["test"]


def find(cell, places):
    """Return the Finding of a cell, or None where it has no finished run."""
    folder = trained_folder(cell, places)
    if folder is None:
        return None
    return Finding(
        cell, read_status(places.output_dir, cell.version), folder.recorded_parameters(),
        branching_factor_of(cell, places) if "branching_factor" in cell.measures else None,
        kernel_quality_of(cell, places) if "kernel_quality" in cell.measures else None,
        folder.peak_bytes(),
    )  # fmt: skip


@dataclass(frozen=True)
class Group:
    """The Findings of one setting on several networks; `planned`: how many cells there are of it."""

    findings: tuple[Finding, ...]
    planned: int

    @property
    def cell(self):
        return self.findings[0].cell

    @property
    def dataset(self):
        """The data set as the runs recorded it: simulated recordings bear their own name."""
        return self.findings[0].status.dataset

    @property
    def is_reduced(self):
        return is_reduced(self.findings[0].parameters["identity"])

    @property
    def _key(self):
        return self.cell.model, self.dataset, self.cell.network.n_liquid

    @property
    def published(self):
        """The published Accuracy to compare with, or None."""
        return None if self.is_reduced else ACCURACIES.get(self._key)

    @property
    def published_branching(self):
        return None if self.is_reduced or self._key[2] != 1000 else BRANCHING_FACTORS.get(self._key[:2])

    @property
    def published_ranks(self):
        """The published (SP, AP); one of them, or the whole, may be None."""
        unknown = (None, None)
        return unknown if self.is_reduced or self._key[2] != 1000 else KERNEL_QUALITIES.get(self._key[:2], unknown)

    @property
    def accuracies(self):
        return [finding.test for finding in self.findings]

    @property
    def branching(self):
        return [finding.branching for finding in self.findings if finding.branching is not None]

    @property
    def ranks(self):
        """Return ([SP of each network], [AP of each network])."""
        known = [finding.ranks for finding in self.findings if finding.ranks]
        return [sp for sp, _ in known], [ap for _, ap in known]


def groups_of(cells, found):
    """Return the Groups of cells that have results, in the cells' order; `found`: Finding or None by version."""
    by_setting = {}
    for cell in cells:
        key = cell.model, cell.dataset, tuple(cell.knobs.values()), cell.network.dims
        by_setting.setdefault(key, []).append(cell)
    results = [([found[cell.version] for cell in group if found[cell.version]], len(group)) for group in
               by_setting.values()]  # fmt: skip
    return [Group(tuple(findings), planned) for findings, planned in results if findings]


def mean_and_deviation(values):
    """Return (mean, standard deviation over networks or None where there is one only); None for no values."""
    return None if not values else (mean(values), stdev(values) if len(values) > 1 else None)
