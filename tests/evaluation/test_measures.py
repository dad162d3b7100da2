"""The table of measures: what is computed, with which parameters, and what is published."""

import subprocess
import sys

import numpy as np
import pytest
from made_runs import made_record
from small_runs import ROOT, environment

from nalsm.evaluation import MEASURES, kernel_quality
from nalsm.evaluation.accuracy import accuracy_of
from nalsm.runs.noise_folder import open_noise
from nalsm.runs.record import RunRecord

KERNEL = MEASURES["kernel_quality"]


@pytest.fixture
def record(tmp_path) -> RunRecord:
    """A finished run with the parameters of a noisy test set."""
    record = made_record(tmp_path)
    open_noise(record).start({"run": record.folder.run_hash, "batch_size": 20, "test_samples": 40}, {})
    return record


def keep(record, draws=1000, per_class=100, seed=0):
    kernel_quality.write(record, {"SP": np.full(draws, 990), "AP": np.full(draws, 980)}, per_class, seed)


def test_a_finished_run_has_an_accuracy_and_nothing_else(record):
    assert MEASURES["accuracy"].read(record) == accuracy_of(record)._asdict()
    assert MEASURES["accuracy"].is_done(record)
    assert not MEASURES["branching_factor"].is_done(record)
    assert not KERNEL.is_done(record)


def test_an_unfinished_run_has_no_accuracy(tmp_path):
    assert not MEASURES["accuracy"].is_done(made_record(tmp_path, stage="training"))


def test_kernel_quality_of_a_thousand_draws(record):
    keep(record)
    assert KERNEL.read(record) == {"SP": 990.0, "AP": 980.0, "draws": 1000, "per_class": 100, "seed": 0}
    assert KERNEL.is_done(record)


@pytest.mark.parametrize("other", [{"draws": 20}, {"per_class": 2}, {"seed": 1}])
def test_kernel_quality_with_other_parameters_is_not_the_published_measure(record, other):
    """A file of 20 draws was once taken for the full one."""
    keep(record, **other)
    assert KERNEL.read(record).items() >= other.items()
    assert not KERNEL.is_done(record)
    assert KERNEL.is_done(record, {"draws": 1000, "per_class": 100, "seed": 0, **other})


def test_other_constants_are_shown():
    """On pages the published figure stands beside the value."""
    branching = {"mean": 1.5, "samples": 20}
    assert MEASURES["branching_factor"].text(branching) == "1.500 (20 samples)"
    others = {**branching, "branching_window_ms": 8}
    assert MEASURES["branching_factor"].text(others) == "1.500 (20 samples, branching_window_ms=8)"
    ranks = {"SP": 990.0, "AP": 980.0, "draws": 20, "per_class": 100, "seed": 0, "image_noise": 60.0}
    assert KERNEL.text(ranks).endswith("(20 draws of 100 samples of each class, seed 0, image_noise=60)")


def test_kernel_quality_files_without_the_number_of_draws(record):
    """Files of earlier versions count as many draws as they have ranks."""
    for draws, done in ((20, False), (1000, True)):
        ranks = {"SP": np.full(draws, 990), "AP": np.full(draws, 980)}
        noise = open_noise(record).run_hash
        record.folder.write(record.folder.kernel_quality, ranks, {"per_class": 100, "seed": 0, "noise": noise})
        assert KERNEL.read(record)["draws"] == draws
        assert KERNEL.is_done(record) == done


def test_kernel_quality_of_another_noisy_test_set(record):
    keep(record)
    noisy = open_noise(record)
    noisy.parameters_json.unlink()
    noisy.start({**noisy.identity, "seed": 99}, {})
    assert KERNEL.read(record) is None


def test_branching_factor_needs_every_recorded_batch(tmp_path):
    sizes = {"train_samples": 10_000, "valid_samples": 10_000, "test_samples": 10_000, "batch_size": 10_000}
    record = made_record(tmp_path, stage="initialised", **sizes)
    measure = MEASURES["branching_factor"]
    paths = measure.files(record)
    assert len(paths) == 3
    for number, path in enumerate(paths):
        assert measure.read(record) is None
        record.folder.write(path, {"per_sample": np.array([1.0 + number, np.nan])})
    assert measure.read(record) == {"mean": 2.0, "samples": 3}
    paths[0].write_bytes(paths[0].read_bytes()[:-1])
    assert not measure.is_done(record)


def test_published_figures_by_the_names_of_the_values():
    cell = "NALSM", "MNIST", 1000, {"astrocyte_weight": 0.015}
    texts = {name: {key: f.text for key, f in measure.published(*cell).items()} for name, measure in MEASURES.items()}
    assert texts == {
        "accuracy": {"test": "95.96 ± 0.13"},
        "branching_factor": {"mean": "1.246 ± 0.023"},
        "kernel_quality": {"SP": "994.22 ± 0.18", "AP": "986.44 ± 2.85"},
    }
    assert all(measure.published("NALSM", "simulated N-MNIST", 1000, {}) == {} for measure in MEASURES.values())


def test_pictures_of_the_table_exist():
    from nalsm.report import pictures

    assert all(callable(getattr(pictures, measure.picture)) for measure in MEASURES.values() if measure.picture)


def test_the_table_needs_nothing_heavy():
    code = """
import sys
from nalsm.evaluation import MEASURES
heavy = ("tensorflow", "numba", "scipy", "h5py", "matplotlib", "tonic", "sklearn")
print([name for name in heavy if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT,
                          env=environment())  # fmt: skip
    assert done.stdout == "[]\n"
