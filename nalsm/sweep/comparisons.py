"""The sections of the page of results that compare accuracies and measures with the published runs."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from nalsm.datasets import is_simulated
from nalsm.evaluation import MEASURES
from nalsm.evaluation.paper import BEST_OF_EACH, Published
from nalsm.sweep.findings import Comparison, Group, best_of_each_network, compared, families, holm
from nalsm.sweep.tables import SETTING, data, link, networks, paragraphs, rank, section, setting, statistics, table

_COMPARED = ("published", "networks", "difference", "95 % interval", "p (Welch)", "p (Holm)")
_MEASURES = (  # (measure, value, heading, digits)
    ("branching_factor", "mean", "Branching factor", 3),
    ("kernel_quality", "SP", "SP, mean rank of the test counts", 2),
    ("kernel_quality", "AP", "AP, mean rank of the noisy test counts", 2),
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
    rows, n_apart, n_tested = _with_comparisons([_accuracy(group) for group in groups])
    tables: dict[str, list] = {}
    for group, row in zip(groups, rows, strict=True):
        tables.setdefault(data(group), []).append(row)
    headings = (*SETTING[1:], "networks", "mean", "s.d.", "by samples", *_COMPARED)
    parts = [("", f"### {name}", "", *_simulated(name), *table(headings, rows)) for name, rows in tables.items()]
    texts = [
        "s.d.: standard deviation over networks, with n - 1. By samples: 95 % interval (Wilson) of the mean, as far "
        "as it comes from the number of test samples."
    ]
    if n_tested:
        texts[0] += (
            " Difference: own mean minus published mean, in percentage points and in published standard deviations, "
            "with the 95 % interval and the p of Welch's test; p (Holm) is adjusted for all rows that have a p "
            f"({n_tested}, with three networks or more), and {n_apart} of them are below 0.05."
        )
    if any(group.published for group in groups):
        texts += [
            "Rows with the best knob of each network: the paper's table has it for LSM and LSM+AP-STDP. For LSM the "
            "authors chose it by test accuracy: the means of each network's largest test accuracy are the figures of "
            "the table, 95.30 and 95.02. Of LSM+AP-STDP they published the chosen runs only. The row by test accuracy "
            "repeats such a choice and is the one to compare with the table; the row by validation accuracy tells what "
            "to expect of a knob that was chosen without the test set. A row at a fixed knob stands beside the "
            "published runs at the same knob. For LSM+AP-STDP with a fixed range, published runs exist only for the "
            "networks for which this range was best.",
            "In the published LSM+STDP runs only the first sample of a batch learns; the rows with learning samples "
            "first repeat them, in the others every sample learns.",
        ]
    return ["## Accuracy", *(line for part in parts for line in part), *paragraphs(texts)] if parts else []


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
        rows, n_apart, n_tested = _with_comparisons(
            [
                _Row((*setting(group), len(values), *statistics(values, digits)), values,
                     group.published_of(measure, value), digits)
                for group, values in found
            ]
        )  # fmt: skip
        if rows:
            lines += ["", f"### {heading}", "", *table((*SETTING, "networks", "mean", "s.d.", *_COMPARED), rows)]
            lines += ["", f"{n_apart} of {n_tested} adjusted p are below 0.05."] if n_tested else []
    draws, evaluating = MEASURES["kernel_quality"].parameters, link("evaluating.md", path)
    texts = [
        "Branching factor: mean over the recorded samples of a run, then over networks; activity dies out below 1 and "
        "grows above 1. The published ones of LSM are not those of the authors' released program: see "
        f"{evaluating}. SP and AP: means over {draws['draws']:,} draws of {draws['per_class']} samples of each class "
        "(of own data as many as all classes have, if that is less); nothing says at which knobs the published "
        "ones were computed. Formulas and programs are there, too."
    ]
    return ["## Branching factor and kernel quality", *lines, *paragraphs(texts)] if lines else []


def other_measures(groups: Iterable[Group]) -> list[str]:
    """Return the lines of the section of measures that have no table of their own, such as those of extensions."""
    shown_apart = {"accuracy", *(measure for measure, *_ in _MEASURES)}
    others = [measure for name, measure in MEASURES.items() if name not in shown_apart]
    rows = [
        (*setting(group), measure.title, name, len(values), *statistics(values, 3), published)
        for group in sorted(groups, key=rank)
        for measure in others
        for name in dict.fromkeys(name for run in group.runs for name in run.measures.get(measure.name, ()))
        if name not in measure.parameters
        for values, published in [
            (group.values_of(measure.name, name), group.published_of(measure.name, name) or "-")
        ]
    ]  # fmt: skip
    headings = (*SETTING, "measure", "value", "networks", "mean", "s.d.", "published")
    return section("Other measures", headings, rows, *(f"{m.title}: {m.formula}." for m in others))


# ---- own and published values side by side -------------------------------------------------------


def _with_comparisons(rows: Sequence[_Row]) -> tuple[list[tuple], int, int]:
    """Return (the cells of each row, how many adjusted p are below 0.05, how many rows have a p)."""
    comparisons = [compared(row.own, row.published.values) if row.published else None for row in rows]
    tested = [comparison.p for comparison in comparisons if comparison and comparison.p is not None]
    adjusted = holm(tested)
    in_order = iter(adjusted)
    cells = [
        (*row.cells, *_difference(row, comparison, next(in_order) if comparison and comparison.p is not None else None))
        for row, comparison in zip(rows, comparisons, strict=True)
    ]
    return cells, sum(p < 0.05 for p in adjusted), len(tested)


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
