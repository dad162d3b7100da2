"""The paper's figures: which runs are drawn where, beside which published ones, and what the page says of them."""

import xml.etree.ElementTree as ElementTree
from collections import Counter

import pytest
from click import UsageError
from stored_runs import stored

from nalsm.programs.figures import main
from nalsm.report.drawing import svg
from nalsm.support.errors import UserError
from nalsm.sweep.figures import FIGURES, branching_points, comparable, density_points, figure_4, table_rows, table_runs
from nalsm.sweep.figures_page import write_figures

SVG = "{http://www.w3.org/2000/svg}"
NALSM = {"astrocyte_weight": 0.015}


MEASURES = {"branching_factor": {"mean": 1.2}, "kernel_quality": {"SP": 990.0, "AP": 985.0}}


def run(model="NALSM", knobs=NALSM, **values):
    """A run of the store with both measures."""
    return stored(**{"model": model, "knobs": knobs, "measures": MEASURES, **values})


FIRST = {"learning_samples": "first"}
STORE = [
    run(test=95.9), run(test=96.1, number=2), run(knobs={"astrocyte_weight": 0.1}, test=95.5),
    run(knobs={**NALSM, "astrocyte_density": 0.4}, test=95.8, seed=111), run(test=96.2, seed=111),
    run("LSM+STDP", FIRST, test=89.0), run("LSM+STDP", {}, test=88.0),
    run("LSM", {"initial_weight": 0.6}, test=95.1, valid=95), run("LSM", {"initial_weight": 0.7}, test=95.2, valid=94),
    run(test=97.5, knobs={"astrocyte_weight": 0.0075}, neurons=8000), run(test=83.0, dataset="Fashion-MNIST"),
    run(test=90, number=3, sizes={"cycles": 10}), run(test=91, number=3, readout="ridge"),
]  # fmt: skip


def test_only_full_runs_are_compared():
    assert len(comparable(STORE)) == len(STORE) - 2


@pytest.mark.parametrize(
    ("cell", "tests"),
    [
        (("NALSM", "MNIST", 1000), [95.9, 96.1]),  # neither another seed, nor another weight or density
        (("NALSM", "MNIST", 8000), [97.5]),
        (("NALSM", "Fashion-MNIST", 1000), [83.0]),
        (("LSM+STDP", "MNIST", 1000), [89.0]),  # the published program: only the first sample of a batch learns
        (("LSM", "MNIST", 1000), [95.2]),  # the better one by test accuracy, as the authors chose
        (("NALSM", "N-MNIST", 1000), []),
    ],
)
def test_runs_for_a_row_of_the_table(cell, tests):
    store = comparable(STORE)
    assert [found.test for found in table_runs(store, *cell)] == pytest.approx(tests)
    rows = {(row.model, row.dataset, row.n_liquid): row for row in table_rows(store)}
    assert len(rows) == 12
    assert rows[cell].own == pytest.approx(tests)


def test_points_of_a_figure():
    store = comparable(STORE)
    assert Counter(density_points(store, "MNIST")) == Counter([(1, 95.9), (1, 96.1), (1, 96.2), (0.4, 95.8)])
    points = {series.title: own for series, own in branching_points(store, "MNIST")}
    assert points["LSM+STDP, the first sample of a batch learns"] == [(1.2, 89.0)]
    assert points["LSM+STDP, every sample learns"] == [(1.2, 88.0)]
    assert sorted(points["NALSM"]) == [(1.2, 95.5), (1.2, 95.9), (1.2, 96.1), (1.2, 96.2)]  # without densities


def test_measures_with_other_parameters_are_not_drawn():
    narrow = {"branching_factor branching_window_ms=3": {"mean": 1.4, "branching_window_ms": 3}}
    silent = {"branching_factor": {"mean": None}}
    points = {
        series.title: own for series, own in branching_points([run(measures=narrow), run(measures=silent)], "MNIST")
    }
    assert points["NALSM"] == []


def dots_of(picture):
    """Number of dots by the name of their group, in all panels."""
    dots = Counter()
    for group in ElementTree.fromstring(picture).iter(f"{SVG}g"):
        if group.get("id", "").startswith(("own", "published")):
            dots[group.get("id")] += len(list(group.iter(f"{SVG}use")))
    return dots


def test_pictures_and_page(tmp_path):
    """Every published run is a dot, so is every own one; cells without own runs say so; the files are small."""
    store = [*STORE, *(run(knobs={"astrocyte_weight": 0.05}, test=95.5, number=k) for k in range(150))]
    pictures = write_figures(store, tmp_path / "figures.md")
    assert [path.stem for path in pictures] == list(FIGURES)
    assert all(path.parent == tmp_path / "figures" and path.stat().st_size < 60_000 for path in pictures)
    dots = dots_of((tmp_path / "figures" / "figure_2.svg").read_bytes())
    assert dots == {
        "published NALSM": 140, "published LSM": 210, "published LSM+AP-STDP": 20,
        "published LSM+STDP, the first sample of a batch learns": 20, "own NALSM": 154, "own LSM": 2,
        "own LSM+STDP, the first sample of a batch learns": 1, "own LSM+STDP, every sample learns": 1,
    }  # fmt: skip
    texts = (tmp_path / "figures" / "figure_4.svg").read_text()
    assert texts.count(">no runs<") == 4 + 6  # densities of MNIST and of N-MNIST
    page = (tmp_path / "figures.md").read_text()
    assert "| MNIST | NALSM | 1000 | 95.96 ± 0.13 | 10 | 96.00 ± 0.14 | 2 | +0.04 |" in page
    assert "| N-MNIST | LSM+STDP | 1000 | 86.80 ± 0.51 | 10 | no runs | 0 | - |" in page
    assert "- Own runs on MNIST: 0.1: none; 0.2: none; 0.4: 1; 0.6: none; 0.8: none; 1: 3" in page
    assert all(f"](figures/{name}.svg)" in page for name in FIGURES)
    assert svg(figure_4(STORE), "x", "") == svg(figure_4(STORE), "x", "")
    assert dots_of((tmp_path / "figures" / "readme.svg").read_bytes())["own NALSM"] == 154
    assert (tmp_path / "figures" / "readme.svg").stat().st_size < 60_000


def test_a_store_that_is_not_there(tmp_path):
    for flags, words, error in (
        ([f"--store={tmp_path}/no.json"], "--store: there is no", UserError),
        ([f"--page={tmp_path}/no/figures.md"], "--page: there is no folder", UsageError),
        ([f"--page={tmp_path}/results.json"], "--page: read .*results.json; the page is Markdown", UsageError),
    ):
        with pytest.raises(error, match=words):
            main.main(flags, standalone_mode=False)
