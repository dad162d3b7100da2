"""The paper's figures, computed from its runs."""

import subprocess
import sys

import pytest
from small_runs import ROOT, environment

from nalsm.evaluation.paper import (
    closest_figure,
    is_reduced,
    published_accuracy,
    published_branching,
    published_cells,
    published_kernel_quality,
    published_runs,
    rescaled_difference,
    table_knobs,
)

TABLE = {  # mean and standard deviation as the paper prints them
    ("NALSM", "MNIST", 1000): "95.96 ± 0.13",
    ("NALSM", "N-MNIST", 1000): "95.90 ± 0.16",
    ("NALSM", "Fashion-MNIST", 1000): "83.05 ± 0.21",
    ("LSM+AP-STDP", "MNIST", 1000): "95.49 ± 0.09",
    ("LSM+AP-STDP", "N-MNIST", 1000): "95.23 ± 0.16",
    ("LSM", "MNIST", 1000): "95.30 ± 0.10",
    ("LSM", "N-MNIST", 1000): "95.02 ± 0.15",
    ("LSM+STDP", "MNIST", 1000): "89.47 ± 0.45",
    ("LSM+STDP", "N-MNIST", 1000): "86.80 ± 0.51",
    ("NALSM", "MNIST", 8000): "97.49 ± 0.11",
    ("NALSM", "N-MNIST", 8000): "97.42 ± 0.07",
    ("NALSM", "Fashion-MNIST", 8000): "85.61 ± 0.18",
}


@pytest.mark.parametrize("cell", TABLE)
def test_accuracies_are_those_of_the_papers_table(cell):
    found = published_accuracy(*cell)
    assert found.text == str(found) == TABLE[cell]
    assert found.networks == len(found.values) == (5 if cell[2] == 8000 else 10)


def test_every_cell_of_the_sheet_is_known():
    assert set(published_cells()) == set(TABLE)


def test_fixed_weight_and_best_weight_of_lsm():
    fixed = published_accuracy("LSM", "MNIST", 1000, {"initial_weight": 0.7})
    assert (fixed.text, fixed.kind) == ("95.22 ± 0.08", "at weight 0.7")
    best = published_accuracy("LSM", "MNIST", 1000)
    assert best.kind == "best setting of each network"
    assert all(a >= b for a, b in zip(best.values, fixed.values, strict=True))
    assert closest_figure(published_accuracy, "LSM", "MNIST", 1000, {"initial_weight": 0.7}) == fixed
    assert closest_figure(published_accuracy, "LSM", "MNIST", 1000, {"initial_weight": 0.77}) == best


def test_a_setting_that_few_networks_have_is_no_figure_to_compare_with():
    knobs = {"threshold_hz": 37.0, "range_hz": 23.0, "initial_weight": 1.0}
    some = published_accuracy("LSM+AP-STDP", "MNIST", 1000, knobs)
    assert (some.networks, some.kind.endswith("networks for which this was best")) == (6, True)
    assert closest_figure(published_accuracy, "LSM+AP-STDP", "MNIST", 1000, knobs).networks == 10


def test_other_figures():
    assert published_branching("NALSM", "MNIST", 1000).text == "1.246 ± 0.023"
    assert round(published_branching("NALSM", "MNIST", 1000, {"astrocyte_weight": 0.2}).mean, 3) == 0.885
    assert round(published_branching("LSM+AP-STDP", "MNIST", 1000).mean, 3) == 0.916
    assert published_branching("NALSM", "MNIST", 8000) is None
    quality = published_kernel_quality("LSM+STDP", "MNIST")
    assert [round(part.mean, 1) for part in (quality.sp, quality.ap)] == [588.4, 178.4]
    assert round(quality.difference.mean, 3) == 0.877
    assert published_kernel_quality("NALSM", "Fashion-MNIST") is None
    assert published_kernel_quality("NALSM", "MNIST", 8000) is None
    assert published_accuracy("NALSM", "simulated N-MNIST", 1000) is None
    assert len(published_runs("NALSM", "MNIST", 1000)) == 70


def test_published_runs_have_the_options_that_they_were_made_with():
    """In those of LSM+STDP one sample of a batch learns; those of Figure 4 have a density, and 1 is counted once."""
    knobs = {"astrocyte_weight": 0.015, "astrocyte_density": 0.4}
    assert len(published_runs("NALSM", "MNIST", 1000, knobs)) == 9
    assert published_accuracy("NALSM", "MNIST", 1000, knobs).text == "96.00 ± 0.10"
    assert published_accuracy("NALSM", "MNIST", 1000, {"astrocyte_weight": 0.015}).networks == 10
    densities = [run.knobs.get("astrocyte_density") for run in published_runs("NALSM", "MNIST", 1000, figure="Fig. 4")]
    assert (len(densities), densities.count(None)) == (48, 3)
    first = published_accuracy("LSM+STDP", "MNIST", 1000, {"learning_samples": "first"})
    assert (first.text, first.kind) == ("89.47 ± 0.45", "at learning samples first")
    assert published_accuracy("LSM+STDP", "MNIST", 1000, {}) is None
    for model, others in (("LSM+STDP", {}), ("NALSM", knobs)):
        assert published_kernel_quality(model, "MNIST", 1000, others) is None
    assert published_kernel_quality("LSM+STDP", "MNIST", 1000, {"learning_samples": "first"}).sp.networks == 10


def test_rescaled_difference_is_that_of_the_sheet():
    for model in ("NALSM", "LSM", "LSM+STDP", "LSM+AP-STDP"):
        for dataset in ("MNIST", "N-MNIST"):
            quality = published_kernel_quality(model, dataset)
            for sp, ap, difference in zip(quality.sp.values, quality.ap.values, quality.difference.values, strict=True):
                assert rescaled_difference(sp, ap) == pytest.approx(difference, abs=1e-9)


def test_knobs_of_the_table():
    assert table_knobs("NALSM", "MNIST", 1000) == {"astrocyte_weight": 0.015}
    assert table_knobs("NALSM", "N-MNIST", 8000) == {"astrocyte_weight": 0.0075}
    assert table_knobs("LSM+STDP", "MNIST", 1000) == {"learning_samples": "first"}
    assert table_knobs("LSM", "MNIST", 1000) is None


def test_reduced_runs():
    full = {"model": "NALSM", "train_samples": 50_000, "valid_samples": 10_000, "test_samples": 10_000,
            "sample_ms": 250, "cycles": 5_000, "init_samples": 50_000, "init_ms": 20}  # fmt: skip
    assert not is_reduced(full)
    assert is_reduced({**full, "cycles": 4_999})
    assert is_reduced({**full, "init_ms": 19})
    assert not is_reduced({**full, "model": "LSM", "init_samples": 0})


def test_figures_need_nothing_heavy():
    code = """
import sys
from nalsm.evaluation.paper import published_accuracy
published_accuracy("NALSM", "MNIST", 1000)
print([name for name in ("tensorflow", "numba", "scipy", "h5py", "matplotlib", "tonic") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT,
                          env=environment())  # fmt: skip
    assert done.stdout == "[]\n"
