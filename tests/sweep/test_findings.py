"""Runs gathered over networks, the best of each network, and the tests against published runs."""

from math import sqrt
from statistics import mean, variance
from types import SimpleNamespace

import pytest
from scipy.stats import t
from small_runs import ROOT

from nalsm.evaluation.paper import FULL
from nalsm.sweep.findings import Group, best_of_each_network, compared, families, groups_of, holm
from nalsm.sweep.page import _sizes
from nalsm.sweep.plan import read_sweep

OWN, PUBLISHED = [95.9, 95.7, 96.1], [95.96, 96.05, 95.8, 95.9, 96.2]


def test_welch_as_in_its_formula():
    found = compared(OWN, PUBLISHED)
    difference = mean(OWN) - mean(PUBLISHED)
    parts = [variance(values) / len(values) for values in (OWN, PUBLISHED)]
    freedom = sum(parts) ** 2 / sum(part**2 / (len(v) - 1) for part, v in zip(parts, (OWN, PUBLISHED), strict=True))
    half = t.ppf(0.975, freedom) * sqrt(sum(parts))
    assert found.difference == pytest.approx(difference)
    assert found.interval == pytest.approx((difference - half, difference + half))
    assert found.p == pytest.approx(2 * t.sf(abs(difference) / sqrt(sum(parts)), freedom))


@pytest.mark.parametrize("own", [[95.4], [95.4, 95.4], [95.4, 95.5], [95.4, 95.4, 95.4]])
def test_too_few_runs_are_not_tested(own):
    found = compared(own, PUBLISHED)
    assert (found.interval, found.p) == (None, None) and found.difference < 0


def test_holm():
    """The example of three p-values by hand: 3 x 0.01, then 2 x 0.02, then no less than before."""
    assert holm([0.02, 0.01, 0.03]) == pytest.approx([0.04, 0.03, 0.04])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def group(weight, *runs):
    knobs = {"initial_weight": weight}
    cell = SimpleNamespace(model="LSM", dataset="MNIST", knobs=knobs, full_knobs=knobs, has_own_seed=True, label="LSM",
                           constants={}, network=SimpleNamespace(dims=(10, 10, 10), n_liquid=1000))  # fmt: skip
    sizes = {"train_samples": 1, "valid_samples": 1, "test_samples": 1, "sample_ms": 1, "cycles": 1}
    return Group(cell, tuple(
        SimpleNamespace(network={"sha256": network}, valid=valid, test=test, knobs=cell.knobs, sizes=sizes)
        for network, valid, test in runs
    ), planned=3)  # fmt: skip


def test_the_best_of_each_network():
    groups = [group(0.7, ("a", 95, 90), ("b", 96, 91), ("c", 99, 99)), group(0.6, ("a", 96, 89), ("b", 95, 99))]
    [(knob, members)] = families(groups)
    assert (knob, [member.cell.knobs[knob] for member in members]) == ("initial_weight", [0.6, 0.7])
    best = best_of_each_network(knob, members, "valid")
    assert best.accuracies == [89, 91]  # network c was run with one weight only
    assert best.knobs == "weight: best of 0.6, 0.7 for each network by validation accuracy"
    assert best_of_each_network(knob, members, "test").accuracies == [90, 99]
    assert best_of_each_network(knob, [groups[0], group(0.6)], "valid") is None


def test_runs_with_several_seeds_are_gathered_apart_and_make_a_curve_of_the_density():
    """At density 1 they have the setting of the main cell, which has one seed for each network: that stays as it is."""
    cells = [cell for name in ("mnist", "density") for cell in read_sweep(ROOT / "sweeps" / f"paper_{name}.toml").cells]
    run = SimpleNamespace(sizes={**FULL, "batch_size": 250})
    groups = groups_of(cells, {cell.version: run for cell in cells})
    [(knob, members)] = families(groups)
    assert (knob, [group.planned for group in members]) == ("astrocyte_density", [9] * 6)
    assert [group.cell.full_knobs[knob] for group in members] == [0.1, 0.2, 0.4, 0.6, 0.8, 1]
    assert members[-1].knobs == "astrocyte weight 0.015, several seeds on each network"
    [main] = [group for group in groups if group.cell.version == 1001]
    assert (main.planned, main.cell.knobs) == (10, members[-1].cell.knobs)


def test_the_table_of_sizes_has_the_seconds_of_the_fastest_run(tmp_path):
    """Others may have shared their machine with more programs."""
    cells = read_sweep(ROOT / "sweeps" / "sizes.toml").cells
    seconds = {4001: 900, 4002: 90, 4301: 45, 4401: 1}

    def run(version):
        times = {"counting": seconds[version], "readout": 2 * seconds[version]}
        return SimpleNamespace(sizes={**FULL, "batch_size": 250}, test=95.0, seconds=times, peak_memory_bytes=None)

    groups = groups_of(cells, {cell.version: run(cell.version) if cell.version in seconds else None for cell in cells})
    [lines] = _sizes(groups, tmp_path / "page.md")  # none of Fashion-MNIST, which has one size
    rows = [row.split(" | ")[-4:] for row in lines if row.startswith(("| 500 ", "| 2000 "))]
    assert rows == [["0", "45", "90", "- |"], ["0", "90", "180", "- |"]]
    [picture] = (tmp_path / "page").iterdir()
    assert picture.name in "".join(lines)
