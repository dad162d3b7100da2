"""The sections of the page of results that compare accuracies and measures with the published runs."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from nalsm.datasets import is_simulated
from nalsm.evaluation import MEASURES
from nalsm.evaluation.paper import BEST_OF_EACH, Published
from nalsm.sweep.findings import Comparison, Group, best_of_each_network, compared, families, holm
from nalsm.sweep.tables import SETTING, data, link, networks, rank, section, setting, statistics, table

_COMPARED = ("published", "networks", "difference", "95 % interval", "p (Welch)", "p (Holm)")
_MEASURES = (  # (measure, value, heading, digits)
    ("branching_factor", "mean", "Branching factor", 3),
    ("kernel_quality", "SP", "SP, mean rank of the test counts", 2),
    ("kernel_quality", "AP", "AP, mean rank of the noisy test counts", 2),
)


_SPREAD = (
    "s.d.: standard deviation over networks, with n - 1. By samples: 95 % interval (Wilson) of the mean, as far as it "
    "comes from the number of test samples."
)
_BESIDE_PUBLISHED = (
    "Difference: own mean minus published mean, in percentage points and in published standard deviations. Its 95 % "
    "interval and p are those of Welch's test, for three networks or more; p (Holm) is adjusted for all rows that have "
    "a p.",
    "Best by test accuracy: the row to compare with the paper's table, which has the best knob of each network of LSM "
    "and LSM+AP-STDP. For LSM the authors chose it by test accuracy: the means of each network's largest test accuracy "
    "are the figures of the table, 95.30 and 95.02. Of LSM+AP-STDP they published the chosen runs only.",
    "Best by validation accuracy: what to expect of a knob that was chosen without the test set.",
    "A fixed range of LSM+AP-STDP: published runs exist only for the networks for which this range was best.",
    "LSM+STDP, learning samples first: as in the published runs, only the first sample of a batch learns. In the other "
    "rows every sample learns.",
)


class _Row(NamedTuple):
    """A row that compares own values with published ones; cells : what stands before the comparison."""

    cells: tuple
    own: Sequence[float]
    published: Published | None
    digits: int


def accuracies(groups: Sequence[Group]) -> list[str]:
    """Return the lines of the section of accuracies: a table for each data set."""
    chosen = [
        best_of_each_network(*family, judged_by)
        for family in families(groups)
        if family[1][0].model in BEST_OF_EACH
        for judged_by in ("valid", "test")
    ]
    groups = sorted([*groups, *filter(None, chosen)], key=rank)
    shown = _with_comparisons([_accuracy(group) for group in groups])
    tables: dict[str, list] = {}
    for group, row in zip(groups, shown.rows, strict=True):
        tables.setdefault(data(group), []).append(row)
    headings = (*SETTING[1:], "networks", "mean", "s.d.", "by samples", *_COMPARED)
    parts = [("", f"### {name}", "", *_simulated(name), *table(headings, rows)) for name, rows in tables.items()]
    verdict = _verdict(groups, shown)
    notes = [_SPREAD, *(_BESIDE_PUBLISHED if verdict else ())]
    lines = [*verdict, *(line for part in parts for line in part), "", *(f"- {note}" for note in notes)]
    return ["## Accuracy", *lines] if parts else []


def _verdict(groups, shown):
    """Say how many rows agree with the published runs, and which do not; no text if nothing is published of them."""
    distances = [
        (group, comparison.difference / group.published.deviation, p)
        for group, comparison, p in zip(groups, shown.comparisons, shown.adjusted, strict=True)
        if comparison and group.published.networks > 1
    ]
    if not distances:
        return []
    outside = [
        f"{group.label}, {group.knobs}, {group.cell.network.n_liquid} neurons, {data(group)} ({distance:+.1f} s.d., "
        f"networks: {networks(group)}{'' if p is None else f', adjusted p {p:.2g}'})"
        for group, distance, p in distances
        if abs(distance) > 1
    ]
    lines = [
        "",
        f"{len(distances) - len(outside)} of {len(distances)} rows with several published runs have a mean within one "
        f"published standard deviation. In {shown.n_apart} of the {shown.n_tested} rows with a test, own and published "
        "runs are told apart (adjusted p below 0.05).",
    ]
    return [*lines, "", "Outside:", "", *(f"- {row}" for row in outside)] if outside else lines


def _accuracy(group):
    low, high = group.sampling
    cells = *setting(group)[1:], networks(group), *statistics(group.accuracies), f"{low:.1f} to {high:.1f}"
    return _Row(cells, group.accuracies, group.published, 2)


def _simulated(name):
    if not is_simulated(name):
        return []
    return [
        "These recordings are simulated from MNIST's images. They are not N-MNIST: no published figure applies.",
        "",
    ]


def measures(groups: Sequence[Group], path: Path) -> list[str]:
    """Return the lines of the section of branching factor and kernel quality; path : of the page."""
    lines = []
    for measure, value, heading, digits in _MEASURES:
        found = [(group, values) for group in sorted(groups, key=rank) if (values := group.values_of(measure, value))]
        shown = _with_comparisons(
            [
                _Row((*setting(group), len(values), *statistics(values, digits)), values,
                     group.published_of(measure, value), digits)
                for group, values in found
            ]
        )  # fmt: skip
        if shown.rows:
            headings = (*SETTING, "networks", "mean", "s.d.", *_COMPARED)
            lines += ["", f"### {heading}", "", *table(headings, shown.rows)]
            lines += ["", f"{shown.n_apart} of {shown.n_tested} adjusted p are below 0.05."] if shown.n_tested else []
    draws, evaluating = MEASURES["kernel_quality"].parameters, link("evaluating.md", path)
    notes = [
        "Branching factor: mean over the recorded samples of a run, then over networks. Activity dies out below 1 and "
        "grows above 1. The published ones of LSM are not those of the authors' released program.",
        f"SP and AP: means over {draws['draws']:,} draws of {draws['per_class']} samples of each class (of own data as "
        "many as all classes have, if that is less). The data sheet does not state the knobs of the published ones.",
        f"Formulas and programs: {evaluating}.",
    ]
    return ["## Branching factor and kernel quality", *lines, "", *(f"- {note}" for note in notes)] if lines else []


def other_measures(groups: Iterable[Group]) -> list[str]:
    """Return the lines of the section of measures that have no table of their own, such as those of extensions."""
    shown_apart = {"accuracy", *(measure for measure, *_ in _MEASURES)}
    others = [measure for name, measure in MEASURES.items() if name not in shown_apart]
    rows = [
        (*setting(group), measure.title, name, len(values), *statistics(values, 3), published)
        for group in sorted(groups, key=rank)
        for measure in others
        for name in dict.fromkeys(name for values in group.measured(measure.name) for name in values)
        if name not in measure.parameters
        for values, published in [
            (group.values_of(measure.name, name), group.published_of(measure.name, name) or "-")
        ]
    ]  # fmt: skip
    headings = (*SETTING, "measure", "value", "networks", "mean", "s.d.", "published")
    return section("Other measures", headings, rows, *(f"{m.title}: {m.formula}." for m in others))


# ---- own and published values side by side -------------------------------------------------------


class _Shown(NamedTuple):
    """Rows with their comparisons, and the adjusted p of those that were tested; None elsewhere."""

    rows: list[tuple]
    comparisons: list[Comparison | None]
    adjusted: list[float | None]

    @property
    def n_tested(self) -> int:
        return sum(p is not None for p in self.adjusted)

    @property
    def n_apart(self) -> int:
        return sum(p is not None and p < 0.05 for p in self.adjusted)


def _with_comparisons(rows: Sequence[_Row]) -> _Shown:
    comparisons = [compared(row.own, row.published.values) if row.published else None for row in rows]
    tested = [comparison.p if comparison else None for comparison in comparisons]
    in_order = iter(holm([p for p in tested if p is not None]))
    adjusted = [None if p is None else next(in_order) for p in tested]
    cells = [
        (*row.cells, *_difference(row, comparison, p))
        for row, comparison, p in zip(rows, comparisons, adjusted, strict=True)
    ]
    return _Shown(cells, comparisons, adjusted)


def _difference(row: _Row, comparison: Comparison | None, adjusted: float | None) -> tuple:
    """Return the cells under `_COMPARED`."""
    published, signed = row.published, f"+.{row.digits}f"
    if not comparison or not published:
        return ("-",) * len(_COMPARED)
    spread = f" ({comparison.difference / published.deviation:+.1f} s.d.)" if published.networks > 1 else ""
    tests: tuple[str, ...] = ("-", "-", "-")
    if comparison.interval and comparison.p is not None:
        low, high = comparison.interval
        tests = f"{low:{signed}} to {high:{signed}}", f"{comparison.p:.2g}", f"{adjusted:.2g}"
    return published, published.networks, f"{comparison.difference:{signed}}{spread}", *tests
