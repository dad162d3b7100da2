"""Runs gathered over networks, the best of each network, and the tests against published runs."""

from dataclasses import replace
from math import sqrt
from statistics import mean, variance

import pytest
from scipy.stats import t
from small_runs import ROOT
from stored_runs import stored_of

from nalsm.sweep.findings import Group, best_of_each_network, compared, families, groups_of, holm
from nalsm.sweep.page import _curves, _sizes
from nalsm.sweep.plan import read_sweep

CURVES = ROOT / "sweeps" / "paper_curves.toml"
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


def weights_of(*runs_of_weight):
    """Groups of LSM at the weights 0.6, 0.7, ...; runs : (network, validation, test accuracy in percent)."""
    cells = [cell for cell in read_sweep(CURVES).cells if cell.model == "LSM" and cell.network.seed == 1]
    of_weight = {cell.knobs["initial_weight"]: cell for cell in cells}
    groups = []
    for weight, runs in zip((0.6, 0.7), runs_of_weight, strict=True):
        cell = replace(of_weight[0.6], knobs={"initial_weight": weight})
        cell = replace(cell, settings={**cell.settings, **cell.knobs})
        found = [stored_of(cell, network={"sha256": name}, accuracies={"valid": valid / 100, "test": test / 100})
                 for name, valid, test in runs]  # fmt: skip
        groups.append(Group(cell, tuple(found), planned=3))
    return groups


def test_the_best_of_each_network():
    groups = weights_of([("a", 96, 89), ("b", 95, 99)], [("a", 95, 90), ("b", 96, 91), ("c", 99, 99)])
    [(knob, members)] = families(reversed(groups))
    assert (knob, [member.cell.knobs[knob] for member in members]) == ("initial_weight", [0.6, 0.7])
    best = best_of_each_network(knob, members, "valid")
    assert best.accuracies == [89, 91]  # network c was run with one weight only
    assert best.knobs == "weight: best of 0.6, 0.7 for each network by validation accuracy"
    assert best_of_each_network(knob, members, "test").accuracies == [90, 99]
    assert best_of_each_network(knob, weights_of([("a", 95, 90)], []), "valid") is None


def test_runs_with_several_seeds_are_gathered_apart_and_make_a_curve_of_the_density():
    """At density 1 they have the setting of the main cell, which has one seed for each network: that stays as it is."""
    cells = [cell for name in ("mnist", "density") for cell in read_sweep(ROOT / "sweeps" / f"paper_{name}.toml").cells]
    groups = groups_of(cells, {cell.version: stored_of(cell) for cell in cells})
    [(knob, members)] = families(groups)
    assert (knob, [group.planned for group in members]) == ("astrocyte_density", [9] * 6)
    assert [group.cell.full_knobs[knob] for group in members] == [0.1, 0.2, 0.4, 0.6, 0.8, 1]
    assert members[-1].knobs == "astrocyte weight 0.015, several seeds on each network"
    [main] = [group for group in groups if group.cell.version == 1001]
    assert (main.planned, main.cell.knobs) == (10, members[-1].cell.knobs)


ALIKE = """
networks = { dims = [4, 4, 4], first = 1, count = 2 }
[settings]
gpu = -1
batch_size = 25
batchs_per_block = 4
"""
OTHERS = {
    "": "astrocyte weight 0.015", "cycles = 500": "cycles 500", "constants = { threshold = 15 }": "threshold=15",
    "networks = { dims = [8, 4, 2], first = 50 }": "grid 8 x 4 x 2", "seed = [3, 4]": "several seeds on each network",
}  # fmt: skip


def test_runs_with_other_settings_are_apart(tmp_path):
    """Each row and each curve says in what it differs, and no picture is drawn over another."""
    entry = '[[runs]]\nmodel = "NALSM"\ndataset = "MNIST"\nastro_w_scaling = [0.015, 0.03]\n'
    entries = [f"{entry}first_version = {1000 * k}\n{text}\n" for k, text in enumerate(OTHERS)]
    path = tmp_path / "sweep.toml"
    path.write_text(ALIKE + "".join(entries))
    cells = read_sweep(path).cells
    groups = groups_of(cells, {cell.version: stored_of(cell) for cell in cells})
    curves = families(groups)
    assert [len(members) for _, members in curves] == [2] * len(OTHERS)
    for (_, members), words in zip(curves, OTHERS.values(), strict=True):
        assert words in members[0].knobs and len({run.sizes["cycles"] for run in members[0].runs}) == 1
    titles = [lines[0] for lines in _curves(groups, tmp_path / "page.md")]
    assert len({*titles}) == len(OTHERS) == len([*(tmp_path / "page").iterdir()])
    assert all(words in title for title, words in list(zip(titles, OTHERS.values(), strict=True))[1:])


def test_the_table_of_sizes_has_the_seconds_of_the_fastest_run(tmp_path):
    """Others may have shared their machine with more programs."""
    cells = read_sweep(ROOT / "sweeps" / "sizes.toml").cells
    seconds = {4001: 900, 4002: 90, 4301: 45, 4401: 1}

    found = dict.fromkeys(cell.version for cell in cells)
    for cell in (cell for cell in cells if cell.version in seconds):
        times = {"counting": seconds[cell.version], "readout": 2 * seconds[cell.version]}
        found[cell.version] = stored_of(cell, seconds=times)
    groups = groups_of(cells, found)
    [lines] = _sizes(groups, tmp_path / "page.md")  # none of Fashion-MNIST, which has one size
    rows = [row.split(" | ")[-4:] for row in lines if row.startswith(("| 500 ", "| 2000 "))]
    assert rows == [["0", "45", "90", "- |"], ["0", "90", "180", "- |"]]
    [picture] = (tmp_path / "page").iterdir()
    assert picture.name in "".join(lines)
